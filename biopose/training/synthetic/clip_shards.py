"""Shards of clips as NeurIK is trained on them: virtual markers as MQ-HMR measures them, and the truth.

Shard k depends on the seed, MQ-HMR's weights, the versions of the pipeline's stages and k alone, so shards can be made
in any order, by any number of processes, and reproduced. Its name holds them: for other weights or versions other
shards are missing.

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

from biopose.body.segment_body import SegmentBody
from biopose.errors import ModelError
from biopose.hmr.mqhmr import MQHMR_WEIGHTS
from biopose.io.files import sha256_of, written_whole
from biopose.pipeline import PERCEIVE, RECONSTRUCT, SOLVE
from biopose.reconstruction.fitted_person import FittedPerson
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.rotations import body_fixed_angles, rotation_axes
from biopose.training.data.motion import Motion
from biopose.training.synthetic.clips import ClipSource, SyntheticClip
from biopose.training.synthetic.recording import ClipRecorder
from biopose.training.synthetic.shards import SEEDS, SPLITS, ShardFolder, of_split, split_people
from biopose.training.synthetic.skeletons import skeletons_of_drawn

SHARD_CLIPS = 16
KNOWN_FOCAL_SHARE = 0.5  # of clips whose focal length is given
CONTENT = 6  # raised whenever the same seed and the same pipeline give other content
# In the shards' names: what a stage gives for the same clip changes only with its version.
VERSION = ".".join(str(number) for number in (CONTENT, PERCEIVE.version, RECONSTRUCT.version, SOLVE.version))
KIND = f"recorded clips {VERSION}"
NAMED_DIGITS = 8  # of the weights' hash


@dataclass(frozen=True)
class ClipFolder(ShardFolder):
    """Folder of the shards of a seed and of weights.

    Attributes:
        folder: of all splits.
        motion: folder of CMU's motion capture.
        seed: of the clips.
        weights: of MQ-HMR.
    """

    weights: Path = MQHMR_WEIGHTS

    @cached_property
    def mqhmr(self) -> str:
        """Hash of the weights."""
        return sha256_of(self.weights)

    def path(self, split: str, index: int) -> Path:
        """Path of a shard; its name holds all that its content depends on."""
        return self.folder / f"clips{VERSION}_{split}_{self.seed}_{self.mqhmr[:NAMED_DIGITS]}_{index:05d}.safetensors"


@dataclass(frozen=True, eq=False)
class RecordedClips:
    """N clips of T frames, in the worlds that the pipeline estimated; y is up.

    Attributes:
        markers_m: (N, T, M, 3) virtual markers of the fitted person.
        weight: (N, T, M) confidence of each, 0 to 1.
        solved_q: (N, T, Q) coordinates by batched inverse kinematics from them.
        solved_scales: (N, B, 3) scale factors of the skeleton that it solves.
        solved_places_m: (N, M, 3) marker locations in the segments of that skeleton.
        q: (N, T, Q) true coordinates; the pelvis's orientation is the true one relative to the camera, its position is
            shifted by the mean error of the estimate, which markers cannot determine.
        body_scales: (N, B, 3) true ones.
        marker_locations_m: (N, M, 3) locations of the true body's markers in the segments of that skeleton.
        interval_s: (N,) between frames.
        person: (N,) index among the split's people.
    """

    markers_m: Tensor
    weight: Tensor
    solved_q: Tensor
    solved_scales: Tensor
    solved_places_m: Tensor
    q: Tensor
    body_scales: Tensor
    marker_locations_m: Tensor
    interval_s: Tensor
    person: Tensor


class ClipShardMaker:
    """Makes shards of a split, with the people and motions of the images of that split.

    Args:
        where: their folder.
        split: of SPLITS.
        motions: of the split.

    Raises:
        ValueError: no such split.
        ModelError: weights are missing, broken, or changed since the shards were named.
    """

    def __init__(self, where: ClipFolder, split: str, motions: Sequence[Motion]) -> None:
        self.where, self.split, self.body = where, split, SegmentBody.load()
        self.people = split_people(self.body, where.folder, split, where.people)
        self.skeletons = of_split(split, partial(skeletons_of_drawn, self.body, where.folder), where.people)
        self.source = ClipSource(self.body, self.people, self.skeletons, motions, seed=0)
        self.recorder = ClipRecorder(where.weights)
        self.kinematics = Kinematics(full_body_skeleton(), dtype=torch.float32)
        self.pelvis = self.kinematics.skeleton.body_names.index("pelvis")
        if sha256_of(where.weights) != where.mqhmr:
            raise ModelError(f"{where.weights}: has changed since the clips were started; start again")

    def make(self, index: int) -> Path:
        """Render a shard's clips, measure them, and write the estimates with the truth."""
        self.source.reseed(self.where.seed * SEEDS + SPLITS[self.split] + index)
        clips = [self._recorded() for _ in range(SHARD_CLIPS)]
        tensors = {name: torch.stack([clip[name] for clip in clips]) for name in clips[0]}
        path = self.where.path(self.split, index)
        with written_whole(path) as unfinished:
            save_file(tensors, unfinished, {"made": json.dumps({"kind": KIND, "mqhmr_sha256": self.where.mqhmr})})
        return path

    def _recorded(self) -> dict[str, Tensor]:
        """A clip: a tensor for each part of `RecordedClips`."""
        clip = self.source.draw()
        person, known = clip.sequence.person, self.source.rng.random() < KNOWN_FOCAL_SHARE
        fitted = self.recorder.record(clip, height_m=float(self.people.height_m[person]), focal_is_known=known)
        measured = self.recorder.markers(fitted)
        return {
            "markers_m": measured.markers.markers_m[0],
            "weight": measured.markers.weight[0],
            "solved_q": measured.q,
            "solved_scales": measured.subject.body_scales[0],
            "solved_places_m": measured.subject.locations_m[0],
            "q": self._in_world(clip, fitted, measured.q),
            "body_scales": self.skeletons.body_scales[person],
            "marker_locations_m": self.skeletons.marker_locations_m[person],
            "interval_s": measured.markers.interval_s[0],
            "person": torch.tensor(person),
        }

    def _in_world(self, clip: SyntheticClip, fitted: FittedPerson, solved_q: Tensor) -> Tensor:
        """(T, Q) true coordinates in the estimated world; see `RecordedClips`."""
        root = self.kinematics.skeleton.joints[0]
        columns = [axis.coordinate for axis in root.axes]
        pelvis = self.kinematics.with_coordinates(clip.sequence.q).R_ground_body[:, self.pelvis]
        R_world_camera = torch.from_numpy(fitted.T_camera_world[:3, :3].T).float()
        angles = body_fixed_angles(R_world_camera @ clip.R_camera_world @ pelvis, rotation_axes(root).float())
        position_m = clip.sequence.q[:, columns[3:]] @ clip.R_camera_world.mT @ R_world_camera.mT
        position_m = position_m + (solved_q[:, columns[3:]] - position_m).mean(0)
        q = clip.sequence.q.clone()
        q[:, columns] = torch.cat([angles, position_m], dim=-1)
        return self.kinematics.satisfy_couplings(q)[0]


def read_clips(path: Path, *, mqhmr: str) -> RecordedClips:
    """Read a shard.

    Args:
        path: as `ClipFolder.path` gives it.
        mqhmr: hash of the weights that it must be of (`ClipFolder.mqhmr`).

    Raises:
        ModelError: the file is missing, broken, or of other weights.
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
