"""Small files in the formats of SMPL and SMPL-X and of their motions; nothing in them is of the real models.

One body is random. The other stands like a person: markers and joints lie where the default body's do, and every marker
moves with one bone of its segment.
"""

from pathlib import Path

import numpy as np
import torch

from biopose.body.anny import Body
from biopose.body.markers import MARKERS, anny_markers
from biopose.body.rig import ShapedBody
from biopose.body.smpl import BONE_LABELS, R_WORLD_SMPL, SMPL_SEGMENT_BONES, VERTICES
from tests.body.joint_centres import joint_centres

SIZES = {"smpl": (6890, 24), "smplx": (10475, 55)}
BODY_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)


def random_arrays(model: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Random arrays of the right structure; a marker's vertex moves with its segment and one bone more."""
    V, J = SIZES[model]
    rng = np.random.default_rng(seed)
    weights = np.zeros((V, J))
    bones = rng.integers(0, J, (V, 2))
    for name, vertex in VERTICES[model].items():
        bones[vertex, 0] = BONE_LABELS[model].index(SMPL_SEGMENT_BONES[MARKERS[name].segment][0])
    np.put_along_axis(weights, bones[:, :1], 0.7, axis=1)
    weights[np.arange(V), bones[:, 1]] += 0.3
    parents = [2**32 - 1, *(int(rng.integers(0, bone)) for bone in range(1, J))]
    regressor = np.zeros((J, V))
    regressor[np.arange(J), rng.integers(0, V, J)] = 1.0
    return {
        "v_template": rng.normal(size=(V, 3)),
        "shapedirs": rng.normal(size=(V, 3, 12)),
        "posedirs": 0.01 * rng.normal(size=(V, 3, 1)) * rng.normal(size=9 * (J - 1)),
        "J_regressor": regressor,
        "weights": weights,
        "kintree_table": np.array([parents, range(J)], dtype=np.uint32),
        "f": rng.integers(0, V, (100, 3)).astype(np.uint32),
    }


def person_arrays(model: str) -> dict[str, np.ndarray]:
    """Arrays of a body that stands like a person."""
    V, J = SIZES[model]
    labels, marker_vertices = BONE_LABELS[model], VERTICES[model]
    body = Body.load(dtype=torch.float64)
    shaped = body.with_shape(torch.tensor([0.5, 2 / 3, 0.5, 0.5, 0.5, 0.5], dtype=torch.float64))
    markers = anny_markers(body, marker_vertices)
    vertices, weights, regressor = np.zeros((V, 3)), np.zeros((V, J)), np.zeros((J, V))
    vertices[list(marker_vertices.values())] = markers.at_rest(shaped).numpy()
    moved_by = np.zeros(V, dtype=int)
    for name, vertex in marker_vertices.items():
        bones = SMPL_SEGMENT_BONES[MARKERS[name].segment]
        moved_by[vertex] = labels.index(bones[min(1, len(bones) - 1)])
    weights[np.arange(V), moved_by] = 1.0
    free = np.setdiff1d(np.arange(V), list(marker_vertices.values()))[:J]
    regressor[np.arange(J), free] = 1.0
    known = _joints(shaped)
    vertices[free] = [known[_nearest_known(label)] for label in labels]
    vertices = vertices @ np.array(R_WORLD_SMPL)
    parents = np.array([*BODY_PARENTS, *_parents_of_the_rest(model)]) % 2**32
    return {
        "v_template": vertices,
        "shapedirs": np.zeros((V, 3, 10)),
        "J_regressor": regressor,
        "weights": weights,
        "kintree_table": np.array([parents, range(J)], dtype=np.uint32),
        "f": np.array([[0, 1, 2]], dtype=np.uint32),
    }


def _parents_of_the_rest(model: str) -> tuple[int, ...]:
    """Of SMPL's hands, or of SMPL-X's jaw, eyes and fingers of three bones each."""
    if model == "smpl":
        return (20, 21)
    fingers = [20 + bone // 15 if bone % 3 == 0 else 24 + bone for bone in range(30)]
    return (15, 15, 15, *fingers)


def _joints(shaped: ShapedBody) -> dict[str, np.ndarray]:
    """Joint centres (3,) in the world."""
    centres = {name: centre.numpy() for name, centre in joint_centres(shaped.with_pose({})).items()}
    lumbar, neck = centres["lumbar"], centres["neck"]
    joints = {
        "pelvis": (centres["hip_r"] + centres["hip_l"]) / 2,
        "spine1": lumbar,
        "spine2": lumbar + (neck - lumbar) / 3,
        "spine3": lumbar + (neck - lumbar) * 2 / 3,
        "neck": neck,
    }
    for side in ("left", "right"):
        for joint in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"):
            joints[f"{side}_{joint}"] = centres[f"{joint}_{side[0]}"]
        joints[f"{side}_foot"] = centres[f"ankle_{side[0]}"] + [0.12, -0.05, 0.0]
    return joints


def _nearest_known(label: str) -> str:
    if label in ("head", "jaw") or label.endswith(("collar", "eye")):
        return "neck"
    is_hand = label.endswith("hand") or (label[-1] in "123" and "_" in label)
    return f"{label.split('_')[0]}_wrist" if is_hand else label


def saved(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    np.savez(path, allow_pickle=True, **arrays)
    return path
