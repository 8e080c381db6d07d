"""Jumps whose take-off and landing are known exactly: synthetic motion of drawn bodies, to be put on film.

The centre of mass's height is given: a parabola in flight, on the ground polynomials of the fifth degree that join the
parabolas with the acceleration -g at take-off and landing, where the ground's force is zero. Postures follow from it: a
curve from tiptoe to a deep crouch, on which each posture raises the centre of mass over the soles by another height.
Constants of events from video are chosen on film of these motions (`biopose evaluate events --source synthetic`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.analysis.body_points import center_of_mass_m
from biopose.analysis.free_fall import GRAVITY_M_S2
from biopose.body.anny import Body
from biopose.body.segments import SEGMENT_OF_BONE
from biopose.body.shape import draw_shapes, measurements
from biopose.body.subject import BodyWithSkeleton, skeleton_of_body
from biopose.evaluation.lab_rendering import ExpertMotion
from biopose.io.trajectories import CoordinateTrajectories
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Marker

FloatArray = NDArray[np.float64]

RATES_HZ = (30, 30, 50, 60)
# Angles in degrees on the curve of postures, from tiptoe (0) over standing to a deep crouch (1).
CURVE, STANDING = (0.0, 0.12, 0.25, 0.5, 1.0), 0.24
HIP_DEG, KNEE_DEG = (0.0, 7.0, 14.0, 36.0, 84.0), (3.0, 12.0, 22.0, 55.0, 98.0)
TILT_DEG, LUMBAR_DEG = (0.0, -2.0, -5.0, -13.0, -30.0), (0.0, -2.0, -4.0, -9.0, -16.0)
HEEL_RAISED_DEG = (42.0, 20.0, 4.0, 0.0, 0.0)
NEWTON_STEPS = 4
FEET = ("calcn_r", "toes_r", "calcn_l", "toes_l")
SOLE_M, SOLE_STEP = 0.012, 8  # the mesh's vertices within so much of the foot's lowest; every eighth of them
# How people differ in the tilt of the pelvis, standing: 13.2 +- 6.1 degrees of 300 healthy adults (Vialle et al. 2005,
# J Bone Joint Surg Am 87:260).
PELVIS_POSTURE_SD_DEG = 6.1
OVERSHOOT_S = 0.03  # in which the legs' extension fades after take-off


@dataclass(frozen=True)
class Phase:
    """A stretch of the centre of mass's height, by its state at either end.

    Attributes:
        start_s: of the stretch.
        end_s: likewise.
        start: height, velocity and acceleration.
        end: likewise.
    """

    start_s: float
    end_s: float
    start: tuple[float, float, float]
    end: tuple[float, float, float]

    def height_m(self, time_s: FloatArray) -> FloatArray:
        """The polynomial of the fifth degree with these ends."""
        length_s = self.end_s - self.start_s
        powers = np.arange(6)
        rows = []
        for at in (0.0, length_s):
            rows += [at**powers, powers * at ** np.maximum(powers - 1, 0)]
            rows += [powers * (powers - 1) * at ** np.maximum(powers - 2, 0)]
        coefficients = np.linalg.solve(np.array(rows), np.array([*self.start, *self.end]))
        return np.asarray((time_s - self.start_s)[:, None] ** powers @ coefficients)


@dataclass(frozen=True, eq=False)
class SyntheticJump:
    """A jump on a drawn body.

    Attributes:
        motion: to be rendered.
        flights: take-off and landing of each flight, in seconds of the film.
        height_m: the person's.
    """

    motion: ExpertMotion
    flights: tuple[tuple[float, float], ...]
    height_m: float

    @property
    def activity(self) -> str:
        """As a manifest has it."""
        return "drop_jump" if len(self.flights) > 1 else "countermovement_jump"


def synthetic_jump(seed: int, *, pelvis_sd_deg: float = 0.0) -> SyntheticJump:
    """A jump from the floor, or off a box and up again: body, heights, times, arms and frame rate are drawn.

    Args:
        seed: of all that is drawn.
        pelvis_sd_deg: by how much people differ in how they tilt the pelvis, legs and trunk being held alike.
    """
    rng = np.random.default_rng(seed)
    body = Body.load(dtype=torch.float64)
    shaped = body.with_shape(draw_shapes(body, 1, seed=seed)[0].double())
    person = skeleton_of_body(body, shaped, full_body_skeleton())
    postures = _Postures(person, rng, pelvis_sd_deg=pelvis_sd_deg)
    phases, flights = _plan(rng, postures, drops=bool(seed % 2))
    rate_hz = int(rng.choice(RATES_HZ))
    first_s, last_s = phases[0].start_s, phases[-1].end_s
    time_s = np.arange(first_s + rng.uniform(0, 1 / rate_hz), last_s, 1 / rate_hz)
    q = postures.coordinates(time_s, phases, flights)
    names = person.skeleton.coordinate_names
    film_s = np.arange(len(time_s)) / rate_hz
    motion = ExpertMotion(
        f"{'DJ' if len(flights) > 1 else 'CMJ'}s{seed}",
        person,
        q,
        CoordinateTrajectories(film_s, names, q),
        rate_hz=rate_hz,
    )
    in_film = tuple((start_s - time_s[0], end_s - time_s[0]) for start_s, end_s in flights)
    return SyntheticJump(motion, in_film, float(measurements(shaped)["height_m"]))


def _plan(
    rng: np.random.Generator, postures: _Postures, *, drops: bool
) -> tuple[list[Phase], list[tuple[float, float]]]:
    """Phases of the centre of mass, and the flights between them."""
    over_sole = postures.over_sole_m
    take_off_m, land_m, stand_m = (
        over_sole(rng.uniform(0.0, 0.06)),
        over_sole(rng.uniform(0.08, 0.3)),
        over_sole(STANDING),
    )
    still = (0.0, 0.0)
    rise_m = rng.uniform(0.08, 0.4)
    up_m_s = float(np.sqrt(2 * GRAVITY_M_S2 * rise_m))
    phases: list[Phase] = []
    flights: list[tuple[float, float]] = []
    if drops:
        box_m = rng.uniform(0.2, 0.5)
        step_s = rng.uniform(0.25, 0.35)
        off_m_s = rng.uniform(-0.5, 0.1)
        off_m = box_m + over_sole(0.12)
        phases.append(Phase(0.0, step_s, (box_m + stand_m, *still), (off_m, off_m_s, -GRAVITY_M_S2)))
        down_m_s = float(np.sqrt(off_m_s**2 + 2 * GRAVITY_M_S2 * (off_m - land_m)))
        landing_s = step_s + (off_m_s + down_m_s) / GRAVITY_M_S2
        flights.append((step_s, landing_s))
        phases.append(Phase(step_s, landing_s, (off_m, off_m_s, -GRAVITY_M_S2), (land_m, -down_m_s, -GRAVITY_M_S2)))
        phases += _down_and_up(
            rng, landing_s, (land_m, -down_m_s, -GRAVITY_M_S2), (take_off_m, up_m_s, -GRAVITY_M_S2), over_sole(0.85)
        )
    else:
        quiet_s = rng.uniform(0.1, 0.2)
        bend_s, bottom_m = rng.uniform(0.4, 0.6), over_sole(rng.uniform(0.55, 0.9))
        low = (bottom_m, 0.0, rng.uniform(6, 10))
        phases.append(Phase(0.0, quiet_s, (stand_m, *still), (stand_m, *still)))
        phases.append(Phase(quiet_s, quiet_s + bend_s, (stand_m, *still), low))
        push_s = _time_to(take_off_m - bottom_m, up_m_s, rng)
        start_s = quiet_s + bend_s
        phases.append(Phase(start_s, start_s + push_s, low, (take_off_m, up_m_s, -GRAVITY_M_S2)))
    take_off_s = phases[-1].end_s
    down_m_s = float(np.sqrt(up_m_s**2 + 2 * GRAVITY_M_S2 * (take_off_m - land_m)))
    landing_s = take_off_s + (up_m_s + down_m_s) / GRAVITY_M_S2
    flights.append((take_off_s, landing_s))
    up, down = (take_off_m, up_m_s, -GRAVITY_M_S2), (land_m, -down_m_s, -GRAVITY_M_S2)
    phases.append(Phase(take_off_s, landing_s, up, down))
    phases += _down_and_up(rng, landing_s, down, (stand_m, *still), over_sole(0.85))
    return phases, flights


def _down_and_up(
    rng: np.random.Generator,
    start_s: float,
    start: tuple[float, float, float],
    end: tuple[float, float, float],
    deepest_m: float,
) -> list[Phase]:
    """From a landing to the lowest point and up again."""
    depth_m = min(rng.uniform(0.1, 0.3), start[0] - deepest_m)
    low = (start[0] - depth_m, 0.0, float(start[1] ** 2 / depth_m * rng.uniform(0.5, 0.9)))
    down_s = _time_to(depth_m, -start[1], rng)
    bottom_s = start_s + down_s
    up_s = _time_to(end[0] - low[0], end[1], rng) if end[1] > 0 else rng.uniform(0.3, 0.45)
    return [Phase(start_s, bottom_s, start, low), Phase(bottom_s, bottom_s + up_s, low, end)]


def _time_to(way_m: float, speed_m_s: float, rng: np.random.Generator) -> float:
    """From rest to a speed, or back, on a way: as at an acceleration that grows or falls evenly, give or take."""
    return float(way_m / (0.55 * speed_m_s) * rng.uniform(0.9, 1.1))


class _Postures:
    """The curve of postures of one person, with what is drawn of it."""

    def __init__(self, person: BodyWithSkeleton, rng: np.random.Generator, *, pelvis_sd_deg: float) -> None:
        self.person, self.names = person, person.skeleton.coordinate_names
        self.style = {
            "hip_adduction": rng.uniform(-8, 0),
            "hip_rotation": rng.uniform(-10, 5),
            "elbow_flex": rng.uniform(10, 90),
            "arm_add": rng.uniform(-30, -8),
            "pro_sup": rng.uniform(20, 90),
        }
        self.lean = rng.uniform(0.6, 1.3)
        self.arms_deg = (rng.uniform(-20, 30), rng.uniform(-60, 150))  # at rest; how much they swing
        self.swing_s = rng.uniform(0.2, 0.35)
        self.unlike_deg = rng.normal(0, 3, len(self.names))  # left from right, and off the curve
        self.forward_m_s = rng.uniform(0.0, 0.4)
        (own,) = rng.spawn(1)  # so that all else is drawn as without it
        self.pelvis_deg = own.normal(0, pelvis_sd_deg)

    def angles(self, at: FloatArray, arms: FloatArray) -> FloatArray:
        """(N, Q) the postures at places on the curve, the pelvis at the origin.

        Args:
            at: (N,) on the curve; below 0 it goes on straight.
            arms: (N,) from 0 to 1, how far they have swung.
        """
        q = np.zeros((len(at), len(self.names)))

        def put(name: str, degrees: FloatArray | float) -> None:
            for one in [name] if name in self.names else [f"{name}_r", f"{name}_l"]:
                q[:, self.names.index(one)] = np.radians(degrees)

        tilt, hip, knee = (_on_curve(at, deg) for deg in (TILT_DEG, HIP_DEG, KNEE_DEG))
        put("pelvis_tilt", self.lean * tilt + self.pelvis_deg)
        put("hip_flexion", hip - (self.lean - 1) * tilt - self.pelvis_deg)
        put("knee_angle", np.maximum(knee, 0.0))
        put("lumbar_extension", _on_curve(at, LUMBAR_DEG) - self.pelvis_deg)
        pitch = tilt + hip - knee  # of the shank; the foot's is level but for the raised heel
        put("ankle_angle", np.clip(-pitch - _on_curve(at, HEEL_RAISED_DEG), -50, 45))
        for name, value in self.style.items():
            put(name, value)
        put("arm_flex", self.arms_deg[0] + self.arms_deg[1] * arms)
        upper = [i for i, name in enumerate(self.names) if name.startswith(("arm_", "elbow", "lumbar_", "neck_"))]
        q[:, upper] += np.radians(self.unlike_deg[upper])
        return self.person.skeleton.satisfy_couplings(q)

    @cached_property
    def _table(self) -> tuple[FloatArray, FloatArray]:
        at = np.linspace(-0.1, 1.0, 45)
        q = self.angles(at, np.full(len(at), 0.3))
        return at, center_of_mass_m(self.person.skeleton, q)[:, 1] - self.lowest_m(q)[:, 1]

    def over_sole_m(self, at: float) -> float:
        """Height of the centre of mass over the lowest point of the feet, at a place on the curve."""
        return float(np.interp(at, *self._table))

    def lowest_m(self, q: FloatArray) -> FloatArray:
        """(N, 3) middle of the soles forwards and across, and the height of their lowest point."""
        points = self._soles.with_coordinates(torch.from_numpy(q)).markers.numpy()
        low = points.mean(axis=1)
        low[:, 1] = points[..., 1].min(axis=1)
        return np.asarray(low)

    @cached_property
    def _soles(self) -> Kinematics:
        """The skeleton with points of its soles: the mesh's lowest at rest, by the segment that carries them."""
        shaped, skeleton = self.person.shaped, self.person.skeleton
        vertices = shaped.vertices.double().numpy()
        bones = np.array(shaped.body.bone_labels)[shaped.body.skin_matrix.argmax(dim=1).numpy()]
        segments = np.array([SEGMENT_OF_BONE[bone] for bone in bones])
        at_rest = Kinematics(skeleton).with_coordinates(torch.from_numpy(self.person.rest_pose))
        markers = []
        for name in FEET:
            of_foot = np.flatnonzero(segments == name)
            lowest = of_foot[vertices[of_foot, 1] < vertices[of_foot, 1].min() + SOLE_M][::SOLE_STEP]
            body = skeleton.body_names.index(name)
            local = np.linalg.solve(at_rest.T_ground_body[body].numpy(), np.insert(vertices[lowest], 3, 1, axis=1).T)
            markers += [Marker(f"{name}_{i}", body, point, fixed=True) for i, point in enumerate(local[:3].T)]
        return Kinematics(skeleton.with_markers(tuple(markers)))

    def coordinates(self, time_s: FloatArray, phases: list[Phase], flights: list[tuple[float, float]]) -> FloatArray:
        """(T, Q) of the whole motion."""
        height_m = np.empty(len(time_s))
        for phase in phases:
            here = (time_s >= phase.start_s) & (time_s <= phase.end_s)
            height_m[here] = phase.height_m(time_s[here])
        flight = np.full(len(time_s), -1)
        level_m, forward_m = np.zeros(len(time_s)), np.zeros(len(time_s))
        for number, (start_s, end_s) in enumerate(flights):
            flight[(time_s > start_s) & (time_s < end_s)] = number
            forward_m += self.forward_m_s * (np.clip(time_s, start_s, end_s) - start_s)
        if len(flights) > 1:  # off a box
            level_m[time_s <= flights[0][0]] = phases[0].start[0] - self.over_sole_m(STANDING)
        arms = np.clip(0.5 - 0.5 * np.cos((time_s - flights[-1][0]) / self.swing_s), 0, 1)
        at = self._on_ground(height_m - level_m, arms, flight < 0)
        for number, (start_s, end_s) in enumerate(flights):
            at = _through_the_air(time_s, at, flight == number, start_s, end_s)
        q = self.angles(at, arms)
        low = self.lowest_m(q)
        com_m = center_of_mass_m(self.person.skeleton, q)
        root = [self.names.index(f"pelvis_t{axis}") for axis in "xyz"]
        grounded = flight < 0
        q[:, root[1]] += np.where(grounded, level_m - low[:, 1], height_m - com_m[:, 1])
        q[:, root[0]] += _level_path(time_s, forward_m - low[:, 0], com_m[:, 0], flights)
        q[:, root[0]] -= (q[:, root[0]].max() + q[:, root[0]].min()) / 2
        return q

    def _on_ground(self, over_sole_m: FloatArray, arms: FloatArray, grounded: NDArray[np.bool_]) -> FloatArray:
        """(T,) places on the curve at which the centre of mass is that high over the soles; NaN in flight."""
        places, heights = self._table
        at = np.full(len(over_sole_m), np.nan)
        at[grounded] = np.interp(-over_sole_m[grounded], -heights, places)
        slope = np.gradient(heights, places)
        for _ in range(NEWTON_STEPS):
            q = self.angles(at[grounded], arms[grounded])
            now = center_of_mass_m(self.person.skeleton, q)[:, 1] - self.lowest_m(q)[:, 1]
            at[grounded] += (over_sole_m[grounded] - now) / np.interp(at[grounded], places, slope)
            at[grounded] = at[grounded].clip(-0.1, 1.2)
        return at


