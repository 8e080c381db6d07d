"""NeurIK on a recording of named markers: angles, standard deviations and body scales of the default skeleton.

    prediction = predict_recording(load_neurik(), read_markers("jump.trc"))

Runs of frames that have markers are predicted each by itself, so gaps between them affect neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.markers import MARKERS
from biopose.errors import ModelError
from biopose.io.trajectories import CoordinateTrajectories, FloatArray, MarkerTrajectories
from biopose.io.units import IS_IT_RIGHT
from biopose.neurik.input import MarkerWindows, SubjectCalibration
from biopose.neurik.joint_angles import limited_coordinates
from biopose.neurik.marker_segments import MIDDLES, SEGMENTS, marker_owners
from biopose.neurik.network import Neurik
from biopose.neurik.output import OutputDecoder
from biopose.neurik.trial import predict_trial
from biopose.neurik.usable_markers import even_interval_s, on_pelvis, present_in, usable_markers
from biopose.skeleton.angles import Representation
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.ik.inverse_kinematics import PLAUSIBLE_SIZE_RATIO
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Marker, Skeleton
from biopose.skeleton.scaling import scaled_geometry
from biopose.skeleton.threads import side_by_side

ANY_S = 0.01  # between frames where there is but one
FIT_FRAMES = 1024  # at a time


@dataclass(frozen=True, eq=False)
class RecordingPrediction:
    """NeurIK's prediction for a recording of F frames and M named markers.

    Attributes:
        markers: those that were used, in the order of MARKERS.
        coordinates: (F, Q) values inside their ranges; NaN in frames of fewer than three markers.
        sd: (F, Q) their standard deviations.
        body_scales: (B, 3) factors of the default skeleton, ground's being 1.
        error_m: (F, M) distance from each marker to its location on the scaled skeleton; NaN where missing.
        locations_m: (M, 3) median position of each marker in its scaled segment.
        unobserved: coordinates whose segment, or its parent, has no marker; they are the network's guess.
        interval_s: between frames; None of a single one.
    """

    markers: MarkerTrajectories
    coordinates: CoordinateTrajectories
    sd: CoordinateTrajectories
    body_scales: FloatArray
    error_m: FloatArray
    locations_m: FloatArray
    unobserved: list[str]
    interval_s: float | None

    @property
    def solved(self) -> NDArray[np.bool_]:
        """(F,) frames that had enough markers."""
        return np.asarray(~np.isnan(self.coordinates.values).any(axis=1))

    @property
    def pelvis_observed(self) -> NDArray[np.bool_]:
        """(F,) frames that have one of the pelvis's markers."""
        return np.asarray(present_in(self.markers)[:, on_pelvis(self.markers.names)].any(axis=1))


def predict_recording(
    network: Neurik,
    recording: MarkerTrajectories,
    *,
    subject: SubjectCalibration | None = None,
    progress: Callable[[int], None] | None = None,
) -> RecordingPrediction:
    """Predict a whole recording.

    Args:
        network: in evaluation mode.
        recording: in a world whose y is up; markers of other names than MARKERS are left aside.
        subject: calibrated with `calibrate_from_static`; None without a static trial.
        progress: called with the number of frames finished since the last call.

    Raises:
        ModelError: too few of the named markers, uneven times, or a body of another size.
    """
    markers, solved = usable_markers(recording)
    skeleton, interval_s = full_body_skeleton(), even_interval_s(recording.time_s)
    trial = _windows(markers, interval_s or ANY_S, subject)
    coordinates, sd, body_scales = _predicted(network, trial, solved, progress=progress)
    locations = _locations_m(network, skeleton, subject)
    error_m, locations_m = _fit(_with_markers(skeleton, locations, markers.names, body_scales), markers, coordinates)
    return RecordingPrediction(
        markers=markers,
        coordinates=CoordinateTrajectories(recording.time_s, skeleton.coordinate_names, coordinates),
        sd=CoordinateTrajectories(recording.time_s, skeleton.coordinate_names, sd),
        body_scales=body_scales,
        error_m=error_m,
        locations_m=locations_m,
        unobserved=_unobserved(network, skeleton, markers.names),
        interval_s=interval_s,
    )


