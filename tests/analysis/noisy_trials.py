"""Synthetic trials whose measurement errs as its standard deviations say: what metrics then are, and what is true.

A body moves by given angles; its joint centres follow from the skeleton, to first order in the errors. Angles err by
their constant parts and by smooth noise, shared between coordinates as `biopose.analysis.angle_errors` says; events and
flights by their own deviations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from biopose.analysis.angle_errors import SHARED
from biopose.analysis.body_points import body_points_m
from biopose.analysis.events import JUMPS
from biopose.analysis.flights import Flight, Flights
from biopose.analysis.free_fall import GRAVITY_M_S2, USUAL_NOISE_M, FreeFall
from biopose.analysis.jump_metrics import POSTURE_SD_M
from biopose.analysis.kinematics import coordinate_units
from biopose.analysis.metrics import find_metrics
from biopose.analysis.motion import Motion
from biopose.analysis.swings import PEAK_SD_S
from biopose.analysis.tables import Event
from biopose.analysis.trial_analysis import analyse_motion, flights_of
from biopose.skeleton.constant_errors import PELVIS_TILT, TURNED_WITH_PELVIS, constant_sd_rad, without_side
from biopose.skeleton.full_body import full_body_skeleton
from tests.analysis.motions import bump, motion
from tests.analysis.test_jump_metrics import countermovement_jump
from tests.analysis.test_landing_metrics import landing
from tests.analysis.test_step_metrics import runner, walker
from tests.analysis.test_swings import PELVIS_S, PELVIS_W, TRUNK_S, TRUNK_W, external_deg, step, throw

VARYING_SD_DEG, ROOT_SD_M = 3.0, 0.02
SMOOTH_S = 0.1  # of the noise: errors of a recording's neighbouring frames are alike
STEP = 1e-4  # of the finite differences
SIDED = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle", "subtalar_angle")
OF_ARM = ("arm_flex", "arm_add", "arm_rot", "elbow_flex")
ERRING = (
    *(f"{name}_{letter}" for name in (*SIDED, *OF_ARM) for letter in "lr"),
    *("pelvis_tilt", "pelvis_list", "pelvis_rotation", "lumbar_extension", "lumbar_rotation"),
    *("pelvis_tx", "pelvis_ty", "pelvis_tz"),
)
UNITS = dict(coordinate_units())
Values = Mapping[tuple[str, str], tuple[float, float | None]]  # by metric and side: value, standard deviation


@dataclass(frozen=True, eq=False)
class NoisyTrial:
    """A trial without errors, to draw measurements of.

    Attributes:
        activity: of the manifest.
        motion: without errors, with the deviations of a measurement.
        slopes: by point, (T, 3, E) how it moves with the coordinates ERRING.
        events: without errors, with their deviations.
        flights: likewise.
        otherwise_deg: by coordinate, up to how much its values at the beginning and its change are drawn to differ.
        smooth_s: of the noise.
    """

    activity: str
    motion: Motion
    slopes: Mapping[str, np.ndarray]
    events: Sequence[Event]
    flights: Flights
    otherwise_deg: Mapping[str, float]
    smooth_s: float = SMOOTH_S

    def with_varying_sd(self, varying_deg: np.ndarray, *, smooth_s: float) -> NoisyTrial:
        """Angles that err by (T,) and alike over another time, beside their constant errors."""
        constant = self.motion.constant_sd
        sd = {name: np.hypot(varying_deg, constant.get(name, 0.0)) for name in ERRING if UNITS[name] == "deg"}
        moved = replace(self.motion, coordinate_sd=dict(self.motion.coordinate_sd) | sd)
        return replace(self, motion=moved, smooth_s=smooth_s)

    def measurements(self, draws: int, *, seed: int) -> Iterator[tuple[Values, Values]]:
        """What is true, and a measurement of it; as often as asked for."""
        rng = np.random.default_rng(seed)
        truth = None
        for _ in range(draws):
            true, true_flights = self._otherwise(rng), self._landing_otherwise(rng)
            if truth is None or self.activity in JUMPS:
                truth = self._values(true, self.events, true_flights)
            noisy = self._noisy_heights(self._moved(true, self._errors(rng)), rng)
            measured = self._values(noisy, self._noisy_events(rng), _noisy_flights(true_flights, rng))
            released_s = rng.normal(0, PEAK_SD_S)  # by what the method errs, from the ball's release
            yield (
                truth,
                {
                    key: (value - released_s * key[0].endswith("velocity_peak_time"), sd)
                    for key, (value, sd) in measured.items()
                },
            )

    def motions(self, draws: int, *, seed: int) -> Iterator[Motion]:
        """Measurements of the motion."""
        rng = np.random.default_rng(seed)
        yield from (self._moved(self.motion, self._errors(rng)) for _ in range(draws))

    def moments(self, draws: int, *, seed: int) -> Iterator[tuple[str, float, float]]:
        """Name, error and standard deviation, seconds, of the trial's events in measurements of it that have them."""
        true_s = {one.event: one.time_s for one in reversed(self.events)}  # the first of each name
        for one in self.motions(draws, seed=seed):
            events, _ = analyse_motion(one, activity=self.activity)
            yield from ((at.event, at.time_s - true_s[at.event], at.sd_s or 0.0) for at in events if at.event in true_s)

    def _values(self, one: Motion, events: Sequence[Event], flights: Flights) -> Values:
        found = find_metrics(one, events, flights, activity=self.activity)
        return {(m.metric, m.side): (m.value, m.sd) for m in found if m.value is not None}

    def _otherwise(self, rng: np.random.Generator) -> Motion:
        """The motion with other angles, so that what is true lies on either side of a criterion."""
        if not self.otherwise_deg:
            return self.motion
        knee = self.motion.coordinates["knee_angle_r"]
        bend = (knee - knee.min()) / np.ptp(knee)
        changes = np.zeros((len(knee), len(ERRING)))
        for name, most_deg in self.otherwise_deg.items():
            first, more = rng.uniform(-most_deg, most_deg, 2)
            changes[:, ERRING.index(name)] = first + more * bend
        return self._moved(self.motion, changes)

    def _moved(self, one: Motion, changes: np.ndarray) -> Motion:
        """With changes (T, E) of the coordinates ERRING, degrees and metres."""
        per_unit = [np.radians(1.0) if UNITS[name] == "deg" else 1.0 for name in ERRING]
        points_m = {
            name: values + (self.slopes[name] @ (changes * per_unit)[..., None])[..., 0]
            for name, values in one.points_m.items()
        }
        coordinates = {name: one.coordinates[name] + changes[:, i] for i, name in enumerate(ERRING)}
        return replace(one, coordinates=dict(one.coordinates) | coordinates, points_m=points_m)

    def _noisy_heights(self, one: Motion, rng: np.random.Generator) -> Motion:
        """With an error of the centre of mass's height as smooth and as large as flights have it."""
        noise_m = max([flight.fall.noise_m for flight in self.flights.found], default=USUAL_NOISE_M)
        error_m = noise_m * _smooth_noise(one.time_s, 1, rng)
        return replace(one, center_of_mass_m=one.center_of_mass_m + error_m * [0.0, 1.0, 0.0])

    def _errors(self, rng: np.random.Generator) -> np.ndarray:
        """(T, E) degrees and metres."""
        constant = _constant_errors_deg(rng)
        time_s, varying_sd = self.motion.time_s, self.motion.varying_sd
        errors = _smooth_noise(time_s, len(ERRING), rng, smooth_s=self.smooth_s)
        shared_errors = _smooth_noise(time_s, len(SHARED), rng, smooth_s=self.smooth_s)
        shared = dict(zip(SHARED, shared_errors.T, strict=True))
        for i, name in enumerate(ERRING):
            if without_side(name) in SHARED:
                other, correlation = SHARED[without_side(name)]
                errors[:, i] = correlation * shared[other] + np.sqrt(1 - correlation**2) * errors[:, i]
        errors *= np.stack([varying_sd[name] for name in ERRING], axis=1)
        return errors + [constant.get(without_side(name), 0.0) for name in ERRING]

    def _noisy_events(self, rng: np.random.Generator) -> list[Event]:
        noisy = [replace(e, time_s=e.time_s + rng.normal(0, e.sd_s or 0.0)) for e in self.events]
        return sorted(noisy, key=lambda event: event.time_s)

    def _landing_otherwise(self, rng: np.random.Generator) -> Flights:
        """Who lands with legs more bent than at take-off flies longer than the rise alone takes."""
        if self.activity != "countermovement_jump":
            return self.flights
        posture_m = rng.normal(0, POSTURE_SD_M)
        return Flights(
            tuple(_moved(one, 0.0, posture_m / (GRAVITY_M_S2 * one.duration_s / 4), 0.0) for one in self.flights.found)
        )


