"""Virtual markers of recorded segments on a skeleton: from poses of segments to inverse kinematics.

A point of each segment and the ends of its axes become markers of the body that it moves (`markers_of_poses`). Their
directions on the body are those of `segment_axes`. The points lie in the model's joint centres: the recording gives the
root's position and all orientations, so that joint centres which lie elsewhere in the recording bend no joint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from biopose.errors import ModelError
from biopose.io.c3d_rotations import CORNERS_M, SegmentPoses, markers_of_poses
from biopose.io.trajectories import MarkerTrajectories
from biopose.skeleton.ik.inverse_kinematics import PLAUSIBLE_SIZE_RATIO
from biopose.skeleton.model import Marker, Skeleton
from biopose.skeleton.scaling import scaled_geometry
from biopose.skeleton.segment_axes import SegmentAxes, axes_by_convention, axes_by_neutral_posture
from biopose.skeleton.segment_model import HIPS, LINES, SHOULDERS, SegmentModel
from biopose.skeleton.segment_names import standard_name

FloatArray = NDArray[np.float64]

LENGTHS = LINES | {"torso": (HIPS, SHOULDERS)}
SCALED_LIKE = {"patella": "thigh", "talus": "foot", "toes": "foot", "ulna": "larm", "abdomen": "torso", "head": "torso"}


@dataclass(frozen=True, eq=False)
class SegmentRecording:
    """A recording of segments, ready for inverse kinematics.

    Attributes:
        skeleton: with the segments' virtual markers and no others.
        markers: their trajectories; the notes state conventions, scales and places.
        body_scales: (B, 3) factors of the skeleton, all 1 where it was not to be scaled.
    """

    skeleton: Skeleton
    markers: MarkerTrajectories
    body_scales: FloatArray


def import_segments(
    skeleton: Skeleton, poses: SegmentPoses, *, static: SegmentPoses | None = None, scale: bool
) -> SegmentRecording:
    """Bring poses of segments onto a skeleton.

    Args:
        skeleton: of the model.
        poses: of the segments; y is up.
        static: the same segments in the neutral posture, from which their axes are known in place of a convention.
        scale: whether to scale the skeleton to the distances of joint centres; a model of the person is not scaled.

    Raises:
        ModelError: no segment's name is known, several segments move one body, the convention of the axes is unknown,
            or the segments are of a body of another size.
    """
    model = SegmentModel.of(skeleton)
    T, labels = _by_standard_name(poses, model)
    axes = axes_by_convention(model, T) if static is None else _axes_of_static(static, model, T)
    T = {name: T[name] for name in T if name in axes.R_body_segment}
    ratios = _length_ratios(model, T)
    scales = _body_scales(model, ratios) if scale else np.ones((len(skeleton.bodies), 3))
    model = SegmentModel.of(scaled_geometry(skeleton, scales))
    moved, places = _at_joint_centres(model, T, axes.R_body_segment)
    markers = tuple(
        Marker(f"{labels[name]}_{corner}", model.bodies[name], places[name] + axes.R_body_segment[name] @ along)
        for name in T
        for corner, along in zip("OXYZ", CORNERS_M, strict=True)
    )
    names = tuple(labels[name] for name in T)
    recorded = markers_of_poses(replace(poses, names=names, T_lab_segment=np.stack([moved[n] for n in T], axis=1)))
    notes = (
        _what(model, labels, T),
        *axes.notes,
        *_scale_notes(ratios, scale),
        *_open(poses, labels, T, model),
    )
    return SegmentRecording(
        model.skeleton.with_markers(markers), replace(recorded, notes=(*recorded.notes, *notes)), scales
    )


def _by_standard_name(poses: SegmentPoses, model: SegmentModel) -> tuple[dict[str, FloatArray], dict[str, str]]:
    """Poses (F, 4, 4) of the segments that the model has, and their labels in the file."""
    labels: dict[str, str] = {}
    for label in poses.names:
        name = standard_name(label)
        if name is None or name not in model.bodies:
            continue
        if name in labels:
            raise ModelError(
                f"the segments {labels[name]} and {label} would both move {name}; export one of them, and one person"
            )
        labels[name] = label
    T = {name: poses.T_lab_segment[:, poses.names.index(label)] for name, label in labels.items()}
    T = {name: values for name, values in T.items() if not np.isnan(values).all()}
    if labels and not T:
        raise ModelError(
            f"the segments {', '.join(labels.values())} have no pose in any frame: each is the laboratory's own "
            "axes, or no rotation, which is how a segment that was not found is written; export a trial with them"
        )
    if not T:
        raise ModelError(
            f"poses of the segments {', '.join(poses.names)}: none has a name that is one of the skeleton "
            f"{model.skeleton.name}'s segments, {', '.join(model.bodies)}"
        )
    return T, labels


def _axes_of_static(static: SegmentPoses, model: SegmentModel, T: Mapping[str, FloatArray]) -> SegmentAxes:
    try:
        standing, _ = _by_standard_name(static, model)
        return axes_by_neutral_posture(model, {name: values for name, values in standing.items() if name in T})
    except ModelError as error:
        raise ModelError(f"in the static trial: {error}") from error


def _length_ratios(model: SegmentModel, T: Mapping[str, FloatArray]) -> dict[str, float]:
    """Recorded length over the model's, by segment."""
    ratios = {}
    for name, ends in LENGTHS.items():
        modelled = model.line_m(ends)
        if modelled is None or not {*ends[0], *ends[1]} <= T.keys():
            continue
        start, end = (np.mean([T[one][:, :3, 3] for one in names], axis=0) for names in ends)
        lengths = np.linalg.norm(end - start, axis=1)
        if not np.isnan(lengths).all():
            ratios[name] = float(np.nanmedian(lengths) / np.linalg.norm(modelled))
    low, high = PLAUSIBLE_SIZE_RATIO
    if odd := [f"{name} {ratio:.3g}" for name, ratio in ratios.items() if not low <= ratio <= high]:
        raise ModelError(
            f"the origins of segments lie {', '.join(odd)} times as far apart as joint centres of the skeleton "
            f"{model.skeleton.name}; are they at the joints, and is the file's unit right (--units)?"
        )
    return ratios


