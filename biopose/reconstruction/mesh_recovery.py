"""Mesh recovery of a track: MQ-HMR's tokens fused with the lifter's prediction, refined; the skeleton put onto it.

The fit of the skeleton (`track_fit`) starts there, with the fused keypoints among its observations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from biopose.body.segment_body import SEGMENT_BODY, SegmentBody
from biopose.camera.pinhole import Camera
from biopose.errors import ModelError
from biopose.hmr.feature_head import MeshTokens, unpacked
from biopose.hmr.lifter_input import rotation_towards
from biopose.hmr.mqhmr import Mqhmr
from biopose.reconstruction.fit_options import FitWeights, RefinementOptions
from biopose.reconstruction.fusion import fit_rotations, with_prediction
from biopose.reconstruction.initialisation import root_position_m
from biopose.reconstruction.mesh_skeleton import (
    coordinates_by_markers,
    coordinates_in_closed_form,
    skeleton_of_mesh,
)
from biopose.reconstruction.method_names import MeshStage
from biopose.reconstruction.mirror_disagreement import mirror_disagreement_deg
from biopose.reconstruction.observations import Observations
from biopose.reconstruction.observed_track import ObservedTrack, R_camera_world_of, reprojection_errors_px
from biopose.reconstruction.refinement import (
    MeshMotion,
    Refined,
    Refinement,
    RefinementGain,
    about_root,
)
from biopose.reconstruction.track_fit import FittedMotion
from biopose.reconstruction.windows import WINDOW_FRAMES, cross_faded, windows_of, without_overlap
from biopose.skeleton.gap_filling import fill_gaps
from biopose.skeleton.model import Skeleton
from biopose.skeleton.scaling import ScaledPosture
from biopose.skeleton.threads import in_threads, one_torch_thread
from biopose.tracking.tracks import PersonTrack

GAP_SD_FACTOR = 3.0  # on the decoder's standard deviations in frames whose tokens are interpolated
SHAPE_TRIM = 0.2  # fraction of frames at either end that the trimmed mean of each shape coefficient leaves out

BY_FRAME = ("frame_indices", "time_s", "boxes_px", "keypoints_px", "confidence")  # of a track, besides tokens


@dataclass(frozen=True, eq=False)
class MeshModels:
    """What is loaded once.

    Attributes:
        network: that predicted the track's tokens.
        body: the segment body.
        options: of the refinement.
        stage: the last one; before "refined", the skeleton put onto the mesh is the result and is not fitted.
    """

    network: Mqhmr
    body: SegmentBody
    options: RefinementOptions = field(default_factory=RefinementOptions)
    stage: MeshStage = "refined"

    @classmethod
    def load(
        cls,
        network: Mqhmr,
        *,
        body: Path = SEGMENT_BODY,
        options: RefinementOptions | None = None,
        stage: MeshStage = "refined",
    ) -> MeshModels:
        """Load the body beside a network that is loaded, whose weights are fixed from now on.

        Raises:
            ModelError: the body is missing or broken.
        """
        return cls(network.requires_grad_(False), SegmentBody.load(body), options or RefinementOptions(), stage)


@dataclass(frozen=True, eq=False)
class PersonMesh:
    """What is known of a person before their mesh is fitted.

    Attributes:
        skeleton: the default model, unscaled, with its landmarks.
        keypoint_skeleton: the same with the 26 keypoints as its markers.
        default: the body of someone of this height, mass and sex at rest.
        height_m: of the person.
        focal_sd: of the logarithm of the focal length; 0 keeps it.
        weights: of the terms.
    """

    skeleton: Skeleton
    keypoint_skeleton: Skeleton
    default: ScaledPosture
    height_m: float
    focal_sd: float = 0.0
    weights: FitWeights = field(default_factory=FitWeights)


@dataclass(frozen=True, eq=False)
class RefinedMesh:
    """A person's mesh through T frames.

    Attributes:
        refinement: the problem.
        start: the fused predictions.
        refined: the result.
    """

    refinement: Refinement
    start: MeshMotion
    refined: Refined

    @torch.no_grad()
    def markers_m(self) -> Tensor:
        """(T, M, 3) the segment body's markers in the camera's frame."""
        body, motion, height_m = self.refinement.body, self.refined.motion, self.refinement.height_m
        return body.markers.positions(self.refinement.posed(motion)) * height_m + motion.root_m[:, None]

    @torch.no_grad()
    def errors_px(self, track: PersonTrack, camera: Camera) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(T, 26) reprojection errors of the mesh's keypoints before and after the refinement; NaN: not observed."""
        before, after = (self._errors_px(at, track, camera) for at in (self.start, self.refined.motion))
        return before, after

    def _errors_px(self, at: MeshMotion, track: PersonTrack, camera: Camera) -> NDArray[np.float64]:
        keypoints_m = self.refinement.keypoints_m(at).double()
        keypoints_m[..., :2] *= at.log_focal.exp()  # the rays are those of `camera`
        return reprojection_errors_px(track, camera, keypoints_m.numpy())


