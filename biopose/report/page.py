"""report.html: one page to judge a measurement by, which loads nothing from elsewhere."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from biopose.analysis.trial_analysis import TrialAnalysis
from biopose.io.files import written_whole
from biopose.outputs.marker_trial import MarkerMeasurement
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.rendering.kept_frame import KeptFrame
from biopose.report.cards import cards_of, marker_cards
from biopose.report.metric_tables import event_rows, metric_rows, sides_of
from biopose.report.plots import Plots, has_bands

TEMPLATE = "report.html.j2"
BANDS_NOTE = "Light bands: 95 % intervals of the angles, ± 1.96 standard deviations."
PROVENANCE = {"Settings": "settings", "Versions of code and networks": "versions"}


def write_report(
    people: Sequence[PersonMeasurement],
    summary: Mapping[str, Any],
    kept: Sequence[KeptFrame],
    path: Path,
    *,
    analyses: Sequence[TrialAnalysis],
    plots: Sequence[Plots],
    activity: str = "other",
    heights_m: Sequence[float] | None = None,
    overlay: str | None = "overlay.mp4",
) -> Path:
    """Write the report, whole or not at all.

    Args:
        people: who was measured.
        summary: as `summary_of` makes it for them.
        kept: the worst frames, of any person, with crops of the overlay where there is one.
        path: the .html to write.
        analyses: of each person.
        plots: likewise.
        activity: that was recorded.
        heights_m: of each person, as entered; None where they are not known.
        overlay: name of the overlay beside the page; None where none was drawn.
    """
    entered: Sequence[float | None] = heights_m or [None] * len(people)
    sections = [
        _person_context(one, person, [frame for frame in kept if frame.person == index], analysis, drawn, height_m)
        for index, (one, person, analysis, drawn, height_m) in enumerate(
            zip(people, summary["people"], analyses, plots, entered, strict=True)
        )
    ]
    source = _video_source(summary["video"])
    return _write(path, sections, summary, source=source, activity=activity, overlay=overlay)


def write_marker_report(
    one: MarkerMeasurement,
    summary: Mapping[str, Any],
    path: Path,
    *,
    analysis: TrialAnalysis,
    plots: Plots,
    activity: str,
) -> Path:
    """Write the report of a recording of markers, whole or not at all.

    Args:
        one: the measurement.
        summary: as `marker_summary` makes it.
        path: the .html to write.
        analysis: of the recording.
        plots: likewise.
        activity: that was recorded.
    """
    (person,) = summary["people"]
    section = _section(one, person, analysis, plots) | {
        "number": 0,
        "cards": marker_cards(summary["recording"], person),
        "worst_frames": [],
    }
    source = _marker_source(summary["recording"])
    return _write(path, [section], summary, source=source, activity=activity, overlay=None)


def _write(
    path: Path,
    sections: Sequence[Mapping[str, Any]],
    summary: Mapping[str, Any],
    *,
    source: Mapping[str, Any],
    activity: str,
    overlay: str | None,
) -> Path:
    page = (
        environment()
        .get_template(TEMPLATE)
        .render(
            source=source,
            activity=activity.replace("_", " "),
            trial_id=summary["settings"].get("trial_id", ""),
            people=sections,
            overlay=overlay,
            bands_note=BANDS_NOTE,
            provenance={
                title: json.dumps(summary[key], indent=2, ensure_ascii=False, default=str)
                for title, key in PROVENANCE.items()
            },
        )
    )
    with written_whole(path) as partial:
        partial.write_text(page, encoding="utf-8", errors="replace")
    return path


def _video_source(video: Mapping[str, Any]) -> dict[str, Any]:
    facts = [f"{video['width_px']} × {video['height_px']} px"]
    facts += [f"{video['duration_s']:.2f} s"] if video["duration_s"] is not None else []
    facts += [f"{video['nominal_rate_hz']:.2f} frames/s", video["codec"]]
    return {"kind": "video", "name": video["name"], "facts": facts}


def _marker_source(recording: Mapping[str, Any]) -> dict[str, Any]:
    facts = [f"{recording['markers']} markers"]
    facts += [f"{recording['rate_hz']:.2f} frames/s"] if recording["rate_hz"] else []
    facts += [f"{recording['force_plates']} force plates"] if recording["force_plates"] else []
    return {"kind": "recording of markers", "name": recording["name"], "facts": facts}


@cache
def environment() -> Environment:
    """Whatever a template is given is escaped; templates are compiled once."""
    return Environment(
        loader=PackageLoader("biopose.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _person_context(
    one: PersonMeasurement,
    person: Mapping[str, Any],
    kept: Sequence[KeptFrame],
    analysis: TrialAnalysis,
    plots: Plots,
    height_m: float | None,
) -> dict[str, Any]:
    """What the template needs to know of a person; `person` is the entry in the summary."""
    return _section(one, person, analysis, plots) | {
        "number": one.track.person,
        "cards": cards_of(
            person, refinement=one.refinement.sentence if one.refinement else None, entered_height_m=height_m
        ),
        "worst_frames": [
            {
                "image": frame.jpeg and _data_uri("image/jpeg", frame.jpeg),
                "caption": _frame_caption(one, frame.frame_index),
            }
            for frame in kept
        ],
    }


def _section(
    one: PersonMeasurement | MarkerMeasurement, person: Mapping[str, Any], analysis: TrialAnalysis, plots: Plots
) -> dict[str, Any]:
    """What the template needs to know of a person, however they were recorded."""
    metrics = metric_rows(analysis.metrics)
    return {
        "notes": person["notes"],
        "metrics": metrics,
        "sides": sides_of(metrics),
        "events": event_rows(analysis.events),
        "plots": {group: Markup(svg) for group, svg in plots.angles.items()},  # noqa: S704 - escaped there
        "has_bands": has_bands(one),
        "quality_plot": Markup(plots.quality),  # noqa: S704
        "body_scales": person["body_scales"],
    }


def _frame_caption(one: PersonMeasurement, frame_index: int) -> list[str]:
    row = frame_index - int(one.track.frame_indices[0])
    lines = [f"frame {frame_index}, {one.track.time_s[row]:.2f} s"]
    for name, form in (("quality", "quality {:.2f}"), ("reprojection_px", "{:.1f} px")):
        if name in one.quality and np.isfinite(one.quality[name][row]):
            lines.append(form.format(one.quality[name][row]))
    return lines


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
