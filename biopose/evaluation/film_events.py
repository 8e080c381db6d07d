"""Events and jump heights from film: of the lab's motions against its plates, of synthetic ones against known events.

The laboratory's: our inverse kinematics of its markers moves a body, which is rendered from `lab_rendering.VIEWS` and
measured from the pixels. The truth is the plates' as for markers. Synthetic jumps (`synthetic_jumps`) have exact ones;
the constants of events from film are chosen on these alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from biopose.analysis.body_points import SIDES
from biopose.analysis.motion import Motion, motion_of_coordinates
from biopose.analysis.trial_analysis import analyse_motion
from biopose.assets import assets_folder
from biopose.body.anny import Body
from biopose.body.shape import draw_shapes, measurements
from biopose.body.subject import skeleton_of_body
from biopose.errors import TrackingError
from biopose.evaluation.event_errors import EDGE_S, EventErrors, PlateEvents
from biopose.evaluation.events import PLATES, activity_of, contacts_in, event_trials, solved_from_markers
from biopose.evaluation.ground_errors import GroundErrors
from biopose.evaluation.lab_film import filmed, measured, measured_motion
from biopose.evaluation.lab_rendering import STEP, VIEWS, ExpertMotion, motion_on_body, person_like
from biopose.evaluation.synthetic_jumps import PELVIS_POSTURE_SD_DEG, synthetic_jump
from biopose.io.trajectories import CoordinateTrajectories
from biopose.pipeline import METHODS, Models
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.reconstruction.method_names import DEFAULT_METHOD, MethodName
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.reader import read_osim
from biopose.training.data.motion import cmu_motions

PEOPLE = (0, 1)  # seeds of the bodies that walk
WALKS = ("cmu_02_01", "cmu_02_02")


@dataclass(frozen=True, eq=False)
class FilmedTrial:
    """A motion to be filmed, and its true events.

    Attributes:
        motion: on a body.
        height_m: of the person.
        activity: walk, drop_jump or countermovement_jump.
        truth: on the film's clock.
        views: of `lab_rendering.VIEWS`.
    """

    motion: ExpertMotion
    height_m: float
    activity: str
    truth: PlateEvents
    views: Sequence[str]


@dataclass(frozen=True, eq=False)
class Film:
    """Trials to be filmed.

    Attributes:
        clips: their number.
        trials: made one after another.
    """

    clips: int
    trials: Iterator[FilmedTrial]


def lab_on_film(data: Path, *, trials: Sequence[str] | None = None, threads: int = 2) -> Film:
    """The laboratory's drop jumps and walks, from every view.

    Args:
        data: the reference recordings; mocap/lab is read.
        trials: names; all that have events of feet if None.
        threads: of inverse kinematics.

    Raises:
        BioposeError: there is no such recording.
    """
    lab = data / "mocap" / "lab"
    names = [name for name in (event_trials(lab) if trials is None else trials) if activity_of(name)]
    return Film(len(names) * len(VIEWS), _lab_trials(lab, names, threads=threads))


def synthetic_on_film(data: Path, *, jumps: int) -> Film:
    """Drawn jumps, each from one view, and two of CMU's walks on two drawn bodies, from every view.

    Args:
        data: the reference recordings; mocap/cmu is read.
        jumps: their number.
    """
    walks = len(WALKS) * len(PEOPLE) * len(VIEWS)
    return Film(jumps + walks, chain(_jumps(range(jumps)), _walks(data / "mocap" / "cmu")))


def postures_on_film(*, jumps: int) -> Film:
    """Drawn jumps, each from one view, of people who tilt the pelvis differently, as people do.

    Args:
        jumps: their number.
    """
    return Film(jumps, _jumps(range(jumps), pelvis_sd_deg=PELVIS_POSTURE_SD_DEG))


def _lab_trials(lab: Path, names: Sequence[str], *, threads: int) -> Iterator[FilmedTrial]:
    expert = read_osim(lab / "hand_scaled.osim")
    person, height_m = person_like(expert)
    for name in names:
        solved = solved_from_markers(lab, name, expert, threads=threads)
        motion = motion_on_body(name, solved, expert, person)
        plates = PlateEvents.of(motion_of_coordinates(expert, solved), contacts_in(lab / f"{name}{PLATES}"))
        truth = plates.since(float(motion.truth.time_s[0]))
        yield FilmedTrial(motion, height_m, activity_of(name) or "", truth, tuple(VIEWS))


def _jumps(seeds: Sequence[int], *, pelvis_sd_deg: float = 0.0) -> Iterator[FilmedTrial]:
    for seed in seeds:
        jump = synthetic_jump(seed, pelvis_sd_deg=pelvis_sd_deg)
        of_feet = tuple(
            (name, side, time_s)
            for flight in jump.flights
            for name, time_s in zip(("foot_off", "foot_strike"), flight, strict=True)
            for side in jump.feet
        )
        view = tuple(VIEWS)[seed // 2 % len(VIEWS)]
        truth = PlateEvents(of_feet, jump.flights[-1])
        yield FilmedTrial(jump.motion, jump.height_m, jump.activity, truth, [view])


def _walks(motions: Path) -> Iterator[FilmedTrial]:
    """The truth is what our analysis finds in the motion itself."""
    skeleton = full_body_skeleton()
    walks = [one for one in cmu_motions(motions) if one.name.startswith(WALKS)]
    for seed, walk in product(PEOPLE, walks):
        body = Body.load(dtype=torch.float64)
        shaped = body.with_shape(draw_shapes(body, 1, seed=seed)[0].double())
        person = skeleton_of_body(body, shaped, skeleton)
        solved = CoordinateTrajectories(np.arange(len(walk.values)) / walk.rate_hz, walk.names, walk.values)
        motion = motion_on_body(f"{walk.name}_{seed}", solved, skeleton, person, rate_hz=round(walk.rate_hz / STEP))
        truth = _own_events(motion_of_coordinates(skeleton, solved)).since(float(motion.truth.time_s[0]))
        yield FilmedTrial(motion, float(measurements(shaped)["height_m"]), "walk", truth, tuple(VIEWS))


def _own_events(walk: Motion) -> PlateEvents:
    events, _ = analyse_motion(walk, activity="walk")
    first_s, last_s = walk.time_s[0] + EDGE_S, walk.time_s[-1] - EDGE_S
    of_feet = tuple(
        (event.event, side, event.time_s)
        for side in SIDES
        for event in events
        if event.event in ("foot_strike", "foot_off") and event.side == side and first_s <= event.time_s <= last_s
    )
    return PlateEvents(of_feet, None)


def measured_film(
    film: Film, *, folder: Path | None, models: Models, refused: list[str], progress: Callable[[str], None]
) -> Iterator[tuple[FilmedTrial, str, PersonMeasurement]]:
    """Render, perceive (or read what is kept of both) and measure each trial from each of its views.

    Args:
        film: what to film.
        folder: that keeps film and detections; None: beside the assets.
        models: that measure.
        refused: clips in which nobody is found are added to it.
        progress: called with the name of each clip before it.

    Yields:
        The trial, the view and the person.
    """
    for trial in film.trials:
        for view in trial.views:
            progress(f"{trial.motion.trial}_{view}")
            clip = filmed(trial.motion, view, folder or assets_folder() / "film", models=models)
            try:
                person = measured(clip, height_m=trial.height_m, activity=trial.activity, models=models)
            except TrackingError:
                refused.append(clip.video.stem)
                continue
            yield trial, view, person


def evaluate_film_events(
    film: Film,
    *,
    source: str,
    folder: Path | None = None,
    method: MethodName = DEFAULT_METHOD,
    threads: int = 2,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Render, perceive (or read what is kept of both), measure, and compare.

    Args:
        film: what to film.
        source: pixels or synthetic, the key of the result.
        folder: that keeps film and detections; None: beside the assets.
        method: of BioPose's.
        threads: of everything that runs on a CPU.
        progress: called with the name of each clip before it.

    Returns:
        events, contacts and jump as `evaluate_events` has them, under `source`; events and jump also by_view;
        pelvis_height and foot_sliding as `GroundErrors` has them, likewise; refused: clips in which nobody was found.
    """
    models = Models.load(METHODS[method], threads=threads)
    overall, by_view, refused = EventErrors(), dict[str, EventErrors](), list[str]()
    ground, ground_by_view = GroundErrors(), dict[str, GroundErrors]()
    for trial, view, person in measured_film(film, folder=folder, models=models, refused=refused, progress=progress):
        motion = measured_motion(person)
        for errors in (overall, by_view.setdefault(view, EventErrors())):
            errors.add(motion, trial.truth, activity=trial.activity, methods=False)
        for on_ground in (ground, ground_by_view.setdefault(view, GroundErrors())):
            on_ground.add(person, trial.motion)
    events = overall.events_dict() | {"by_view": {name: one.events_dict() for name, one in by_view.items()}}
    jump = overall.jump_dict() | {"by_view": {name: one.jump_dict() for name, one in by_view.items()}}
    contacts = {key: events[key] for key in ("mae_ms", "max_ms") if key in events}
    result = {"events": {source: events}, "contacts": {source: contacts}, "jump": {source: jump}, "refused": refused}
    of_views = {view: one.as_dict() for view, one in ground_by_view.items()}
    for key, values in ground.as_dict().items():
        result[key] = {source: values | {"by_view": {view: one[key] for view, one in of_views.items()}}}
    return result
