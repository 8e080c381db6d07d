"""Motions of SMPL and SMPL-X: where the virtual markers go, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from biopose.body.smpl import R_WORLD_SMPL, SmplBody, smpl_markers
from biopose.body.smpl_motion import CHUNK_FRAMES, read_smpl_markers
from biopose.errors import FileFormatError
from tests.body.smpl_files import SIZES, random_arrays, saved

FRAMES = 5


def motion_arrays(joints: int, *, frames: int = FRAMES, **changes: Any) -> dict[str, np.ndarray]:
    """A random motion; a change to None leaves an array out."""
    rng = np.random.default_rng(1)
    arrays = {
        "poses": rng.normal(0, 0.4, (frames, 3 * joints)),
        "trans": rng.normal(size=(frames, 3)),
        "betas": np.array([0.5, -1.0, 0.0, 0.0]),
        "mocap_framerate": np.array(120.0),
        "gender": np.array("neutral"),
    }
    return {name: array for name, array in (arrays | changes).items() if array is not None}


@pytest.fixture(scope="module", params=SIZES)
def body_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    return saved(folder / f"{request.param.upper()}_NEUTRAL.npz", arrays_of(request.param))


@pytest.fixture(scope="module")
def smpl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("smpl") / "SMPL_MALE.npz", arrays_of("smpl"))


def arrays_of(model: str) -> dict[str, np.ndarray]:
    arrays = random_arrays(model)
    del arrays["posedirs"]
    return arrays


def joints_of(body_model: Path) -> int:
    return SIZES["smplx" if "SMPLX" in body_model.name else "smpl"][1]


def rotation(vector: np.ndarray) -> np.ndarray:
    """Rodrigues' formula."""
    angle = np.linalg.norm(vector)
    x, y, z = vector / angle
    K = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * K @ K


def test_markers_go_where_smpls_definition_puts_the_root_and_the_translation(body_model: Path, tmp_path: Path) -> None:
    arrays = motion_arrays(joints_of(body_model))
    arrays["poses"][:, 3:] = 0.0
    found = read_smpl_markers(saved(tmp_path / "m.npz", arrays), body_model)
    body = SmplBody.load(body_model, dtype=torch.float64)
    shaped = body.with_shape(torch.from_numpy(arrays["betas"]))
    C = np.array(R_WORLD_SMPL)
    rest, pelvis = smpl_markers(body).at_rest(shaped).numpy() @ C, shaped.bone_heads[0].numpy() @ C
    for frame in range(FRAMES):
        R, t = rotation(arrays["poses"][frame, :3]), arrays["trans"][frame]
        np.testing.assert_allclose(found.positions_m[frame], (rest - pelvis) @ R.T + pelvis + t, atol=1e-9)
    np.testing.assert_allclose(found.time_s, np.arange(FRAMES) / 120)


def test_every_joint_rotates_what_hangs_on_it(body_model: Path, tmp_path: Path) -> None:
    """The bones' own rotations come out of the markers' rest positions and the chain of joints."""
    joints = joints_of(body_model)
    arrays = motion_arrays(joints, frames=2)
    found = read_smpl_markers(saved(tmp_path / "m.npz", arrays), body_model).positions_m
    assert np.isfinite(found).all()
    body = SmplBody.load(body_model, dtype=torch.float64)
    shaped = body.with_shape(torch.from_numpy(arrays["betas"]))
    markers = smpl_markers(body)
    C, heads = np.array(R_WORLD_SMPL), shaped.bone_heads.numpy() @ np.array(R_WORLD_SMPL)
    rest, skin = markers.at_rest(shaped).numpy() @ C, markers.skin_matrix.numpy()
    for frame in range(2):
        T = np.tile(np.eye(4), (joints, 1, 1))
        for joint, parent in enumerate(body.bone_parents):
            T[joint, :3, :3] = rotation(arrays["poses"][frame, 3 * joint : 3 * joint + 3])
            T[joint, :3, 3] = heads[joint] - heads[parent] if joint else heads[0] + arrays["trans"][frame]
            T[joint] = T[parent] @ T[joint] if joint else T[joint]
        T[:, :3, 3] -= np.einsum("jab,jb->ja", T[:, :3, :3], heads)
        blended = np.einsum("mj,jab->mab", skin, T)
        expected = np.einsum("mab,mb->ma", blended[:, :3, :3], rest) + blended[:, :3, 3]
        np.testing.assert_allclose(found[frame], expected, atol=1e-9)


