"""Force plates of .c3d files as `ezc3d` has them, and of .mot files."""

from pathlib import Path

import ezc3d
import numpy as np
import pytest

from biopose.errors import FileFormatError
from biopose.io.c3d import read_c3d
from biopose.io.force_plates import ForcePlates, read_force_plates, write_force_plates
from biopose.io.up_axis import y_up
from biopose.markers.trial import MarkerTrial
from tests.io.plate_files import CHANNELS, CORNERS_MM, FRAMES, SAMPLES, channels, written_plates


@pytest.mark.parametrize("kind", CHANNELS)
def test_force_and_centre_of_pressure_of_every_type_are_those_of_ezc3d(kind: int, tmp_path: Path) -> None:
    path = written_plates(tmp_path / "plates.c3d", kind, channels(kind))
    found = read_force_plates(path, up="z")
    assert found is not None
    assert found.names == ("ground_force_1", "ground_force_2")
    np.testing.assert_allclose(found.time_s, np.arange(FRAMES * SAMPLES) / 400, atol=1e-9)
    assert (found.force_n[..., 1] > 0).all()  # the reaction on the body, y up
    for plate, theirs in enumerate(ezc3d.c3d(str(path), extract_forceplat_data=True)["data"]["platform"]):
        force_n = y_up(theirs["force"].T, "z", axis=-1)
        sign = np.sign(force_n[:, 1].mean())
        np.testing.assert_allclose(found.force_n[:, plate], sign * force_n, rtol=1e-4, atol=1e-2)
        place_m = y_up(theirs["center_of_pressure"].T, "z", axis=-1) / 1000
        np.testing.assert_allclose(found.center_of_pressure_m[:, plate], place_m, atol=1e-5)
        moment_nm = y_up(theirs["Tz"].T, "z", axis=-1) / 1000
        np.testing.assert_allclose(found.free_moment_nm[:, plate], sign * moment_nm, atol=1e-4)


def test_markers_of_a_file_with_force_plates_are_read_as_ever(tmp_path: Path) -> None:
    path = written_plates(tmp_path / "plates.c3d", 2, channels(2))
    assert read_c3d(path).names == ("A", "B", "C")


def test_a_c3d_without_plates_has_none_and_one_of_another_type_is_noted(tmp_path: Path) -> None:
    path = written_plates(tmp_path / "other.c3d", 2, channels(2), TYPE=[2, 6])
    found = read_force_plates(path, up="z")
    assert found is not None
    assert found.names == ("ground_force_1",)
    assert "force plate 2 is of type 6: not read" in found.notes
    assert read_force_plates(written_plates(tmp_path / "none.c3d", 2, channels(2), USED=0)) is None


def test_a_plate_without_corners_is_left_out_with_a_note(tmp_path: Path) -> None:
    corners = CORNERS_MM.transpose(2, 1, 0).copy()
    corners[..., 0] = 0
    found = read_force_plates(written_plates(tmp_path / "one.c3d", 2, channels(2), CORNERS=corners), up="z")
    assert found is not None
    assert found.names == ("ground_force_2",)
    assert "force plate 1 has no corners (FORCE_PLATFORM:CORNERS): not read" in found.notes
    path = written_plates(tmp_path / "none.c3d", 2, channels(2), CORNERS=np.zeros_like(corners))
    plates, notes = MarkerTrial(path, height_m=1.8, up="z").read_plates()
    assert plates is None
    assert [note.split(":")[0] for note in notes] == [f"force plate {n} has no corners (FORCE_PLATFORM" for n in (1, 2)]


def test_a_channel_that_the_file_lacks_is_an_error(tmp_path: Path) -> None:
    wrong = np.arange(7, 19).reshape(2, 6).T
    path = written_plates(tmp_path / "plates.c3d", 2, channels(2), CHANNEL=wrong)
    with pytest.raises(FileFormatError, match="channel 18 of force plate 2, and 12 channels"):
        read_force_plates(path)


def plates(force_n: np.ndarray) -> ForcePlates:
    """One plate with a vertical force (N,), its centre of pressure at (0.3, 0, -0.1)."""
    count = len(force_n)
    force = np.zeros((count, 1, 3))
    force[:, 0, 1] = force_n
    place = np.tile(np.array([0.3, 0.0, -0.1]), (count, 1, 1))
    return ForcePlates(np.arange(count) / 1000, ("ground_force_1",), force, place, np.zeros((count, 1, 3)))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    one = plates(np.linspace(0, 800, 50))
    write_force_plates(tmp_path / "forces.mot", one)
    found = read_force_plates(tmp_path / "forces.mot")
    assert found is not None
    assert (found.names, found.notes) == (one.names, ())
    np.testing.assert_allclose(found.force_n, one.force_n, atol=1e-6)
    np.testing.assert_allclose(found.center_of_pressure_m, one.center_of_pressure_m, atol=1e-6)


def test_forces_that_point_down_are_turned_and_it_is_noted(tmp_path: Path) -> None:
    write_force_plates(tmp_path / "forces.mot", plates(np.full(50, -700.0)))
    found = read_force_plates(tmp_path / "forces.mot")
    assert found is not None
    assert (found.force_n[..., 1] == 700).all()
    assert "forces point down" in found.notes[-1]


def test_missing_samples_turn_no_forces(tmp_path: Path) -> None:
    values = channels(2)
    values[3] = np.nan
    found = read_force_plates(written_plates(tmp_path / "gap.c3d", 2, values), up="z")
    assert found is not None
    assert (np.delete(found.force_n, 3, axis=0)[..., 1] > 0).all()
    assert "ground_force_1 has no force in 1 of 24 samples: no contact begins or ends there" in found.notes


def test_a_mot_without_forces_is_refused_with_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "angles.mot").write_text(
        "a\nversion=1\nnRows=1\nnColumns=2\ninDegrees=yes\nendheader\ntime\tknee\n0\t1\n"
    )
    with pytest.raises(FileFormatError, match=r"angles\.mot.*the columns knee, none of a force"):
        read_force_plates(tmp_path / "angles.mot")
