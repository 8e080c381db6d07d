"""MQ-HMR: from a crop of a person to their body's mesh, by many queries to an encoder's feature maps.

The idea is BioPose's (WACV 2025): each segment of the body has a query token; N layers of self-attention between the
tokens and deformable cross-attention into multi-scale maps; then each token tells its segment's rotation (6D, Zhou et
al. 2019) and how sure it is. Shape and camera come from the encoder by a small network of their own. The keypoint
network gives maps and 2D keypoints in one pass, so the keypoints join in: they tell each query where to begin to look,
and between layers the tokens are told how far the body that they stand for projects from them (as in ReFit, Wang &
Daniilidis 2023).

All is said in the view that looks straight at the crop's middle (`rotation_towards`): a person looks the same there
wherever in the picture they are, and turning the view into the camera is exact.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from biopose.body.keypoint_names import KEYPOINTS, MIRRORED
from biopose.body.keypoints import KEYPOINT_SEGMENTS
from biopose.body.mirror import mirrored_local_rotations
from biopose.body.rig import PosedBody
from biopose.body.segment_body import SEGMENTS, SHAPE_TERMS, SegmentBody
from biopose.hmr.layers import DecoderLayer, DeformableAttention, PlainAttention
from biopose.hmr.template_body import TemplateBody, reprojection_residual, view_rays
from biopose.io.checkpoint import WEIGHTS, load_network, load_renamed, save_network
from biopose.perception.cspnext import MAP_CHANNELS
from biopose.skeleton.rotations import rotation_from_6d

KIND = "mqhmr"
MQHMR_WEIGHTS = WEIGHTS / "mqhmr.safetensors"
N_KEYPOINTS, N_SEGMENTS = len(KEYPOINTS), len(SEGMENTS)
RIGID = SEGMENTS.index("torso")  # turns with the abdomen, which it is welded to
LOG_SD_RANGE = (-6.0, 0.5)  # of the standard deviations, in heights
DEFAULT_LOG_SIZE = 0.25  # logarithm of a crop's height over the person's

RENAMED_KEYS = {"read.": "head.", "told.": "feedback."}  # in weights that were stored earlier
TOLD_SCALE = 10.0  # makes a misfit of a tenth of the crop one

# Which keypoints lie about each segment: there its query begins to look.
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
        levels: which of the encoder's four maps it looks at, the finest being 0.
        channels: of the encoder's four maps.
        width: of a token.
        layers: of the decoder.
        heads: of every attention.
        points: that a head of a query looks at on each map.
        hidden: width of the feed-forward layers, and of what is known of the crop as a whole.
        queries: tokens that the body is read from: 20, one a segment; 5, one a limb; 1.
        deformable: or plain attention to every cell.
        feedback: whether the tokens are told between layers how far their body projects from the keypoints.
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


@dataclass(frozen=True)
class CropInput:
    """N crops as the decoder takes them.

    Attributes:
        maps: four (N, channels, H, W) of the encoder; of those that are not looked at, anything.
        keypoints: (N, 26, 2) x and y in shares of the crop, 0 at its left and top edges.
        confidence: (N, 26) from 0 to 1.
        place: (N, 3) x / z and y / z of the crop's middle, and the logarithm of its height in the same units.
    """

    maps: tuple[Tensor, ...]
    keypoints: Tensor
    confidence: Tensor
    place: Tensor


@dataclass(frozen=True)
class Recovery:
    """What the network says of N people.

    Attributes:
        tokens: (N, Q, token_width) that the pose was read from.
        R_segment_local: (N, 20, 3, 3) turns of the segment body, local; the pelvis's is in the view.
        shape: (N, K) coefficients of the segment body.
        root: (N, 3) head of the pelvis's bone in the view, in heights.
        sd: (N, 26, 2) standard deviation of each keypoint about the hips, across the view and along it, in heights.
        drafts: (N, 20, 3, 3) local turns after each layer but the last.
    """

    tokens: Tensor
    R_segment_local: Tensor
    shape: Tensor
    root: Tensor
    sd: Tensor
    drafts: tuple[Tensor, ...] = ()

    def posed(self, body: SegmentBody) -> PosedBody:
        """The body in the view, in heights."""
        return body.rig.with_coefficients(self.shape).with_pose(self.R_segment_local, root_position=self.root)


class Mqhmr(nn.Module):
    """The decoder; an encoder's maps come in."""

    about: Tensor

    def __init__(self, shape: MqhmrShape | None = None) -> None:
        super().__init__()
        self.shape = s = shape or MqhmrShape()
        self.inputs = nn.ModuleList(nn.Conv2d(s.channels[level], s.width, kernel_size=1) for level in s.levels)
        self.position = nn.Parameter(0.02 * torch.randn(1, s.queries, s.width))
        context = 3 * N_KEYPOINTS + 3 + sum(s.channels[level] for level in s.levels)
        self.whole = nn.Sequential(
            nn.Linear(context, s.hidden), nn.GELU(), nn.Linear(s.hidden, s.hidden), nn.GELU(), nn.LayerNorm(s.hidden)
        )
        self.queries = nn.Linear(s.hidden, s.queries * s.width)
        self.layers = nn.ModuleList(
            DecoderLayer(width=s.width, heads=s.heads, cross=_cross(s), hidden=s.hidden, dropout=s.dropout)
            for _ in range(s.layers)
        )
        self.body = nn.Linear(s.hidden, SHAPE_TERMS + 3)
        self.narrow = nn.Sequential(nn.LayerNorm(s.width), nn.Linear(s.width, s.token_width))
        self.head = PoseHead(s)
        self.template_body = TemplateBody(SegmentBody.load())
        if s.feedback and s.layers > 1:
            self.feedback = nn.Sequential(
                nn.Linear(3 * N_KEYPOINTS, s.hidden // 2), nn.GELU(), nn.Linear(s.hidden // 2, s.queries * s.width)
            )
        self.register_buffer("about", _keypoints_about_queries(s.queries), persistent=False)
        nn.init.zeros_(self.body.weight)
        nn.init.zeros_(self.body.bias)
        load_renamed(self, RENAMED_KEYS)

    def forward(self, crops: CropInput) -> Recovery:
        """Recover the people."""
        s = self.shape
        seen = [crops.maps[level] for level in s.levels]
        points = torch.cat([2 * crops.keypoints - 1, crops.confidence[..., None]], dim=-1)
        means = [map_.mean(dim=(2, 3)) for map_ in seen]
        whole = self.whole(torch.cat([points.flatten(1), crops.place, *means], dim=-1))
        tokens = self.queries(whole).unflatten(-1, (s.queries, s.width))
        maps = [layer(map_) for layer, map_ in zip(self.inputs, seen, strict=True)]
        reference = self._reference(crops)
        drafts = []
        for layer in self.layers[:-1]:
            tokens = layer(tokens, self.position, reference, maps)
            if s.feedback:
                drafts.append(self._turns(tokens)[1])
                tokens = tokens + self._how_far(drafts[-1].detach(), crops).unflatten(-1, (s.queries, s.width))
        tokens = self.layers[-1](tokens, self.position, reference, maps)
        narrow, R_segment_local, sd = self._turns(tokens)
        with torch.autocast(tokens.device.type, enabled=False):
            shape, camera = self.body(whole.float()).split([SHAPE_TERMS, 3], dim=-1)
        return Recovery(narrow, R_segment_local, shape, _root(camera, crops.place[:, 2]), sd, tuple(drafts))

    def _turns(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The narrow tokens, and what is read from them."""
        with torch.autocast(tokens.device.type, enabled=False):  # half precision would round to millimetres
            narrow = self.narrow(tokens.float())
            return narrow, *self.head(narrow)

    def _how_far(self, R_local: Tensor, crops: CropInput) -> Tensor:
        """What the tokens are told, (N, Q * width): the misfit of the mean figure in these turns."""
        with torch.autocast(R_local.device.type, enabled=False):
            rays, log_crop = view_rays(crops.keypoints, crops.place), crops.place[:, 2]
            usual = (DEFAULT_LOG_SIZE - log_crop).exp()
            apart = reprojection_residual(self.template_body(R_local), rays, crops.confidence, log_crop, usual)
            given = torch.cat([TOLD_SCALE * apart.flatten(1), crops.confidence], dim=-1)
        told: Tensor = self.feedback(given)
        return told

    def _reference(self, crops: CropInput) -> Tensor:
        """(N, Q, 2) where each token begins to look."""
        weight = (crops.confidence[:, None] + 1e-3) * self.about  # unsure ones are better than none
        return (weight @ crops.keypoints / weight.sum(-1, keepdim=True)).clamp(0.0, 1.0)


class PoseHead(nn.Module):
    """From query tokens to rotations and standard deviations; refinement passes through it again and again."""

    of_segment: Tensor
    of_keypoint: Tensor

    def __init__(self, shape: MqhmrShape) -> None:
        super().__init__()
        self.queries, owner = shape.queries, _query_of_segment(shape.queries)
        self.register_buffer("of_segment", owner, persistent=False)
        of_keypoint = [owner[SEGMENTS.index(KEYPOINT_SEGMENTS[name])] for name in KEYPOINTS]
        self.register_buffer("of_keypoint", torch.stack(of_keypoint), persistent=False)
        width = shape.token_width
        self.rotation = nn.Parameter(0.1 * torch.randn(N_SEGMENTS, width, 6))
        self.rotation_bias = nn.Parameter(torch.eye(3)[:, :2].T.flatten().repeat(N_SEGMENTS, 1))
        self.log_sd = nn.Parameter(torch.zeros(N_KEYPOINTS, width, 2))
        self.log_sd_bias = nn.Parameter(torch.full((N_KEYPOINTS, 2), -3.0))

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """(..., Q, token_width) to local rotations (..., 20, 3, 3) and standard deviations (..., 26, 2), in heights."""
        six, log_sd = self._numbers(tokens)
        R = rotation_from_6d(six)
        rigid = torch.eye(3).to(R).expand_as(R[..., :1, :, :])
        R = torch.cat([R[..., :RIGID, :, :], rigid, R[..., RIGID + 1 :, :, :]], dim=-3)
        return R, log_sd.clamp(*LOG_SD_RANGE).exp()

    def flip_averaged(self, tokens: Tensor, image: Tensor) -> Tensor:
        """The tokens nearest to those of some people that say the mean of them and of those of their mirror images.

        What is read of tokens, before it is made a rotation or a standard deviation, is linear in them; so is a
        mirror. Where a token has too few numbers to say all, it says the nearest (least squares).

        Args:
            tokens: (..., Q, token_width) of the people.
            image: of the same people in the mirror.

        Returns:
            (..., Q, token_width).
        """
        (six, log_sd), (image_six, image_log_sd) = self._numbers(tokens), self._numbers(image)
        columns = image_six.unflatten(-1, (2, 3)).mT
        mirrored_six = mirrored_local_rotations(columns).mT.flatten(-2)
        return self._moved(tokens, (mirrored_six - six) / 2, (image_log_sd[..., MIRRORED, :] - log_sd) / 2)

    def saying(self, tokens: Tensor, R_segment_local: Tensor) -> Tensor:
        """The tokens nearest to some that say other turns, and are as sure as they were.

        Where a token has too few numbers to say all, it says the nearest (least squares).

        Args:
            tokens: (..., Q, token_width).
            R_segment_local: (..., 20, 3, 3); the rigid segment's is none.

        Returns:
            (..., Q, token_width).
        """
        six, log_sd = self._numbers(tokens)
        R_turn = R_segment_local @ self(tokens)[0].mT
        turned = (R_turn @ six.unflatten(-1, (2, 3)).mT).mT.flatten(-2)
        return self._moved(tokens, turned - six, torch.zeros_like(log_sd))

    def _moved(self, tokens: Tensor, six: Tensor, log_sd: Tensor) -> Tensor:
        """The tokens whose numbers are larger by six (..., 20, 6) and log_sd (..., 26, 2), as nearly as they can be."""
        apart = torch.cat([six.flatten(-2), log_sd.flatten(-2)], dim=-1)
        return tokens + torch.einsum("...r,qrd->...qd", apart, self._answers())

    def _numbers(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """(..., 20, 6) before they are rotations, (..., 26, 2) logarithms of the standard deviations."""
        six = torch.einsum("...sd,sdk->...sk", tokens[..., self.of_segment, :], self.rotation) + self.rotation_bias
        log_sd = torch.einsum("...sd,sdk->...sk", tokens[..., self.of_keypoint, :], self.log_sd) + self.log_sd_bias
        return six, log_sd

    def _answers(self) -> Tensor:
        """(Q, 20 * 6 + 26 * 2, token_width) what each query's token moves by, for each number to rise by 1."""
        rows = torch.cat([self.rotation.mT.flatten(0, 1), self.log_sd.mT.flatten(0, 1)])
        owner = torch.cat([self.of_segment.repeat_interleave(6), self.of_keypoint.repeat_interleave(2)])
        of_query = rows * (owner == torch.arange(self.queries, device=rows.device)[:, None])[..., None]
        return torch.linalg.pinv(of_query).mT.contiguous()


def _root(camera: Tensor, log_crop: Tensor) -> Tensor:
    """(N, 3) in heights, by a weak perspective (N, 3) of the crop, whose height in x / z is known."""
    depth = (camera[:, 0] + DEFAULT_LOG_SIZE - log_crop).exp()
    across = camera[:, 1:] * log_crop.exp()[:, None]
    return torch.cat([across, torch.ones_like(across[:, :1])], dim=-1) * depth[:, None]


def _cross(shape: MqhmrShape) -> nn.Module:
    sizes = {"width": shape.width, "heads": shape.heads, "levels": len(shape.levels)}
    return DeformableAttention(**sizes, points=shape.points) if shape.deformable else PlainAttention(**sizes)


def _query_of_segment(queries: int) -> Tensor:
    """(20,) which query each segment is read from.

    Raises:
        ValueError: another number than there are ways to share the segments.
    """
    limb = {segment: i for i, names in enumerate(LIMBS) for segment in names.split()}
    ways = {N_SEGMENTS: list(range(N_SEGMENTS)), len(LIMBS): [limb[s] for s in SEGMENTS], 1: [0] * N_SEGMENTS}
    if queries not in ways:
        raise ValueError(f"{queries} queries: the segments are shared by {', '.join(map(str, ways))}")
    return torch.tensor(ways[queries])


def _keypoints_about_queries(queries: int) -> Tensor:
    """(Q, 26) 1 where a keypoint lies about one of a query's segments."""
    about = torch.zeros(queries, N_KEYPOINTS)
    for segment, query in zip(SEGMENTS, _query_of_segment(queries).tolist(), strict=True):
        about[query, [KEYPOINTS.index(name) for name in SEGMENT_KEYPOINTS[segment]]] = 1.0
    return about


def save_mqhmr(path: Path, network: Mqhmr) -> None:
    """Write the network."""
    save_network(path, network, kind=KIND, shape=asdict(network.shape))


def load_mqhmr(path: Path = MQHMR_WEIGHTS) -> Mqhmr:
    """The network that ships, or another.

    Raises:
        ModelError: if the file is not there, is broken or holds another network.
    """
    return load_network(path, lambda shape: Mqhmr(MqhmrShape(**shape)), kind=KIND)