def _constant_errors_deg(rng: np.random.Generator) -> dict[str, float]:
    """By coordinate without its side."""
    names = list(dict.fromkeys(without_side(name) for name in ERRING))
    sd = dict(zip(names, np.degrees(constant_sd_rad(names)), strict=True))
    for name in TURNED_WITH_PELVIS:
        sd[name] = np.sqrt(sd[name] ** 2 - sd[PELVIS_TILT] ** 2)
    errors = {name: rng.normal(0, one) for name, one in sd.items()}
    return errors | {name: errors[name] - errors[PELVIS_TILT] for name in TURNED_WITH_PELVIS}


def _smooth_noise(
    time_s: np.ndarray, columns: int, rng: np.random.Generator, *, smooth_s: float = SMOOTH_S
) -> np.ndarray:
    """(T, C) of standard deviation 1, whose correlation falls as exp(-t^2 / (2 smooth_s^2))."""
    rate_hz = round(1 / float(np.median(np.diff(time_s))))
    return _root(len(time_s), rate_hz, smooth_s) @ rng.normal(size=(len(time_s), columns))


@cache
def _root(frames: int, rate_hz: int, smooth_s: float) -> np.ndarray:
    apart_s = np.subtract.outer(np.arange(frames), np.arange(frames)) / rate_hz
    values, vectors = np.linalg.eigh(np.exp(-((apart_s / smooth_s) ** 2) / 2))
    return np.asarray(vectors * np.sqrt(values.clip(min=0)))


