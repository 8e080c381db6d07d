import numpy as np
import pytest

from biopose.io.gaps import with_gaps
from biopose.io.repeated_values import repeated_values

FRAMES, MARKERS = 200, 12


def walk(*, resolution_m: float | None = 1e-6, noise_m: float = 1e-4) -> np.ndarray:
    """(F, M, 3) metres: markers that advance at 1.3 m/s, the last two (a foot's) swinging and standing in turn."""
    rng = np.random.default_rng(1)
    time = np.arange(FRAMES) / 100
    positions_m = rng.uniform(-0.4, 0.4, (1, MARKERS, 3)) + np.zeros((FRAMES, 1, 1))
    positions_m[:, :-2, 0] += 1.3 * time[:, None]
    positions_m += 0.05 * np.sin(6 * time[:, None, None] + rng.uniform(0, 6, (1, MARKERS, 3)))
    swing = np.clip((time % 1.0 - 0.4) / 0.6, 0, 1)
    foot = np.floor(time) + swing**3 * (10 - 15 * swing + 6 * swing**2)  # minimum jerk between stances
    positions_m[:, -2:] = positions_m[0, -2:] + 1.3 * foot[:, None, None] * np.array([1, 0.02, 0.05])
    positions_m += rng.normal(scale=noise_m, size=positions_m.shape) if noise_m else 0
    return positions_m if resolution_m is None else np.round(positions_m / resolution_m) * resolution_m


@pytest.mark.parametrize("frames", [1, 2, 5, 40])
@pytest.mark.parametrize("marker", [0, MARKERS - 1])
@pytest.mark.parametrize("value", ["last", "next"])
def test_a_gap_filled_with_the_last_or_next_value_is_found(frames: int, marker: int, value: str) -> None:
    positions_m = walk()
    gap = slice(60, 60 + frames)
    positions_m[gap, marker] = positions_m[59 if value == "last" else 60 + frames, marker]
    filled = repeated_values(positions_m).filled
    assert filled[gap, marker].all()
    assert filled.sum() == frames


def test_a_foot_filled_while_the_rest_walks_is_named() -> None:
    positions_m = walk()
    positions_m[50:90, -2:] = positions_m[49, -2:]
    again, notes, _ = with_gaps(positions_m, [f"M{i}" for i in range(MARKERS)])
    assert np.isnan(again[50:90, -2:]).all()
    assert len(notes) == 1
    assert "80 of 2400 positions are filled with a value repeated bit for bit" in notes[0]
    assert "M10, M11 in frames 50 to 89" in notes[0]


def test_values_filled_to_the_end_and_from_the_start_are_found() -> None:
    positions_m = walk()
    positions_m[150:, 0] = positions_m[149, 0]
    positions_m[:30, 1] = positions_m[30, 1]
    filled = repeated_values(positions_m).filled
    assert filled[150:, 0].all()
    assert filled[:30, 1].all()
    assert filled.sum() == 80


@pytest.mark.parametrize("resolution_m", [None, 1e-6, 1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("noise_m", [0.0, 1e-4])
def test_a_foot_on_the_ground_is_no_gap_at_any_resolution(resolution_m: float | None, noise_m: float) -> None:
    assert not repeated_values(walk(resolution_m=resolution_m, noise_m=noise_m)).filled.any()


@pytest.mark.parametrize("resolution_m", [1e-4, 1e-3])
def test_a_swinging_foot_that_was_filled_is_found_at_a_coarse_resolution(resolution_m: float) -> None:
    positions_m = walk(resolution_m=resolution_m)
    positions_m[60:90, -1] = positions_m[59, -1]
    filled = repeated_values(positions_m).filled
    assert filled[60:90, -1].all()
    assert filled.sum() == 30


@pytest.mark.parametrize("times", [2, 3])
def test_frames_duplicated_to_raise_the_rate_are_kept_and_named(times: int) -> None:
    positions_m = np.repeat(walk(), times, axis=0)
    again, notes, _ = with_gaps(positions_m, [f"M{i}" for i in range(MARKERS)])
    assert np.array_equal(again, positions_m)
    assert len(notes) == 1
    assert notes[0].startswith(f"{FRAMES * (times - 1)} of {FRAMES * times} frames repeat the frame before")


def test_a_gap_is_found_between_duplicated_frames() -> None:
    positions_m = walk()
    positions_m[60:80, 3] = positions_m[59, 3]
    filled = repeated_values(np.repeat(positions_m, 2, axis=0)).filled
    assert filled[120:160, 3].all()
    assert filled.sum() == 40


def test_a_stretch_filled_in_all_markers_is_a_gap() -> None:
    positions_m = walk()
    positions_m[60:75] = positions_m[59]
    repeated = repeated_values(positions_m)
    assert repeated.filled[60:75].all()
    assert repeated.filled.sum() == 15 * MARKERS


def test_a_static_trial_of_exact_data_has_no_gap() -> None:
    positions_m = np.repeat(walk()[:1], 50, axis=0)
    again, notes, _ = with_gaps(positions_m, [f"M{i}" for i in range(MARKERS)])
    assert np.array_equal(again, positions_m)
    assert notes == ("49 of 50 frames repeat the frame before bit for bit and are kept: all markers in frames 1 to 49",)


def test_a_marker_that_never_moves_is_kept_and_named() -> None:
    positions_m = walk()
    positions_m[:, 4] = positions_m[0, 4]
    again, notes, _ = with_gaps(positions_m, [f"M{i}" for i in range(MARKERS)])
    assert np.array_equal(again, positions_m)
    assert notes == ("markers that stand still to the last bit in all frames while others move, kept: M4",)


def test_arms_that_rest_while_a_leg_moves_in_exact_data_are_no_gap() -> None:
    time = np.arange(100) / 100
    positions_m = np.random.default_rng(2).uniform(size=(1, 10, 3)) + np.zeros((100, 1, 1))
    positions_m[:50, :4, 0] += 0.2 * np.sin(np.pi * time[:50, None] * 2) ** 2
    positions_m[50:, 8:, 0] += 0.2 * np.sin(np.pi * time[50:, None] * 2) ** 2
    assert not repeated_values(positions_m).filled.any()


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_short_recordings_have_no_repeated_gaps(frames: int) -> None:
    assert not repeated_values(np.ones((frames, 3, 3))).filled.any()
    assert not repeated_values(np.full((frames, 3, 3), np.nan)).filled.any()
