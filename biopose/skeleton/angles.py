"""Angles that mean the same pose: whole turns, and the two ways to write three turns about orthogonal axes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from biopose.skeleton.model import JointAxis, Skeleton


def periodic_coordinates(skeleton: Skeleton, *, limited: frozenset[int]) -> list[int]:
    """Unlimited coordinates that are the angle of just one axis, so that a whole turn more is the same pose."""
    drives: dict[int, list[bool]] = {}
    for joint in skeleton.joints:
        for number, axis in enumerate(joint.axes):
            if axis.coordinate is not None:
                drives.setdefault(axis.coordinate, []).append(axis.function.is_identity and number < 3)
    coupled = {c for coupling in skeleton.couplings for c in (coupling.independent, coupling.dependent)}
    return [c for c, plain in sorted(drives.items()) if plain == [True] and c not in limited and c not in coupled]


def orthogonal_triples(skeleton: Skeleton, periodic: list[int]) -> list[list[int]]:
    """The periodic coordinates of each joint that turns about three axes at right angles, in the order of turning."""
    triples = []
    for joint in skeleton.joints:
        axes: list[JointAxis] = [axis for axis in joint.axes[:3] if axis.coordinate in periodic]
        directions = np.array([axis.direction for axis in axes])
        if len(axes) == 3 and np.allclose(directions @ directions.T, np.eye(3), atol=1e-9):
            triples.append([axis.coordinate for axis in axes if axis.coordinate is not None])
    return triples


def wrap(angle: Tensor) -> Tensor:
    """Into [-pi, pi]."""
    return angle - 2 * torch.pi * torch.round(angle / (2 * torch.pi))


def unwrap(angles: Tensor) -> Tensor:
    """(F, n) made continuous along F by whole turns."""
    return torch.cat([angles[:1], angles[:1] + wrap(angles.diff(dim=0)).cumsum(0)])


def continuous_representation(q: Tensor, skeleton: Skeleton, periodic: list[int], triples: list[list[int]]) -> Tensor:
    """The same poses written so that angles change little from frame to frame, the first being nearest mid-range.

    Args:
        q: (F, Q) in order of time.
        skeleton: whose coordinates these are.
        periodic: see `periodic_coordinates`.
        triples: see `orthogonal_triples`; R(a) R(b) R(c) = R(a + pi) R(pi - b) R(c + pi).
    """
    q = q.clone()
    ranges = [(skeleton.coordinates[c].range_min, skeleton.coordinates[c].range_max) for c in range(q.shape[-1])]
    before = torch.tensor([(low + high) / 2 for low, high in ranges]).to(q)
    turned = torch.tensor([torch.pi, torch.pi, torch.pi]).to(q)
    flip = torch.tensor([1.0, -1.0, 1.0]).to(q)
    for frame in q:
        for triple in triples:
            same = before[triple] + wrap(frame[triple] - before[triple])
            other = before[triple] + wrap(turned + flip * frame[triple] - before[triple])
            nearer = (other - before[triple]).abs().sum() < (same - before[triple]).abs().sum()
            frame[triple] = other if nearer else same
        frame[periodic] = before[periodic] + wrap(frame[periodic] - before[periodic])
        before = frame
    return q