@one_torch_thread()
def recover_mesh(
    track: PersonTrack,
    observed: ObservedTrack,
    known: PersonMesh,
    camera: Camera,
    *,
    models: MeshModels,
    threads: int = 2,
) -> tuple[ObservedTrack, FittedMotion]:
    """Fuse the predictions of a person's mesh, refine it and put the skeleton onto it, up to the models' stage.

    Args:
        track: with the decoder's tokens.
        observed: the same track, as the keypoint fit takes it.
        known: of the person.
        camera: whose pixels these are.
        models: loaded.
        threads: how many windows of the track are worked on at a time.

    Returns:
        The observed track, its lifted keypoints fused with the decoder's; and the motion.

    Raises:
        ModelError: the track has no tokens.
    """
    shape = _mean_shape(track, models)
    R_camera_world = R_camera_world_of(observed.up_camera)

    def recover(window: slice) -> _Recovered:
        part = _Window.of(track, observed, window, models)
        mesh = _refined_mesh(part, shape, R_camera_world, known, camera, models=models)
        q, body_scales = _on_skeleton(mesh, known, models, part.track.time_s)
        errors_px = mesh.errors_px(part.track, camera)
        return _Recovered(mesh.refinement.observations, q, body_scales, mesh.refined.iterations, *errors_px)

    windows = windows_of(len(track))
    recovered = in_threads(recover, windows, threads=threads)
    motion = FittedMotion(
        q=cross_faded(windows, [one.q for one in recovered], known.skeleton.is_rotational),
        body_scales=recovered[0].body_scales,  # of all windows alike unless refined, and then the fit's replace it
        R_camera_world=R_camera_world.double().numpy(),
        focal_factor=1.0,
        starts=("mqhmr",),
        refinement=_gain(recovered, windows, track, models, known.height_m) if models.stage == "refined" else None,
    )
    fused = {name: _joined(recovered, windows, name) for name in ("lifted_m", "lifted_sd_m", "R_camera_view")}
    return replace(observed, observations=replace(observed.observations, **fused)), motion


@dataclass(frozen=True, eq=False)
class _Recovered:
    """One window: observations, coordinates (W, Q), scale factors, errors (W, 26) before and after the refinement."""

    observations: Observations
    q: NDArray[np.float64]
    body_scales: NDArray[np.float64]
    iterations: int
    before_px: NDArray[np.float64]
    after_px: NDArray[np.float64]


def _joined(recovered: list[_Recovered], windows: list[slice], name: str) -> Tensor:
    """(T, ...) one of the observations."""
    own = zip(recovered, without_overlap(windows), strict=True)
    return torch.cat([getattr(one.observations, name)[frames] for one, frames in own])


def _gain(
    recovered: list[_Recovered], windows: list[slice], track: PersonTrack, models: MeshModels, height_m: float
) -> RefinementGain | None:
    """None where no keypoint was observed."""
    own = [*zip(recovered, without_overlap(windows), strict=True)]
    before_px, after_px = (
        np.concatenate([getattr(one, name)[frames] for one, frames in own]) for name in ("before_px", "after_px")
    )
    if np.isnan(before_px).all():
        return None
    iterations = max(one.iterations for one in recovered)
    before, after = float(np.nanmedian(before_px)), float(np.nanmedian(after_px))
    return RefinementGain(iterations, before, after, *_doubts(track, models, height_m))


def _mean_shape(track: PersonTrack, models: MeshModels) -> Tensor:
    """(K,) the trimmed mean of the decoder's shapes over the frames.

    Raises:
        ModelError: the track has no tokens.
    """
    if track.tokens is None:
        raise ModelError("the track has no MQ-HMR tokens to refine; perceive the video again with MQ-HMR")
    found = track.tokens[~np.isnan(track.tokens[:, 0])]
    return _trimmed_mean(torch.cat([one.shape for one in _unpacked(found, models)]))


def _unpacked(found: NDArray[np.float16], models: MeshModels) -> Iterator[MeshTokens]:
    """Rows that were decoded, a window at a time."""
    for first in range(0, len(found), WINDOW_FRAMES):
        yield unpacked(found[first : first + WINDOW_FRAMES], models.network.shape)


@torch.no_grad()
def _doubts(track: PersonTrack, models: MeshModels, height_m: float) -> tuple[float | None, float]:
    """The disagreement of mirrored frames in degrees, and the network's own standard deviation in mm.

    Of the decoder's predictions, where they were not interpolated.
    """
    assert track.tokens is not None
    found = ~np.isnan(track.tokens[:, 0])
    parts = [models.network.head(one.tokens) for one in _unpacked(track.tokens[found], models)]
    R_local, sd = (torch.cat(part) for part in zip(*parts, strict=True))
    sd_mm = 1000.0 * height_m * float(sd.mean((1, 2)).median())
    return mirror_disagreement_deg(R_local, track.frame_indices[found]), sd_mm


