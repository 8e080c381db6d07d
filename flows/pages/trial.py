"""A trial: overlay, curves, events, metrics, quality, model versions and files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from markupsafe import Markup

from biopose.analysis.definitions import DEFINITIONS
from biopose.analysis.tables import Metric
from biopose.outputs.untrusted import UNTRUSTED_QUALITY
from biopose.report.angle_panels import angle_panels
from biopose.report.metric_tables import metric_rows, sides_of
from biopose.report.svg import Panel, figure
from flows.pages.body import has_body
from flows.pages.exports import exportable
from flows.pages.reader import Reader, Row
from flows.pages.trial_files import TrialFiles
from warehouse.errors import QueryError

RECOGNITION = "activity_"  # begins what a trial's quality tells of its activity: a sentence of its own shows it
UNIT_SUFFIX = "_deg"
SD_SUFFIX = "_sd_deg"
LEAST_FRAMES = 2  # of a curve
MOST_VALUES = 2_000  # frames whose values a page holds for its cursor
STEP_TOLERANCE = 1e-3  # of a frame
QUALITY_NAMES = {
    "mean_quality": "mean quality, 0 to 1",
    "untrusted_share": f"share of frames below {UNTRUSTED_QUALITY}",
    "seen_share": "share of keypoints, or of markers, that were seen",
    "undetermined_share": "share of frames in which missing markers leave a joint open",
    "median_marker_error_mm": "error of markers or keypoints, median",
    "p95_marker_error_mm": "error of markers or keypoints, not exceeded in 95 % of the frames",
    "plate_contacts": "contacts on force plates",
    "plate_contacts_unattributed": "of these, those that could be of either foot",
    "plate_contacts_contradicted": "of these, those that the feet contradict",
    "median_reprojection_px": "reprojection error, median",
    "median_confidence": "keypoint confidence, median",
    "refinement_mirror_disagreement_deg": "disagreement of MQ-HMR's predictions of mirrored frames",
    "refinement_prediction_sd_mm": "standard deviation that MQ-HMR gives its keypoints",
    "cross_check_rms_deg": "difference from OpenSim's inverse kinematics, root mean square",
    "cross_check_max_deg": "difference from OpenSim's inverse kinematics, greatest",
    "cross_check_frames": "frames that OpenSim's inverse kinematics solved for this",
    "refinement_reprojection_before_px": "reprojection error before the refinement by 2D keypoints",
    "refinement_reprojection_after_px": "reprojection error after it",
    "refinement_iterations": "iterations of the refinement",
}


@dataclass(frozen=True)
class Frames:
    """A trial's frames.

    Attributes:
        time_s: (T,) of the video.
        untrusted: (T,).
        groups: panels by group of coordinates, of those that are known.
        unknown: titles of the angles that are not, such as of those that no marker or keypoint shows.
        first_s: time of the trial's first frame, whatever part is shown.
        last_s: of its last frame.
    """

    time_s: np.ndarray
    untrusted: np.ndarray
    groups: Mapping[str, Sequence[Panel]]
    unknown: Sequence[str]
    first_s: float
    last_s: float


def trial(read: Reader, asked: Mapping[str, str], *, trial_id: str, home: Path) -> dict[str, Any]:
    """A trial's page.

    Args:
        read: the snapshot.
        asked: from and to, in seconds: the part of the curves that is drawn.
        trial_id: as team/session/trial.
        home: the folder that holds all state.

    Raises:
        UnknownNameError: there is no such trial.
        QueryError: from or to is no number, or between them there are no frames.
    """
    (described,) = read.rows("trial_description", trial=trial_id)
    frames = read_frames(read, asked, trial_id=trial_id)
    metrics = read.rows("metrics_of_trial", trial=trial_id)
    rows = metric_rows(_metrics(metrics))
    files = TrialFiles(home, described["artifacts"])
    return {
        "title": trial_id,
        "trial": described,
        "recognised": read.rows("recognised_activities", trial=trial_id),
        "metrics": rows,
        "undefined": [row for row in metrics if row["metric"] not in DEFINITIONS],
        "sides": sides_of(rows),
        "events": read.rows("events_of_trial", trial=trial_id),
        "quality": _quality(read.rows("quality_of_trial", trial=trial_id)),
        "models": read.rows("models_of_trial", trial=trial_id),
        "plots": {group: [_drawn(panel, frames) for panel in panels] for group, panels in frames.groups.items()},
        "frames": frames,
        "from": asked.get("from", ""),
        "to": asked.get("to", ""),
        "overlay_start_s": overlay_start_s(frames, described),
        "least_quality": UNTRUSTED_QUALITY,
        "notes": files.notes(),
        "files": files.existing(),
        "has_body": has_body(files, described),
        "exports": exportable(files),
    }


def curves(read: Reader, asked: Mapping[str, str], *, trial_id: str) -> str:
    """The values that a page's cursor shows, as JSON: panels in the page's order.

    Raises:
        QueryError: as of `trial`.
    """
    frames = read_frames(read, asked, trial_id=trial_id)
    step = math.ceil(len(frames.time_s) / MOST_VALUES)
    shown = [
        {"title": panel.title, "curves": [[curve.name, _rounded(curve.values[::step])] for curve in panel.curves]}
        for panels in frames.groups.values()
        for panel in panels
    ]
    times = [round(float(time), 4) for time in frames.time_s[::step]]
    return json.dumps({"time_s": times, "panels": shown}, allow_nan=False, separators=(",", ":"))


def read_frames(read: Reader, asked: Mapping[str, str], *, trial_id: str) -> Frames:
    """The frames between from and to."""
    table = read.frame("coordinates_of_trial", {"trial": trial_id})
    times = table["time_s"].to_numpy()
    start, stop = _seconds(asked, "from", -math.inf), _seconds(asked, "to", math.inf)
    inside = table.filter(pl.Series((times >= start) & (times <= stop)))
    if len(inside) < LEAST_FRAMES and (asked.get("from") or asked.get("to")):
        raise QueryError(
            f"from, to: fewer than two frames lie between {start:g} and {stop:g} s; write times of the recording"
        )
    names = [column.removesuffix(UNIT_SUFFIX) for column in _angles(table)]
    values_deg = inside.select(_angles(table)).to_numpy().astype(float)
    sd_deg = inside.select([f"{name}{SD_SUFFIX}" for name in names]).to_numpy().astype(float)
    quality = inside["quality"].to_numpy().astype(float)
    known_sd_deg = sd_deg if np.isfinite(sd_deg).any() else None
    groups = angle_panels(names, values_deg, known_sd_deg) if len(inside) >= LEAST_FRAMES else {}
    known = {group: [panel for panel in panels if _is_known(panel)] for group, panels in groups.items()}
    return Frames(
        inside["time_s"].to_numpy(),
        ~(quality >= UNTRUSTED_QUALITY),
        {group: panels for group, panels in known.items() if panels},
        [panel.title.removesuffix(" (°)") for panels in groups.values() for panel in panels if not _is_known(panel)],
        float(times[0]) if len(times) else 0.0,
        float(times[-1]) if len(times) else 0.0,
    )


def _is_known(panel: Panel) -> bool:
    return any(np.isfinite(curve.values).any() for curve in panel.curves)


def overlay_start_s(frames: Frames, described: Row) -> float:
    """Time in the video of the overlay's first picture: of the first frame that the manifest includes.

    The athlete may be found some frames later, so it is counted back from the trial's first frame, at its mean rate.
    """
    start_s = described["start_s"] or 0.0
    step_s = (frames.last_s - frames.first_s) / max(described["frames"] - 1, 1)
    earlier = math.floor((frames.first_s - start_s) / step_s + STEP_TOLERANCE) if step_s else 0
    return frames.first_s - max(earlier, 0) * step_s


def _drawn(panel: Panel, frames: Frames) -> Markup:
    return Markup(figure(panel.title, [panel], frames.time_s, frames.untrusted, columns=1))  # noqa: S704 - escaped there


def _angles(table: pl.DataFrame) -> list[str]:
    return [name for name in table.columns if name.endswith(UNIT_SUFFIX) and not name.endswith(SD_SUFFIX)]


def _seconds(asked: Mapping[str, str], name: str, otherwise: float) -> float:
    if not asked.get(name):
        return otherwise
    try:
        return float(asked[name])
    except ValueError as error:
        raise QueryError(f"{name}: found {asked[name]!r}; expected seconds of the recording, such as 6.4") from error


def _rounded(values: np.ndarray) -> list[float | None]:
    return [round(float(value), 1) if math.isfinite(value) else None for value in values]


def _metrics(rows: list[Row]) -> list[Metric]:
    """Those that have a definition."""
    return [
        Metric(row["metric"], row["side"], row["value"], row["unit"], row["sd"], row["reason"])
        for row in rows
        if row["metric"] in DEFINITIONS
    ]


def _quality(rows: list[Row]) -> list[Row]:
    """Those that say something to a person first, in the order of QUALITY_NAMES."""
    order = list(QUALITY_NAMES)
    known = sorted((row for row in rows if row["name"] in QUALITY_NAMES), key=lambda row: order.index(row["name"]))
    others = [
        row
        for row in rows
        if row["name"] not in QUALITY_NAMES and row["name"] != "frames" and not row["name"].startswith(RECOGNITION)
    ]
    return [row | {"title": QUALITY_NAMES.get(row["name"], row["name"].replace("_", " "))} for row in (*known, *others)]
