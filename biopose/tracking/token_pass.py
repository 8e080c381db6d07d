"""The tokens of people who are located already, as another feature head makes them.

Each is cut once more out of the video, in the crop in which they were located, and the keypoint network gives that
crop's feature maps: 0.3 MB a person are not kept. Neither the detector nor the tracker runs, and of the crops that
were tried that one alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice, zip_longest

import numpy as np
from numpy.typing import NDArray

from biopose.errors import VideoError
from biopose.perception.crops import cut_regions
from biopose.perception.flip_augmentation import is_mirrored
from biopose.perception.keypoint_network import KeypointNetwork
from biopose.perception.person_features import PersonFeatures
from biopose.tracking.frame_detections import FrameDetections, ShardDetections
from biopose.tracking.people_tracker import DECODED_AHEAD
from biopose.tracking.shard import Shard
from biopose.tracking.shard_frames import shard_frames
from biopose.tracking.token_batches import TokenBatches
from biopose.video.read_ahead import read_ahead

FRAMES = 12  # whose people are cut out at a time


def with_tokens(located: ShardDetections, shard: Shard, *, network: KeypointNetwork) -> ShardDetections:
    """Located people with the tokens of a head: what `shards.perceive` gives with it.

    Args:
        located: what was found in a shard by the same networks, whatever their head.
        shard: of a video.
        network: of keypoints, with the head.

    Raises:
        VideoError: the video cannot be decoded, or not to the same frames.
    """
    batches = TokenBatches[None](network)
    found = list[FrameDetections | None]()
    if any(frame.detections for frame in located.frames):
        with closing(read_ahead(_images_of(shard, located), depth=DECODED_AHEAD)) as images:
            frames = zip(located.frames, images, strict=True)
            while some := list(islice(frames, FRAMES)):
                for (frame, _), features in zip(some, _features(some, network), strict=True):
                    batches.add(None, frame, features)
                found += [frame for _, frame in batches.ready()]
        found += [frame for _, frame in batches.ready(last=True)]
        located = replace(located, frames=[frame for frame in found if frame is not None])
    return located


def _images_of(shard: Shard, located: ShardDetections) -> Iterator[NDArray[np.uint8]]:
    """The image of each frame in which people were located.

    Raises:
        VideoError: the video has other frames.
    """
    due = [frame.frame_index for frame in located.frames]
    decoded = (frame for frame in shard_frames(shard, warn=lambda _: None) if frame.index >= due[0])
    for index, frame in zip_longest(due, decoded):
        if frame is None or frame.index != index:
            raise VideoError(
                f"{shard.video}: frame {index} is not what it was when people were located; delete the detections, and "
                "run it again"
            )
        yield frame.image


def _features(
    frames: Sequence[tuple[FrameDetections, NDArray[np.uint8]]], network: KeypointNetwork
) -> list[list[PersonFeatures]]:
    """Of the people of each frame, from the crops in which they were located."""
    people = [(each, image) for frame, image in frames for each in frame.detections]
    crops = cut_regions(
        [image for _, image in people],
        np.array([each.region_px for each, _ in people], dtype=np.float64).reshape(-1, 4),
        np.array([each.turn_rad for each, _ in people], dtype=np.float64),
    )
    sizes_px = np.array([image.shape[1::-1] for _, image in people], dtype=np.int64).reshape(-1, 2)
    mirrored = np.array([is_mirrored(each.frame_index) for each, _ in people], dtype=np.bool_)
    features = iter(network.locate_in_crops(crops, sizes_px, mirrored=mirrored).features)
    return [[each for each in islice(features, len(frame.detections)) if each is not None] for frame, _ in frames]
