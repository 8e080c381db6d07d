"""Clips turned into what NeurIK is trained on, kept in shards: markers as MQ-HMR really finds them, and the truth.

Shard k hangs on the seed, MQ-HMR's weights and k alone, so shards can be made in any order, by any number of processes,
and again. Its name tells the weights: with others, other shards are missing.

    make_shards(ClipFolder(folder, motion), "train", 20, maker=ClipShardMaker)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from biopose.body.rig import ShapedBody
from biopose.body.segment_body import SegmentBody
from biopose.errors import ModelError
from biopose.io.files import written_whole
from biopose.models.checkpoint import sha256_of
from biopose.models.mqhmr import MQHMR_WEIGHTS
from biopose.training.motion import Motion
from biopose.training.synthetic.clips import Clip, ClipSource
from biopose.training.synthetic.people import People
from biopose.training.synthetic.recording import ClipRecorder
from biopose.training.synthetic.scenes import MIDDLE
from biopose.training.synthetic.shards import SEEDS, SPLITS, ShardFolder, of_split, split_people
from biopose.training.synthetic.skeletons import skeletons_of_drawn

SHARD_CLIPS = 16
KNOWN_FOCAL_SHARE = 0.5  # of clips of whose camera the product is told
KIND = "recorded clips 1"
NAMED_DIGITS = 8  # of the weights' hash


@dataclass(frozen=True)
class ClipFolder(ShardFolder):
    """Where the shards of a seed and of weights are.

    Attributes:
        folder: of all splits.
        motion: CMU's recordings.
        seed: of the clips.
        weights: of MQ-HMR.
    """

    weights: Path = MQHMR_WEIGHTS

    @cached_property
    def mqhmr(self) -> str:
        """Hash of the weights."""
        return sha256_of(self.weights)

    def path(self, split: str, index: int) -> Path:
        """Of one shard."""
        return self.folder / f"clips_{split}_{self.seed}_{self.mqhmr[:NAMED_DIGITS]}_{index:05d}.safetensors"


@dataclass(frozen=True, eq=False)
class RecordedClips:
    """N clips of T frames; worlds have y up, the true one its ground at y = 0.

    Attributes:
        markers_m: (N, T, M, 3) as MQ-HMR, refined, finds them, in the camera's frame.
        keypoint_sd_m: (N, T, 26, 2) what it believes its keypoints' errors about the hips to be, across and along.
        confidence: (N, T, 26) of the keypoint network; all 0 in frames where the person was not found.
        R_camera_upright: (N, 3, 3) of the world that the product believes in.
        true_markers_m: (N, T, M, 3) of the body, in the camera's frame.
        q: (N, T, Q) true coordinates, in the true world.
        R_camera_world: (N, 3, 3) of the true world.
        camera_m: (N, 3) where the camera stands in it.
        body_scales: (N, B, 3) true ones.
        marker_locations_m: (N, M, 3) of the markers in their segments, of the skeleton scaled so.
        person: (N,) index among the split's people.
        height_m: (N,) of the person.
        time_s: (N, T).
    """

    markers_m: Tensor
    keypoint_sd_m: Tensor
    confidence: Tensor
    R_camera_upright: Tensor
    true_markers_m: Tensor
    q: Tensor
    R_camera_world: Tensor
    camera_m: Tensor
    body_scales: Tensor
    marker_locations_m: Tensor
    person: Tensor
    height_m: Tensor
    time_s: Tensor


class ClipShardMaker:
    """Makes shards of one split, with the people and motions that the pictures of that split have.

    Args:
        where: to put them.
        split: of SPLITS.
        motions: of the split.

    Raises:
        ValueError: no such split.
        ModelError: weights are missing or broken, or not those any more that the shards are named after.
    """

    def __init__(self, where: ClipFolder, split: str, motions: Sequence[Motion]) -> None:
        self.where, self.split, self.body = where, split, SegmentBody.load()
        self.people = split_people(self.body, where.folder, split)
        self.skeletons = of_split(split, partial(skeletons_of_drawn, self.body, where.folder))
        self.source = ClipSource(self.body, self.people, self.skeletons, motions, seed=0)
        self.recorder = ClipRecorder(where.weights)
        if sha256_of(where.weights) != where.mqhmr:
            raise ModelError(f"{where.weights}: has changed since the clips were begun; begin again")

    def make(self, index: int) -> Path:
        """Draw one shard's clips, look at them as the product does, and keep what it found and the truth."""
        self.source.reseed(self.where.seed * SEEDS + SPLITS[self.split] + index)
        clips = [self._recorded() for _ in range(SHARD_CLIPS)]
        tensors = {name: torch.stack([clip[name] for clip in clips]) for name in clips[0]}
        path = self.where.path(self.split, index)
        with written_whole(path) as unfinished:
            save_file(tensors, unfinished, {"made": json.dumps({"kind": KIND, "mqhmr_sha256": self.where.mqhmr})})
        return path

    def _recorded(self) -> dict[str, Tensor]:
        """One clip, a tensor for each part of `RecordedClips`."""
        clip = self.source.draw()
        person, known = clip.take.person, self.source.rng.random() < KNOWN_FOCAL_SHARE
        found = self.recorder.record(clip, height_m=float(self.people.height_m[person]), focal_is_known=known)
        return {
            "markers_m": found.markers_m,
            "keypoint_sd_m": found.keypoint_sd_m,
            "confidence": found.confidence,
            "R_camera_upright": found.R_camera_world,
            "true_markers_m": true_points_m(
                clip, self.body, self.people, self.skeletons.markers, self.body.markers.skin_matrix
            ),
            "q": clip.take.q,
            "R_camera_world": clip.R_camera_world,
            "camera_m": clip.camera_m,
            "body_scales": self.skeletons.body_scales[person],
            "marker_locations_m": self.skeletons.marker_locations_m[person],
            "person": torch.tensor(person),
            "height_m": self.people.height_m[person],
            "time_s": torch.from_numpy(clip.time_s),
        }


