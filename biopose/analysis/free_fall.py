"""Take-off and landing to a fraction of a frame, from the free fall of the body's centre of mass.

In flight the centre of mass follows a parabola whose curvature is gravity's. On the ground it lies above the parabola's
continuation by what the ground's force has done: force over mass that falls to zero before take-off, and rises from
zero after landing, as A (1 - exp(-k t / A)) at the time t from the event. The moment of the event is the one at which
parabola and stance meet, given the heights of all frames from shortly before take-off to shortly after landing; no
filter runs across the impact. The rates k are not known: their distribution is wide, and what it leaves open is in the
event's standard deviation.

Constants: from the vertical force of two countermovement jumps and a drop jump on force plates (the recordings that
come with biomdp 0.11.2), integrated twice, sampled at 30 to 100 Hz with known errors of 0.5 to 8 mm. There 95 %
intervals held 95 to 99 %, and the error at 100 Hz and 0.5 mm was 5 ms at take-off and 3 ms at landing (13 ms where the
person lowered themselves from a box).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.measured_trial import FloatArray

GRAVITY_M_S2 = 9.81
REACH_S = 0.06  # of the frames on the ground that take part
SEARCH_S, STEP_S = 0.06, 0.001
CORE_S = 0.02  # from the events to the frames that are certainly in flight
MODEL_ERROR = 0.3  # of the height that the force adds, where it does not rise as modelled
# Of the centre of mass's height. At an impact soft tissue moves by centimetres against the bones, and so does the true
# centre of mass by millimetres (Pain & Challis 2006, J Biomech 39:119), however smooth the flight is.
LEAST_NOISE_M, USUAL_NOISE_M = 0.002, 0.003
ROUNDS = 2


@dataclass(frozen=True)
class Force:
    """How the ground's force over the body's mass changes near an event.

    Attributes:
        rate_m_s3: median of k.
        log_sd: standard deviation of its logarithm.
        most_m_s2: A.
    """

    rate_m_s3: float
    log_sd: float
    most_m_s2: float


@dataclass(frozen=True)
class HeightErrors:
    """How the centre of mass's heights err.

    Attributes:
        repeated_s: in which an error repeats itself: what frames nearer than that tell counts once.
        scale_sd: standard deviation of the heights' scale, against which gravity's acceleration is measured.
        event_sd_s: of take-off and landing, beyond what these explain.
        apex_sd_s: of the apex, likewise.
    """

    repeated_s: float = 0.0
    scale_sd: float = 0.0
    event_sd_s: float = 0.0
    apex_sd_s: float = 0.0


EXACT_SCALE = HeightErrors()
TAKE_OFF, LANDING = Force(400, 0.8, 20), Force(1500, 0.8, 30)
# In runs at 3.5 m/s it rises by 65 to 70 body weights a second, on the heel as on the forefoot (Lieberman et al. 2010,
# Nature 463:531; Milner et al. 2006, Med Sci Sports Exerc 38:323): less steeply than after a jump or in a sprint.
RUN_LANDING = Force(650, 0.8, 30)
RATES = np.linspace(-2, 2, 7)  # standard deviations of the rate's logarithm
SCALES = np.linspace(-2, 2, 5)  # standard deviations of the heights' scale
SDS_OF_GUESS = 3.0  # within which an event is looked for where the heights' scale is uncertain, if beyond SEARCH_S


@dataclass(frozen=True)
class FreeFall:
    """A flight of the centre of mass.

    Attributes:
        take_off_s: time of leaving the ground.
        take_off_sd_s: its standard deviation.
        landing_s: time of coming back.
        landing_sd_s: likewise.
        peak_s: time of the parabola's apex; before take-off where somebody drops.
        peak_sd_s: likewise.
        peak_m: height of the apex.
        noise_m: standard deviation of the heights about the parabola.
        acceleration_m_s2: of the heights in flight, freely fitted: near -9.81; NaN where the flight is too short.
    """

    take_off_s: float
    take_off_sd_s: float
    landing_s: float
    landing_sd_s: float
    peak_s: float
    peak_sd_s: float
    peak_m: float
    noise_m: float
    acceleration_m_s2: float

    @property
    def duration_s(self) -> float:
        """From take-off to landing."""
        return self.landing_s - self.take_off_s

    @property
    def duration_sd_s(self) -> float:
        """Standard deviation of the duration."""
        return float(np.hypot(self.take_off_sd_s, self.landing_sd_s))

    @property
    def rise_m(self) -> float:
        """How far the centre of mass rises from take-off to the apex, v^2 / 2g; 0 where it does not."""
        return GRAVITY_M_S2 * max(self.peak_s - self.take_off_s, 0.0) ** 2 / 2

    @property
    def drop_m(self) -> float:
        """How much lower the centre of mass is at landing than at take-off."""
        fallen_m = GRAVITY_M_S2 * (self.landing_s - self.peak_s) ** 2 / 2
        return float(fallen_m - GRAVITY_M_S2 * (self.peak_s - self.take_off_s) ** 2 / 2)


def fit_free_fall(
    time_s: FloatArray,
    height_m: FloatArray,
    *,
    take_off_s: float,
    landing_s: float,
    take_off_sd_s: float,
    landing_sd_s: float,
    errors: HeightErrors = EXACT_SCALE,
    landing: Force = LANDING,
) -> FreeFall:
    """The most probable flight between two events that are roughly known.

    Args:
        time_s: (T,) increasing.
        height_m: (T,) of the centre of mass, not filtered.
        take_off_s: roughly.
        landing_s: roughly.
        take_off_sd_s: how roughly.
        landing_sd_s: likewise.
        errors: of the heights.
        landing: how the ground's force rises after it.
    """
    start_s, end_s, start_sd_s, end_sd_s = take_off_s, landing_s, take_off_sd_s, landing_sd_s
    noise_m = USUAL_NOISE_M
    for _ in range(ROUNDS):
        noise_m = _noise_m(time_s, height_m, start_s, end_s, errors)
        event = partial(_event, time_s, height_m, noise_m=noise_m, errors=errors)
        start_s, start_sd_s = event(TAKE_OFF, -1, other_s=end_s, guess=(take_off_s, take_off_sd_s))
        end_s, end_sd_s = event(landing, 1, other_s=start_s, guess=(landing_s, landing_sd_s))
    peak_s, peak_sd_s, peak_m = _apex(time_s, height_m, start_s, end_s, noise_m, errors)
    return FreeFall(
        take_off_s=start_s,
        take_off_sd_s=start_sd_s,
        landing_s=end_s,
        landing_sd_s=end_sd_s,
        peak_s=peak_s,
        peak_sd_s=peak_sd_s,
        peak_m=peak_m,
        noise_m=noise_m,
        acceleration_m_s2=_acceleration_m_s2(time_s, height_m, start_s, end_s),
    )


def _event(
    time_s: FloatArray,
    height_m: FloatArray,
    force: Force,
    sign: Literal[-1, 1],
    *,
    other_s: float,
    guess: tuple[float, float],
    noise_m: float,
    errors: HeightErrors,
) -> tuple[float, float]:
    """Mean and standard deviation of one event's time over a grid of times, rates and scales, the other event given.

    Take-off has sign -1: the ground's force is before it.
    """
    guess_s, guess_sd_s = guess
    margin_s = min(CORE_S, abs(other_s - guess_s) / 4)
    low, high = sorted((guess_s + sign * REACH_S, other_s + sign * margin_s))
    used = (time_s >= low) & (time_s <= high)
    since_s = time_s[used] - guess_s
    if len(since_s) < 3:
        return guess_s, guess_sd_s
    search_s = max(SEARCH_S, SDS_OF_GUESS * guess_sd_s) if errors.scale_sd else SEARCH_S
    shifts_s = np.arange(-search_s, search_s + STEP_S / 2, STEP_S)[:, None, None]
    rates = force.rate_m_s3 * np.exp(force.log_sd * RATES)[:, None]
    raised_m = _raised_m(sign * (since_s - shifts_s), rates, force.most_m_s2)  # (shifts, rates, frames)
    variance = np.asarray(noise_m**2 + (MODEL_ERROR * raised_m) ** 2)
    once = min(1.0, float(np.median(np.diff(time_s))) / errors.repeated_s) if errors.repeated_s else 1.0
    log_probabilities = []
    for scale in SCALES if errors.scale_sd else (0.0,):
        gravity_m_s2 = GRAVITY_M_S2 * (1 + scale * errors.scale_sd)
        left_m = height_m[used] + gravity_m_s2 * since_s**2 / 2 - raised_m
        misfit = _misfit_of_line(since_s, left_m, 1 / variance) + np.log(variance).sum(axis=-1)
        log_probabilities.append(-0.5 * (once * misfit + RATES**2 + (shifts_s[..., 0] / guess_sd_s) ** 2 + scale**2))
    log_probability = np.concatenate(log_probabilities, axis=1)
    probability = np.exp(log_probability - log_probability.max()).sum(axis=1)
    probability /= probability.sum()
    shifts_s = shifts_s[:, 0, 0]
    mean_s = float(probability @ shifts_s)
    sd_s = float(np.sqrt(probability @ (shifts_s - mean_s) ** 2 + STEP_S**2 / 12 + errors.event_sd_s**2))
    return guess_s + mean_s, sd_s


def _raised_m(since_s: FloatArray, rates_m_s3: FloatArray, most_m_s2: float) -> FloatArray:
    """How far the ground's force has raised the centre of mass above the parabola, at a time on the ground."""
    on_ground_s, constant_s = np.maximum(since_s, 0.0), most_m_s2 / rates_m_s3
    decayed = constant_s**2 * (1 - np.exp(-on_ground_s / constant_s))
    return np.asarray(most_m_s2 * (on_ground_s**2 / 2 - constant_s * on_ground_s + decayed))


