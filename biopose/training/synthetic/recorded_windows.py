"""Windows of measured clips: estimates of the pipeline for people of known motion, to train NeurIK.

Each clip is there twice, as it is and mirrored, and gets a random heading each time it is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from biopose.body.markers import MARKERS
from biopose.neurik.input import MarkerWindows, SubjectCalibration
from biopose.neurik.joint_angles import limited_coordinates
from biopose.skeleton.angles import wrap
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.rotations import body_fixed_angles, rotation_axes
from biopose.training.data.marker_batch import MarkerBatch
from biopose.training.data.poses import mirror, opposite
from biopose.training.synthetic.clip_shards import ClipFolder, RecordedClips, read_clips
from biopose.training.synthetic.posing import headings

# Of an angle's error that is transferred; larger ones come from two representations of one posture.
LARGEST_ERROR_RAD = 0.8
OTHER_SIDE = {"L": "R", "R": "L"}


class RecordedWindows:
    """Draws windows of clips.

    Args:
        clips: of one split.
    """

    def __init__(self, clips: RecordedClips) -> None:
        skeleton = full_body_skeleton()
        self.kinematics = Kinematics(skeleton, dtype=torch.float32)
        self.root = [axis.coordinate for axis in skeleton.joints[0].axes]
        self.root_axes = rotation_axes(skeleton.joints[0]).float()
        self.pelvis = skeleton.body_names.index("pelvis")
        both = (clips, mirrored(clips))
        self.clips = RecordedClips(**{name: torch.cat([getattr(one, name) for one in both]) for name in vars(clips)})
        limited = limited_coordinates(skeleton)
        error = wrap(self.clips.solved_q[..., limited] - self.clips.q[..., limited])
        self.angle_error = error.clamp(-LARGEST_ERROR_RAD, LARGEST_ERROR_RAD)

    def draw(self, generator: torch.Generator, n: int, *, frames: int) -> MarkerBatch:
        """Draw windows of the clips.

        Args:
            generator: drawn from.
            n: number of windows.
            frames: of each, at most those of a clip.
        """
        clip, at = self._frames(generator, n, frames)
        heading = headings(generator, n)
        c = self.clips
        return MarkerBatch(
            windows=MarkerWindows(
                c.markers_m[clip[:, None], at] @ heading.mT[:, None],
                c.weight[clip[:, None], at],
                c.interval_s[clip],
                SubjectCalibration(c.solved_scales[clip], c.solved_places_m[clip]),
            ),
            q=self._rotated(c.q[clip[:, None], at], heading),
            body_scales=c.body_scales[clip],
            locations_m=c.marker_locations_m[clip],
            static_m=None,
        )

    def errors(self, generator: torch.Generator, n: int, *, frames: int) -> tuple[Tensor, Tensor]:
        """Errors (n, frames, C) of limited coordinates, to transfer to other motions, and weights (n, frames, M)."""
        clip, at = self._frames(generator, n, frames)
        return self.angle_error[clip[:, None], at], self.clips.weight[clip[:, None], at]

    def _frames(self, g: torch.Generator, n: int, frames: int) -> tuple[Tensor, Tensor]:
        """(n,) clips and (n, frames) frames of them."""
        count, length = self.clips.weight.shape[:2]
        clip = torch.randint(count, (n,), generator=g)
        start = torch.randint(max(length - frames, 0) + 1, (n, 1), generator=g)
        return clip, (start + torch.arange(frames)).clamp(max=length - 1)

    def _rotated(self, q: Tensor, heading: Tensor) -> Tensor:
        """Coordinates (N, T, Q) of people rotated about the vertical by (N, 3, 3)."""
        R_world_pelvis = self.kinematics.with_coordinates(q).R_ground_body[..., self.pelvis, :, :]
        angles = body_fixed_angles(heading[:, None] @ R_world_pelvis, self.root_axes)
        position_m = q[..., self.root[3:]] @ heading.mT
        q = q.index_copy(-1, torch.tensor(self.root), torch.cat([angles, position_m], dim=-1))
        return self.kinematics.satisfy_couplings(q)[0]


def as_recorded(clips: RecordedClips) -> MarkerBatch:
    """All clips, whole."""
    return MarkerBatch(
        windows=MarkerWindows(
            clips.markers_m,
            clips.weight,
            clips.interval_s,
            SubjectCalibration(clips.solved_scales, clips.solved_places_m),
        ),
        q=clips.q,
        body_scales=clips.body_scales,
        locations_m=clips.marker_locations_m,
        static_m=None,
    )


def mirrored(clips: RecordedClips) -> RecordedClips:
    """The clips mirrored at z = 0: left is right."""
    names, markers = full_body_skeleton().coordinate_names, list(MARKERS)
    marker = [markers.index(_opposite_marker(name)) for name in markers]
    bodies = full_body_skeleton().body_names
    body = [bodies.index(opposite(name)) for name in bodies]
    flip = torch.tensor([1.0, 1.0, -1.0])
    return RecordedClips(
        markers_m=clips.markers_m[..., marker, :] * flip,
        weight=clips.weight[..., marker],
        solved_q=torch.from_numpy(mirror(clips.solved_q.numpy(), names)).float(),
        solved_scales=clips.solved_scales[:, body],
        solved_places_m=clips.solved_places_m[:, marker] * flip,
        q=torch.from_numpy(mirror(clips.q.numpy(), names)).float(),
        body_scales=clips.body_scales[:, body],
        marker_locations_m=clips.marker_locations_m[:, marker] * flip,
        interval_s=clips.interval_s,
        person=clips.person,
    )


def _opposite_marker(name: str) -> str:
    other = OTHER_SIDE.get(name[0], name[0]) + name[1:]
    return other if other in MARKERS else name


def recorded_clips(where: ClipFolder, split: str, shards: Sequence[int]) -> RecordedClips:
    """Clips of shards.

    Raises:
        ModelError: a shard is missing, broken, or of other weights.
    """
    read = [read_clips(Path(where.path(split, index)), mqhmr=where.mqhmr) for index in shards]
    return RecordedClips(**{name: torch.cat([getattr(one, name) for one in read]) for name in vars(read[0])})
