"""Whether a static trial is one: somebody stands, still, and the landmarks lie where the scaled model has them.

In a laboratory's static trial the markers move by 3 mm at most in a second, in the stillest second of its dynamic
trials by 20 mm (median) and more; the landmarks of both lie within 25 mm of the scaled model (45 mm at the bottom of a
squat).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from biopose.io.trajectories import MarkerTrajectories
from biopose.skeleton.ik.handedness import other_side
from biopose.skeleton.scaling import Scaling, stillest_second

STILL_MM = 15.0
LANDMARK_MM = 40.0
UPRIGHT_DEG = 30.0
BENT = ("hip_flexion", "knee_angle", "knee_flexion")  # names of coordinates begin so in OpenSim's models
MIRRORED_SHARE = 0.25  # of the landmarks that are off
LISTED = 6


@dataclass(frozen=True)
class StaticTrial:
    """What is wrong with a static trial.

    Attributes:
        moving_mm: markers that move in the second that was used, and how far from their mean.
        bent_deg: coordinates of hips and knees that are bent in the posture found.
        off_mm: landmarks that lie far from the scaled model's.
        landmarks: how many there are.
    """

    moving_mm: dict[str, float]
    bent_deg: dict[str, float]
    off_mm: dict[str, float]
    landmarks: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """A line for each doubt."""
        lines = []
        if self.moving_mm:
            lines.append(
                f"NOT STILL: in the stillest second {_listed(self.moving_mm, 'mm')}; a static trial is a person "
                "standing still, and the model is scaled to the mean position of these markers"
            )
        if self.bent_deg:
            lines.append(
                f"NOT UPRIGHT: {_listed(self.bent_deg, 'degrees')}; does the person sit or crouch? Joints, and so the "
                "lengths of segments, are least certain there"
            )
        return lines + self._off_lines()

    def _off_lines(self) -> list[str]:
        if not self.off_mm:
            return []
        line = f"OFF: {_listed(self.off_mm, 'mm')} from the scaled model, more than {LANDMARK_MM:.0f} mm"
        if len(self.off_mm) > MIRRORED_SHARE * self.landmarks:
            return [f"{line}: POOR FIT; are these the model's markers, is the recording mirrored, its vertical axis y?"]
        sides = {name: other_side(name, list(self.off_mm)) for name in self.off_mm}
        pairs = [f"{name} and {other}" for name, other in sides.items() if other and name < other]
        hint = f"; are {', '.join(pairs)} exchanged?" if pairs else "; is it on its landmark, and of this name?"
        return [line + hint + " The other markers decide the scales"]


def _listed(values: dict[str, float], unit: str) -> str:
    names = sorted(values, key=lambda name: -abs(values[name]))
    rest = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(f"{name} {values[name]:.0f} {unit}" for name in names[:LISTED]) + rest


def judge_static(static: MarkerTrajectories, scaling: Scaling, *, landmarks: Sequence[str]) -> StaticTrial:
    """Judge a trial and the scaling made from it.

    Args:
        static: the whole trial.
        scaling: of the trial.
        landmarks: markers that are not moved to their recorded positions; all if there are none.
    """
    used = [name for name in scaling.marker_names if name in set(landmarks)] or list(scaling.marker_names)
    residual_mm = dict(zip(scaling.marker_names, (1e3 * scaling.residual_m).tolist(), strict=True))
    angles_deg = dict(zip(scaling.skeleton.coordinate_names, np.degrees(scaling.static_pose).tolist(), strict=True))
    rotations = {name for name in scaling.skeleton.rotational_names if name.startswith(BENT)}
    coupled = {scaling.skeleton.coordinate_names[c.dependent] for c in scaling.skeleton.couplings}
    bent = {n: a for n, a in angles_deg.items() if n in rotations - coupled and abs(a) > UPRIGHT_DEG}
    return StaticTrial(
        moving_mm=_moving_mm(static.select(scaling.marker_names)),
        bent_deg={name: round(angle, 1) for name, angle in bent.items()},
        off_mm={name: round(residual_mm[name], 1) for name in used if residual_mm[name] > LANDMARK_MM},
        landmarks=len(used),
    )


def _moving_mm(static: MarkerTrajectories) -> dict[str, float]:
    positions_m = stillest_second(static).positions_m
    there = np.asarray(~np.isnan(positions_m).any(axis=-1))
    found = {}
    for m, name in enumerate(static.names):
        seen = positions_m[there[:, m], m]
        if len(seen):
            moved = 1e3 * float(np.linalg.norm(seen - seen.mean(axis=0), axis=-1).max())
            if moved > STILL_MM:
                found[name] = round(moved, 1)
    return found
