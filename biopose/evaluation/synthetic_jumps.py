"""Jumps whose take-off and landing are known exactly: synthetic motion of drawn bodies, to be put on film.

The centre of mass's height is given (`jump_plans`). Postures follow from it: a curve from tiptoe to a deep crouch, on
which each posture raises the centre of mass over the soles by another height.
Constants of events from video are chosen on film of these motions (`biopose evaluate events --source synthetic`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.analysis.body_points import SIDES, Side, center_of_mass_m
from biopose.body.anny import Body
from biopose.body.segments import SEGMENT_OF_BONE
from biopose.body.shape import draw_shapes, measurements
from biopose.body.subject import BodyWithSkeleton, skeleton_of_body
from biopose.evaluation.jump_plans import JumpKind, JumpPlan, jump_plan
from biopose.evaluation.lab_rendering import DROP_JUMP, ONTO_BOX, ExpertMotion
from biopose.io.trajectories import CoordinateTrajectories
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Marker

FloatArray = NDArray[np.float64]

RATES_HZ = (30, 30, 50, 60)
# Angles in degrees on the curve of postures, from tiptoe (0) over standing to a deep crouch (1).
CURVE = (0.0, 0.12, 0.25, 0.5, 1.0)
HIP_DEG, KNEE_DEG = (0.0, 7.0, 14.0, 36.0, 84.0), (3.0, 12.0, 22.0, 55.0, 98.0)
TILT_DEG, LUMBAR_DEG = (0.0, -2.0, -5.0, -13.0, -30.0), (0.0, -2.0, -4.0, -9.0, -16.0)
HEEL_RAISED_DEG = (42.0, 20.0, 4.0, 0.0, 0.0)
NEWTON_STEPS = 4
FEET = ("calcn_r", "toes_r", "calcn_l", "toes_l")
RAISED_LEG_DEG = {"hip_flexion": 10.0, "knee_angle": 100.0, "ankle_angle": -20.0}
ONTO_BOX_M_S = 1.2
ACTIVITY = {"drop": "drop_jump", "squat": "other", "twice": "other", "onto_box": "other", "one_leg": "other"}
PREFIX = {"countermovement": "CMJ", "drop": DROP_JUMP, "onto_box": ONTO_BOX}  # of the names, by which boxes are drawn
SOLE_M, SOLE_STEP = 0.012, 8  # the mesh's vertices within so much of the foot's lowest; every eighth of them
# How people differ in the tilt of the pelvis, standing: 13.2 +- 6.1 degrees of 300 healthy adults (Vialle et al. 2005,
# J Bone Joint Surg Am 87:260).
PELVIS_POSTURE_SD_DEG = 6.1
OVERSHOOT_S = 0.03  # in which the legs' extension fades after take-off


@dataclass(frozen=True, eq=False)
class SyntheticJump:
    """A jump on a drawn body.

    Attributes:
        motion: to be rendered.
        flights: take-off and landing of each flight, in seconds of the film.
        height_m: the person's.
        kind: of the jump.
    """

    motion: ExpertMotion
    flights: tuple[tuple[float, float], ...]
    height_m: float
    kind: JumpKind

    @property
    def activity(self) -> str:
        """As a manifest has it."""
        return ACTIVITY.get(self.kind, "countermovement_jump")

    @property
    def feet(self) -> tuple[Side, ...]:
        """Those that leave the ground and meet it."""
        return SIDES if self.kind != "one_leg" else ("right",)


def synthetic_jump(seed: int, *, kind: JumpKind | None = None, pelvis_sd_deg: float = 0.0) -> SyntheticJump:
    """A jump: body, heights, times, arms and frame rate are drawn.

    Args:
        seed: of all that is drawn.
        kind: of the jump; None: from the floor with a countermovement, of odd seeds off a box and up again.
        pelvis_sd_deg: by how much people differ in how they tilt the pelvis, legs and trunk being held alike.
    """
    kind = kind or ("drop" if seed % 2 else "countermovement")
    rng = np.random.default_rng(seed)
    body = Body.load(dtype=torch.float64)
    shaped = body.with_shape(draw_shapes(body, 1, seed=seed)[0].double())
    person = skeleton_of_body(body, shaped, full_body_skeleton())
    postures = _Postures(person, rng, kind=kind, pelvis_sd_deg=pelvis_sd_deg)
    plan = jump_plan(rng, postures.over_sole_m, kind=kind)
    rate_hz = int(rng.choice(RATES_HZ))
    time_s = np.arange(rng.uniform(0, 1 / rate_hz), plan.phases[-1].end_s, 1 / rate_hz)
    q = postures.coordinates(time_s, plan)
    names = person.skeleton.coordinate_names
    film_s = np.arange(len(time_s)) / rate_hz
    motion = ExpertMotion(
        f"{PREFIX.get(kind, kind)}s{seed}",
        person,
        q,
        CoordinateTrajectories(film_s, names, q),
        rate_hz=rate_hz,
    )
    in_film = tuple((start_s - time_s[0], end_s - time_s[0]) for start_s, end_s in plan.flights)
    return SyntheticJump(motion, in_film, float(measurements(shaped)["height_m"]), kind)


class _Postures:
    """The curve of postures of one person, with what is drawn of it."""

    def __init__(
        self, person: BodyWithSkeleton, rng: np.random.Generator, *, kind: JumpKind, pelvis_sd_deg: float
    ) -> None:
        self.person, self.names, self.one_leg = person, person.skeleton.coordinate_names, kind == "one_leg"
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
        self.forward_m_s = rng.uniform(0.0, 0.4) + (ONTO_BOX_M_S if kind == "onto_box" else 0.0)
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
        for name, degrees in RAISED_LEG_DEG.items() if self.one_leg else ():
            put(f"{name}_l", degrees)
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
        for name in FEET[:2] if self.one_leg else FEET:
            of_foot = np.flatnonzero(segments == name)
            lowest = of_foot[vertices[of_foot, 1] < vertices[of_foot, 1].min() + SOLE_M][::SOLE_STEP]
            body = skeleton.body_names.index(name)
            local = np.linalg.solve(at_rest.T_ground_body[body].numpy(), np.insert(vertices[lowest], 3, 1, axis=1).T)
            markers += [Marker(f"{name}_{i}", body, point, fixed=True) for i, point in enumerate(local[:3].T)]
        return Kinematics(skeleton.with_markers(tuple(markers)))

    def coordinates(self, time_s: FloatArray, plan: JumpPlan) -> FloatArray:
        """(T, Q) of the whole motion."""
        height_m, flights = np.empty(len(time_s)), plan.flights
        for phase in plan.phases:
            here = (time_s >= phase.start_s) & (time_s <= phase.end_s)
            height_m[here] = phase.height_m(time_s[here])
        flight = np.full(len(time_s), -1)
        level_m, forward_m = np.full(len(time_s), plan.levels_m[0]), np.zeros(len(time_s))
        for number, (start_s, end_s) in enumerate(flights):
            flight[(time_s > start_s) & (time_s < end_s)] = number
            forward_m += self.forward_m_s * (np.clip(time_s, start_s, end_s) - start_s)
            level_m[time_s > start_s] = plan.levels_m[number + 1]
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
