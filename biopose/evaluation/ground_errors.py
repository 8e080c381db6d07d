"""How a measured motion stands on the ground: the pelvis's height over it, and how far feet that rest slide.

The ground is where soles rest: y = 0 of the measured world, `ExpertMotion.ground_m` of the true one. A point of a foot
rests where the true motion's point moves slower than RESTS_M_S for at least REST_S and strays from its median position,
level, by at most STILL_M; it slides as far as the measured point strays meanwhile. (The two worlds have other headings,
so positions are not compared.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.body_points import SIDES, feet_points_m
from biopose.analysis.derivatives import derivative
from biopose.analysis.foot_motion import SPEED_WINDOW_S

if TYPE_CHECKING:
    from biopose.evaluation.lab_rendering import ExpertMotion
    from biopose.reconstruction.measurement import PersonMeasurement

FloatArray = NDArray[np.float64]

RESTS_M_S = 0.1
REST_S = 0.2
STILL_M = 0.005


@dataclass
class GroundErrors:
    """Pooled over clips.

    Attributes:
        pelvis_m: of each frame, the measured height of the pelvis less the true one.
        slides_m: of each stretch in which a point of a foot rests, how far it slides.
    """

    pelvis_m: list[FloatArray] = field(default_factory=list)
    slides_m: list[float] = field(default_factory=list)

    def add(self, person: PersonMeasurement, motion: ExpertMotion) -> None:
        """Compare a clip's measurement with the motion on film."""
        frames = person.track.frame_indices
        skeleton, q = motion.person.skeleton, motion.q[frames]
        height_m = q[:, skeleton.coordinate_names.index("pelvis_ty")] - motion.ground_m
        self.pelvis_m.append(person.coordinates.select(["pelvis_ty"]).values[:, 0] - height_m)
        true_m = feet_points_m(skeleton, q)
        found_m = feet_points_m(person.person.skeleton, person.coordinates.values)
        for side in SIDES:
            for point in range(true_m[side].shape[1]):
                at_m = found_m[side][:, point]
                self.slides_m += [slide_m(at_m[rest]) for rest in rests(true_m[side][:, point], person.track.time_s)]

    def as_dict(self) -> dict[str, Any]:
        """pelvis_height: mae_m, bias_m; foot_sliding: n, and where there are any, mean_m, p95_m."""
        off_m, slides_m = np.concatenate(self.pelvis_m or [np.empty(0)]), np.array(self.slides_m)
        sliding: dict[str, Any] = {"n": len(slides_m)}
        if len(slides_m):
            sliding |= {"mean_m": float(slides_m.mean()), "p95_m": float(np.quantile(slides_m, 0.95))}
        pelvis = {"mae_m": float(np.abs(off_m).mean()), "bias_m": float(off_m.mean())} if len(off_m) else {}
        return {"pelvis_height": pelvis, "foot_sliding": sliding}


def rests(point_m: FloatArray, time_s: FloatArray) -> Iterator[slice]:
    """The stretches of at least REST_S in which a point (T, 3) rests."""
    if len(time_s) < 2:
        return
    velocity = derivative(point_m[:, None], time_s, order=1, degree=1, half_window_s=SPEED_WINDOW_S)[:, 0]
    still = np.concatenate([[False], np.linalg.norm(velocity, axis=-1) < RESTS_M_S, [False]])
    edges = np.flatnonzero(np.diff(still))
    for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if time_s[end - 1] - time_s[first] >= REST_S and slide_m(point_m[first:end]) <= STILL_M:
            yield slice(first, end)


def slide_m(point_m: FloatArray) -> float:
    """How far a point (T, 3) strays, level, from its median position."""
    level = point_m[:, [0, 2]]
    return float(np.linalg.norm(level - np.median(level, axis=0), axis=1).max())


def ground_lines(result: dict[str, Any], source: str) -> list[str]:
    """As text: a line each, of all clips and by view; none of a source without film."""
    lines = []
    pelvis = result.get("pelvis_height", {}).get(source, {})
    if "mae_m" in pelvis:
        views = ", ".join(f"{view} {1e3 * one['mae_m']:.0f}" for view, one in pelvis["by_view"].items())
        lines.append(
            f"Height of the pelvis over the ground against the true one: mean {1e3 * pelvis['mae_m']:.0f} mm ({views})"
        )
    sliding = result.get("foot_sliding", {}).get(source, {})
    if "mean_m" in sliding:
        known = {view: one for view, one in sliding["by_view"].items() if "mean_m" in one}
        views = ", ".join(f"{view} {1e3 * one['mean_m']:.0f}" for view, one in known.items())
        lines.append(
            f"Feet that rest slide: mean {1e3 * sliding['mean_m']:.0f} mm, 95 % less than "
            f"{1e3 * sliding['p95_m']:.0f} mm ({views}; {sliding['n']} rests of points)"
        )
    return lines
