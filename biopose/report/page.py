"""report.html: one page to judge a measurement by, with nothing outside itself."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from biopose.io.files import written_whole
from biopose.outputs.summary import UNTRUSTED_QUALITY
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.rendering.overlay import KeptFrame
from biopose.report.plots import angle_plots, has_bands, quality_plot
from biopose.report.style import STYLE

SEGMENTS = {
    "height_m": "height",
    "thigh_m": "thigh",
    "shank_m": "shank",
    "upper_arm_m": "upper arm",
    "forearm_m": "forearm",
    "hip_width_m": "between the hips",
    "shoulder_width_m": "between the shoulders",
}
QUALITY_ROWS = {
    "quality": ("quality, 0 to 1", "{:.2f}"),
    "reprojection_px": ("reprojection error, px", "{:.1f}"),
    "confidence": ("keypoint confidence", "{:.2f}"),
    "seen_fraction": ("share of keypoints seen", "{:.2f}"),
}
CAMERA_SOURCES = {
    "given": "given with the video",
    "metadata": "read from the video's metadata",
    "estimate": "estimated",
}
SIDES_NOTE = (
    "Right side red, left side blue and dashed. Angles and signs are those of the OpenSim model in scaled.osim."
)
BANDS_NOTE = "Light bands: 95 % intervals of the angles, ± 1.96 standard deviations."


def write_report(
    people: Sequence[PersonMeasurement], summary: Mapping[str, Any], kept: Sequence[KeptFrame], path: Path
) -> Path:
    """Write the report, whole or not at all.

    Args:
        people: who was measured.
        summary: as `summary_of` makes it for them.
        kept: cut-outs of the overlay at the frames to be looked at, of any person.
        path: the .html to write.
    """
    name = escape(summary["video"]["name"])
    body = [_header(summary), _contents(people)]
    for place, (one, figures) in enumerate(zip(people, summary["people"], strict=True)):
        body.append(_person(one, figures, [k for k in kept if k.person == place], alone=len(people) == 1))
    body.append(_provenance(summary))
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}: BioPose</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )
    with written_whole(path) as partial:
        partial.write_text(page, encoding="utf-8", errors="replace")
    return path


def _header(summary: Mapping[str, Any]) -> str:
    video = summary["video"]
    length = "" if video["duration_s"] is None else f"{video['duration_s']:.2f} s, "
    facts = (
        f"{video['width_px']} × {video['height_px']} px, {length}{video['nominal_rate_hz']:.2f} frames/s, "
        f"{escape(str(video['codec']))}"
    )
    return (
        '<header><p class="kind">Joint kinematics from one video</p>'
        f"<h1>{escape(video['name'])}</h1><p>{facts}</p>"
        '<p>Beside this page: <a href="overlay.mp4">overlay.mp4</a> shows the bodies on the video, '
        '<a href="summary.json">summary.json</a> has the figures for a program.</p></header>'
    )


def _contents(people: Sequence[PersonMeasurement]) -> str:
    if len(people) == 1:
        return ""
    links = (f'<a href="#person-{one.track.person}">person {one.track.person}</a>' for one in people)
    return f"<nav>{' · '.join(links)}</nav>"


def _person(one: PersonMeasurement, figures: Mapping[str, Any], kept: Sequence[KeptFrame], *, alone: bool) -> str:
    title = "" if alone else f"<h2>Person {one.track.person}</h2>"
    plots = angle_plots(one)
    bands = f" {BANDS_NOTE}" if has_bands(one) else ""
    sections = [
        f'<div class="cards">{_verdict(one, figures)}{_athlete(figures)}{_camera(figures)}</div>',
        _notes(figures),
        *(f"<h3>{escape(group)}</h3>{_picture(svg, group)}" for group, svg in plots.items()),
        f'<p class="caption">{SIDES_NOTE} Grey: frames that are not to be trusted.{bands}</p>',
        f"<h3>Quality of each frame</h3>{_picture(quality_plot(one), 'quality')}",
        _worst(one, kept),
        _scales(figures),
    ]
    return f'<section id="person-{one.track.person}">{title}{"".join(sections)}</section>'


def _verdict(one: PersonMeasurement, figures: Mapping[str, Any]) -> str:
    rows = [
        ("frames", f"{figures['frames']} ({figures['start_s']:.2f} to {figures['end_s']:.2f} s)"),
        ("person found in", _share(figures["frames_seen"], figures["frames"])),
        ("not to be trusted", _share(figures["frames_untrusted"], figures["frames"])),
    ]
    for name, (label, form) in QUALITY_ROWS.items():
        if (values := figures["quality"].get(name)) and values["median"] is not None:
            low, high = form.format(values["p5"]), form.format(values["p95"])
            rows.append((label, f"{form.format(values['median'])} <small>({low} to {high})</small>"))
    if one.refinement:
        rows.append(("refinement", one.refinement.sentence))
    caption = f"Median (central 90 % of frames). Not to be trusted: quality below {UNTRUSTED_QUALITY}."
    return _card("Measurement", rows, caption)


def _athlete(figures: Mapping[str, Any]) -> str:
    body = figures["body"]
    rows = [(label, f"{100 * body[name]:.1f} cm") for name, label in SEGMENTS.items() if name in body]
    rows.insert(1, ("mass of the body model", f"{body['mass_kg']:.1f} kg"))
    return _card("Athlete", rows, "Lengths between joint centres of the fitted body, mean of both sides.")


def _camera(figures: Mapping[str, Any]) -> str:
    camera = figures["camera"]
    (fx, fy), (cx, cy) = camera["focal_px"], camera["centre_px"]
    view = 2 * np.degrees(np.arctan(camera["width_px"] / (2 * fx)))
    uncertainty = f"± {100 * camera['focal_sd']:.0f} %" if camera["focal_sd"] else "taken as exact"
    focal = f"{fx:.0f} px" if abs(fx / fy - 1) < 1e-3 else f"{fx:.0f} × {fy:.0f} px"
    rows = [
        ("focal length", focal),
        ("its uncertainty", uncertainty),
        ("where it is from", CAMERA_SOURCES[camera["source"]]),
        ("field of view across", f"{view:.0f}°"),
        ("principal point", f"{cx:.0f}, {cy:.0f} px"),
        ("lens distortion", "yes" if any(camera["distortion"]) else "none assumed"),
    ]
    return _card("Camera", rows, "± is one standard deviation; depth is uncertain by the same share.")


def _notes(figures: Mapping[str, Any]) -> str:
    if not figures["notes"]:
        return ""
    items = "".join(f"<li>{escape(note)}</li>" for note in figures["notes"])
    return f'<div class="notes"><h3>What limits this measurement</h3><ul>{items}</ul></div>'


def _worst(one: PersonMeasurement, kept: Sequence[KeptFrame]) -> str:
    """The frames that ask for a look, with the body drawn on them."""
    if not kept:
        return ""
    shown = []
    for cut in kept:
        row = cut.frame_index - int(one.track.frame_indices[0])
        figures = [f"frame {cut.frame_index}, {one.track.time_s[row]:.2f} s"]
        for name, label in (("quality", "quality {:.2f}"), ("reprojection_px", "{:.1f} px")):
            if name in one.quality and np.isfinite(one.quality[name][row]):
                figures.append(label.format(one.quality[name][row]))
        data = base64.b64encode(cut.jpeg).decode()
        image = f'<img alt="{figures[0]}" src="data:image/jpeg;base64,{data}">'
        shown.append(f"<figure>{image}<figcaption>{'<br>'.join(figures)}</figcaption></figure>")
    caption = (
        '<p class="caption">The body is grey where the frame is not to be trusted; dots are the keypoints seen.</p>'
    )
    return f'<h3>The worst frames</h3><div class="frames">{"".join(shown)}</div>{caption}'


def _scales(figures: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><th>{escape(name)}</th>" + "".join(f"<td>{factor:.3f}</td>" for factor in factors) + "</tr>"
        for name, factors in figures["body_scales"].items()
    )
    head = "<tr><th>segment</th><td>forward x</td><td>up y</td><td>right z</td></tr>"
    return f"<details><summary>Scale factors of the skeleton's segments</summary><table>{head}{rows}</table></details>"


def _provenance(summary: Mapping[str, Any]) -> str:
    parts = []
    for title, key in (("Settings", "settings"), ("Versions of code and networks", "versions")):
        text = escape(json.dumps(summary[key], indent=2, ensure_ascii=False, default=str))
        parts.append(f"<details><summary>{title}</summary><pre>{text}</pre></details>")
    return f"<footer>{''.join(parts)}</footer>"


def _card(title: str, rows: Sequence[tuple[str, str]], caption: str) -> str:
    """A small table; values are HTML, made here from numbers."""
    lines = "".join(f"<tr><th>{label}</th><td>{value}</td></tr>" for label, value in rows)
    return f'<div class="card"><h3>{title}</h3><table>{lines}</table><p class="caption">{caption}</p></div>'


def _picture(svg: str, alt: str) -> str:
    # As an image rather than inline: two plots then cannot share the names inside them.
    data = base64.b64encode(svg.encode()).decode()
    return f'<img class="plot" alt="{escape(alt)}" src="data:image/svg+xml;base64,{data}">'


def _share(count: int, of: int) -> str:
    return f"{count} <small>({100 * count / of:.0f} %)</small>"
