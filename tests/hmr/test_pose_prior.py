from pathlib import Path

import numpy as np
import pytest
import torch

from biopose.errors import ModelError
from biopose.hmr.pose_prior import PosePrior
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.model import Skeleton


@pytest.fixture(scope="module")
def skeleton() -> Skeleton:
    return full_body_skeleton()


@pytest.fixture(scope="module")
def prior() -> PosePrior:
    return PosePrior.load()


def _pose(skeleton: Skeleton, **degrees: float) -> torch.Tensor:
    natural = {"pro_sup": 110.0, "elbow_flex": 25.0, "knee_angle": 8.0} | degrees
    q = skeleton.default_pose.copy()
    for name, value in natural.items():
        for i, coordinate in enumerate(skeleton.coordinate_names):
            if coordinate in (name, f"{name}_r", f"{name}_l"):
                q[i] = np.radians(value)
    return torch.from_numpy(skeleton.satisfy_couplings(q))


def _simple() -> PosePrior:
    covariances = torch.stack([torch.eye(2), 4 * torch.eye(2)]).double()
    means = torch.tensor([[0.0, 0.0], [1.0, -1.0]]).double()
    return PosePrior(("root", "a", "b"), ("a", "b"), means, covariances, weights=torch.tensor([0.25, 0.75]).double())


def test_the_energy_is_minus_the_log_of_the_mixture():
    q = torch.tensor([[9.0, 0.3, -0.2], [-9.0, 2.0, 1.0]]).double()
    parts = [
        0.25 * torch.exp(-q[:, 1:].square().sum(-1) / 2) / (2 * torch.pi),
        0.75 * torch.exp(-(q[:, 1:] - torch.tensor([1.0, -1.0])).square().sum(-1) / 8) / (2 * torch.pi * 4),
    ]
    torch.testing.assert_close(_simple().energy(q), -torch.log(parts[0] + parts[1]))


def test_it_is_loaded_as_it_was_saved(tmp_path: Path):
    prior = _simple()
    prior.save(tmp_path / "prior.safetensors", made="by hand")
    q = torch.randn(4, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    again = PosePrior.load(tmp_path / "prior.safetensors")
    torch.testing.assert_close(again.energy(q), prior.energy(q), atol=1e-6, rtol=1e-6)
    assert again.names == prior.names


def test_an_absent_file_is_refused(tmp_path: Path):
    with pytest.raises(ModelError):
        PosePrior.load(tmp_path / "none.safetensors")


def test_the_gradient_is_that_of_the_energy(prior: PosePrior, skeleton: Skeleton):
    q = _pose(skeleton, hip_flexion=30, knee_angle=40).clone().requires_grad_()
    assert torch.autograd.gradcheck(prior.energy, (q,), eps=1e-6, atol=1e-5)


def test_single_precision_stays_so_and_agrees(prior: PosePrior, skeleton: Skeleton):
    q = _pose(skeleton, hip_flexion=30)
    single = prior.energy(q.float())
    assert single.dtype == torch.float32
    assert abs(float(single) - float(prior.energy(q))) < 1e-3


def test_it_is_for_the_default_skeleton(prior: PosePrior, skeleton: Skeleton):
    assert prior.coordinate_names == skeleton.coordinate_names
    with pytest.raises(ValueError, match="41 coordinates"):
        prior.energy(torch.zeros(41))


def test_natural_postures_cost_less_than_twisted_ones(prior: PosePrior, skeleton: Skeleton):
    standing = prior.energy(_pose(skeleton))
    assert standing < prior.energy(_pose(skeleton, pro_sup=0)) - 5
    assert standing < prior.energy(_pose(skeleton, hip_rotation=45)) - 5
    assert standing < prior.energy(_pose(skeleton, subtalar_angle=30)) - 5


def test_sports_postures_that_nobody_recorded_cost_a_bounded_amount(prior: PosePrior, skeleton: Skeleton):
    standing = prior.energy(_pose(skeleton))
    for unusual in (
        {"hip_flexion": 115.0, "knee_angle": 125.0, "ankle_angle": 30.0},
        {"arm_flex": 170.0},
        {"hip_flexion": 90.0, "knee_angle": 0.0, "lumbar_extension": -50.0},
    ):
        assert prior.energy(_pose(skeleton, **unusual)) < standing + 50