def _noisy_flights(flights: Flights, rng: np.random.Generator) -> Flights:
    """The flights of a trial err alike, as what the method errs by does."""
    alike = rng.normal(size=3)
    falls = [(one, one.fall) for one in flights.found]
    return Flights(
        tuple(_moved(one, *(alike * [fall.take_off_sd_s, fall.landing_sd_s, fall.peak_sd_s])) for one, fall in falls)
    )


def _moved(flight: Flight, off_s: float, on_s: float, peak_s: float) -> Flight:
    fall: FreeFall = replace(
        flight.fall,
        take_off_s=flight.fall.take_off_s + off_s,
        landing_s=flight.fall.landing_s + on_s,
        peak_s=flight.fall.peak_s + peak_s,
    )
    return replace(
        flight,
        fall=fall,
        off_s={side: at_s + off_s for side, at_s in flight.off_s.items()},
        on_s={side: at_s + on_s for side, at_s in flight.on_s.items()},
    )


def _trial(
    base: Motion, activity: str, angles: Mapping[str, np.ndarray], otherwise_deg: Mapping[str, float] | None = None
) -> NoisyTrial:
    """The base's feet and centre of mass, a body that moves by angles (T,) in degrees and metres."""
    skeleton = full_body_skeleton()
    names, frames = skeleton.coordinate_names, len(base)
    q = np.repeat(skeleton.default_pose[None], frames, axis=0)
    q[:, names.index("pelvis_ty")] = 0.95
    for name, values in angles.items():
        q[:, names.index(name)] = np.radians(values) if UNITS[name] == "deg" else values
    shifted = np.tile(q, (len(ERRING) + 1, 1, 1))
    for i, name in enumerate(ERRING):
        shifted[i + 1, :, names.index(name)] += STEP
    points = body_points_m(skeleton, skeleton.satisfy_couplings(shifted.reshape(-1, q.shape[1])))
    split = {name: values.reshape(len(ERRING) + 1, frames, 3) for name, values in points.items()}
    constant_sd = dict(zip(ERRING, np.degrees(constant_sd_rad(ERRING)), strict=True))
    sd = {
        name: np.full(frames, np.hypot(VARYING_SD_DEG, constant_sd[name]) if UNITS[name] == "deg" else ROOT_SD_M)
        for name in ERRING
    }
    at = {name: np.degrees(q[:, names.index(name)]) if UNITS[name] == "deg" else q[:, names.index(name)] for name in sd}
    moved = replace(
        base,
        coordinates=dict(base.coordinates) | at,
        coordinate_sd=dict(base.coordinate_sd) | sd,
        constant_sd={name: one for name, one in constant_sd.items() if one},
        points_m={name: values[0] for name, values in split.items()},
    )
    flights = flights_of(moved, activity=activity)
    events, _ = analyse_motion(moved, activity=activity, flights=flights)
    slopes = {name: np.moveaxis((values[1:] - values[0]) / STEP, 0, -1) for name, values in split.items()}
    return NoisyTrial(activity, moved, slopes, events, flights, otherwise_deg or {})


def _gait(base: Motion, activity: str, *, stride_s: float, speed_m_s: float) -> NoisyTrial:
    """One stride of each side or two; the legs swing as in `base`, the left foot forward at 0.3 s."""
    angles = {"pelvis_tx": speed_m_s * base.time_s}
    for letter, later_s in (("l", 0.0), ("r", stride_s / 2)):
        phase = 2 * np.pi * (base.time_s - 0.3 - later_s) / stride_s
        angles[f"hip_flexion_{letter}"] = 10 + 20 * np.cos(phase)
        angles[f"knee_angle_{letter}"] = 30 - 25 * np.cos(phase - 0.5)
        angles[f"ankle_angle_{letter}"] = 10 * np.sin(phase)
    return _trial(base, activity, angles)


