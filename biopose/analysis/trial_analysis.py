"""From a trial's files to its events, metrics and quality, and the tables that the warehouse loads.

kinematics.parquet   a row a frame, a column a coordinate, then its standard deviations
events.parquet  metrics.parquet  cycles.parquet  quality.parquet
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from biopose.analysis.activity_recognition import OTHER_ACTIVITY, recognition_metrics
from biopose.analysis.cross_check import cross_check
from biopose.analysis.cycles import cycle_metrics
from biopose.analysis.declared_activity import CONTRADICTED, contradiction, withheld
from biopose.analysis.events import find_events
from biopose.analysis.flights import NEVER_IN_FLIGHT, Flights, find_flights
from biopose.analysis.free_fall import LANDING, RUN_LANDING
from biopose.analysis.gait_metrics import RUNNING
from biopose.analysis.kinematics import kinematics_table
from biopose.analysis.measured_trial import MeasuredTrial
from biopose.analysis.metrics import find_metrics
from biopose.analysis.motion import Motion, motion_of
from biopose.analysis.plate_events import PlateMoments, events_on_plates, flights_on_plates, plate_moments
from biopose.analysis.quality import marker_quality_metrics, quality_metrics
from biopose.analysis.stance import foot_states
from biopose.analysis.tables import (
    Event,
    Metric,
    QualityMetric,
    cycles_table,
    events_table,
    metrics_table,
    quality_table,
)
from biopose.io.arrow_arrays import arrow_array
from biopose.io.files import written_whole
from biopose.io.force_plates import ForcePlates
from biopose.outputs.file_names import EVENTS, KINEMATICS, METRICS, MODEL, QUALITY
from biopose.skeleton.reader import read_osim

CYCLES = "cycles.parquet"
ANALYSIS_FILES = (KINEMATICS, EVENTS, METRICS, QUALITY, CYCLES)
METRICS_CSV = "metrics.csv"


@dataclass(frozen=True)
class TrialAnalysis:
    """What a trial's motion amounts to.

    Attributes:
        events: in the order of time.
        metrics: of the whole trial and of its activity.
        quality: how far the trial can be trusted.
        notes: what was odd about force plates and the activity, a sentence each.
    """

    events: Sequence[Event]
    metrics: Sequence[Metric]
    quality: Sequence[QualityMetric]
    notes: Sequence[str] = ()


def analyse_trial(
    folder: Path, *, activity: str, cross_check_frames: int = 12, plates: ForcePlates | None = None
) -> TrialAnalysis:
    """Write the analysis of a trial beside its files, each whole or not at all; the same input gives the same bytes.

    Args:
        folder: with trial.parquet, coordinates.mot, markers.trc and scaled.osim.
        activity: of `biopose.reconstruction.low_pass_filter.CUTOFF_HZ`.
        cross_check_frames: how many frames of a trial of video OpenSim's own solver solves, too; 0 for none.
        plates: forces as recorded, on the trial's clock and in its world.

    Raises:
        FileFormatError: one of the files is missing or broken.
        ModelError: the model is.
        RuntimeError: OpenSim cannot read the model.
    """
    trial = MeasuredTrial.read(folder)
    with ThreadPoolExecutor(1) as beside:
        check = None if trial.is_of_markers else beside.submit(cross_check, folder, frames=cross_check_frames)
        motion = motion_of(trial, read_osim(folder / MODEL))
        moments = plate_moments(motion, plates) if plates else None
        flights = flights_of(motion, activity=activity, moments=moments)
        events, metrics = analyse_motion(motion, activity=activity, flights=flights, moments=moments)
        cycles = cycle_metrics(motion, events, flights.found, activity=activity)
        kinematics = kinematics_table(trial)
        doubt = contradiction(motion, activity=activity)
        recognised = recognition_metrics(motion) if doubt or activity == OTHER_ACTIVITY else []
        if doubt:
            events, cycles, metrics = [], [], withheld(metrics, reason=f"It is {doubt}.")
            recognised.append(QualityMetric(CONTRADICTED, 1.0, "1"))
        quality = (
            quality_metrics(motion, check.result(), trial.refinement)
            if check
            else marker_quality_metrics(motion, moments)
        )
    quality += recognised
    _write(folder / KINEMATICS, kinematics)
    _write(folder / EVENTS, events_table(events))
    _write(folder / METRICS, metrics_table(metrics))
    _write(folder / QUALITY, quality_table(quality))
    _write(folder / CYCLES, cycles_table(cycles))
    notes = [*(moments.notes() if moments else ()), *([f"ACTIVITY: {doubt}"] if doubt else ())]
    return TrialAnalysis(events, metrics, quality, notes)


def flights_of(motion: Motion, *, activity: str, moments: PlateMoments | None = None) -> Flights:
    """The flights of a motion; none in activities without any.

    Args:
        motion: from video or markers.
        activity: of `biopose.reconstruction.low_pass_filter.CUTOFF_HZ`.
        moments: of contacts on force plates, which take the place of those from kinematics.
    """
    landing = RUN_LANDING if activity == "run" else LANDING
    flights = (
        Flights() if activity in NEVER_IN_FLIGHT else find_flights(motion, running=activity in RUNNING, landing=landing)
    )
    return replace(flights, found=flights_on_plates(flights.found, moments)) if moments else flights


def analyse_motion(
    motion: Motion,
    *,
    activity: str,
    flights: Flights | None = None,
    moments: PlateMoments | None = None,
) -> tuple[list[Event], list[Metric]]:
    """Events and metrics of a motion.

    Args:
        motion: from video or markers.
        activity: of `biopose.reconstruction.low_pass_filter.CUTOFF_HZ`.
        flights: by `flights_of`; found where they are not given.
        moments: of contacts on force plates, which take the place of those from kinematics.
    """
    if flights is None:
        flights = flights_of(motion, activity=activity, moments=moments)
    states = foot_states(motion, flights.found, running=activity in RUNNING, in_air_s=flights.in_air_s)
    events = find_events(motion, states, flights.found, activity=activity)
    if moments:
        events = events_on_plates(events, moments, motion)
    return events, find_metrics(motion, events, flights, activity=activity)


def write_metrics_csv(path: Path, people: Sequence[tuple[int, TrialAnalysis]]) -> None:
    """Write everybody's metrics as one table: person, metric, side, value, unit, sd, reason (empty where not known).

    Args:
        path: the file, written whole or not at all.
        people: each person's number and analysis.
    """
    tables = [metrics_table(analysis.metrics) for _, analysis in people]
    numbered = [
        table.add_column(0, "person", arrow_array(np.full(len(table), number, dtype=np.int32)))
        for (number, _), table in zip(people, tables, strict=True)
    ]
    with written_whole(path) as partial:
        pyarrow.csv.write_csv(pa.concat_tables(numbered), partial)


def _write(path: Path, table: pa.Table) -> None:
    with written_whole(path) as partial:
        pq.write_table(table, partial, compression="zstd", write_page_checksum=True)
