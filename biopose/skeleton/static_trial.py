"""Whether a static trial is one: all markers are still, somebody stands, and landmarks lie where the scaled model's do.

In a laboratory's static trial and in the stillest second of its dynamic trials landmarks lie within 25 mm of the scaled
model (45 mm at the bottom of a squat).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from biopose.skeleton.ik.handedness import other_side
from biopose.skeleton.landmarks import DISTANT_M
from biopose.skeleton.posture_prior import arms_at_limits
from biopose.skeleton.scaling import Scaling
from biopose.skeleton.standing import STILL_M, Standing, marker_movement_m
from biopose.skeleton.stature import MOST_HEIGHT_DIFFERENCE, model_height_m

STILL_MM = 1e3 * STILL_M
UPRIGHT_DEG = 30.0
BENT = ("hip_flexion", "knee_angle", "knee_flexion")  # names of coordinates begin so in OpenSim's models
MIRRORED_SHARE = 0.25  # of the landmarks that are off
LISTED = 6
LEAST_INCLINATION_DEG = 1.0  # that is noted


@dataclass(frozen=True)
class StaticTrial:
    """What is wrong with a static trial.

    Attributes:
        moving_mm: markers that move in the second that was used, and how far from their mean.
        bent_deg: coordinates of hips and knees that are bent in the posture found.
        off_mm: landmarks that lie far from the scaled model's.
        landmarks: how many there are.
        height_m: by the lengths of the legs, and as stated, where they contradict each other.
    """

    moving_mm: dict[str, float]
    bent_deg: dict[str, float]
    off_mm: dict[str, float]
    landmarks: int
    height_m: tuple[float, float] | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def lines(self) -> list[str]:
        """A line for each doubt."""
        lines = []
        if self.moving_mm:
            lines.append(
                f"NOT STILL: in the frames used {_listed(self.moving_mm, 'mm')}; a static trial is a person "
                "standing still, and the model is scaled to the mean position of these markers"
            )
        if self.bent_deg:
            lines.append(
                f"NOT UPRIGHT: {_listed(self.bent_deg, 'degrees')}; does the person sit or crouch? Joints, and so the "
                "lengths of segments, are least certain there"
            )
        if self.height_m:
            lines.append(
                "HEIGHT: by the markers on their legs the person is {:.2f} m tall, not {:.2f}; is that their height, "
                "and this their static trial?".format(*self.height_m)
            )
        return lines + self._off_lines()

    def _off_lines(self) -> list[str]:
        if not self.off_mm:
            return []
        line = f"OFF: {_listed(self.off_mm, 'mm')} from the scaled model, more than {1e3 * DISTANT_M:.0f} mm"
        if len(self.off_mm) > MIRRORED_SHARE * self.landmarks:
            return [f"{line}: POOR FIT; are these the model's markers, is the recording mirrored, its vertical axis y?"]
        sides = {name: other_side(name, list(self.off_mm)) for name in self.off_mm}
        pairs = [f"{name} and {other}" for name, other in sides.items() if other and name < other]
        hint = f"; are {', '.join(pairs)} exchanged?" if pairs else "; is it on its landmark, and of this name?"
        return [line + hint + " The other markers decide the scales; these stay where the scaled model has them"]


def _listed(values: dict[str, float], unit: str) -> str:
    names = sorted(values, key=lambda name: -abs(values[name]))
    rest = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(f"{name} {values[name]:.0f} {unit}" for name in names[:LISTED]) + rest


def judge_static(
    standing: Standing, scaling: Scaling, *, landmarks: Sequence[str], height_m: float | None = None
) -> StaticTrial:
    """Judge a trial and the scaling made from it.

    Args:
        standing: the frames that were used.
        scaling: of the trial.
        landmarks: markers that lie on landmarks; all if there are none.
        height_m: as stated.
    """
    used = [name for name in scaling.marker_names if name in set(landmarks)] or list(scaling.marker_names)
    residual_mm = dict(zip(scaling.marker_names, (1e3 * scaling.residual_m).tolist(), strict=True))
    angles_deg = dict(zip(scaling.skeleton.coordinate_names, np.degrees(scaling.static_pose).tolist(), strict=True))
    rotations = {name for name in scaling.skeleton.rotational_names if name.startswith(BENT)}
    coupled = {scaling.skeleton.coordinate_names[c.dependent] for c in scaling.skeleton.couplings}
    bent = {n: a for n, a in angles_deg.items() if n in rotations - coupled and abs(a) > UPRIGHT_DEG}
    moved_mm = (1e3 * marker_movement_m(standing.part.select(scaling.marker_names).positions_m)).tolist()
    return StaticTrial(
        moving_mm={
            n: round(float(mm), 1) for n, mm in zip(scaling.marker_names, moved_mm, strict=True) if mm > STILL_MM
        },
        bent_deg={name: round(angle, 1) for name, angle in bent.items()},
        off_mm={name: round(residual_mm[name], 1) for name in used if residual_mm[name] > 1e3 * DISTANT_M},
        landmarks=len(used),
        height_m=_contradicting_heights(scaling, height_m),
    )


def _contradicting_heights(scaling: Scaling, stated_m: float | None) -> tuple[float, float] | None:
    by_legs_m = model_height_m(scaling.skeleton) if stated_m else None
    if not stated_m or not by_legs_m or abs(by_legs_m / stated_m - 1) <= MOST_HEIGHT_DIFFERENCE:
        return None
    return round(by_legs_m, 3), stated_m


def scaling_notes(standing: Standing, scaling: Scaling) -> list[str]:
    """Which frames of a static trial were used, what limits its posture met, how the pelvis's shape was adapted."""
    inclination_deg = float(np.degrees(scaling.pelvis_inclination_rad))
    notes = [standing.note] if standing.note else []
    if at_end := arms_at_limits(scaling.skeleton, scaling.static_pose):
        listed = ", ".join(f"{name} {np.degrees(angle):.0f} degrees" for name, angle in at_end.items())
        notes.append(
            f"at the end of the model's range in the static trial: {listed}; the arms may be turned further than that, "
            "and these angles then be off in all trials: widen the range in the model"
        )
    if abs(inclination_deg) >= LEAST_INCLINATION_DEG:
        where = "higher" if inclination_deg < 0 else "lower"
        notes.append(
            f"the pelvis's posterior markers lie {where} than the model's by {abs(inclination_deg):.0f} degrees of "
            "inclination, as people's pelves differ (5 degrees, standard deviation); all its markers were turned so"
        )
    return notes
