"""The data section of .c3d files: how numbers are stored, and header and parameters that disagree."""

from pathlib import Path

import ezc3d
import numpy as np
import pytest

from biopose.errors import FileFormatError
from biopose.io.c3d import read_c3d
from tests.io.c3d_files import BLOCK, DEC, INTEL, MIPS, c3d_bytes, walk, written_c3d

WALK = walk()


@pytest.mark.parametrize("processor", [INTEL, DEC, MIPS])
@pytest.mark.parametrize("floats", [True, False])
def test_numbers_of_all_processors_are_read(processor: int, floats: bool, tmp_path: Path) -> None:
    scale = 0.125
    path = written_c3d(tmp_path / "m.c3d", WALK, processor=processor, floats=floats, scale=scale)
    markers = read_c3d(path)
    assert np.array_equal(markers.positions_m, WALK * (1 if floats else scale) / 1000)
    assert markers.names == ("M0", "M1", "M2")
    assert np.array_equal(markers.time_s, np.arange(6) / 100)
    assert markers.notes == ()


@pytest.mark.parametrize("scale", [0.1, 1 / 3, 0.05])
def test_integers_by_their_scale_are_what_ezc3d_reads(scale: float, tmp_path: Path) -> None:
    path = written_c3d(tmp_path / "m.c3d", WALK, floats=False, scale=scale)
    ezc3d_mm = ezc3d.c3d(str(path))["data"]["points"][:3].transpose(2, 1, 0)
    assert np.array_equal(read_c3d(path).positions_m, ezc3d_mm / 1000)


@pytest.mark.parametrize("rate_hz", [60000 / 1001, 120000 / 1001, 100.0, 23.976])
@pytest.mark.parametrize("samples", [1, 7, 50])
@pytest.mark.parametrize("floats", [True, False])
def test_analogue_values_never_mix_with_points(rate_hz: float, samples: int, floats: bool, tmp_path: Path) -> None:
    analog = np.random.default_rng(1).integers(-2000, 2000, size=(6, 4 * samples)).astype(float)
    path = written_c3d(tmp_path / "m.c3d", WALK, floats=floats, analog=analog, analog_samples=samples, rate_hz=rate_hz)
    markers = read_c3d(path)
    assert np.array_equal(markers.positions_m, WALK / 1000)
    assert markers.rate_hz == pytest.approx(rate_hz, rel=1e-6)


@pytest.mark.parametrize(
    ("residual", "floats", "gap"),
    [
        (-1.0, True, True),
        (-0.5, True, True),
        (float("nan"), True, True),
        (float("inf"), True, False),
        (0x7F05, True, False),  # all seven cameras, residual 5
        (0x7F05, False, False),
        (-1, False, True),
        (-32768, False, True),
        (0, False, False),
    ],
)
def test_a_negative_residual_is_a_gap_and_cameras_are_none(
    residual: float, floats: bool, gap: bool, tmp_path: Path
) -> None:
    residuals = np.zeros((6, 3))
    residuals[2, 1] = residual
    positions_m = read_c3d(written_c3d(tmp_path / "m.c3d", WALK, floats=floats, residuals=residuals)).positions_m
    expected = np.zeros((6, 3), dtype=bool)
    expected[2, 1] = gap
    assert np.array_equal(np.isnan(positions_m).all(axis=2), expected)


def test_zeros_with_residual_zero_are_a_gap_with_a_note(tmp_path: Path) -> None:
    zeros = WALK.copy()
    zeros[3:5, 1] = 0
    markers = read_c3d(written_c3d(tmp_path / "m.c3d", zeros))
    assert np.isnan(markers.positions_m[3:5, 1]).all()
    assert np.isnan(markers.positions_m).sum() == 6
    assert any("written as 0 0 0: M1 in frames 3 to 4" in note for note in markers.notes)


@pytest.mark.parametrize("name", ["POINT:FRAMES", "POINT:LONG_FRAMES"])
def test_a_frame_count_may_be_a_float(name: str, tmp_path: Path) -> None:
    markers = read_c3d(written_c3d(tmp_path / "m.c3d", WALK, parameters={name: 6.0}))
    assert np.array_equal(markers.positions_m, WALK / 1000)
    assert markers.notes == ()


LONG = walk(70_000, 1)
LONG_FRAMES = {"POINT:FRAMES": 65_535, "POINT:UNITS": "m"}


