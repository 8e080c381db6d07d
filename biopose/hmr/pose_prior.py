"""How likely a posture is: a mixture of Gaussians over the joint angles, root excluded.

    prior = PosePrior.load()
    prior.energy(q)                 # minus the log density; differentiable, any batch axes

The mixture was learned from recorded motion by `biopose.training.data.poses.fit_pose_prior`; its widest parts span the
anatomical ranges, so that a posture nobody recorded costs a bounded amount more than a common one.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor

from biopose.io.checkpoint import read_checkpoint, save_checkpoint
from biopose.io.weights_folder import WEIGHTS

POSE_PRIOR_WEIGHTS = WEIGHTS / "pose_prior.safetensors"
KIND = "pose_prior"


class PosePrior(torch.nn.Module):
    """A mixture of K Gaussians over D joint angles.

    Attributes:
        coordinate_names: all Q coordinates of the skeleton that it is for, in order.
        names: the D of them that it is over.
        means: (K, D) radians.
        whitening: (K, D, D) lower Cholesky factors of the precisions: (q - mean) @ whitening is white.
        log_weights: (K,) of the mixture.
    """

    means: Tensor
    whitening: Tensor
    log_weights: Tensor
    indices: Tensor

    def __init__(
        self,
        coordinate_names: tuple[str, ...],
        names: tuple[str, ...],
        means: Tensor,
        covariances: Tensor,
        *,
        weights: Tensor,
    ) -> None:
        super().__init__()
        self.coordinate_names, self.names = coordinate_names, names
        self.register_buffer("indices", torch.tensor([coordinate_names.index(name) for name in names]))
        self.register_buffer("means", means)
        self.register_buffer("whitening", torch.linalg.cholesky(torch.linalg.inv(covariances)))
        self.register_buffer("log_weights", weights.log())

    def energy(self, q: Tensor) -> Tensor:
        """Minus the log density of postures.

        Args:
            q: (..., Q) coordinates in the skeleton's order, radians.

        Returns:
            (...) energies, in the precision of q.

        Raises:
            ValueError: if q's last axis is not Q.
        """
        if q.shape[-1] != len(self.coordinate_names):
            raise ValueError(f"q has {q.shape[-1]} coordinates; the prior is for {len(self.coordinate_names)}")
        log_densities, _ = self._log_densities(q)
        return -torch.logsumexp(log_densities, dim=-1)

    def gradient_and_precision(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """Derivative (..., Q) of the energy of postures (..., Q), and the precision of the likeliest component.

        Returns:
            The gradient, and the precision (..., Q, Q); 0 for the coordinates that the prior is not over.
        """
        log_densities, white = self._log_densities(q)
        shares = log_densities.softmax(-1)
        whitening = self.whitening.to(q)
        by_component = torch.einsum("...ke,kde->...kd", white, whitening)
        gradient = torch.zeros_like(q)
        gradient[..., self.indices] = (shares[..., None] * by_component).sum(-2)
        embedded = q.new_zeros(len(whitening), q.shape[-1], q.shape[-1])
        embedded[:, self.indices[:, None], self.indices] = whitening @ whitening.mT
        return gradient, embedded[log_densities.argmax(-1)]

    def _log_densities(self, q: Tensor) -> tuple[Tensor, Tensor]:
        """(..., K) of the weighted components, and the whitened distances (..., K, D) from their means."""
        away = q[..., self.indices].unsqueeze(-2) - self.means.to(q)
        white = torch.einsum("...kd,kde->...ke", away, self.whitening.to(q))
        log_determinant = self.whitening.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        constant = self.log_weights + log_determinant - len(self.names) / 2 * math.log(2 * math.pi)
        return constant.to(q) - white.square().sum(-1) / 2, white

    def save(self, path: Path, *, made: str) -> None:
        """Write it; `made` describes the data."""
        covariances = torch.linalg.inv(self.whitening @ self.whitening.mT)
        tensors = {"means": self.means, "covariances": covariances, "weights": self.log_weights.exp()}
        save_checkpoint(
            path,
            {name: tensor.float() for name, tensor in tensors.items()},
            kind=KIND,
            shape={"coordinates": self.coordinate_names, "names": self.names, "made": made},
        )

    @classmethod
    def load(cls, path: Path = POSE_PRIOR_WEIGHTS) -> PosePrior:
        """Read it, in float64.

        Raises:
            ModelError: if the file is absent or no pose prior.
        """
        tensors, shape = read_checkpoint(path, kind=KIND)
        means, covariances, weights = (tensors[name].double() for name in ("means", "covariances", "weights"))
        return cls(tuple(shape["coordinates"]), tuple(shape["names"]), means, covariances, weights=weights)
