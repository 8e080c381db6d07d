"""A measured trial as the analysis takes it: coordinates, the feet, and how far each frame can be trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.body_points import CENTER_OF_MASS, SIDES, Side, body_points_m, feet_points_m
from biopose.analysis.foot_motion import belt_velocities_m_s, foot_speeds_m_s
from biopose.analysis.image_motion import View, image_motion
from biopose.analysis.kinematics import coordinate_units
from biopose.analysis.measured_trial import FloatArray, MeasuredTrial
from biopose.camera.motion_summary import DISTRUST
from biopose.io.trajectories import CoordinateTrajectories
from biopose.outputs.untrusted import UNTRUSTED_QUALITY
from biopose.reconstruction.observations import LEAST_CONFIDENCE
from biopose.skeleton.gap_filling import fill_gaps
from biopose.skeleton.model import Skeleton

FOOT = ("heel", "big_toe", "small_toe")
FRAME_QUALITY = ("quality", "reprojection_px", "confidence", "seen_fraction")
NAMED_GAPS = 3  # of a reason
UNSEEN_S = 0.1  # of film: in so long a gap somebody may land and take off again
LIGHT = ("pro_sup", "wrist", "neck")  # coordinates that hardly move the centre of mass
MARKER_FRAME_QUALITY = ("quality", "marker_error_mm", "seen_fraction")


@dataclass(frozen=True, eq=False)
class Motion:
    """One person's motion through T frames.

    Attributes:
        frame_index: (T,) of the video.
        time_s: (T,) increasing.
        coordinates: (T,) each by name: degrees, or metres of the pelvis's translation.
        coordinate_sd: (T,) the standard deviation of each, likewise; NaN where it is not known.
        constant_sd: of these, likewise, the part that is the same error in every frame, of those that have one.
        foot_points_m: by side, (T, P, 3) points of the foot, y up, from the heel to the toes: in the world; of film
            their displacements in the image (`image_motion`).
        foot_observed: by side, (T,) whether the foot was observed.
        center_of_mass_m: (T, 3) of the whole body, likewise.
        frame_quality: (T,) each by the names of FRAME_QUALITY or, of markers, MARKER_FRAME_QUALITY.
        world_unknown: why positions in the world are not known, such as a camera that moves; None where they are.
        of_film: whether feet and centre of mass are as the image shows them.
        along_view: whether somebody travels along the camera's view rather than across it.
        foot_rise_along_view_m: of film, by side, (T,) as `ImageMotion` has it.
        view: of film; None of markers, and from above.
        undetermined: by the name of a coordinate that has gaps, (T,) the frames whose markers do not determine it: it
            is interpolated there. Coordinates without gaps, and those that no frame determines, are not in it.
        points_m: by the names of `body_points_m`, (T, 3) of the centre of mass and of joint centres in the world, y up;
            of film, too, where they are of the filtered coordinates.
    """

    frame_index: NDArray[np.int64]
    time_s: FloatArray
    coordinates: Mapping[str, FloatArray]
    coordinate_sd: Mapping[str, FloatArray]
    foot_points_m: Mapping[Side, FloatArray]
    foot_observed: Mapping[Side, NDArray[np.bool_]]
    center_of_mass_m: FloatArray
    frame_quality: Mapping[str, FloatArray]
    world_unknown: str | None = None
    of_film: bool = False
    along_view: bool = False
    view: View | None = None
    foot_rise_along_view_m: Mapping[Side, FloatArray] = field(default_factory=dict)
    undetermined: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    points_m: Mapping[str, FloatArray] = field(default_factory=dict)
    constant_sd: Mapping[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.time_s)

    @cached_property
    def interval_s(self) -> float:
        """Median interval between frames; 0 of a single one."""
        return float(np.median(np.diff(self.time_s))) if len(self) > 1 else 0.0

    @cached_property
    def trusted(self) -> NDArray[np.bool_]:
        """(T,) the frames that can be relied on."""
        return self.frame_quality["quality"] >= UNTRUSTED_QUALITY

    @cached_property
    def foot_speed_m_s(self) -> dict[Side, FloatArray]:
        """By side, (T,) of the foot's slowest point, over the ground or a treadmill's belt."""
        return foot_speeds_m_s(self.foot_points_m, self.time_s)

    @cached_property
    def body_known(self) -> NDArray[np.bool_]:
        """(T,) the frames that can be relied on and in which the centre of mass and every joint's centre are known."""
        finite = np.isfinite(list(self.points_m.values())).all(axis=(0, 2)) if self.points_m else True
        return np.asarray(self.trusted & ~self.body_undetermined & finite)

    @cached_property
    def body_undetermined(self) -> NDArray[np.bool_]:
        """(T,) the frames in which feet or centre of mass follow from interpolated coordinates."""
        return self.unseen | self.not_determined([name for name in self.undetermined if not name.startswith(LIGHT)])

    @cached_property
    def unseen(self) -> NDArray[np.bool_]:
        """(T,) the frames of gaps of UNSEEN_S or more in which nothing of the person is seen."""
        unseen = np.zeros(len(self), dtype=np.bool_)
        for start, end in runs(self.frame_quality["seen_fraction"] == 0):
            unseen[start:end] = (end - start) * self.interval_s >= UNSEEN_S - 1e-6
        return unseen

    @property
    def gaps_cause(self) -> str:
        """Why the body is not determined in some frames."""
        return "markers are missing" if self.undetermined else "the person is not seen"

    @cached_property
    def varying_sd(self) -> dict[str, FloatArray]:
        """By coordinate, (T,) the standard deviation of what varies through the trial: of a change between frames."""
        return {
            name: np.sqrt(np.clip(sd**2 - self.constant_sd.get(name, 0.0) ** 2, 0.0, None))
            for name, sd in self.coordinate_sd.items()
        }

    def joint_deg(self, joint: str, side: Side) -> FloatArray:
        """(T,) a joint's angle, such as knee_angle of the left, degrees."""
        return self.coordinates[f"{joint}_{side[0]}"]

    @cached_property
    def on_belt(self) -> bool:
        """Whether feet in contact are carried level, as by a treadmill's belt."""
        return any(belt.any() for belt in belt_velocities_m_s(self.foot_points_m, self.time_s).values())

    def named_frames(self, gaps: Sequence[tuple[int, int]]) -> str:
        """The frames of some gaps, given by first and end, as a text: the first NAMED_GAPS, and how many more."""
        first = ", ".join(
            f"{self.frame_index[start]} to {self.frame_index[end - 1]}" for start, end in gaps[:NAMED_GAPS]
        )
        more = f" and {len(gaps) - NAMED_GAPS} more gaps" if len(gaps) > NAMED_GAPS else ""
        return f"frames {first}{more}"

    def untrusted_about_s(self, time_s: float) -> float:
        """How long the frames about a time are not trusted; 0 where the two next to it are."""
        after = int(np.searchsorted(self.time_s, time_s))
        about = [end - start for start, end in runs(~self.trusted) if start <= after and end >= after]
        return max(about, default=0) * self.interval_s

    def not_determined(self, coordinates: Sequence[str]) -> NDArray[np.bool_]:
        """(T,) the frames in which one of some coordinates is interpolated."""
        gaps = [self.undetermined[name] for name in coordinates if name in self.undetermined]
        return np.any([np.zeros(len(self), dtype=np.bool_), *gaps], axis=0)