@pytest.mark.parametrize(
    ("parameters", "note"),
    [
        ({"POINT:LONG_FRAMES": 70_000.0}, None),
        ({"POINT:FRAMES": 70_000.0}, None),
        ({"TRIAL:ACTUAL_START_FIELD": [1, 0], "TRIAL:ACTUAL_END_FIELD": [70_000 - 65_536, 1]}, None),
        ({}, "count 65535 frames, the limit of 16 bits: the data's length gives 70000"),
    ],
)
def test_more_than_65535_frames_are_read(parameters: dict[str, object], note: str | None, tmp_path: Path) -> None:
    path = written_c3d(tmp_path / "m.c3d", LONG, parameters={"POINT:FRAMES": 65_535, **parameters})
    markers = read_c3d(path)
    assert np.array_equal(markers.positions_m, LONG / 1000)
    assert markers.time_s[-1] == pytest.approx(699.99)
    assert not note or any(note in one for one in markers.notes)


def test_a_first_frame_beyond_16_bits_is_that_of_the_trial(tmp_path: Path) -> None:
    trial = {"TRIAL:ACTUAL_START_FIELD": [100_001 - 65_536, 1], "TRIAL:ACTUAL_END_FIELD": [100_006 - 65_536, 1]}
    path = written_c3d(tmp_path / "m.c3d", WALK, parameters=trial, header={"first": 65_535, "last": 65_535})
    assert np.allclose(read_c3d(path).time_s, 1000 + np.arange(6) / 100)


def test_another_first_frame_of_the_trial_is_noted(tmp_path: Path) -> None:
    trial = {"TRIAL:ACTUAL_START_FIELD": [201, 0], "TRIAL:ACTUAL_END_FIELD": [206, 0]}
    markers = read_c3d(written_c3d(tmp_path / "m.c3d", WALK, parameters=trial))
    assert markers.time_s[0] == 0
    assert "frames start at 1 and 201" in markers.notes[0]


BIG = walk(40, 12)


@pytest.mark.parametrize(
    ("header", "parameters", "note"),
    [
        ({"last": 50}, {}, "frames 1 to 50 (header) and POINT:FRAMES 40; the data's 7680 bytes fit POINT:FRAMES 40"),
        ({}, {"POINT:FRAMES": 30}, "POINT:FRAMES 30; the data's 7680 bytes fit frames 1 to 40 (header)"),
        ({"points": 13}, {}, "13 points (header) and POINT:USED 12; the data's 7680 bytes fit POINT:USED 12"),
        ({}, {"POINT:USED": 7}, "POINT:USED 7; the data's 7680 bytes fit 12 points (header)"),
        ({"analog": 8}, {}, "8 analogue values a frame (header) and 0 (ANALOG:USED by ANALOG:RATE / POINT:RATE)"),
        ({}, {"ANALOG:USED": 4, "ANALOG:RATE": 200.0}, "fit 0 analogue values a frame (header)"),
        ({"scale": 1.0}, {}, "scale 1 (header): integers and POINT:SCALE -1: floats"),
        ({}, {"POINT:SCALE": 1.0}, "POINT:SCALE 1: integers"),
        ({"last": 50, "analog": 8}, {}, "POINT:FRAMES 40"),
    ],
)
def test_the_length_of_the_data_decides_between_header_and_parameters(
    header: dict[str, float], parameters: dict[str, object], note: str, tmp_path: Path
) -> None:
    markers = read_c3d(written_c3d(tmp_path / "m.c3d", BIG, header=header, parameters=parameters))
    assert np.array_equal(markers.positions_m, BIG / 1000)
    assert any(note in one for one in markers.notes), markers.notes


def test_a_frame_count_of_the_last_block_is_decided_by_its_zeros(tmp_path: Path) -> None:
    """A block holds ten frames of three markers: both counts fill the section to its last block."""
    markers = read_c3d(written_c3d(tmp_path / "m.c3d", WALK, header={"last": 8}))
    assert np.array_equal(markers.positions_m, WALK / 1000)
    assert "fit POINT:FRAMES 6, which is used" in markers.notes[0]


