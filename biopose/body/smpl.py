"""A user's own SMPL or SMPL-X file as a body: the same steps, conventions and marker names as the default.

Nothing of the SMPL family comes with BioPose: its licence forbids commercial use without an agreement. A user who has
one brings the file as plain arrays (.npz); pickles are never opened, because opening one runs whatever it holds.

The rest mesh is the model's T-pose, in the world frame (SMPL: x to the body's left, y up, z forward).
"""

import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from biopose.body.markers import MarkerSet, place_markers
from biopose.body.rig import Rig, ShapedBody
from biopose.errors import ModelError

R_WORLD_SMPL = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0))
_BODY = (
    *("pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle"),
    *("spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder"),
    *("right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
)
_FINGERS = tuple(f"{finger}{bone}" for finger in ("index", "middle", "pinky", "ring", "thumb") for bone in (1, 2, 3))
BONE_LABELS: Mapping[str, tuple[str, ...]] = {
    "smpl": (*_BODY, "left_hand", "right_hand"),
    "smplx": (
        *(*_BODY, "jaw", "left_eye", "right_eye"),
        *(f"{side}_{finger}" for side in ("left", "right") for finger in _FINGERS),
    ),
}
_MODEL_BY_SIZE = {(6890, 24): "smpl", (10475, 55): "smplx"}

# One vertex a marker, as published. SMPL: the layouts of MoSh++ (Mahmood et al. 2019, AMASS), in which FWT and BWT, the
# front and back of the waist, are the iliac spines. SMPL-X: its layout of 67 markers, SSM2 (Zhang et al. 2021, MOJO).
# What these leave out, the inner ankles (AKI), SMPL-X's right radial wrist and the top of its head: the BSM marker set
# (Keller et al. 2023, SKEL).
SMPL_VERTICES: Mapping[str, int] = {
    **{"C7": 3470, "CLAV": 3171, "STRN": 3506, "T8": 3508, "T10": 3016, "TOPH": 411},
    **{"LASI": 857, "RASI": 4343, "LPSI": 3122, "RPSI": 6544, "LSHO": 1861, "RSHO": 5322},
    **{"LELB": 1666, "RELB": 5135, "LELBIN": 1725, "RELBIN": 5194, "LFIN": 2174, "RFIN": 5635},
    **{"LIWR": 2112, "RIWR": 5573, "LOWR": 2108, "ROWR": 5568},
    **{"LKNE": 1053, "RKNE": 4538, "LKNI": 1058, "RKNI": 4544},
    **{"LANK": 3327, "RANK": 6728, "LANI": 3199, "RANI": 6599, "LHEE": 3387, "RHEE": 6786},
    **{"LMT1": 3336, "RMT1": 6736, "LMT5": 3346, "RMT5": 6747, "LTOE": 3233, "RTOE": 6633},
    **{"LFHD": 0, "RFHD": 3512, "LBHD": 182, "RBHD": 3694},
}
SMPLX_VERTICES: Mapping[str, int] = {
    **{"C7": 3832, "CLAV": 5533, "STRN": 5531, "T8": 5487, "TOPH": 8969},
    **{"LASI": 3486, "RASI": 6248, "LPSI": 5697, "RPSI": 8391, "LSHO": 4481, "RSHO": 6627},
    **{"LELB": 4302, "RELB": 7040, "LELBIN": 4363, "RELBIN": 7099, "LFIN": 4788, "RFIN": 7524},
    **{"LIWR": 4726, "RIWR": 7462, "LOWR": 4722, "ROWR": 7458},
    **{"LKNE": 3682, "RKNE": 6443, "LKNI": 3688, "RKNI": 6449},
    **{"LANK": 5882, "RANK": 8576, "LANI": 5753, "RANI": 8447, "LHEE": 8846, "RHEE": 8634},
    **{"LMT1": 5890, "RMT1": 8584, "LMT5": 5901, "RMT5": 8595, "LTOE": 5787, "RTOE": 8481},
    **{"LFHD": 707, "RFHD": 2198, "LBHD": 2026, "RBHD": 3066},
}
VERTICES: Mapping[str, Mapping[str, int]] = {"smpl": SMPL_VERTICES, "smplx": SMPLX_VERTICES}

SMPL_SEGMENT_BONES: Mapping[str, tuple[str, ...]] = {
    "pelvis": ("pelvis",),
    "abdomen": ("spine1",),
    "torso": ("spine2", "spine3", "left_collar", "right_collar"),
    "head": ("neck", "head"),
} | {
    f"{segment}_{side[0]}": (f"{side}_{bone}",)
    for side in ("right", "left")
    for segment, bone in {
        "femur": "hip",
        "tibia": "knee",
        "calcn": "ankle",
        "toes": "foot",
        "humerus": "shoulder",
        "ulna": "elbow",
        "radius": "elbow",
        "hand": "wrist",
    }.items()
}


@dataclass(frozen=True)
class SmplBody(Rig):
    """SMPL or SMPL-X before it has a shape; ``model`` is ``smpl`` or ``smplx``."""

    model: str

    @classmethod
    def load(
        cls,
        path: Path,
        *,
        shape_components: int = 10,
        pose_correctives: bool = True,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> "SmplBody":
        """Load a user's own file.

        Args:
            path: .npz with the arrays v_template (V, 3), shapedirs (V, 3, K), J_regressor (J, V), weights (V, J),
                kintree_table (2, J), f (F, 3) and, if it has pose correctives, posedirs (V, 3, 9 (J - 1)).
            shape_components: how many of the K shape directions are kept.
            pose_correctives: whether posedirs are loaded; markers on bone do without.
            device: where every tensor of the body lies.
            dtype: float32 or float64.

        Raises:
            ModelError: the file is absent, a pickle, or not SMPL's or SMPL-X's arrays; the message names what is wrong.
        """
        arrays = _read_arrays(path)
        model = _check_arrays(path, arrays)
        tensors = {name: torch.as_tensor(array.astype(np.float64)) for name, array in arrays.items() if name != "f"}
        R = torch.tensor(R_WORLD_SMPL, dtype=torch.float64)
        vertices = tensors["v_template"] @ R.T
        blendshapes = tensors["shapedirs"][..., :shape_components].permute(2, 0, 1) @ R.T
        regressor = tensors["J_regressor"]
        has_pose = pose_correctives and "posedirs" in tensors
        pose = _pose_blendshapes(tensors["posedirs"], R).to(device, dtype) if has_pose else None
        return cls(
            bone_labels=BONE_LABELS[model],
            bone_parents=_parents(arrays["kintree_table"]),
            template_vertices=vertices.to(device, dtype),
            vertex_blendshapes=blendshapes.to(device, dtype),
            template_bone_heads=(regressor @ vertices).to(device, dtype),
            bone_head_blendshapes=(regressor @ blendshapes).to(device, dtype),
            skin_matrix=tensors["weights"].to(device, dtype),
            triangles=torch.as_tensor(arrays["f"].astype(np.int64), device=device),
            pose_blendshapes=pose,
            model=model,
        )

    def with_shape(self, betas: Tensor) -> ShapedBody:
        """Give the body a shape by its first k coefficients (..., k); the others are 0.

        Raises:
            ValueError: more coefficients than were loaded.
        """
        loaded = len(self.vertex_blendshapes)
        if betas.shape[-1] > loaded:
            raise ValueError(f"{betas.shape[-1]} betas given, {loaded} loaded: load with shape_components")
        padding = betas.new_zeros(*betas.shape[:-1], loaded - betas.shape[-1])
        return self.with_coefficients(torch.cat([betas, padding], dim=-1))


def smpl_markers(body: SmplBody, names: Iterable[str] | None = None) -> MarkerSet:
    """Markers on SMPL or SMPL-X; by default all that have a published vertex.

    Raises:
        ValueError: a marker has no published vertex on this model.
    """
    places = {name: ((vertex, 1.0),) for name, vertex in VERTICES[body.model].items()}
    return place_markers(body, places, places if names is None else names, SMPL_SEGMENT_BONES)


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    if path.suffix != ".npz":
        raise ModelError(
            f"{path} is not an .npz file. A .pkl of SMPL is converted once, where it is trusted, with its arrays made "
            "plain: np.savez(out, **{k: np.asarray(v.toarray() if hasattr(v, 'toarray') else v) for k, v in "
            "data.items() if k in ('v_template', 'shapedirs', 'posedirs', 'J_regressor', 'weights', 'kintree_table', "
            "'f')})"
        )
    required = ("v_template", "shapedirs", "J_regressor", "weights", "kintree_table", "f")
    try:
        with np.load(path, allow_pickle=False) as file:
            absent = [name for name in required if name not in file]
            if absent:
                raise ModelError(f"{path} lacks the arrays {absent} of an SMPL or SMPL-X model; it has {sorted(file)}")
            return {name: file[name] for name in (*required, "posedirs") if name in file}
    except FileNotFoundError as error:
        raise ModelError(f"no body model at {path}") from error
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} cannot be read as plain arrays ({error}): save it again without objects") from error


def _check_arrays(path: Path, arrays: dict[str, np.ndarray]) -> str:
    """The model's name, after every array's shape agrees with it."""
    size = (len(arrays["v_template"]), arrays["kintree_table"].shape[-1])
    model = _MODEL_BY_SIZE.get(size)
    if model is None:
        raise ModelError(
            f"{path} has {size[0]} vertices and {size[1]} joints: neither SMPL nor SMPL-X, {_MODEL_BY_SIZE}"
        )
    V, J = size
    shapes = {
        "v_template": (V, 3),
        "shapedirs": (V, 3, arrays["shapedirs"].shape[-1]),
        "J_regressor": (J, V),
        "weights": (V, J),
        "kintree_table": (2, J),
        "f": (len(arrays["f"]), 3),
        "posedirs": (V, 3, 9 * (J - 1)),
    }
    for name, array in arrays.items():
        if array.shape != shapes[name] or not np.isfinite(array.astype(np.float64)).all():
            raise ModelError(f"{path}: {name} is {array.shape}, expected finite {shapes[name]}")
    if np.abs(arrays["weights"].sum(axis=1) - 1.0).max() > 1e-3 or not 0 <= arrays["f"].min() <= arrays["f"].max() < V:
        raise ModelError(f"{path}: skinning weights must sum to 1, and triangles must name vertices below {V}")
    parents = _parents(arrays["kintree_table"])
    if parents[0] != -1 or any(not 0 <= parent < bone for bone, parent in enumerate(parents) if bone):
        raise ModelError(f"{path}: kintree_table must have one root, first, and parents before their children")
    return model


def _parents(kintree_table: np.ndarray) -> tuple[int, ...]:
    """Each joint's parent; the root's, which files give as -1 or as 2**32 - 1, becomes -1."""
    return (-1, *(int(parent) for parent in kintree_table[0, 1:]))


def _pose_blendshapes(posedirs: Tensor, R_world_smpl: Tensor) -> Tensor:
    """SMPL's pose correctives (V, 3, 9 (J - 1)) for rotations and displacements in world axes: (9 (J - 1), V, 3)."""
    by_entry = posedirs.unflatten(-1, (-1, 3, 3))
    C = R_world_smpl
    in_world = torch.einsum("ab,vbjik,li,mk->jlmva", C, by_entry, C, C)
    return in_world.flatten(end_dim=2)
