"""The coordinates of the full-body skeleton that are reported together, by the beginnings of their names."""

from collections.abc import Mapping

LIMBS: Mapping[str, tuple[str, ...]] = {
    "lower": ("hip_", "knee_", "ankle_", "subtalar_", "mtp_"),
    "upper": ("arm_", "elbow_", "pro_sup_", "wrist_"),
    "trunk": ("lumbar_", "neck_"),
}
