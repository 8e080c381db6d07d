from pathlib import Path

import ezc3d
import numpy as np
import pytest

from biopose.errors import FileFormatError
from biopose.io.c3d import read_c3d, write_c3d
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.trc import read_trc
from biopose.skeleton.full_body import build_full_body
from biopose.skeleton.reader import read_osim
from tests.io.samples import NOT_TEXT, same_bits, written
from tests.reference_data import LAB, needs_shared_data


def float32_markers(seed: int, *, count: int = 5, rate_hz: float = 100, first_frame: int = 0) -> MarkerTrajectories:
    """Markers whose positions are float32 numbers, a fifth of them gaps."""
    rng = np.random.default_rng(seed)
    frames = int(rng.integers(2, 20))
    positions_m = rng.normal(size=(frames, count, 3)).astype(np.float32).astype(np.float64)
    positions_m[rng.random((frames, count)) < 0.2] = np.nan
    return MarkerTrajectories(
        (first_frame + np.arange(frames)) / rate_hz, tuple(f"M{i}" for i in range(count)), positions_m
    )


def altered(path: Path, parameter: str, value: list[object]) -> None:
    """Change one POINT parameter of a file."""
    content = ezc3d.c3d(str(path))
    content["parameters"]["POINT"][parameter]["value"] = value
    del content["data"]["meta_points"]
    content.write(str(path))


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize(("rate_hz", "first_frame"), [(100, 0), (59.94, 0), (29.97, 17), (240, 1000)])
def test_a_round_trip_is_exact_at_float32(seed: int, rate_hz: float, first_frame: int, tmp_path: Path) -> None:
    markers = float32_markers(seed, rate_hz=rate_hz, first_frame=first_frame)
    write_c3d(tmp_path / "m.c3d", markers)
    again = read_c3d(tmp_path / "m.c3d")
    assert again.names == markers.names
    assert same_bits(again.positions_m, markers.positions_m)
    assert np.allclose(again.time_s, markers.time_s, rtol=1e-7, atol=0)


@pytest.mark.parametrize("count", [254, 255, 256, 511, 600])
def test_labels_go_on_beyond_255(count: int, tmp_path: Path) -> None:
    markers = float32_markers(0, count=count)
    write_c3d(tmp_path / "m.c3d", markers)
    again = read_c3d(tmp_path / "m.c3d")
    assert again.names == markers.names
    assert same_bits(again.positions_m, markers.positions_m)


@pytest.mark.parametrize(("units", "per_metre"), [("m", 1), ("mm", 1000), ("cm", 100), ("MM ", 1000)])
def test_units_become_metres(units: str, per_metre: float, tmp_path: Path) -> None:
    markers = float32_markers(1)
    write_c3d(tmp_path / "m.c3d", markers)
    altered(tmp_path / "m.c3d", "UNITS", [units])
    assert same_bits(read_c3d(tmp_path / "m.c3d").positions_m, markers.positions_m / per_metre)


def test_a_gap_is_a_negative_residual_and_no_number(tmp_path: Path) -> None:
    positions_m = np.ones((3, 2, 3))
    positions_m[1, 1], positions_m[2, 0, 2] = np.nan, np.nan
    write_c3d(tmp_path / "m.c3d", MarkerTrajectories(np.arange(3) / 100, ("A", "B"), positions_m))
    residuals = ezc3d.c3d(str(tmp_path / "m.c3d"))["data"]["meta_points"]["residuals"][0]
    assert np.array_equal(residuals.T < 0, [[False, False], [False, True], [True, False]])
    assert np.isnan(read_c3d(tmp_path / "m.c3d").positions_m[[1, 2], [1, 0]]).all()


