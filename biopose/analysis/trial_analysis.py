"""From a trial's files to the tables that the warehouse loads.

kinematics.parquet   a row a frame, a column a coordinate, then its standard deviations
events.parquet  metrics.parquet  quality.parquet
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from biopose.analysis.cross_check import cross_check
from biopose.analysis.events import find_events
from biopose.analysis.kinematics import kinematics_table
from biopose.analysis.measured_trial import MeasuredTrial
from biopose.analysis.metrics import find_metrics
from biopose.analysis.motion import motion_of
from biopose.analysis.quality import quality_figures
from biopose.analysis.stance import flights, foot_states
from biopose.analysis.tables import events_table, figures_table, metrics_table
from biopose.io.files import written_whole

KINEMATICS, EVENTS, METRICS, QUALITY = "kinematics.parquet", "events.parquet", "metrics.parquet", "quality.parquet"
ANALYSIS_FILES = (KINEMATICS, EVENTS, METRICS, QUALITY)
NEVER_IN_FLIGHT = ("walk", "squat")  # what looks like it is a foot that was not recognised


def analyse_trial(folder: Path, *, activity: str, cross_check_frames: int = 12) -> None:
    """Write the analysis of a trial beside its files, each whole or not at all; the same input gives the same bytes.

    Args:
        folder: with trial.parquet, coordinates.mot, markers.trc and scaled.osim.
        activity: of the manifest.
        cross_check_frames: how many frames OpenSim's own solver takes, too; 0 for none.

    Raises:
        FileFormatError: one of the files is missing or broken.
        ModelError: the model is.
    """
    trial = MeasuredTrial.read(folder)
    motion = motion_of(trial)
    states = foot_states(motion)
    in_flight = [] if activity in NEVER_IN_FLIGHT else flights(motion, states)
    events = find_events(motion, states, in_flight, activity=activity)
    metrics = find_metrics(motion, events, in_flight, activity=activity)
    figures = quality_figures(motion, cross_check(folder, frames=cross_check_frames), trial.refinement)
    _write(folder / KINEMATICS, kinematics_table(trial))
    _write(folder / EVENTS, events_table(events))
    _write(folder / METRICS, metrics_table(metrics))
    _write(folder / QUALITY, figures_table(figures))


def _write(path: Path, table: pa.Table) -> None:
    with written_whole(path) as partial:
        pq.write_table(table, partial, compression="zstd", write_page_checksum=True)