@dataclass(frozen=True, eq=False)
class _Window:
    """A stretch of W frames of a track.

    Attributes:
        track: its frames, without the tokens.
        observed: its frames.
        decoded: the decoder's output, interpolated over gaps as in the whole track.
        found: (W,) where it was not interpolated.
    """

    track: PersonTrack
    observed: ObservedTrack
    decoded: MeshTokens
    found: Tensor

    @classmethod
    def of(cls, track: PersonTrack, observed: ObservedTrack, window: slice, models: MeshModels) -> _Window:
        assert track.tokens is not None
        found = ~np.isnan(track.tokens[:, 0])
        before, after = np.flatnonzero(found[: window.start + 1]), np.flatnonzero(found[window.stop - 1 :])
        first = int(before[-1]) if len(before) else window.start
        wide = slice(first, window.stop + int(after[0]) if len(after) else window.stop)
        rows = fill_gaps(track.tokens[wide].astype(np.float64), found[wide], track.time_s[wide])
        return cls(
            replace(track, **{name: getattr(track, name)[window] for name in BY_FRAME}, tokens=None),
            observed.window(window),
            unpacked(rows[window.start - first : window.stop - first], models.network.shape),
            torch.from_numpy(found[window]),
        )


def _refined_mesh(
    part: _Window, shape: Tensor, R_camera_world: Tensor, known: PersonMesh, camera: Camera, *, models: MeshModels
) -> RefinedMesh:
    """The mesh in one window, without the skeleton."""
    observed, decoded = part.observed, part.decoded
    middle_px = decoded.middle.double() * torch.tensor([camera.width_px, camera.height_px]) - 0.5
    R_camera_view = rotation_towards(camera.rays(middle_px).float())
    tokens, observations = _fused(observed, decoded.tokens, shape, R_camera_view, part.found, known, models)
    keypoints_m = _keypoints_m(models.network.head(tokens)[0], shape, R_camera_view, known, models)
    root_m = root_position_m(keypoints_m, observations.rays, observed.weight, part.track.time_s).float()
    refinement = Refinement(
        models.network.head,
        models.body,
        observations,
        R_camera_view,
        R_camera_world,
        height_m=known.height_m,
        focal_sd=known.focal_sd,
        weights=known.weights,
        options=models.options if models.stage == "refined" else replace(models.options, iterations=0),
    )
    start = MeshMotion(tokens, root_m, shape, torch.zeros(()), torch.zeros(3))
    return RefinedMesh(refinement, start, refinement.refine(start))


@torch.no_grad()
def _fused(
    observed: ObservedTrack,
    tokens: Tensor,
    shape: Tensor,
    R_camera_view: Tensor,
    found: Tensor,
    known: PersonMesh,
    models: MeshModels,
) -> tuple[Tensor, Observations]:
    """Tokens (T, Q, D) of the fused pose, and the observations with the fused keypoints."""
    R_local, sd = models.network.head(tokens)
    decoded = _keypoints_m(R_local, shape, R_camera_view, known, models)
    sd = torch.where(found[:, None, None], sd, GAP_SD_FACTOR * sd) * known.height_m
    factor = models.options.lifter_sd_factor
    observations = with_prediction(observed.observations, decoded, sd, R_camera_view, lifter_sd_factor=factor)
    if models.stage == "decoded":
        return tokens, observations
    fused = observations.lifted_m @ R_camera_view / known.height_m
    R_fused = fit_rotations(fused, observations.lifted_sd_m / known.height_m, R_local, models.body, shape)
    return models.network.head.with_rotations(tokens, R_fused), observations


def _keypoints_m(
    R_local: Tensor, shape: Tensor, R_camera_view: Tensor, known: PersonMesh, models: MeshModels
) -> Tensor:
    """(T, 26, 3) from the pelvis's bone, in the camera's axes."""
    posed = about_root(models.body, R_local, shape, R_camera_view)
    return models.body.keypoints.positions(posed) * known.height_m


@torch.no_grad()
def _on_skeleton(
    mesh: RefinedMesh, known: PersonMesh, models: MeshModels, time_s: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(T, Q) coordinates of the skeleton, and its scale factors (B, 3); those of the default where a fit follows."""
    R_camera_world, body = mesh.refinement.R_camera_world, models.body
    if models.stage == "refined":
        motion, scales = mesh.refined.motion, known.default.body_scales
        R = R_camera_world.T @ mesh.refinement.posed(motion).R_world_delta @ body.R_ground_reference
        keypoints_m = mesh.refinement.keypoints_m(motion) @ R_camera_world
        return coordinates_in_closed_form(R, keypoints_m, known.keypoint_skeleton, scales), scales
    shaped = body.rig.with_coefficients(mesh.refined.motion.shape)
    person = skeleton_of_mesh(shaped, body, known.skeleton, height_m=known.height_m, near=known.default)
    q = coordinates_by_markers(mesh.markers_m() @ R_camera_world, body, person.skeleton, time_s)
    return q, person.body_scales


def _trimmed_mean(shapes: Tensor) -> Tensor:
    """(K,) mean of shapes (T, K) without the lowest and highest of each coefficient."""
    cut = int(SHAPE_TRIM * len(shapes))
    return shapes.sort(dim=0).values[cut : len(shapes) - cut].mean(0)
