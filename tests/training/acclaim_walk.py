"""A synthetic walk in Acclaim's format with CMU's names: what training reads where only its mechanics are tested.

In the reference posture arms are level and legs 20 degrees apart, as in CMU's files; every bone's axes are the world's
(x left, y up, z forward). Lengths are metres.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 120.0
STRIDES_HZ, SPEED_M_S = 0.9, 1.2
APART_DEG = 20.0
APART = np.radians(APART_DEG)
# Bones of the left side: parent, direction, length in metres, degrees of freedom.
LEFT = {
    "hipjoint": ("root", (1.0, -0.4, 0.0), 0.10, ""),
    "femur": ("hipjoint", (np.sin(APART), -np.cos(APART), 0.0), 0.41, "rx ry rz"),
    "tibia": ("femur", (np.sin(APART), -np.cos(APART), 0.0), 0.40, "rx"),
    "foot": ("tibia", (0.0, -0.4, 0.9), 0.16, "rx rz"),
    "toes": ("foot", (0.0, 0.0, 1.0), 0.07, "rx"),
    "humerus": ("thorax", (1.0, 0.0, 0.0), 0.30, "rx ry rz"),
    "radius": ("humerus", (1.0, 0.0, 0.0), 0.25, "ry"),
    "wrist": ("radius", (1.0, 0.0, 0.0), 0.05, "rx"),
    "hand": ("wrist", (1.0, 0.0, 0.0), 0.08, "rx rz"),
}
MIDDLE = {"thorax": ("root", (0.0, 1.0, 0.0), 0.50, "rx ry rz"), "head": ("thorax", (0.0, 1.0, 0.0), 0.25, "rx ry rz")}


def write_walk(folder: Path, *, seconds: float = 1.5) -> Path:
    """CMU's subject 02 with a trial to train on (02_01) and a held-out one (02_03), in a new folder."""
    folder.mkdir(parents=True)
    (folder / "02.asf").write_text(_skeleton(), encoding="latin-1")
    for trial, start_s in (("02_01", 0.0), ("02_03", 0.4)):
        time_s = start_s + np.arange(round(seconds * RATE_HZ)) / RATE_HZ
        (folder / f"{trial}.amc").write_text(_motion(time_s), encoding="latin-1")
    return folder


def _bones() -> dict[str, tuple[str, tuple[float, float, float], float, str]]:
    bones = dict(MIDDLE)
    for name, (parent, (x, y, z), length, dof) in LEFT.items():
        for side, sign in (("l", 1.0), ("r", -1.0)):
            above = parent if parent in ("root", "thorax") else side + parent
            bones[side + name] = (above, (sign * x, y, z), length, dof)
    return bones


def _skeleton() -> str:
    lines = [":units", "  length 0.0254", "  angle deg", ":root", "  order TX TY TZ RX RY RZ", ":bonedata"]
    for name, (_, direction, length, dof) in _bones().items():
        unit = np.asarray(direction) / np.linalg.norm(direction)
        lines += ["begin", f"  name {name}", "  direction {:.6f} {:.6f} {:.6f}".format(*unit), f"  length {length}"]
        lines += ["  axis 0 0 0 XYZ", *([f"  dof {dof}"] if dof else []), "end"]
    lines += [":hierarchy", "begin", *(f"  {parent} {name}" for name, (parent, *_) in _bones().items()), "end"]
    return "\n".join(lines) + "\n"


def _motion(time_s: NDArray[np.float64]) -> str:
    phase = 2 * np.pi * STRIDES_HZ * time_s
    lines = [":FULLY-SPECIFIED", ":DEGREES"]
    for frame, (t, p) in enumerate(zip(time_s, phase, strict=True)):
        lines += [str(frame + 1), f"root 0 {0.90 + 0.02 * np.cos(2 * p):.5f} {SPEED_M_S * t:.5f} 0 0 0"]
        angles_deg = {"thorax": (0.0, 4 * np.sin(p), 0.0), "head": (0.0, 0.0, 0.0)}
        for side, sign, shift in (("l", 1.0, 0.0), ("r", -1.0, np.pi)):
            own = p + shift
            angles_deg |= {
                f"{side}femur": (-8 - 22 * np.sin(own), 0.0, -sign * APART_DEG),
                f"{side}tibia": (25 + 20 * np.sin(own + 1.2),),
                f"{side}foot": (-5 * np.sin(own), 0.0),
                f"{side}toes": (0.0,),
                f"{side}humerus": (0.0, sign * 20 * np.sin(own), -sign * 75.0),
                f"{side}radius": (-sign * 30.0,),
                f"{side}wrist": (0.0,),
                f"{side}hand": (0.0, 0.0),
            }
        lines += [" ".join([bone, *(f"{angle:.5f}" for angle in values)]) for bone, values in angles_deg.items()]
    return "\n".join(lines) + "\n"
