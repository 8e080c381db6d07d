from dataclasses import asdict, replace

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from biopose.errors import FileFormatError
from biopose.reconstruction.fitted_person import Athlete, FittedPerson
from biopose.reconstruction.motion_file import read_motion, write_motion
from biopose.reconstruction.refinement import RefinementGain
from biopose.reconstruction.track_fit import FittedMotion
from tests.swinging_person import CAMERA, frame_times, level, not_found, swinging, track_of


def fitted_person() -> FittedPerson:
    time_s = frame_times(8)
    q = swinging(time_s)
    return FittedPerson(
        track=not_found(track_of(q, time_s), slice(2, 4)),
        athlete=Athlete(1.75, sex="female"),
        camera=CAMERA,
        contact=np.random.default_rng(0).random((8, 4)),
        motion=FittedMotion(q, np.full((25, 3), 1.02), level().numpy(), 1.01, ("lifted",)),
        T_camera_world=np.eye(4),
        keypoint_sd_m=np.random.default_rng(1).random((8, 26, 2)),
        height_sd_m=0.1 + 0.2,
        notes=("made up",),
    )


@pytest.mark.parametrize(
    "refinement", [None, RefinementGain(80, 6.1, 0.1 + 0.2), RefinementGain(80, 6.1, 0.3, 4.0 / 3, 51.7)]
)
def test_a_fitted_person_reads_back_bit_for_bit(tmp_path, refinement):
    fitted = fitted_person()
    fitted = replace(fitted, motion=replace(fitted.motion, refinement=refinement))
    if refinement is None:
        fitted = replace(fitted, height_sd_m=float("nan"))  # of who never rests a foot
    write_motion(fitted, tmp_path / "fitted.safetensors")
    back = read_motion(tmp_path / "fitted.safetensors")
    np.testing.assert_equal(back.height_sd_m, fitted.height_sd_m)
    for name in ("athlete", "camera", "notes"):
        assert getattr(back, name) == getattr(fitted, name)
    for now, before in ((back.track, fitted.track), (back.motion, fitted.motion)):
        np.testing.assert_equal(asdict(now), asdict(before))
    assert back.motion.refinement == refinement
    np.testing.assert_array_equal(back.contact, fitted.contact)
    np.testing.assert_array_equal(back.T_camera_world, fitted.T_camera_world)
    np.testing.assert_array_equal(back.keypoint_sd_m, fitted.keypoint_sd_m)


def test_a_file_of_an_earlier_version_is_named(tmp_path):
    path = tmp_path / "fitted.safetensors"
    write_motion(fitted_person(), path)
    with safe_open(path, framework="numpy") as file:
        facts, arrays = file.metadata()["facts"], {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(arrays, path, {"kind": "fitted person 2", "facts": facts})
    with pytest.raises(FileFormatError, match=r"holds fitted person 2, not a fitted person 6; delete it"):
        read_motion(path)


def test_another_file_is_named(tmp_path):
    path = tmp_path / "fitted.safetensors"
    path.write_bytes(b"no such thing")
    with pytest.raises(FileFormatError, match=r"fitted\.safetensors: cannot be read as a fitted person"):
        read_motion(path)
