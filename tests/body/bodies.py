"""The body for tests: the machine's own asset, or the test is skipped."""

import pytest
import torch

from biopose.body.anny import Body
from biopose.body.asset_file import body_asset_path

needs_body_asset = pytest.mark.skipif(
    not body_asset_path().is_file(), reason="the body asset is not here: run `biopose assets pull`"
)


def body_in_double() -> Body:
    return Body.load(dtype=torch.float64)


def random_rotations(*shape: int, degrees: float, seed: int) -> torch.Tensor:
    """Rotations about random axes by up to a number of degrees: (*shape, 3, 3)."""
    generator = torch.Generator().manual_seed(seed)
    turns = torch.randn(*shape, 3, generator=generator, dtype=torch.float64)
    turns = turns / turns.norm(dim=-1, keepdim=True)
    angle = torch.deg2rad(degrees * torch.rand(*shape, 1, generator=generator, dtype=torch.float64))
    eye = torch.eye(3, dtype=torch.float64).expand(*shape, 3, 3)
    return torch.linalg.matrix_exp(torch.linalg.cross((angle * turns)[..., None], eye, dim=-2))