def motion_of(trial: MeasuredTrial, skeleton: Skeleton) -> Motion:
    """The motion that a trial's table holds.

    Args:
        trial: the table.
        skeleton: of the person, which the coordinates move.

    Raises:
        FileFormatError: a channel is missing.
        ModelError: the skeleton has no feet or no masses.
    """
    units = dict(coordinate_units())
    q = _coordinates(trial, skeleton, unfiltered=True)
    coordinates = {name: trial.coordinate(f"{name}_{unit}") for name, unit in units.items()}
    undetermined: dict[str, NDArray[np.bool_]] = {}
    if trial.is_of_markers:
        undetermined = _gaps(dict(zip(skeleton.coordinate_names, q.T, strict=True)) | coordinates)
        q, coordinates = _without_gaps(skeleton, trial.time_s, q, coordinates)
    q = skeleton.satisfy_couplings(q)
    names = MARKER_FRAME_QUALITY if trial.is_of_markers else FRAME_QUALITY
    center_m, points_m = _body(trial, skeleton, q)
    seen = image_motion(trial, center_m)
    return Motion(
        frame_index=trial.frame_index.astype(np.int64),
        time_s=trial.time_s,
        coordinates=coordinates,
        coordinate_sd={name: trial.column_if_there(f"{name}_sd_{unit}") for name, unit in units.items()},
        foot_points_m=seen.foot_points_m if seen else feet_points_m(skeleton, q),
        foot_observed={side: _observed(trial, side) for side in SIDES},
        center_of_mass_m=seen.center_of_mass_m if seen else center_m,
        frame_quality={name: trial.column(f"frame_{name}") for name in names},
        world_unknown=next((note for note in trial.notes if DISTRUST in note), None),
        of_film=seen is not None,
        along_view=seen is not None and seen.along_view,
        view=None if trial.camera is None else View.of(trial.camera[1], focal_sd=trial.camera[0].focal_sd),
        foot_rise_along_view_m=seen.foot_rise_along_view_m if seen else {},
        undetermined=undetermined,
        points_m=points_m,
        constant_sd=trial.constant_sd,
    )


