import numpy as np
import pytest

from biopose.io.gaps import with_gaps

NAMES = ("A", "B", "C", "D")


def recording(frames: int = 50) -> np.ndarray:
    """(F, 4, 3) metres: four markers that move differently, with noise of 0.1 mm."""
    rng = np.random.default_rng(0)
    time = np.arange(frames)[:, None, None] / 100
    base, phase = rng.uniform(0.5, 1.5, (1, 4, 3)), rng.uniform(0, 6, (1, 4, 3))
    return base + 0.3 * np.sin(5 * time + phase) + rng.normal(scale=1e-4, size=(frames, 4, 3))


def test_a_complete_recording_is_unchanged_and_without_notes() -> None:
    positions_m = recording()
    again, notes, _ = with_gaps(positions_m, NAMES)
    assert np.array_equal(again, positions_m)
    assert notes == ()


def test_one_missing_component_makes_the_position_a_gap_and_the_argument_is_unchanged() -> None:
    positions_m = recording()
    positions_m[7, 1, 2] = np.nan
    again, notes, _ = with_gaps(positions_m, NAMES)
    assert np.isnan(again[7, 1]).all()
    assert np.isnan(positions_m).sum() == 1
    assert notes == ("gaps: 1 of 200 positions are missing in the file: B in frame 7 (counted from 0)",)


def test_what_the_format_marks_is_a_gap() -> None:
    marked = np.zeros((50, 4), dtype=bool)
    marked[3:6, [0, 2]] = True
    again, notes, _ = with_gaps(recording(), NAMES, marked=marked)
    assert np.array_equal(np.isnan(again).all(axis=2), marked)
    assert notes == ("gaps: 6 of 200 positions are missing in the file: A, C in frames 3 to 5 (counted from 0)",)


def test_zeros_are_gaps() -> None:
    positions_m = recording()
    positions_m[10:13, 3] = 0
    again, notes, _ = with_gaps(positions_m, NAMES)
    assert np.isnan(again[10:13, 3]).all()
    assert notes == ("gaps: 3 of 200 positions are written as 0 0 0: D in frames 10 to 12 (counted from 0)",)


def test_a_marker_of_zeros_throughout_is_named() -> None:
    positions_m = recording()
    positions_m[:, 3] = 0
    again, notes, _ = with_gaps(positions_m, NAMES)
    assert np.isnan(again[:, 3]).all()
    assert "0 0 0 in every frame are read as never measured" in notes[1]
    assert notes[1].endswith(": D")


@pytest.mark.parametrize("value", [9999999, 9999.999, 1e6, -1e6, 999.999, 99.999, -9.999, 32.767, 3.4e38, 1e300])
@pytest.mark.parametrize("frames", [1, 20])
def test_numbers_beyond_any_laboratory_are_gaps(value: float, frames: int) -> None:
    positions_m = recording()
    positions_m[5 : 5 + frames, 2] = value
    again, notes, _ = with_gaps(positions_m, NAMES)
    assert np.isnan(again).all(axis=2).sum() == np.isnan(again[5 : 5 + frames, 2]).all(axis=1).sum() == frames
    assert len(notes) == 1
    assert "beyond any laboratory" in notes[0]
    assert "C in frame" in notes[0]


def test_all_markers_beyond_any_laboratory_in_a_frame_are_gaps() -> None:
    positions_m = recording()
    positions_m[5] = 9999.999
    assert np.isnan(with_gaps(positions_m, NAMES)[0][5]).all()


@pytest.mark.parametrize("scale", [1.0, 1000.0])
@pytest.mark.parametrize("offset_m", [0.0, 5e5])
def test_a_wrong_unit_and_a_distant_origin_are_no_gaps(scale: float, offset_m: float) -> None:
    positions_m = scale * recording() + offset_m
    again, notes, _ = with_gaps(positions_m, NAMES)
    assert np.array_equal(again, positions_m)
    assert notes == ()


def test_a_run_over_a_kilometre_has_no_gap() -> None:
    positions_m = recording(1000)
    positions_m[..., 0] += np.arange(1000)[:, None]
    assert with_gaps(positions_m, NAMES)[1] == ()


def test_markers_with_the_same_gap_are_named_together_and_the_longest_gaps_first() -> None:
    positions_m = recording()
    positions_m[4, 0] = np.nan
    positions_m[10:20, 1:] = np.nan
    notes = with_gaps(positions_m, NAMES)[1]
    assert notes == (
        "gaps: 31 of 200 positions are missing in the file: B, C, D in frames 10 to 19; A in frame 4 (counted from 0)",
    )