def _level_path(
    time_s: FloatArray, on_ground_m: FloatArray, com_m: FloatArray, flights: list[tuple[float, float]]
) -> FloatArray:
    """(T,) shift of the pelvis forwards: the feet rest on the ground, the centre of mass goes straight in flight."""
    shift = on_ground_m.copy()
    for start_s, end_s in flights:
        inside = (time_s > start_s) & (time_s < end_s)
        ends = [np.flatnonzero(time_s <= start_s)[-1], np.flatnonzero(time_s >= end_s)[0]]
        shift[inside] = np.interp(time_s[inside], time_s[ends], (on_ground_m + com_m)[ends]) - com_m[inside]
    return shift


def _on_curve(at: FloatArray, degrees: tuple[float, ...]) -> FloatArray:
    """Interpolated, and continued below the first place."""
    first = (degrees[1] - degrees[0]) / (CURVE[1] - CURVE[0])
    return np.asarray(np.interp(at, CURVE, degrees) + np.minimum(at - CURVE[0], 0.0) * first)


def _through_the_air(
    time_s: FloatArray, at: FloatArray, flying: NDArray[np.bool_], start_s: float, end_s: float
) -> FloatArray:
    """Places on the curve in flight: the legs go on extending for a moment, then come to the posture of landing."""
    frames = np.flatnonzero(flying)
    before, after = frames[0] - 1, frames[-1] + 1
    speed = (at[before] - at[before - 1]) / (time_s[before] - time_s[before - 1])
    since_s = time_s[frames] - start_s
    share = since_s / (end_s - start_s)
    smooth = share**2 * (3 - 2 * share)
    further = np.clip(speed, -4, 4) * OVERSHOOT_S * (1 - np.exp(-since_s / OVERSHOOT_S)) * (1 - smooth)
    found = at.copy()
    found[frames] = np.clip(at[before] + further + (at[after] - at[before]) * smooth, -0.1, 1.0)
    return found
