"""Our Adam takes the steps of torch's, and loads none of its compiler."""

import subprocess
import sys

import torch

from biopose.reconstruction.gradient_descent import BETAS, LAST_STEP, Adam


def energy(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return ((x - 1) ** 2).sum() + ((x * y) ** 4).sum() + y.exp().sum()


def test_the_steps_are_those_of_torch() -> None:
    generator = torch.Generator().manual_seed(0)
    ours = [torch.randn(5, generator=generator, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    theirs = [variable.detach().clone().requires_grad_() for variable in ours]
    adam = Adam([(ours[0], 0.1), (ours[1], 0.02)], iterations=30)
    torchs = torch.optim.Adam(
        [{"params": [theirs[0]], "lr": 0.1}, {"params": [theirs[1]], "lr": 0.02}], betas=BETAS, eps=1e-8
    )
    cosine = torch.optim.lr_scheduler.LambdaLR(
        torchs, lambda n: LAST_STEP + (1 - LAST_STEP) * 0.5 * (1 + torch.tensor(torch.pi * n / 30).cos().item())
    )
    for _ in range(30):
        adam.descend(energy(*ours))
        torchs.zero_grad()
        energy(*theirs).backward()
        torchs.step()
        cosine.step()
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their, rtol=1e-6, atol=1e-9)


def test_a_variable_that_the_energy_does_not_depend_on_stays() -> None:
    x, other = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    Adam([(x, 0.1), (other, 0.1)], iterations=5).descend((x**2).sum())
    assert torch.equal(other.detach(), torch.ones(3))
    assert (x < 1).all()


def test_a_descent_loads_no_compiler() -> None:
    """torch.optim would: two seconds before the first step."""
    code = """
import sys, torch
from biopose.reconstruction.gradient_descent import Adam
x = torch.ones(3, requires_grad=True)
Adam([(x, 0.1)], iterations=2).descend((x**2).sum())
print(sorted({"sympy", "torch._dynamo"} & set(sys.modules)))
"""
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
