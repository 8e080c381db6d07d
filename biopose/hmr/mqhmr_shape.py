"""Dimensions of MQ-HMR, and how its queries share the body's segments and keypoints."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from biopose.body.keypoint_names import KEYPOINTS
from biopose.body.segment_body import SEGMENTS
from biopose.perception.cspnext import MAP_CHANNELS

N_KEYPOINTS, N_SEGMENTS = len(KEYPOINTS), len(SEGMENTS)

# The keypoints of each segment: their mean is the reference point of its query.
SEGMENT_KEYPOINTS = {
    "pelvis": ("left_hip", "right_hip", "mid_hip"),
    "abdomen": ("mid_hip", "neck"),
    "torso": ("neck", "left_shoulder", "right_shoulder"),
    "head": ("nose", "left_ear", "right_ear", "head_top"),
} | {
    f"{segment}_{side[0]}": tuple(f"{side}_{point}" for point in points)
    for side in ("right", "left")
    for segment, points in {
        "femur": ("hip", "knee"),
        "tibia": ("knee", "ankle"),
        "calcn": ("ankle", "heel"),
        "toes": ("big_toe", "small_toe"),
        "humerus": ("shoulder", "elbow"),
        "ulna": ("elbow", "wrist"),
        "radius": ("elbow", "wrist"),
        "hand": ("wrist",),
    }.items()
}
LIMBS = (
    "pelvis abdomen torso head",
    *(f"femur_{side} tibia_{side} calcn_{side} toes_{side}" for side in "rl"),
    *(f"humerus_{side} ulna_{side} radius_{side} hand_{side}" for side in "rl"),
)


@dataclass(frozen=True)
class MqhmrShape:
    """Dimensions of the network; kept inside its checkpoint.

    Attributes:
        levels: which of the encoder's four maps it attends to, the finest being 0.
        channels: of the encoder's four maps.
        width: of a token.
        layers: of the decoder.
        heads: of every attention.
        points: that a head of a query samples from each map.
        hidden: width of the feed-forward layers, and of the embedding of the whole crop.
        queries: tokens of the body: 20, one a segment; 5, one a limb; 1.
        deformable: or plain attention to every cell.
        feedback: whether the tokens are updated between layers with the reprojection residual of the keypoints.
        token_width: of a token as it leaves the decoder: few numbers, since they are kept for everybody in every frame
            until the fit refines those of the athlete.
        dropout: share of the channels dropped while training.
    """

    levels: tuple[int, ...] = (2, 3)
    channels: tuple[int, ...] = MAP_CHANNELS
    width: int = 192
    layers: int = 4
    heads: int = 6
    points: int = 4
    hidden: int = 512
    queries: int = N_SEGMENTS
    deformable: bool = True
    feedback: bool = True
    token_width: int = 24
    dropout: float = 0.0


def query_of_segment(queries: int) -> Tensor:
    """(20,) the query of each segment.

    Raises:
        ValueError: the segments cannot be shared by this number of queries.
    """
    limb = {segment: i for i, names in enumerate(LIMBS) for segment in names.split()}
    ways = {N_SEGMENTS: list(range(N_SEGMENTS)), len(LIMBS): [limb[s] for s in SEGMENTS], 1: [0] * N_SEGMENTS}
    if queries not in ways:
        raise ValueError(f"{queries} queries: the segments are shared by {', '.join(map(str, ways))}")
    return torch.tensor(ways[queries])


def keypoints_of_queries(queries: int) -> Tensor:
    """(Q, 26) 1 where a keypoint belongs to one of a query's segments."""
    belongs = torch.zeros(queries, N_KEYPOINTS)
    for segment, query in zip(SEGMENTS, query_of_segment(queries).tolist(), strict=True):
        belongs[query, [KEYPOINTS.index(name) for name in SEGMENT_KEYPOINTS[segment]]] = 1.0
    return belongs