def _body_scales(model: SegmentModel, ratios: Mapping[str, float]) -> FloatArray:
    """(B, 3): each body as its segment, or as the mean of all where that has no length."""
    mean = float(np.mean(list(ratios.values()))) if ratios else 1.0

    def factor(body: str) -> float:
        stem, _, side = body.partition("_")
        like = f"{side}_{SCALED_LIKE[stem]}" if side and stem in SCALED_LIKE else SCALED_LIKE.get(stem)
        return ratios.get(like or standard_name(body) or "", mean)

    return np.array([[factor(body.name)] * 3 for body in model.skeleton.bodies])


def _at_joint_centres(
    model: SegmentModel, T: Mapping[str, FloatArray], R_body_segment: Mapping[str, FloatArray]
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Poses (F, 4, 4) with their origins in joint centres, and where these are on the bodies (3,).

    A segment's centre is where the model has it, given the recorded orientations from the root on; the root's, and
    those beyond a segment without a pose, are where they were recorded.
    """
    R = {name: T[name][:, :3, :3] @ R_body_segment[name].T for name in T}
    body: dict[str, FloatArray] = {}
    moved: dict[str, FloatArray] = {}
    places: dict[str, FloatArray] = {}
    for name in sorted(T, key=lambda name: model.bodies[name]):  # parents first
        parent, recorded = model.parents[name], T[name][:, :3, 3]
        hips = [hip for hip in HIPS if hip in T] if parent is None else []
        places[name] = model.in_body(name, np.mean([model.centres_m[one] for one in hips or [name]], axis=0))
        if hips:
            apart = np.einsum("fji,fj->fi", R[name], recorded - np.mean([T[hip][:, :3, 3] for hip in hips], axis=0))
            places[name] = places[name] + np.nan_to_num(np.nanmedian(apart, axis=0))
        body[name] = recorded - R[name] @ places[name]
        if parent in R:
            R_parent_body = R[parent].swapaxes(1, 2) @ R[name]
            along = np.einsum("fij,fj->fi", R[parent], model.origin_in_parent_m(name, R_parent_body))
            body[name] = np.where(np.isnan(body[parent] + along), body[name], body[parent] + along)
        moved[name] = T[name].copy()
        moved[name][:, :3, 3] = body[name] + R[name] @ places[name]
    return moved, places


def _what(model: SegmentModel, labels: Mapping[str, str], T: Mapping[str, FloatArray]) -> str:
    moved = ", ".join(f"{labels[n]} on {model.skeleton.bodies[model.bodies[n]].name}" for n in T)
    return f"poses of {len(T)} segments, as virtual markers at their origins and along their axes: {moved}"


def _scale_notes(ratios: Mapping[str, float], scale: bool) -> list[str]:
    if not ratios:
        return ["the model was not scaled: no two joint centres show a segment's length"] if scale else []
    listed = ", ".join(f"{name} {ratio:.3f}" for name, ratio in ratios.items())
    if scale:
        return [f"the default model was scaled to the distances of joint centres: {listed}; the rest by their mean"]
    return [f"the model was not scaled; recorded lengths over its own: {listed}"]


def _open(
    poses: SegmentPoses, labels: Mapping[str, str], T: Mapping[str, FloatArray], model: SegmentModel
) -> list[str]:
    unused = [name for name in poses.names if name not in {labels[used] for used in T}]
    lacking = [name for name in model.bodies if name not in T]
    notes = [f"segments that were not used: {', '.join(unused)}"] if unused else []
    return notes + ([f"segments of the model without poses: {', '.join(lacking)}"] if lacking else [])