def test_a_motion_with_z_up_is_brought_to_y_up(smpl: Path, tmp_path: Path) -> None:
    file = saved(tmp_path / "m.npz", motion_arrays(24, gender=None))
    as_it_is, upright = (read_smpl_markers(file, smpl, up=up).positions_m for up in ("y", "z"))
    np.testing.assert_array_equal(upright, as_it_is[..., [1, 2, 0]])


def test_of_smplh_the_body_counts_and_the_fingers_do_not(smpl: Path, tmp_path: Path) -> None:
    arrays = motion_arrays(52, gender=None)
    of_smplh = read_smpl_markers(saved(tmp_path / "h.npz", arrays), smpl)
    at_rest = np.concatenate([arrays["poses"][:, :66], np.zeros((FRAMES, 6))], axis=1)
    of_smpl = read_smpl_markers(saved(tmp_path / "m.npz", arrays | {"poses": at_rest}), smpl)
    np.testing.assert_array_equal(of_smplh.positions_m, of_smpl.positions_m)


def test_a_long_motion_is_the_sum_of_its_frames(smpl: Path, tmp_path: Path) -> None:
    arrays = motion_arrays(24, frames=CHUNK_FRAMES + 3, gender=None)
    whole = read_smpl_markers(saved(tmp_path / "m.npz", arrays), smpl).positions_m
    last = arrays | {"poses": arrays["poses"][-2:], "trans": arrays["trans"][-2:]}
    np.testing.assert_allclose(
        whole[-2:], read_smpl_markers(saved(tmp_path / "l.npz", last), smpl).positions_m, atol=1e-9
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"poses": None}, "expected one named poses"),
        ({"poses": np.zeros((FRAMES, 73))}, r"found poses of shape \(5, 73\); expected \(frames, 3 joints\)"),
        ({"poses": np.zeros((FRAMES, 165))}, r"found poses of 165 numbers a frame; expected 72.*or 156 of SMPL-H"),
        ({"poses": np.full((FRAMES, 72), np.nan)}, "poses with values that are not finite"),
        ({"trans": np.zeros((3, 3))}, r"found trans of shape \(3, 3\); expected \(5, 3\), as poses"),
        ({"betas": np.zeros((FRAMES, 10))}, r"betas of shape \(5, 10\); expected .*one person's shape"),
        ({"betas": np.ones(16)}, "16 betas that are not 0; expected at most 12"),
        ({"mocap_framerate": None}, "expected a frame rate, mocap_framerate or mocap_frame_rate"),
        ({"mocap_framerate": np.array(0.0)}, "mocap_framerate 0.0; expected frames per second"),
        ({"gender": np.array("female")}, "gender 'female'; expected 'male', as the body model SMPL_MALE.npz is"),
        ({"trans": np.array([{"any": "object"}], dtype=object)}, "trans that is no array of numbers"),
    ],
)
def test_what_is_wrong_with_a_motion_is_named(
    smpl: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    file = saved(tmp_path / "motion.npz", motion_arrays(24, **({"gender": None} | changes)))
    with pytest.raises(FileFormatError, match=rf"motion\.npz: .*{message}"):
        read_smpl_markers(file, smpl)


def test_a_file_that_is_no_archive_of_arrays_is_refused(smpl: Path, tmp_path: Path) -> None:
    (tmp_path / "motion.npz").write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(FileFormatError, match=r"motion\.npz: found no plain arrays"):
        read_smpl_markers(tmp_path / "motion.npz", smpl)
    with pytest.raises(FileFormatError, match="no such file"):
        read_smpl_markers(tmp_path / "none.npz", smpl)
