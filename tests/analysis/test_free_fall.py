"""Take-off and landing are found where parabola and stance meet, to a fraction of a frame, within their deviations."""

import numpy as np
import pytest

from biopose.analysis.free_fall import FreeFall, fit_free_fall
from tests.analysis.motions import GRAVITY_M_S2, jump

TAKE_OFF_S, FLIGHT_S = 1.0, 0.5


def fitted(
    *, rate_hz: float = 100.0, noise_m: float = 0.0, seed: int = 0, off_s: float = 0.0, **how: float
) -> FreeFall:
    one = jump(take_off_s=TAKE_OFF_S, rate_hz=rate_hz, noise_m=noise_m, seed=seed, **{"flight_s": FLIGHT_S} | how)
    return fit_free_fall(
        one.time_s,
        one.center_of_mass_m[:, 1],
        take_off_s=TAKE_OFF_S + off_s,
        landing_s=TAKE_OFF_S + how.get("flight_s", FLIGHT_S) - off_s,
        take_off_sd_s=0.02,
        landing_sd_s=0.02,
    )


@pytest.mark.parametrize("rate_hz", [30.0, 60.0, 100.0])
@pytest.mark.parametrize("off_s", [-0.015, 0.0, 0.015])
def test_events_are_found_within_a_fraction_of_a_frame(rate_hz: float, off_s: float) -> None:
    fall = fitted(rate_hz=rate_hz, off_s=off_s)
    assert fall.take_off_s == pytest.approx(TAKE_OFF_S, abs=0.012)
    assert fall.landing_s == pytest.approx(TAKE_OFF_S + FLIGHT_S, abs=0.012)


@pytest.mark.parametrize("flight_s", [0.3, 0.5, 0.65])
def test_the_rise_is_that_of_the_take_off_velocity(flight_s: float) -> None:
    fall = fitted(flight_s=flight_s)
    assert fall.rise_m == pytest.approx(GRAVITY_M_S2 * flight_s**2 / 8, abs=0.015)
    assert fall.peak_s == pytest.approx(TAKE_OFF_S + flight_s / 2, abs=1e-3)
    assert fall.drop_m == pytest.approx(0.0, abs=0.02)
    assert fall.acceleration_m_s2 == pytest.approx(-GRAVITY_M_S2, abs=0.05)


def test_who_drops_lands_lower() -> None:
    assert fitted(flight_s=0.4, landing_drop_m=0.3).drop_m == pytest.approx(0.3, abs=0.02)


def test_95_percent_intervals_hold_the_events() -> None:
    held = []
    for seed in range(40):
        fall = fitted(noise_m=0.003, seed=seed, rate_hz=60.0)
        held.append(abs(fall.take_off_s - TAKE_OFF_S) < 1.96 * fall.take_off_sd_s)
        held.append(abs(fall.landing_s - TAKE_OFF_S - FLIGHT_S) < 1.96 * fall.landing_sd_s)
    assert np.mean(held) >= 0.93


def test_noise_makes_the_events_less_sure() -> None:
    sure, unsure = fitted(), fitted(noise_m=0.01)
    assert unsure.noise_m == pytest.approx(0.01, rel=0.3)
    assert unsure.take_off_sd_s > sure.take_off_sd_s
    assert unsure.landing_sd_s > sure.landing_sd_s


def test_without_frames_in_flight_the_guess_remains() -> None:
    time_s = np.array([0.0, 0.5, 1.0])
    fall = fit_free_fall(time_s, np.ones(3), take_off_s=0.1, landing_s=0.2, take_off_sd_s=0.02, landing_sd_s=0.03)
    assert (fall.take_off_s, fall.landing_s) == (0.1, 0.2)
    assert (fall.take_off_sd_s, fall.landing_sd_s) == (0.02, 0.03)