@pytest.mark.parametrize(
    ("header", "parameters", "message"),
    [
        ({"last": 70}, {"POINT:FRAMES": 60}, r"frames 1 to 70 \(header\); POINT:FRAMES 60; and 7680 bytes of data"),
        ({"points": 11}, {"POINT:USED": 10}, r"11 points \(header\); POINT:USED 10"),
        ({"last": 0}, {"POINT:FRAMES": 0}, r"POINT:FRAMES 0; expected one frame or more"),
        ({"points": 0}, {"POINT:USED": 0}, r"no trajectories of points, and 0 analogue values"),
        ({"block": 900}, {"POINT:DATA_START": 800}, r"data from block 900 \(header\) and POINT:DATA_START 800"),
        ({"block": 0}, {"POINT:DATA_START": 1}, r"POINT:DATA_START 1, in blocks of 512 bytes"),
    ],
)
def test_what_the_length_does_not_decide_is_refused(
    header: dict[str, float], parameters: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(FileFormatError, match=message):
        read_c3d(written_c3d(tmp_path / "m.c3d", BIG, header=header, parameters=parameters))


@pytest.mark.parametrize("wrong", [{"header": {"block": 1}}, {"parameters": {"POINT:DATA_START": 1000}}])
def test_a_data_block_outside_the_data_does_not_count(wrong: dict[str, dict[str, int]], tmp_path: Path) -> None:
    assert np.array_equal(read_c3d(written_c3d(tmp_path / "m.c3d", BIG, **wrong)).positions_m, BIG / 1000)


@pytest.mark.parametrize(
    ("header", "parameters", "rate_hz", "note"),
    [
        ({"rate": 120.0}, {}, 100, "POINT:RATE is 100 Hz, the header's rate 120 Hz: POINT:RATE is used"),
        ({"rate": 0.0}, {}, 100, None),
        ({}, {"POINT:RATE": 0.0}, 100, "POINT:RATE is 0.0: the header's rate, 100 Hz, is used"),
        ({}, {"POINT:RATE": None}, 100, "POINT:RATE is absent: the header's rate, 100 Hz, is used"),
    ],
)
def test_rates_that_disagree_are_noted(
    header: dict[str, float], parameters: dict[str, object], rate_hz: float, note: str | None, tmp_path: Path
) -> None:
    markers = read_c3d(written_c3d(tmp_path / "m.c3d", WALK, header=header, parameters=parameters))
    assert markers.rate_hz == pytest.approx(rate_hz)
    assert list(markers.notes) == ([note] if note else [])


def test_no_rate_is_refused(tmp_path: Path) -> None:
    path = written_c3d(tmp_path / "m.c3d", WALK, header={"rate": 0.0}, parameters={"POINT:RATE": float("nan")})
    with pytest.raises(FileFormatError, match=r"POINT:RATE nan and 0\.0 in the header; expected frames per second"):
        read_c3d(path)


@pytest.mark.parametrize(("header", "scale"), [({"scale": 0.2}, 0.1), ({"scale": 0.0}, 0.0)])
def test_integers_of_an_unsure_scale_are_refused(header: dict[str, float], scale: float, tmp_path: Path) -> None:
    path = written_c3d(tmp_path / "m.c3d", WALK, floats=False, scale=scale, header=header)
    with pytest.raises(FileFormatError, match=r"positions in integers with POINT:SCALE .* and scale .* in the header"):
        read_c3d(path)


def test_blocks_of_zeros_at_the_end_are_no_frames(tmp_path: Path) -> None:
    markers = read_c3d(written_c3d(tmp_path / "m.c3d", WALK, tail=bytes(4 * BLOCK)))
    assert np.array_equal(markers.positions_m, WALK / 1000)
    assert markers.notes == ()


def test_data_beyond_the_frames_are_noted(tmp_path: Path) -> None:
    markers = read_c3d(written_c3d(tmp_path / "m.c3d", WALK, tail=b"\1" * BLOCK))
    assert np.array_equal(markers.positions_m, WALK / 1000)
    assert markers.notes == ("736 bytes follow the data of 6 frames: not read",)


@pytest.mark.parametrize("block", [1, 2])
def test_a_cut_file_is_refused(block: int, tmp_path: Path) -> None:
    raw = c3d_bytes(BIG)
    path = tmp_path / "m.c3d"
    path.write_bytes(raw[: -block * BLOCK])
    with pytest.raises(FileFormatError, match=r"\d+ bytes; expected \d+ or more; the file is cut off"):
        read_c3d(path)
