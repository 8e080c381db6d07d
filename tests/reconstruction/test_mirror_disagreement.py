"""The disagreement of predictions of mirrored and of other frames: of what alternates, and not of the motion."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from biopose.body.segment_body import SEGMENTS
from biopose.reconstruction.mirror_disagreement import COMPARED, mirror_disagreement_deg

RATE_HZ = 60.0


def turned(angle_rad: Callable[[Tensor], Tensor], frames: int = 60) -> Tensor:
    """(T, 20, 3, 3) every segment turned about x by an angle of time in seconds."""
    angle = angle_rad(torch.arange(frames, dtype=torch.float64) / RATE_HZ)
    R = torch.eye(3, dtype=torch.float64).repeat(frames, len(SEGMENTS), 1, 1)
    cosine, sine = angle.cos()[:, None], angle.sin()[:, None]
    R[..., 1, 1], R[..., 2, 2], R[..., 1, 2], R[..., 2, 1] = cosine, cosine, -sine, sine
    return R


def alternating(R: Tensor, degrees: float) -> Tensor:
    """The same, every second frame turned further by some degrees."""
    return R @ turned(lambda time_s: np.radians(degrees) * (torch.arange(len(time_s)) % 2), len(R))


def sprinting(time_s: Tensor) -> Tensor:
    """A knee through 100 degrees, four times in a second."""
    return np.radians(50.0) * (2 * np.pi * 4.0 * time_s).sin()


def test_what_alternates_from_frame_to_frame_is_the_disagreement_whatever_the_motion() -> None:
    frames = np.arange(60)
    for motion in (torch.zeros_like, sprinting):
        moving = turned(motion)
        assert mirror_disagreement_deg(alternating(moving, 6.0), frames) == pytest.approx(6.0, abs=0.4)
    assert mirror_disagreement_deg(turned(sprinting), frames) == pytest.approx(0.0, abs=0.5)


def test_half_of_the_segments_must_disagree_and_the_pelvis_counts_in_no_case() -> None:
    R = turned(torch.zeros_like)
    few = R.clone()
    few[:, [0, *COMPARED[:8]]] = alternating(R, 30.0)[:, [0, *COMPARED[:8]]]
    assert mirror_disagreement_deg(few, np.arange(60)) == pytest.approx(0.0, abs=1e-6)


def test_frames_that_do_not_follow_each_other_are_not_compared() -> None:
    R = alternating(turned(torch.zeros_like), 6.0)
    assert mirror_disagreement_deg(R, np.arange(60) * 2) is None
    assert mirror_disagreement_deg(R[:4], np.arange(4)) is None
    with_gap = np.r_[np.arange(30), np.arange(31, 61)]  # the parity changes at the gap
    R_with_gap = torch.cat([R[:30], R[1:31]])
    assert mirror_disagreement_deg(R_with_gap, with_gap) == pytest.approx(6.0, abs=1e-6)
