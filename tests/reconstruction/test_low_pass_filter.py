"""The low-pass filter: what it keeps, what it stops, and that nothing is delayed."""

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from biopose.reconstruction.low_pass_filter import BOTH_PASSES, CUTOFF_HZ, LEAST_FRAMES, low_pass

RATE_HZ, FRAMES = 200.0, 801
TIME_S = np.arange(FRAMES) / RATE_HZ
MIDDLE = slice(200, -200)  # away from the ends


def gain_at(hz: float, *, cutoff_hz: float) -> float:
    wave = np.sin(2 * np.pi * hz * TIME_S)[:, None]
    passed = low_pass(wave, TIME_S, cutoff_hz=cutoff_hz)
    return float(np.abs(passed[MIDDLE]).max() / np.abs(wave[MIDDLE]).max())


@pytest.mark.parametrize("cutoff_hz", [4.0, 6.0, 12.0])
def test_half_the_power_passes_at_the_cutoff(cutoff_hz: float) -> None:
    assert gain_at(cutoff_hz, cutoff_hz=cutoff_hz) == pytest.approx(np.sqrt(0.5), abs=0.01)


def test_what_is_slow_passes_and_what_is_fast_does_not() -> None:
    assert gain_at(1.0, cutoff_hz=6.0) == pytest.approx(1.0, abs=0.005)
    assert gain_at(40.0, cutoff_hz=6.0) < 0.01
    gains = [gain_at(hz, cutoff_hz=6.0) for hz in (1, 3, 6, 10, 20)]
    assert gains == sorted(gains, reverse=True)


def test_nothing_is_delayed() -> None:
    pulse = np.exp(-0.5 * ((TIME_S - 2.0) / 0.05) ** 2)[:, None]
    passed = low_pass(pulse, TIME_S, cutoff_hz=6.0)
    assert np.argmax(passed) == np.argmax(pulse)
    np.testing.assert_allclose(passed, passed[::-1], atol=1e-6)


def test_constants_and_slopes_are_kept_to_the_ends() -> None:
    lines = np.stack([np.full(FRAMES, 3.0), 2.0 * TIME_S - 1.0], axis=-1)
    np.testing.assert_allclose(low_pass(lines, TIME_S, cutoff_hz=6.0), lines, atol=1e-3)


def test_columns_are_filtered_each_for_itself_and_linearly() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, FRAMES, 3))
    both = low_pass(a + 2 * b, TIME_S, cutoff_hz=6.0)
    np.testing.assert_allclose(
        both, low_pass(a, TIME_S, cutoff_hz=6.0) + 2 * low_pass(b, TIME_S, cutoff_hz=6.0), atol=1e-9
    )
    np.testing.assert_allclose(low_pass(a[:, :1], TIME_S, cutoff_hz=6.0), low_pass(a, TIME_S, cutoff_hz=6.0)[:, :1])


def test_uneven_frames_are_filtered_in_time() -> None:
    """Every frame up to a third of an interval early or late: the slow wave passes, the quick one does not."""
    uneven_s = TIME_S + np.random.default_rng(0).uniform(-0.33, 0.33, FRAMES) / RATE_HZ
    slow, quick = np.sin(2 * np.pi * 1.0 * uneven_s), 0.3 * np.sin(2 * np.pi * 30.0 * uneven_s)
    passed = low_pass((slow + quick)[:, None], uneven_s, cutoff_hz=6.0)[:, 0]
    assert np.abs(passed - slow)[MIDDLE].max() < 0.03


def test_what_the_frame_rate_cannot_carry_is_returned_as_it_is() -> None:
    noise = np.random.default_rng(0).normal(size=(30, 2))
    np.testing.assert_array_equal(low_pass(noise, np.arange(30) / 25.0, cutoff_hz=14.0), noise)


@pytest.mark.parametrize("frames", range(1, 9))
def test_short_clips_give_finite_values(frames: int) -> None:
    values = np.random.default_rng(0).normal(size=(frames, 2))
    passed = low_pass(values, np.arange(frames) / 60.0, cutoff_hz=6.0)
    assert passed.shape == values.shape
    assert np.isfinite(passed).all()
    assert (frames < LEAST_FRAMES) == np.array_equal(passed, values)


def test_the_given_values_stay() -> None:
    values = np.random.default_rng(0).normal(size=(50, 2))
    before = values.copy()
    low_pass(values, np.arange(50) / 60.0, cutoff_hz=6.0)
    np.testing.assert_array_equal(values, before)


def test_every_activity_of_the_manifest_has_a_cutoff() -> None:
    assert set(CUTOFF_HZ) == {
        "walk",
        "run",
        "sprint",
        "squat",
        "countermovement_jump",
        "drop_jump",
        "throw",
        "kick",
        "other",
    }


@pytest.mark.parametrize(("frames", "rate_hz", "cutoff_hz"), [(4, 30.0, 8.0), (50, 30.0, 6.0), (900, 240.0, 12.0)])
def test_both_passes_are_those_of_scipys_filter(frames: int, rate_hz: float, cutoff_hz: float) -> None:
    values = np.random.default_rng(1).normal(size=(frames, 5)).cumsum(0)
    time_s = np.arange(frames) / rate_hz
    sections = butter(2, cutoff_hz / BOTH_PASSES, fs=rate_hz, output="sos")
    expected = sosfiltfilt(sections, values, axis=0, padlen=min(frames - 1, int(np.ceil(rate_hz / cutoff_hz))))
    np.testing.assert_allclose(low_pass(values, time_s, cutoff_hz=cutoff_hz), expected, rtol=0, atol=1e-10)