def _predicted(
    network: Neurik,
    trial: MarkerWindows,
    solved: NDArray[np.bool_],
    *,
    progress: Callable[[int], None] | None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Coordinates (F, Q), their standard deviations (F, Q), factors (B, 3)."""
    decoder = OutputDecoder(full_body_skeleton())
    values, sd = np.full((2, len(solved), len(decoder.kinematics.skeleton.coordinates)), np.nan)
    scales: list[FloatArray] = []
    runs = _runs(solved)
    done = 0
    for part in runs:
        prediction = predict_trial(network, decoder, _part(trial, part))
        values[part], sd[part] = prediction.q.double().numpy(), prediction.sd.double().numpy()
        scales.append(prediction.body_scales.double().numpy())
        if progress:
            progress(part.stop - done)
        done = part.stop
    if progress:
        progress(len(solved) - done)
    lengths = [part.stop - part.start for part in runs]
    return _continuous(values, decoder), sd, np.average(scales, axis=0, weights=lengths)


def _windows(markers: MarkerTrajectories, interval_s: float, subject: SubjectCalibration | None) -> MarkerWindows:
    """The recording as one trial of all MARKERS; what is missing weighs 0."""
    columns = [list(MARKERS).index(name) for name in markers.names]
    positions, weight = np.zeros((len(markers.time_s), len(MARKERS), 3)), np.zeros((len(markers.time_s), len(MARKERS)))
    positions[:, columns], weight[:, columns] = np.nan_to_num(markers.positions_m), present_in(markers)
    return MarkerWindows(
        torch.from_numpy(positions).float()[None],
        torch.from_numpy(weight).float()[None],
        torch.tensor([interval_s]),
        subject,
    )


def _part(trial: MarkerWindows, part: slice) -> MarkerWindows:
    return replace(trial, markers_m=trial.markers_m[:, part], weight=trial.weight[:, part])


def _runs(solved: NDArray[np.bool_]) -> list[slice]:
    """Of consecutive solved frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], solved, [False]]).astype(int)))
    return [slice(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _continuous(values: FloatArray, decoder: OutputDecoder) -> FloatArray:
    """The pelvis's angles continuous across the runs, too."""
    coordinates = decoder.kinematics.skeleton.coordinates
    limits = {c: (coordinates[c].range_min, coordinates[c].range_max) for c in decoder.limited}
    return Representation.of(decoder.kinematics.skeleton, limits).continuous_in_time(values)


def _locations_m(network: Neurik, skeleton: Skeleton, subject: SubjectCalibration | None) -> FloatArray:
    """(M, 3) of the markers in segments of the unscaled skeleton: default ones, or the subject's."""
    if subject is None:
        return network.locations_m.double().numpy()
    return (subject.locations_m[0] / subject.body_scales[0, marker_owners(skeleton)]).double().numpy()


def _with_markers(
    skeleton: Skeleton, locations_m: FloatArray, names: tuple[str, ...], body_scales: FloatArray
) -> Skeleton:
    """The scaled skeleton with named markers."""
    location = dict(zip(MARKERS, locations_m, strict=True))
    bodies = [skeleton.body_names.index(MARKERS[name].segment) for name in names]
    placed = tuple(Marker(name, body, location[name]) for name, body in zip(names, bodies, strict=True))
    return scaled_geometry(skeleton.with_markers(placed), body_scales)


def _fit(scaled: Skeleton, markers: MarkerTrajectories, coordinates: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Distances (F, M) of markers from the skeleton's own, and the median position (M, 3) of each in its body.

    Raises:
        ModelError: if they are of a body of another size.
    """
    kinematics, bodies = Kinematics(scaled, dtype=torch.float32), [marker.body for marker in scaled.markers]
    measured = torch.from_numpy(markers.positions_m).float()

    def of(part: slice) -> tuple[Tensor, Tensor]:
        pose = kinematics.with_coordinates(torch.from_numpy(coordinates[part]).float())
        R, p = pose.R_ground_body[:, bodies], pose.p_ground_body[:, bodies]
        return pose.markers, ((measured[part] - p)[..., None, :] @ R)[..., 0, :]

    parts = [slice(first, first + FIT_FRAMES) for first in range(0, len(coordinates), FIT_FRAMES)]
    own, local = (torch.cat(values).double().numpy() for values in zip(*side_by_side(of, parts), strict=True))
    present = ~np.isnan(local).any(axis=-1)
    ratio = float(np.median(_spread(markers.positions_m, present) / _spread(own, present)))
    if not PLAUSIBLE_SIZE_RATIO[0] <= ratio <= PLAUSIBLE_SIZE_RATIO[1]:
        raise ModelError(f"the markers are spread {ratio:.3g} times as far as a person's; {IS_IT_RIGHT}?")
    return np.asarray(np.linalg.norm(markers.positions_m - own, axis=-1)), np.asarray(np.nanmedian(local, axis=0))


def _spread(points: FloatArray, present: NDArray[np.bool_]) -> FloatArray:
    """(S,) mean distance from the mean, in frames that have points."""
    known = np.where(present[..., None], points, np.nan)[present.any(axis=1)]
    centred = known - np.nanmean(known, axis=1, keepdims=True)
    return np.asarray(np.nanmean(np.linalg.norm(centred, axis=-1), axis=1))


def _unobserved(network: Neurik, skeleton: Skeleton, names: tuple[str, ...]) -> list[str]:
    """Coordinates of joints of whose two segments one has no marker."""
    observed = {MARKERS[name].segment for name in names}
    observed |= {segment for segment, pair in MIDDLES.items() if set(pair) <= set(names)}
    features, unobserved = network.features, []
    for coordinate, segment in zip(limited_coordinates(skeleton), features.joint_angles.moved, strict=True):
        if not {SEGMENTS[segment], SEGMENTS[features.segment_fit.parents[segment]]} <= observed:
            unobserved.append(skeleton.coordinate_names[coordinate])
    return unobserved
