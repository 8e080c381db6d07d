"""The motion library: recorded human motion as coordinates of the default skeleton, to train on.

motions = cmu_motions(Path("cmu"))          # minutes of walking, running, jumping, swordplay, climbing
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.errors import BioposeError
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.ik.inverse_kinematics import IKSolution
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Marker, Skeleton
from biopose.training.data.acclaim import AcclaimMotion, read_amc, read_asf
from biopose.training.data.cmu import CALIBRATIONS, KEPT_EVERY, RATE_HZ, Subject, retarget

WORST_RMS_M = 0.025  # markers 0.15 m from the joints: about 10 degrees on every segment
SHORTEST_S = 0.5
STANCE_SPEED_M_S = 0.25

# CMU's subject 01 climbs a playground and 03 walks over uneven ground.
ON_FLAT_GROUND = ("02",)
FOR_REHEARSAL = ("02_01", "02_02", "02_03", "02_04")  # walks, a run, which is held out, and a jump: 11 seconds

# Held-out trials, one of each kind of motion: playground, run, swordplay, uneven ground.
HELD_OUT = ("cmu_01_09", "cmu_02_03", "cmu_02_09", "cmu_03_02")

# Points of the sole on the default skeleton, where the skin of a body scaled to it is lowest.
SOLE_M = {
    "heel_r": ("calcn_r", (0.0, -0.018, 0.0)),
    "ball_r": ("calcn_r", (0.17, -0.026, -0.035)),
    "edge_r": ("calcn_r", (0.14, -0.025, 0.05)),
    "hallux_r": ("toes_r", (0.06, -0.020, -0.02)),
}


@dataclass(frozen=True, eq=False)
class Motion:
    """A stretch of motion of a person of the default model's size.

    Attributes:
        name: of its source.
        rate_hz: frames per second.
        names: the Q coordinates, in the default skeleton's order.
        values: (T, Q) radians and metres. Bodies move continuously; a shoulder's or the pelvis's three angles may jump
            together where they pass a singular posture, so interpolate and filter rotations.
        flat_ground: whether the floor is level at y = 0 throughout; otherwise the ground is unknown.
    """

    name: str
    rate_hz: float
    names: tuple[str, ...]
    values: NDArray[np.float64]
    flat_ground: bool


def cmu_motions(folder: Path, *, subjects: Collection[str] = tuple(CALIBRATIONS)) -> list[Motion]:
    """All trials of CMU's calibrated subjects, without frames of large residuals.

    Args:
        folder: of the .asf and .amc files.
        subjects: of these; or single trials of them, such as 02_01.

    Raises:
        BioposeError: if none of those files is there.
    """
    skeleton = full_body_skeleton()
    motions: list[Motion] = []
    for name, calibration in CALIBRATIONS.items():
        files = sorted(path for path in folder.glob(f"{name}_*.amc") if path.stem.startswith(tuple(subjects)))
        if not files or not (folder / f"{name}.asf").is_file():
            continue
        acclaim = read_asf(folder / f"{name}.asf")
        trials = {path.stem: read_amc(path, acclaim) for path in files}
        subject = Subject.of(acclaim, list(trials.values()), calibration, skeleton)
        for trial, motion in trials.items():
            motions += _of_trial(trial, subject, motion, skeleton, flat_ground=name in ON_FLAT_GROUND)
    if not motions:
        raise BioposeError(f"no trials of CMU's {', '.join(subjects)} in {folder} (01.asf, 01_01.amc, ...)")
    return motions


def without_held_out(motions: Sequence[Motion]) -> list[Motion]:
    """The motions of training."""
    return [motion for motion in motions if not motion.name.startswith(HELD_OUT)]


def held_out_alone(motions: Sequence[Motion]) -> list[Motion]:
    """The held-out motions."""
    return [motion for motion in motions if motion.name.startswith(HELD_OUT)]


def _of_trial(
    name: str, subject: Subject, motion: AcclaimMotion, skeleton: Skeleton, *, flat_ground: bool
) -> list[Motion]:
    solution = retarget(subject, motion, skeleton)
    rate_hz = RATE_HZ / KEPT_EVERY
    pieces = _good_stretches(solution, shortest=round(SHORTEST_S * rate_hz))
    found = []
    for k, piece in enumerate(pieces):
        whole = f"cmu_{name}" if len(pieces) == 1 else f"cmu_{name}.{k}"
        values = solution.coordinates.values[piece]
        found.append(Motion(whole, rate_hz, skeleton.coordinate_names, values, flat_ground))
    return [on_the_ground(motion, skeleton) if flat_ground else motion for motion in found]


def _good_stretches(solution: IKSolution, *, shortest: int) -> list[slice]:
    """Uninterrupted stretches of frames with small residuals."""
    good = np.concatenate([[False], np.nan_to_num(solution.rms_m, nan=np.inf) <= WORST_RMS_M, [False]])
    edges = np.flatnonzero(np.diff(good.astype(int)))
    stretches = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [slice(first, end) for first, end in stretches if end - first >= shortest]


def sole_positions_m(skeleton: Skeleton, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 8, 3) points of both soles of the default skeleton, in metres."""
    both = SOLE_M | {n.replace("_r", "_l"): (b.replace("_r", "_l"), (x, y, -z)) for n, (b, (x, y, z)) in SOLE_M.items()}
    markers = [Marker(n, skeleton.body_names.index(b), np.array(p)) for n, (b, p) in both.items()]
    kinematics = Kinematics(skeleton.with_markers(tuple(markers)))
    return kinematics.with_coordinates(torch.from_numpy(values)).markers.numpy()


def on_the_ground(motion: Motion, skeleton: Skeleton) -> Motion:
    """The motion raised or lowered as a whole, so that its stance is at y = 0.

    Stance is where the lowest point of the soles hardly moves.
    """
    soles = sole_positions_m(skeleton, motion.values)
    lowest = soles[..., 1].argmin(axis=1)
    speed = np.linalg.norm(np.gradient(soles, 1 / motion.rate_hz, axis=0), axis=-1)
    frames = np.arange(len(soles))
    still = speed[frames, lowest] < STANCE_SPEED_M_S
    height = soles[frames, lowest, 1]
    values = motion.values.copy()
    values[:, motion.names.index("pelvis_ty")] -= np.median(height[still] if still.any() else height)
    return replace(motion, values=values)