def motion_of_coordinates(skeleton: Skeleton, coordinates: CoordinateTrajectories) -> Motion:
    """The motion that inverse kinematics gives: everything observed, of full quality, without standard deviations.

    Args:
        skeleton: which the coordinates move.
        coordinates: all of the skeleton's, in its order; radians and metres.

    Raises:
        ModelError: the skeleton has no feet or no masses.
    """
    frames = len(coordinates.time_s)
    factors = [np.degrees(1.0) if name in skeleton.rotational_names else 1.0 for name in coordinates.names]
    values = dict(zip(coordinates.names, (coordinates.values * factors).T, strict=True))
    points_m = body_points_m(skeleton, coordinates.values)
    return Motion(
        frame_index=np.arange(frames),
        time_s=coordinates.time_s,
        coordinates=values,
        coordinate_sd={name: np.full(frames, np.nan) for name in values},
        foot_points_m=feet_points_m(skeleton, coordinates.values),
        foot_observed={side: np.ones(frames, dtype=np.bool_) for side in SIDES},
        center_of_mass_m=points_m[CENTER_OF_MASS],
        frame_quality={name: np.ones(frames) for name in FRAME_QUALITY},
        points_m=points_m,
    )


def _body(trial: MeasuredTrial, skeleton: Skeleton, q: FloatArray) -> tuple[FloatArray, dict[str, FloatArray]]:
    """(T, 3) the centre of mass of the coordinates given, and `points_m`: of film those of the filtered coordinates."""
    if trial.is_of_markers:
        points_m = body_points_m(skeleton, q)
        return points_m[CENTER_OF_MASS], points_m
    filtered_q = skeleton.satisfy_couplings(_coordinates(trial, skeleton, unfiltered=False))
    both_m = body_points_m(skeleton, np.concatenate([q, filtered_q]))  # at once: twice would take nearly twice as long
    return both_m[CENTER_OF_MASS][: len(q)], {name: values[len(q) :] for name, values in both_m.items()}


def _coordinates(trial: MeasuredTrial, skeleton: Skeleton, *, unfiltered: bool) -> FloatArray:
    """(T, Q) radians and metres; of video unfiltered or filtered, of markers there is one."""
    units, rotational = dict(coordinate_units()), skeleton.rotational_names
    columns = [
        _si(trial, name, units, is_angle=name in rotational, unfiltered=unfiltered)
        for name in skeleton.coordinate_names
    ]
    return np.stack(columns, axis=1)


def _si(trial: MeasuredTrial, name: str, units: Mapping[str, str], *, is_angle: bool, unfiltered: bool) -> FloatArray:
    """(T,) a coordinate in radians or metres; zeros of one that its coupling gives."""
    if name not in units and not trial.is_of_markers:
        return np.zeros(trial.table.num_rows)
    unit = units.get(name, "deg" if is_angle else "m")
    column = f"{name}_unfiltered_{unit}"
    values = trial.column(column if unfiltered and trial.has(column) else f"{name}_{unit}")
    return np.radians(values) if unit == "deg" else values


def _without_gaps(
    skeleton: Skeleton, time_s: FloatArray, q: FloatArray, coordinates: Mapping[str, FloatArray]
) -> tuple[FloatArray, dict[str, FloatArray]]:
    """Coordinates (T, Q), and by name, of every frame: interpolated where a frame's markers do not determine them.

    What is never known is the default pose's in the former and NaN in the latter.
    """
    names = list(coordinates)
    of_names = np.stack([coordinates[name] for name in names], axis=1)
    filled = fill_gaps(of_names, np.isfinite(of_names), time_s)
    q = fill_gaps(q, np.isfinite(q), time_s)
    return np.where(np.isfinite(q), q, skeleton.default_pose), dict(zip(names, filled.T, strict=True))


def _gaps(coordinates: Mapping[str, FloatArray]) -> dict[str, NDArray[np.bool_]]:
    """(T,) by name where a coordinate is not known, of those that are known in some frames and not in others."""
    unknown = {name: np.isnan(values) for name, values in coordinates.items()}
    return {name: where for name, where in unknown.items() if where.any() and not where.all()}


def runs(mask: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First frame and end of each run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _observed(trial: MeasuredTrial, side: Side) -> NDArray[np.bool_]:
    if trial.is_of_markers:
        return trial.column(f"{side}_foot_observed") > 0
    confidence = np.max([trial.column(f"{side}_{part}_confidence") for part in FOOT], axis=0)
    return np.asarray(confidence >= LEAST_CONFIDENCE)
