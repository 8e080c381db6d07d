import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from biopose.body.anny import Body, hat_functions, nearest_rotation
from biopose.errors import ModelError
from tests.body.bodies import body_in_double, needs_body_asset, random_rotations

pytestmark = needs_body_asset
J = 104


@pytest.fixture(scope="module")
def body() -> Body:
    return body_in_double()


def some_phenotypes(*batch: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*batch, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_identity_pose_is_the_rest_mesh(body: Body) -> None:
    shaped = body.with_shape(some_phenotypes(3))
    posed = shaped.with_pose(torch.eye(3, dtype=torch.float64).expand(J, 3, 3))
    torch.testing.assert_close(posed.vertices, shaped.vertices)
    torch.testing.assert_close(posed.bone_heads, shaped.bone_heads)


def test_turning_the_root_turns_everything_about_it(body: Body) -> None:
    shaped = body.with_shape(some_phenotypes())
    R = random_rotations(degrees=170, seed=1)
    posed = shaped.with_pose({"root": R})
    pivot = shaped.bone_heads[0]
    torch.testing.assert_close(posed.vertices, (shaped.vertices - pivot) @ R.T + pivot)


def test_root_position_moves_everything(body: Body) -> None:
    shaped = body.with_shape(some_phenotypes())
    R = random_rotations(J, degrees=30, seed=2)
    there = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    stayed, moved = shaped.with_pose(R), shaped.with_pose(R, root_position=there)
    step = (there - shaped.bone_heads[0]).expand(len(stayed.vertices), 3)
    torch.testing.assert_close(moved.vertices - stayed.vertices, step)


def test_local_rotations_chain_to_global_ones(body: Body) -> None:
    shaped = body.with_shape(some_phenotypes())
    R_local = random_rotations(2, J, degrees=60, seed=3)
    R_world = [R_local[:, 0]]
    for bone in range(1, J):
        R_world.append(R_world[body.bone_parents[bone]] @ R_local[:, bone])
    by_chain = shaped.with_global_rotations(torch.stack(R_world, dim=1))
    posed = shaped.with_pose(R_local)
    torch.testing.assert_close(posed.R_world_delta, by_chain.R_world_delta)
    torch.testing.assert_close(posed.vertices, by_chain.vertices)


def test_bones_keep_their_lengths(body: Body) -> None:
    shaped = body.with_shape(some_phenotypes(2))
    posed = shaped.with_pose(random_rotations(2, J, degrees=90, seed=4))
    parents = list(body.bone_parents[1:])

    def lengths(heads: torch.Tensor) -> torch.Tensor:
        return (heads[..., 1:, :] - heads[..., parents, :]).norm(dim=-1)

    torch.testing.assert_close(lengths(posed.bone_heads), lengths(shaped.bone_heads))


def test_bone_frames_are_world_aligned_at_rest(body: Body) -> None:
    shaped = body.with_shape(some_phenotypes())
    torch.testing.assert_close(shaped.T_world_bone[..., :3, :3], torch.eye(3, dtype=torch.float64).expand(J, 3, 3))
    torch.testing.assert_close(shaped.T_world_bone[..., :3, 3], shaped.bone_heads)


def test_a_flexed_knee_goes_back_however_the_thigh_is_turned(body: Body) -> None:
    """Local rotations are in the axes of the rest pose: flexion about z alone keeps thigh and shank in one plane."""
    shaped = body.with_shape(torch.tensor([0.0, 2 / 3, 0.5, 0.5, 0.4, 0.5], dtype=torch.float64))
    minus_90 = torch.tensor([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    posed = shaped.with_pose({"lowerleg01.R": minus_90})
    knee, ankle = (body.bone_index[label] for label in ("lowerleg01.R", "foot.R"))
    shank = posed.bone_heads[ankle] - posed.bone_heads[knee]
    assert shank[0] < -0.3
    assert abs(shank[1]) < 0.1


def test_some_points_equal_the_whole_mesh(body: Body) -> None:
    shaped = body.with_shape(some_phenotypes(2, 1))
    posed = shaped.with_pose(random_rotations(3, J, degrees=60, seed=5))
    chosen = torch.tensor([5, 4000, 13000])
    points = posed.points(chosen)
    assert points.shape == (2, 3, 3, 3)
    torch.testing.assert_close(points, posed.vertices[..., chosen, :])


def test_batch_axes_broadcast(body: Body) -> None:
    phenotype = some_phenotypes(2, 1)
    R = random_rotations(2, 3, J, degrees=60, seed=6)
    together = body.with_shape(phenotype).with_pose(R)
    alone = body.with_shape(phenotype[1, 0]).with_pose(R[1, 2])
    torch.testing.assert_close(together.vertices[1, 2], alone.vertices)


def affine(matrix: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """The same affine map (J, 3, 4) for every bone."""
    return torch.cat([matrix, shift[:, None]], dim=-1).expand(J, 3, 4)


def test_a_stretch_that_is_the_identity_changes_nothing(body: Body) -> None:
    shaped = body.with_shape(some_phenotypes(2))
    same = replace(shaped, stretch=affine(torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)))
    torch.testing.assert_close(same.vertices, shaped.vertices, atol=1e-6, rtol=0)


def test_one_stretch_for_all_bones_is_that_affine_map_of_the_mesh(body: Body) -> None:
    shaped = body.with_shape(some_phenotypes(2))
    matrix = torch.diag(torch.tensor([1.1, 0.9, 1.3], dtype=torch.float64))
    shift = torch.tensor([0.1, -0.2, 0.3], dtype=torch.float64)
    stretched = replace(shaped, stretch=affine(matrix, shift))
    torch.testing.assert_close(stretched.vertices, shaped.vertices @ matrix.T + shift, atol=1e-6, rtol=0)


def test_some_points_of_a_stretched_body_equal_its_whole_mesh(body: Body) -> None:
    stretch = torch.eye(3, 4, dtype=torch.float64) + 0.1 * torch.rand(
        J, 3, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64
    )
    chosen = torch.tensor([5, 4000, 13000])
    points = replace(body.with_shape(some_phenotypes()), stretch=stretch).points(chosen)
    shaped = replace(body.with_shape(some_phenotypes()), stretch=stretch)
    torch.testing.assert_close(points, shaped.vertices[chosen])
    R = random_rotations(J, degrees=60, seed=5)
    posed = shaped.with_pose(R)
    torch.testing.assert_close(posed.points(chosen), posed.vertices[chosen])


def test_gradients_agree_with_finite_differences(body: Body) -> None:
    phenotype = torch.tensor([0.3, 0.7, 0.6, 0.4, 0.45, 0.2], dtype=torch.float64, requires_grad=True)
    turn = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    chosen = torch.tensor([4000])

    def points(phenotype: torch.Tensor, turn: torch.Tensor) -> torch.Tensor:
        skew = torch.linalg.cross(turn[:, None], torch.eye(3, dtype=torch.float64), dim=0)
        return body.with_shape(phenotype).with_pose({"spine02": torch.linalg.matrix_exp(skew)}).points(chosen)

    assert torch.autograd.gradcheck(points, (phenotype, turn))


def test_reference_rotations_bring_shapes_to_one_posture(body: Body) -> None:
    """Slim and broad stand differently at rest; in the reference posture their bones point the same way more nearly."""
    shaped = body.with_shape(
        torch.tensor([[0.0, 2 / 3, 0.5, 0.2, 0.3, 0.5], [1.0, 2 / 3, 0.5, 0.9, 0.5, 0.5]]).double()
    )
    posed = shaped.with_global_rotations(body.reference_rotations(shaped))

    def shank_direction(heads: torch.Tensor) -> torch.Tensor:
        shank = heads[:, body.bone_index["foot.R"]] - heads[:, body.bone_index["lowerleg01.R"]]
        return shank / shank.norm(dim=-1, keepdim=True)

    at_rest, in_reference = (
        (d[0] - d[1]).norm() for d in (shank_direction(shaped.bone_heads), shank_direction(posed.bone_heads))
    )
    assert in_reference < at_rest


def test_single_precision_is_close_to_double(body: Body) -> None:
    single = Body.load()
    phenotype, R = some_phenotypes(), random_rotations(J, degrees=60, seed=7)
    near = single.with_shape(phenotype.float()).with_pose(R.float())
    torch.testing.assert_close(
        near.vertices.double(), body.with_shape(phenotype).with_pose(R).vertices, atol=1e-5, rtol=0
    )


def test_phenotypes_beyond_the_grid_are_clamped(body: Body) -> None:
    inside, beyond = torch.ones(6, dtype=torch.float64), 3 * torch.ones(6, dtype=torch.float64)
    torch.testing.assert_close(body.with_shape(beyond).vertices, body.with_shape(inside).vertices)


def test_wrong_arguments_are_refused(body: Body) -> None:
    with pytest.raises(ValueError, match="gender"):
        body.with_shape(torch.zeros(5, dtype=torch.float64))
    shaped = body.with_shape(torch.zeros(6, dtype=torch.float64))
    with pytest.raises(ValueError, match="knee"):
        shaped.with_pose({"knee": torch.eye(3, dtype=torch.float64)})
    with pytest.raises(ValueError, match="104"):
        shaped.with_global_rotations(torch.eye(3, dtype=torch.float64).expand(24, 3, 3))


def test_absent_asset_tells_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="biopose assets pull"):
        Body.load(tmp_path / "nothing.safetensors")


def test_broken_asset_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "body.safetensors"
    path.write_bytes(b"not tensors")
    with pytest.raises(ModelError, match=r"body\.safetensors"):
        Body.load(path)


def test_loading_imports_neither_anny_nor_warp() -> None:
    code = (
        "import sys; from biopose.body.anny import Body; Body.load(); "
        "print({'anny', 'warp', 'roma', 'vtk'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_hat_functions_interpolate_linearly() -> None:
    anchors = torch.tensor([-1.0, 0.0, 2.0], dtype=torch.float64)
    values = torch.tensor([-3.0, -1.0, -0.25, 0.0, 1.5, 2.0, 9.0], dtype=torch.float64)
    weights = hat_functions(values, anchors)
    torch.testing.assert_close(weights.sum(-1), torch.ones(7, dtype=torch.float64))
    torch.testing.assert_close(weights @ anchors, values.clamp(-1, 2))


def test_nearest_rotation_of_a_scaled_rotation_is_the_rotation() -> None:
    R = random_rotations(5, degrees=170, seed=8)
    torch.testing.assert_close(nearest_rotation(2.5 * R), R)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_cpu(body: Body) -> None:
    on_gpu = Body.load(device="cuda", dtype=torch.float64)
    phenotype, R = some_phenotypes(2), random_rotations(2, J, degrees=60, seed=9)
    there = on_gpu.with_shape(phenotype.cuda()).with_pose(R.cuda()).vertices
    torch.testing.assert_close(there.cpu(), body.with_shape(phenotype).with_pose(R).vertices)
