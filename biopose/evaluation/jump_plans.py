"""How the centre of mass rises and falls in jumps of several kinds, to the moment of every take-off and landing.

A parabola in flight; on the ground polynomials of the fifth degree that join the parabolas with the acceleration -g at
take-off and landing, where the ground's force is zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.free_fall import GRAVITY_M_S2

FloatArray = NDArray[np.float64]
State = tuple[float, float, float]  # height, velocity and acceleration
JumpKind = Literal["countermovement", "drop", "squat", "twice", "onto_box", "one_leg"]

# Places on the curve of postures, from tiptoe (0) over standing to a deep crouch (1): see `synthetic_jumps`.
STANDING, TIPTOE, CROUCHED, DEEPEST = 0.24, 0.12, 0.7, 0.85
# Who jumps onto a box rises by so much more than others, and by BOX_CLEARED_M more than its height.
BOX_RISE_M, BOX_CLEARED_M = 0.25, 0.15


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
    start: State
    end: State

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


@dataclass
class JumpPlan:
    """Phases one after another.

    Attributes:
        phases: in order, without gaps.
        flights: take-off and landing of each flight.
        levels_m: of the ground before the first flight and after each.
    """

    phases: list[Phase] = field(default_factory=list)
    flights: list[tuple[float, float]] = field(default_factory=list)
    levels_m: list[float] = field(default_factory=list)

    def add(self, duration_s: float, start: State, end: State) -> None:
        """The next phase."""
        start_s = self.phases[-1].end_s if self.phases else 0.0
        self.phases.append(Phase(start_s, start_s + duration_s, start, end))

    def fly(self, off: State, landing_m: float, *, level_m: float) -> State:
        """A flight from a state to a height of the centre of mass, over another level; returns the state there."""
        down_m_s = float(np.sqrt(off[1] ** 2 + 2 * GRAVITY_M_S2 * (off[0] - landing_m)))
        landing = (landing_m, -down_m_s, -GRAVITY_M_S2)
        self.add((off[1] + down_m_s) / GRAVITY_M_S2, off, landing)
        self.flights.append((self.phases[-1].start_s, self.phases[-1].end_s))
        self.levels_m.append(level_m)
        return landing

    def down_and_up(self, rng: np.random.Generator, start: State, end: State, *, deepest_m: float) -> None:
        """From a landing to the lowest point and up again."""
        depth_m = min(rng.uniform(0.1, 0.3), start[0] - deepest_m)
        low = (start[0] - depth_m, 0.0, float(start[1] ** 2 / depth_m * rng.uniform(0.5, 0.9)))
        self.add(_time_to(depth_m, -start[1], rng), start, low)
        self.add(_time_to(end[0] - low[0], end[1], rng) if end[1] > 0 else rng.uniform(0.3, 0.45), low, end)


def jump_plan(rng: np.random.Generator, over_sole_m: Callable[[float], float], *, kind: JumpKind) -> JumpPlan:
    """A jump from the floor, after a countermovement or out of a crouch, once or twice; off a box, or onto one.

    Args:
        rng: of all that is drawn.
        over_sole_m: height of the centre of mass over the soles at a place on the curve of postures.
        kind: of the jump; on one leg it is as with a countermovement.
    """
    take_off_m, land_m, stand_m = (
        over_sole_m(rng.uniform(0.0, 0.06)),
        over_sole_m(rng.uniform(0.08, 0.3)),
        over_sole_m(STANDING),
    )
    deepest_m = over_sole_m(DEEPEST)
    rise_m = rng.uniform(0.08, 0.4) + (BOX_RISE_M if kind == "onto_box" else 0.0)
    up_m_s = float(np.sqrt(2 * GRAVITY_M_S2 * rise_m))
    off: State = (take_off_m, up_m_s, -GRAVITY_M_S2)
    plan = JumpPlan(levels_m=[0.0])
    if kind == "drop":
        landing = _off_a_box(plan, rng, over_sole_m, land_m=land_m)
        plan.down_and_up(rng, landing, off, deepest_m=deepest_m)
    elif kind == "squat":
        _out_of_a_crouch(plan, rng, off, crouched_m=over_sole_m(CROUCHED))
    else:
        _countermovement(plan, rng, over_sole_m, off)
    level_m = 0.0
    if kind == "twice":
        landing = plan.fly(off, land_m, level_m=0.0)
        plan.down_and_up(rng, landing, off, deepest_m=deepest_m)
    if kind == "onto_box":
        level_m = rise_m - BOX_CLEARED_M
    landing = plan.fly(off, level_m + land_m, level_m=level_m)
    plan.down_and_up(rng, landing, (level_m + stand_m, 0.0, 0.0), deepest_m=level_m + deepest_m)
    return plan


def _off_a_box(
    plan: JumpPlan, rng: np.random.Generator, over_sole_m: Callable[[float], float], *, land_m: float
) -> State:
    box_m = rng.uniform(0.2, 0.5)
    plan.levels_m[0] = box_m
    step_s = rng.uniform(0.25, 0.35)
    off = (box_m + over_sole_m(TIPTOE), rng.uniform(-0.5, 0.1), -GRAVITY_M_S2)
    plan.add(step_s, (box_m + over_sole_m(STANDING), 0.0, 0.0), off)
    return plan.fly(off, land_m, level_m=0.0)


def _out_of_a_crouch(plan: JumpPlan, rng: np.random.Generator, off: State, *, crouched_m: float) -> None:
    still = (crouched_m, 0.0, 0.0)
    plan.add(rng.uniform(0.4, 0.6), still, still)
    plan.add(_time_to(off[0] - crouched_m, off[1], rng), still, off)


def _countermovement(
    plan: JumpPlan, rng: np.random.Generator, over_sole_m: Callable[[float], float], off: State
) -> None:
    still, quiet_s = (over_sole_m(STANDING), 0.0, 0.0), rng.uniform(0.1, 0.2)
    bend_s, bottom_m = rng.uniform(0.4, 0.6), over_sole_m(rng.uniform(0.55, 0.9))
    low = (bottom_m, 0.0, rng.uniform(6, 10))
    plan.add(quiet_s, still, still)
    plan.add(bend_s, still, low)
    plan.add(_time_to(off[0] - bottom_m, off[1], rng), low, off)


def _time_to(way_m: float, speed_m_s: float, rng: np.random.Generator) -> float:
    """From rest to a speed, or back, on a way: as at an acceleration that grows or falls evenly, give or take."""
    return float(way_m / (0.55 * speed_m_s) * rng.uniform(0.9, 1.1))
