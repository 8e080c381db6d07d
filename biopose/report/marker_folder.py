"""The folder of results of a measured recording of markers: that of a video without an overlay, and forces.mot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from biopose.analysis.force_plates import low_passed
from biopose.analysis.trial_analysis import ANALYSIS_FILES, METRICS_CSV, analyse_trial, write_metrics_csv
from biopose.outputs.file_names import REPORT
from biopose.outputs.marker_trial import MarkerMeasurement, write_marker_trial
from biopose.outputs.summary import marker_summary, write_summary
from biopose.report.folder import SUMMARY, all_or_nothing
from biopose.report.page import write_marker_report
from biopose.report.plots import Plots


def write_marker_outputs(
    one: MarkerMeasurement,
    *,
    recording: Path,
    out: Path,
    activity: str,
    height_m: float,
    settings: Mapping[str, Any],
    versions: Mapping[str, Any],
) -> list[Path]:
    """Write everything about a measured recording, or, where anything goes wrong, nothing.

    Args:
        one: the measurement.
        recording: that was measured.
        out: the folder, made if need be; what an earlier measurement left in it is replaced.
        activity: decides which events and metrics there are.
        height_m: of the athlete.
        settings: what the measurement was asked to do; can be JSON.
        versions: of the code and of every network; can be JSON.

    Returns:
        The files: the report first.
    """
    with all_or_nothing(out.absolute()) as folder:
        filtered = replace(one, plates=low_passed(one.plates)) if one.plates else one
        names = [path.name for path in write_marker_trial(filtered, folder, settings=settings, versions=versions)]
        analysis = analyse_trial(folder, activity=activity, plates=one.plates)
        one = replace(one, notes=(*one.notes, *analysis.notes))
        summary = marker_summary(
            one,
            [*names, *ANALYSIS_FILES],
            recording=recording.name,
            height_m=height_m,
            settings=settings,
            versions=versions,
        )
        write_metrics_csv(folder / METRICS_CSV, [(0, analysis)])
        write_summary(summary, folder / SUMMARY)
        write_marker_report(
            one, summary, folder / REPORT, analysis=analysis, plots=Plots.of_markers(one), activity=activity
        )
    return [out / name for name in (REPORT, SUMMARY, METRICS_CSV, *names, *ANALYSIS_FILES)]
