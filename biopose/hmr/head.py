"""The last layer of MQ-HMR: from query tokens to local rotations and standard deviations of the keypoints.

Before it is made a rotation (6D, Zhou et al. 2019) or a standard deviation, its output is linear in the tokens. So the
tokens of a given output are found by linear least squares.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from biopose.body.keypoint_names import KEYPOINTS, MIRRORED
from biopose.body.keypoints import KEYPOINT_SEGMENTS
from biopose.body.mirror import mirrored_local_rotations
from biopose.body.segment_body import SEGMENTS
from biopose.hmr.mqhmr_shape import N_KEYPOINTS, N_SEGMENTS, MqhmrShape, query_of_segment
from biopose.skeleton.rotations import rotation_from_6d

RIGID = SEGMENTS.index("torso")  # welded to the abdomen
LOG_SD_RANGE = (-6.0, 0.5)  # of the standard deviations, in heights


class PoseHead(nn.Module):
    """Reads the pose from the tokens; refinement passes through it in every iteration.

    Args:
        shape: of the network.
    """

    of_segment: Tensor
    of_keypoint: Tensor

    def __init__(self, shape: MqhmrShape) -> None:
        super().__init__()
        self.queries, owner = shape.queries, query_of_segment(shape.queries)
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
        rotation_6d, log_sd = self._linear(tokens)
        R = rotation_from_6d(rotation_6d)
        rigid = torch.eye(3).to(R).expand_as(R[..., :1, :, :])
        R = torch.cat([R[..., :RIGID, :, :], rigid, R[..., RIGID + 1 :, :, :]], dim=-3)
        return R, log_sd.clamp(*LOG_SD_RANGE).exp()

    def mirrored(self, tokens: Tensor) -> Tensor:
        """Tokens (..., Q, token_width) of people's mirror images, from those (..., Q, token_width) of the people.

        The nearest by least squares, where a token has too few numbers to give the mirrored output exactly.
        """
        rotation_6d, log_sd = self._linear(tokens)
        columns = rotation_6d.unflatten(-1, (2, 3)).mT
        mirrored_6d = mirrored_local_rotations(columns).mT.flatten(-2)
        return self._moved(tokens, mirrored_6d - rotation_6d, log_sd[..., MIRRORED, :] - log_sd)

    def with_rotations(self, tokens: Tensor, R_segment_local: Tensor) -> Tensor:
        """The tokens nearest to some that give other local rotations and the same standard deviations.

        The nearest by least squares, where a token has too few numbers to give both exactly.

        Args:
            tokens: (..., Q, token_width).
            R_segment_local: (..., 20, 3, 3); that of the rigid segment is the identity.

        Returns:
            (..., Q, token_width).
        """
        rotation_6d, log_sd = self._linear(tokens)
        R_change = R_segment_local @ self(tokens)[0].mT
        rotated = (R_change @ rotation_6d.unflatten(-1, (2, 3)).mT).mT.flatten(-2)
        return self._moved(tokens, rotated - rotation_6d, torch.zeros_like(log_sd))

    def rotated(self, tokens: Tensor, R: Tensor) -> Tensor:
        """Tokens (N, Q, token_width) of bodies that are rotated as a whole, by R (N, 3, 3) in the view."""
        R_local = self(tokens)[0]
        pelvis = R[:, None] @ R_local[:, :1]
        return self.with_rotations(tokens, torch.cat([pelvis, R_local[:, 1:]], dim=1))

    def _moved(self, tokens: Tensor, rotation_6d: Tensor, log_sd: Tensor) -> Tensor:
        """The tokens whose linear output is larger by (..., 20, 6) and (..., 26, 2), by least squares."""
        change = torch.cat([rotation_6d.flatten(-2), log_sd.flatten(-2)], dim=-1)
        return tokens + torch.einsum("...r,qrd->...qd", change, self._pseudoinverse())

    def _linear(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """(..., 20, 6) of the rotations, (..., 26, 2) logarithms of the standard deviations."""
        six = torch.einsum("...sd,sdk->...sk", tokens[..., self.of_segment, :], self.rotation) + self.rotation_bias
        log_sd = torch.einsum("...sd,sdk->...sk", tokens[..., self.of_keypoint, :], self.log_sd) + self.log_sd_bias
        return six, log_sd

    def _pseudoinverse(self) -> Tensor:
        """(Q, 20 * 6 + 26 * 2, token_width) of the linear map from each query's token to the output."""
        rows = torch.cat([self.rotation.mT.flatten(0, 1), self.log_sd.mT.flatten(0, 1)])
        owner = torch.cat([self.of_segment.repeat_interleave(6), self.of_keypoint.repeat_interleave(2)])
        of_query = rows * (owner == torch.arange(self.queries, device=rows.device)[:, None])[..., None]
        return torch.linalg.pinv(of_query).mT.contiguous()
