"""Joint centres of posed bodies, for tests of what is placed about them."""

from collections.abc import Mapping

from torch import Tensor

from biopose.body.rig import PosedBody

JOINT_CENTRE_BONES: Mapping[str, str] = {"lumbar": "spine03", "neck": "neck01"} | {
    f"{joint}_{side}": f"{bone}.{side.upper()}"
    for side in "rl"
    for joint, bone in {
        "hip": "upperleg01",
        "knee": "lowerleg01",
        "ankle": "foot",
        "shoulder": "upperarm01",
        "elbow": "lowerarm01",
        "wrist": "wrist",
    }.items()
}
SMPL_JOINT_CENTRE_BONES: Mapping[str, str] = {"lumbar": "spine1", "neck": "neck"} | {
    f"{joint}_{side[0]}": f"{side}_{joint}"
    for side in ("right", "left")
    for joint in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
}


def joint_centres(posed: PosedBody, bones: Mapping[str, str] = JOINT_CENTRE_BONES) -> dict[str, Tensor]:
    """Joint centres (..., 3) by name, in metres in the world: the heads of the bones that move about them."""
    return {name: posed.bone_heads[..., posed.shaped.body.bone_index[bone], :] for name, bone in bones.items()}