def true_points_m(clip: Clip, body: SegmentBody, people: People, points: Tensor, skin_matrix: Tensor) -> Tensor:
    """(T, K, 3) points of the true body in the camera's frame, in the middle of the exposures.

    Args:
        clip: of one of the people.
        body: the segment body.
        people: of the clip's source.
        points: (P, K, 3) of all people in the reference posture, in heights.
        skin_matrix: (K, 20) what moves them.
    """
    take, person = clip.take, clip.take.person
    shaped = ShapedBody(body.rig, people.shape[person], people.bone_heads[person])
    posed = shaped.with_global_rotations(take.R_world_segment[:, MIDDLE], root_position=torch.zeros(3))
    about_root = posed.skin(points[person], skin_matrix) * people.height_m[person]
    return clip.in_camera(about_root + take.root_m[:, None])


def read_clips(path: Path, *, mqhmr: str) -> RecordedClips:
    """One shard.

    Args:
        path: as `ClipFolder.path` gives it.
        mqhmr: hash of the weights that must have recorded it (`ClipFolder.mqhmr`).

    Raises:
        ModelError: the file is not there, is broken, or was recorded by other weights.
    """
    try:
        with safe_open(path, framework="pt") as file:
            made = json.loads((file.metadata() or {}).get("made", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read as recorded clips ({error}); delete it and make it again") from error
    if made.get("kind") != KIND:
        raise ModelError(f"{path}: holds {made.get('kind', 'something else')}, not {KIND}; delete it and make it again")
    if made["mqhmr_sha256"] != mqhmr:
        by, wanted = made["mqhmr_sha256"][:NAMED_DIGITS], mqhmr[:NAMED_DIGITS]
        raise ModelError(f"{path}: recorded by MQ-HMR {by}, not by {wanted}; delete it and make it again")
    return RecordedClips(**tensors)