def _misfit_of_line(x: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted sum of squares (...) that the best line through (..., n) leaves."""
    total, first, second = weights.sum(-1), (weights * x).sum(-1), (weights * x**2).sum(-1)
    y_total, y_first = (weights * y).sum(-1), (weights * x * y).sum(-1)
    determinant = total * second - first**2
    level = (second * y_total - first * y_first) / determinant
    slope = (total * y_first - first * y_total) / determinant
    return np.asarray((weights * (y - level[..., None] - slope[..., None] * x) ** 2).sum(-1))


def _core(time_s: FloatArray, start_s: float, end_s: float) -> NDArray[np.intp]:
    """Frames that are certainly in flight."""
    margin_s = min(CORE_S, (end_s - start_s) / 4)
    return np.flatnonzero((time_s >= start_s + margin_s) & (time_s <= end_s - margin_s))


def _noise_m(time_s: FloatArray, height_m: FloatArray, start_s: float, end_s: float, errors: HeightErrors) -> float:
    """Of the heights about the parabola in flight; a usual one where there are too few frames to tell."""
    frames = _core(time_s, start_s, end_s)
    if len(frames) < 5:
        return USUAL_NOISE_M
    since_s = time_s[frames] - start_s
    level_m = height_m[frames] + GRAVITY_M_S2 * since_s**2 / 2
    degree = 2 if errors.scale_sd else 1
    residual_m = level_m - np.polyval(np.polyfit(since_s, level_m, degree), since_s)
    return max(float(np.sqrt(residual_m @ residual_m / (len(frames) - degree - 1))), LEAST_NOISE_M)


def _apex(
    time_s: FloatArray, height_m: FloatArray, start_s: float, end_s: float, noise_m: float, errors: HeightErrors
) -> tuple[float, float, float]:
    """Time, its standard deviation, and height of the parabola's apex."""
    frames = _core(time_s, start_s, end_s)
    if len(frames) < 2:
        middle_s = (start_s + end_s) / 2
        return middle_s, (end_s - start_s) / 4, float(np.interp(middle_s, time_s, height_m))
    centre_s = float(time_s[frames].mean())
    since_s = time_s[frames] - centre_s
    slope, level_m = np.polyfit(since_s, height_m[frames] + GRAVITY_M_S2 * since_s**2 / 2, 1)
    slope_sd = noise_m / np.sqrt(since_s @ since_s)
    if errors.repeated_s:
        slope_sd *= np.sqrt(max(errors.repeated_s / float(np.median(np.diff(time_s))), 1.0))
    later_s = float(slope / GRAVITY_M_S2)
    return (
        centre_s + later_s,
        float(np.hypot(slope_sd / GRAVITY_M_S2, errors.apex_sd_s)),
        float(level_m + slope * later_s / 2),
    )


def _acceleration_m_s2(time_s: FloatArray, height_m: FloatArray, start_s: float, end_s: float) -> float:
    frames = _core(time_s, start_s, end_s)
    if len(frames) < 4:
        return float("nan")
    return float(2 * np.polyfit(time_s[frames] - start_s, height_m[frames], 2)[0])