def _bent(base: Motion, activity: str, bend: np.ndarray) -> NoisyTrial:
    """Legs and trunk bend, by (T,) from 0 to 1."""
    angles = {"pelvis_tilt": -20 * bend, "lumbar_extension": -15 * bend}
    for letter in "lr":
        angles[f"hip_flexion_{letter}"] = 5 + 60 * bend
        angles[f"knee_angle_{letter}"] = 25 + 60 * bend
        angles[f"ankle_angle_{letter}"] = 20 * bend
        angles[f"hip_adduction_{letter}"] = -4 * bend
        angles[f"hip_rotation_{letter}"] = np.full(len(base), -8.0)
    return _trial(base, activity, angles)


def squat() -> NoisyTrial:
    """One, to 85 degrees at the knee."""
    base = motion(frames=250)
    return _bent(base, "squat", bump(base.time_s, 1.25, width_s=0.3))


def a_jump() -> NoisyTrial:
    base = countermovement_jump()
    return _bent(base, "countermovement_jump", base.coordinates["knee_angle_l"] / 80)


def a_drop() -> NoisyTrial:
    """Knees that are bent by about 30 degrees at contact and 45 more later, and much else near a criterion."""
    base = landing()
    angles = {}
    for letter in "lr":
        angles[f"hip_flexion_{letter}"] = np.full(len(base), 35.0)
        angles[f"knee_angle_{letter}"] = 30 + 0.75 * base.coordinates["hip_flexion_r"]
        angles[f"ankle_angle_{letter}"] = np.full(len(base), -5.0)
    otherwise_deg = {"lumbar_extension": 12.0} | {
        f"{name}_{letter}": most
        for letter in "lr"
        for name, most in (("subtalar_angle", 50.0), ("hip_flexion", 12.0), ("knee_angle", 12.0), ("ankle_angle", 15.0))
    }
    return _trial(base, "drop_jump", angles, otherwise_deg)


@cache
def a_kick() -> NoisyTrial:
    """The right hip flexes by 80 degrees and back by 20, its knee extends by 80; the foot is fastest at about 0.9 s."""
    base = motion(frames=120)
    hip, knee, back = (
        (1 + np.tanh((base.time_s - at_s) / width_s)) / 2 for at_s, width_s in ((0.85, 0.1), (0.9, 0.06), (1.1, 0.05))
    )
    return _trial(base, "kick", {"hip_flexion_r": -20 + 80 * hip - 20 * back, "knee_angle_r": 100 - 80 * knee})


@cache
def a_throw() -> NoisyTrial:
    """With the right hand, as `test_swings.throw` has it: pelvis, trunk, elbow and upper arm turn one after another."""
    base = throw(rate_hz=120.0)
    pelvis, trunk = (90 * step(base.time_s, *at) for at in ((PELVIS_S, PELVIS_W), (TRUNK_S, TRUNK_W)))
    angles = {
        "pelvis_rotation": pelvis - 90,
        "lumbar_rotation": trunk - pelvis,
        "arm_add_r": np.full(len(base), -90.0),
        "arm_rot_r": -external_deg(base.time_s),
        "elbow_flex_r": base.coordinates["elbow_flex_r"],
        "knee_angle_l": base.coordinates["knee_angle_l"],
        "hip_adduction_l": np.full(len(base), -25.0),
        "hip_adduction_r": np.full(len(base), -25.0),
    }
    return _trial(base, "throw", angles)


def gait_of_film() -> NoisyTrial:
    """A walk whose angles err by 6 to 26 degrees as it goes on, neighbouring half seconds alike."""
    trial = _gait(walker(duration_s=2.2), "walk", stride_s=1.1, speed_m_s=1.3)
    return trial.with_varying_sd(16 + 10 * np.sin(2 * np.pi * trial.motion.time_s / 1.3 + 1), smooth_s=0.5)


TRIALS: Sequence[Callable[[], NoisyTrial]] = (
    lambda: _gait(walker(duration_s=2.2), "walk", stride_s=1.1, speed_m_s=1.3),
    lambda: _gait(runner(duration_s=1.7), "run", stride_s=0.7, speed_m_s=3.5),
    lambda: _gait(runner(duration_s=1.7), "sprint", stride_s=0.7, speed_m_s=3.5),
    squat,
    a_jump,
    a_drop,
    a_kick,
    a_throw,
)
