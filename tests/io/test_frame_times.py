from pathlib import Path

import numpy as np
import pytest

from biopose.errors import FileFormatError
from biopose.io.frame_times import FrameTimes
from biopose.io.text import NumberedLines

FRAMES = 60


def read(
    time: np.ndarray, rate_hz: float | None = None, numbers: np.ndarray | None = None
) -> tuple[np.ndarray, list[str]]:
    """Times in seconds, and the notes."""
    lines = NumberedLines(Path("m.trc"), iter(()))
    times = FrameTimes(np.asarray(time, dtype=np.float64), np.arange(len(time)) + 7, rate_hz, numbers)
    return times.in_seconds(lines), lines.notes


@pytest.mark.parametrize("rate_hz", [None, 23.976, 50.0, 100.0, 120.0, 250.0, 1000.0])
@pytest.mark.parametrize("start_s", [0.0, 12.345])
@pytest.mark.parametrize("decimals", [4, 6, 17])
def test_even_times_stay_as_they_are_without_a_note(rate_hz: float | None, start_s: float, decimals: int) -> None:
    time = np.round(start_s + np.arange(FRAMES) / (rate_hz or 100.0), decimals)
    time_s, notes = read(time, rate_hz, np.arange(1.0, FRAMES + 1))
    assert np.array_equal(time_s, time)
    assert notes == []


@pytest.mark.parametrize(("rate_hz", "decimals"), [(75.0, 2), (120.0, 3), (300.0, 3), (29.97, 2)])
def test_rounded_times_that_increase_stay_and_show_no_missing_frames(rate_hz: float, decimals: int) -> None:
    time = np.round(np.arange(FRAMES) / rate_hz, decimals)
    time = time[: int(np.argmax(np.append(np.diff(time) <= 0, True))) + 1]
    time_s, notes = read(time, rate_hz)
    assert np.array_equal(time_s, time)
    assert notes == []


@pytest.mark.parametrize(("rate_hz", "decimals"), [(250.0, 2), (120.0, 2), (1000.0, 2), (30.0, 1), (2000.0, 3)])
@pytest.mark.parametrize("truncated", [False, True])
def test_times_rounded_until_they_repeat_are_rebuilt(rate_hz: float, decimals: int, truncated: bool) -> None:
    exact = np.arange(FRAMES) / rate_hz
    scale = 10.0**decimals
    time_s, notes = read((np.floor(exact * scale + 1e-9) if truncated else np.round(exact * scale)) / scale, rate_hz)
    assert np.allclose(time_s, exact, atol=1e-12)
    assert len(notes) == 1
    assert f"rebuilt from the header's rate of {rate_hz:g} frames/s" in notes[0]


def test_rebuilt_times_follow_the_frame_numbers() -> None:
    numbers = np.delete(np.arange(1.0, FRAMES + 1), slice(20, 30))
    time_s, notes = read(np.round((numbers - 1) / 250, 2), 250.0, numbers)
    assert np.allclose(time_s, (numbers - 1) / 250, atol=1e-12)
    assert "10 frames are missing, in 1 place: 10 before line 27" in notes[1]


@pytest.mark.parametrize("rate_hz", [None, 100.0, 500.0])
def test_repeated_times_that_rounding_does_not_explain_are_refused_with_their_line(rate_hz: float | None) -> None:
    time = np.round(np.arange(FRAMES) / 250, 2)
    with pytest.raises(FileFormatError, match=r"m\.trc:8: found time 0\.0 after 0\.0; expected times that increase"):
        read(time, rate_hz)


def test_decreasing_times_are_refused() -> None:
    with pytest.raises(FileFormatError, match=r"m\.trc:17: found time 0\.02 after 0\.09"):
        read(np.concatenate([np.arange(10) / 100, [0.02]]), 100.0)


@pytest.mark.parametrize(("factor", "unit"), [(1e3, "milliseconds"), (1e6, "microseconds")])
@pytest.mark.parametrize("rate_hz", [30.0, 100.0, 59.94])
def test_times_in_another_unit_become_seconds(factor: float, unit: str, rate_hz: float) -> None:
    time_s, notes = read(np.round(np.arange(FRAMES) / rate_hz * factor, 3), rate_hz)
    assert np.allclose(time_s, np.arange(FRAMES) / rate_hz, atol=1e-6)
    assert len(notes) == 1
    assert f"read as {unit}" in notes[0]


def test_times_that_count_frames_become_seconds() -> None:
    time_s, notes = read(np.arange(1.0, FRAMES + 1), 100.0)
    assert np.allclose(np.diff(time_s), 0.01)
    assert "read as frames" in notes[0]


def test_times_take_precedence_over_the_rate() -> None:
    time_s, notes = read(np.arange(FRAMES) / 100, 200.0)
    assert np.array_equal(time_s, np.arange(FRAMES) / 100)
    assert notes == [
        "the header's rate is 200 frames/s, but the times are 0.01 s apart (100 frames/s): the times are used"
    ]


def test_frame_numbers_that_skip_where_times_do_not_are_noted() -> None:
    numbers = np.arange(1.0, FRAMES + 1)
    numbers[30:] += 5
    notes = read(np.arange(FRAMES) / 100, 100.0, numbers)[1]
    assert notes == [
        "5 frame numbers are skipped where the times are even, in 1 place: 5 before line 37 (0.29 to 0.3 s)"
    ]


def test_every_second_frame_number_is_an_even_recording() -> None:
    assert read(np.arange(FRAMES) / 50, 50.0, np.arange(FRAMES) * 2.0 + 1)[1] == []


def test_uneven_times_are_noted() -> None:
    time = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.06, FRAMES))
    notes = read(time)[1]
    assert any(note.startswith("frames are unevenly spaced") for note in notes)


@pytest.mark.parametrize("frames", [1, 2])
def test_one_and_two_frames_are_recordings(frames: int) -> None:
    assert read(np.arange(frames) / 100, 100.0, np.arange(1.0, frames + 1))[1] == []
