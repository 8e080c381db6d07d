from pathlib import Path

import numpy as np
import pytest
import torch

from biopose.body.smpl import (
    BONE_LABELS,
    R_WORLD_SMPL,
    SMPL_SEGMENT_BONES,
    VERTICES,
    SmplBody,
    smpl_markers,
)
from biopose.errors import ModelError
from tests.body.bodies import random_rotations
from tests.body.joint_centres import SMPL_JOINT_CENTRE_BONES, joint_centres
from tests.body.smpl_files import SIZES, random_arrays, saved


@pytest.fixture(scope="module", params=SIZES)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[SmplBody, dict]:
    arrays = random_arrays(request.param)
    path = saved(tmp_path_factory.mktemp(request.param) / "body.npz", arrays)
    return SmplBody.load(path, dtype=torch.float64), arrays


def in_world(points: np.ndarray) -> torch.Tensor:
    return torch.as_tensor(points) @ torch.tensor(R_WORLD_SMPL, dtype=torch.float64).T


def test_identity_pose_is_the_shaped_template(loaded: tuple[SmplBody, dict]) -> None:
    body, arrays = loaded
    betas = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)
    expected = in_world(arrays["v_template"] + arrays["shapedirs"][..., :3] @ betas.numpy())
    posed = body.with_shape(betas).with_pose({})
    torch.testing.assert_close(posed.vertices, expected)
    torch.testing.assert_close(posed.bone_heads, torch.as_tensor(arrays["J_regressor"]) @ expected)


def test_turning_the_root_turns_everything(loaded: tuple[SmplBody, dict]) -> None:
    body, _ = loaded
    shaped = body.with_shape(torch.randn(2, 10, generator=torch.Generator().manual_seed(1), dtype=torch.float64))
    R = random_rotations(degrees=170, seed=1)
    posed = shaped.with_pose({"pelvis": R})
    pivot = shaped.bone_heads[:, :1]
    torch.testing.assert_close(posed.vertices, (shaped.vertices - pivot) @ R.T + pivot)


def test_posing_equals_smpls_definition(loaded: tuple[SmplBody, dict]) -> None:
    """Loper et al. 2015, written out in SMPL's own axes: pose correctives, then the chain of joints, then skinning."""
    body, arrays = loaded
    J = len(body.bone_labels)
    C = np.array(R_WORLD_SMPL)
    R_world = random_rotations(J, degrees=60, seed=2)
    R = C.T @ R_world.numpy() @ C
    corrected = arrays["v_template"] + arrays["posedirs"] @ (R[1:] - np.eye(3)).ravel()
    joints = arrays["J_regressor"] @ arrays["v_template"]
    T = np.tile(np.eye(4), (J, 1, 1))
    for joint in range(J):
        parent = body.bone_parents[joint]
        T[joint, :3, :3], T[joint, :3, 3] = R[joint], joints[joint] - (joints[parent] if joint else 0)
        if joint:
            T[joint] = T[parent] @ T[joint]
    T[:, :3, 3] -= np.einsum("jab,jb->ja", T[:, :3, :3], joints)
    blended = np.einsum("vj,jab->vab", arrays["weights"], T)
    expected = np.einsum("vab,vb->va", blended[:, :3, :3], corrected) + blended[:, :3, 3]
    posed = body.with_shape(torch.zeros(10, dtype=torch.float64)).with_pose(R_world)
    torch.testing.assert_close(posed.vertices, in_world(expected))
    chosen = torch.tensor([1, 500, 6000])
    torch.testing.assert_close(
        posed.__class__(posed.shaped, posed.R_world_delta, posed.bone_heads).points(chosen), posed.vertices[chosen]
    )


def test_markers_are_the_published_vertices_at_rest(loaded: tuple[SmplBody, dict]) -> None:
    body, _ = loaded
    shaped = body.with_shape(torch.zeros(1, dtype=torch.float64))
    markers = smpl_markers(body)
    vertices = torch.tensor([VERTICES[body.model][name] for name in markers.names])
    torch.testing.assert_close(markers.at_rest(shaped), shaped.points(vertices))


def test_a_file_without_pose_correctives_is_enough(tmp_path: Path) -> None:
    arrays = random_arrays("smpl")
    del arrays["posedirs"]
    assert SmplBody.load(saved(tmp_path / "body.npz", arrays)).pose_blendshapes is None


def test_joint_centres_have_the_same_names_as_the_default_bodys(loaded: tuple[SmplBody, dict]) -> None:
    body, _ = loaded
    centres = joint_centres(body.with_shape(torch.zeros(1, dtype=torch.float64)).with_pose({}), SMPL_JOINT_CENTRE_BONES)
    assert {"hip_r", "knee_l", "ankle_r", "shoulder_l", "elbow_r", "wrist_l", "lumbar", "neck"} <= set(centres)


@pytest.mark.parametrize("model", SIZES)
def test_tables_name_known_bones_and_markers(model: str) -> None:
    assert {bone for bones in SMPL_SEGMENT_BONES.values() for bone in bones} <= set(BONE_LABELS[model])
    assert len(BONE_LABELS[model]) == SIZES[model][1]
    assert max(VERTICES[model].values()) < SIZES[model][0]
    assert len(set(VERTICES[model].values())) == len(VERTICES[model])


def test_pickle_is_refused_with_the_way_to_convert_it(tmp_path: Path) -> None:
    (tmp_path / "SMPL_NEUTRAL.pkl").write_bytes(b"")
    with pytest.raises(ModelError, match=r"np\.savez"):
        SmplBody.load(tmp_path / "SMPL_NEUTRAL.pkl")


def test_objects_inside_an_npz_are_never_opened(tmp_path: Path) -> None:
    arrays = random_arrays("smpl") | {"v_template": np.array([{"any": "object"}], dtype=object)}
    with pytest.raises(ModelError, match="plain arrays"):
        SmplBody.load(saved(tmp_path / "body.npz", arrays))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": None}, "lacks the arrays"),
        ({"v_template": np.zeros((100, 3))}, "neither SMPL nor SMPL-X"),
        ({"J_regressor": np.zeros((24, 10))}, "J_regressor"),
        ({"weights": np.ones((6890, 24))}, "sum to 1"),
        ({"v_template": np.full((6890, 3), np.nan)}, "v_template"),
        ({"kintree_table": np.array([[2**32 - 1, *range(1, 24)], range(24)])}, "kintree_table"),
    ],
)
def test_malformed_files_are_refused(tmp_path: Path, change: dict, message: str) -> None:
    arrays = {name: array for name, array in (random_arrays("smpl") | change).items() if array is not None}
    with pytest.raises(ModelError, match=message):
        SmplBody.load(saved(tmp_path / "body.npz", arrays))


def test_absent_or_broken_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no body model"):
        SmplBody.load(tmp_path / "none.npz")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(ModelError, match=r"broken\.npz"):
        SmplBody.load(tmp_path / "broken.npz")


def test_more_betas_than_loaded_are_refused(loaded: tuple[SmplBody, dict]) -> None:
    with pytest.raises(ValueError, match="shape_components"):
        loaded[0].with_shape(torch.zeros(11, dtype=torch.float64))