@pytest.mark.parametrize(
    ("time_s", "message"),
    [
        (np.array([0.0, 0.01, 0.02, 0.045, 0.05]), "uniform times"),
        (np.array([0.0, 0.01, 0.03, 0.04]), "uniform times"),
        (0.005 + np.arange(5) / 100, "uniform times"),
        (-0.03 + np.arange(5) / 100, "frames -3 to 1"),
        (800 + np.arange(5) / 100, "frames 80000 to 80004"),
        (np.zeros(1), "single frame"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(time_s: np.ndarray, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        write_c3d(tmp_path / "m.c3d", MarkerTrajectories(time_s, ("A",), np.ones((len(time_s), 1, 3))))
    assert not list(tmp_path.iterdir())


def test_times_rounded_to_milliseconds_are_uniform(tmp_path: Path) -> None:
    time_s = np.round(np.arange(481) / 240, 3)
    write_c3d(tmp_path / "m.c3d", MarkerTrajectories(time_s, ("A",), np.ones((481, 1, 3))))
    assert np.abs(read_c3d(tmp_path / "m.c3d").time_s - time_s).max() < 0.001


@pytest.mark.parametrize("content", [*NOT_TEXT, "header only"])
def test_what_is_no_c3d_is_refused(content: str, tmp_path: Path) -> None:
    path = written(tmp_path / "m.c3d", NOT_TEXT.get(content, b"\x02\x50" + bytes(2000)))
    with pytest.raises(FileFormatError, match=r"m\.c3d: found "):
        read_c3d(path)


@pytest.mark.parametrize("share", np.linspace(0.05, 0.95, 19))
def test_a_file_cut_off_anywhere_is_refused(share: float, tmp_path: Path) -> None:
    """The library beneath would crash, or give the frames that are left as if they were all."""
    path = tmp_path / "m.c3d"
    write_c3d(path, MarkerTrajectories(np.arange(500) / 100, ("A", "B"), np.ones((500, 2, 3))))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(FileFormatError, match=r"m\.c3d: found "):
        read_c3d(path)


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("UNITS", ["furlong"], "POINT:UNITS 'furlong'; expected one of m, .*mm"),
        ("UNITS", [""], "POINT:UNITS none"),
        ("LABELS", ["A", "A"], "POINT:LABELS 'A' for trajectories 1, 2, which differ"),
    ],
)
def test_parameters_that_say_too_little_are_refused(
    parameter: str, value: list[object], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "m.c3d"
    write_c3d(path, float32_markers(0, count=2))
    altered(path, parameter, value)
    with pytest.raises(FileFormatError, match=message):
        read_c3d(path)


def test_more_frames_than_ezc3d_counts_are_read(tmp_path: Path) -> None:
    content = ezc3d.c3d()
    content["parameters"]["POINT"]["LABELS"]["value"] = ["A"]
    content["parameters"]["POINT"]["RATE"]["value"] = [100.0]
    content["parameters"]["POINT"]["UNITS"]["value"] = ["m"]
    positions = np.ones((4, 1, 70_000))
    positions[:3] = np.random.default_rng(0).normal(size=(3, 1, 70_000)).astype(np.float32)
    content["data"]["points"] = positions
    content.write(str(tmp_path / "m.c3d"))
    again = read_c3d(tmp_path / "m.c3d")
    assert same_bits(again.positions_m, np.ascontiguousarray(positions[:3].transpose(2, 1, 0)))


@needs_shared_data
def test_a_real_recording_survives_at_float32(tmp_path: Path) -> None:
    markers = read_trc(LAB / "walking1.trc")
    write_c3d(tmp_path / "m.c3d", markers)
    again = read_c3d(tmp_path / "m.c3d")
    assert again.names == markers.names
    assert same_bits(again.positions_m, markers.positions_m.astype(np.float32).astype(np.float64))
    assert np.allclose(again.time_s, markers.time_s, atol=1e-9)


def test_c3d_and_opensims_splines_go_together_in_one_process(tmp_path: Path) -> None:
    """Both libraries wrap std::vector<int> for Python, and whichever is used first breaks the other's."""
    model = build_full_body(tmp_path / "full_body.osim")
    for number in range(2):
        path = tmp_path / f"{number}.c3d"
        write_c3d(path, MarkerTrajectories(np.arange(3) / 100, ("A",), np.ones((3, 1, 3))))
        read_osim(model)
        assert read_c3d(path).names == ("A",)
