"""The report says what was measured, escapes what it is given, and loads nothing from elsewhere."""

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from biopose.analysis.definitions import DEFINITIONS, metric
from biopose.analysis.tables import Event, Metric
from biopose.analysis.trial_analysis import TrialAnalysis
from biopose.outputs.summary import person_summary, summary_of
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.rendering.kept_frame import KeptFrame
from biopose.report.cards import cards_of
from biopose.report.metric_tables import event_rows, format_value, metric_rows, sides_of
from biopose.report.page import BANDS_NOTE, write_report
from biopose.report.plots import Plots
from biopose.video.encoding import VideoFile
from biopose.video.frames import probe_video
from tests.body.bodies import needs_body_asset
from tests.outputs.measured import GAIN, SETTINGS, VERSIONS, measured, with_sd

METRICS = (
    metric("knee_flexion_peak", 63.24, side="left", sd=1.41),
    metric("knee_flexion_peak", 65.0, side="right"),
    metric("jump_height_flight", 0.4123, sd=math.nan),
    metric("jump_count", 2),
    metric("contact_time", math.nan, side="left"),
)
EVENTS = (Event("landing", "both", 1.5, 150, 0.0029), Event("take_off", "left", 1.02, 102, None))


def page_of(one: PersonMeasurement, folder: Path, *, analysis: TrialAnalysis, kept: Sequence[KeptFrame] = ()) -> str:
    """Of a video named so that it would break a page that does not escape."""
    video = folder / "sprünt <b> & 走.mp4"
    with VideoFile(video, width_px=64, height_px=36, rate_hz=25.0) as file:
        file.add(np.zeros((36, 64, 3), dtype=np.uint8), time_s=0.0)
    summary = summary_of([one], [["x"]], video=video, info=probe_video(video), settings=SETTINGS, versions=VERSIONS)
    path = write_report(
        [one],
        summary,
        kept,
        folder / "report.html",
        analyses=[analysis],
        plots=[Plots.of(one)],
        activity="drop_jump",
        heights_m=[1.65],
    )
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report with all that it may have."""
    one = replace(with_sd(measured(frames=8)), notes=("a <script>note</script>",), refinement=GAIN)
    kept = [KeptFrame(0, 3, b"jpeg")]
    return page_of(one, tmp_path_factory.mktemp("all"), kept=kept, analysis=TrialAnalysis(EVENTS, METRICS, ()))


@pytest.fixture(scope="module")
def least(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report with nothing that may be absent."""
    return page_of(
        replace(measured(frames=4), notes=()), tmp_path_factory.mktemp("least"), analysis=TrialAnalysis((), (), ())
    )


@needs_body_asset
def test_the_report_loads_nothing_from_elsewhere_and_escapes_what_it_is_given(everything: str) -> None:
    for target in re.findall(r'(?:src|href)="([^"]{0,40})', everything):
        assert target.startswith(("data:image/", "#person-")) or target in ("overlay.mp4", "summary.json")
    assert "sprünt &lt;b&gt; &amp; 走.mp4" in everything
    assert "a &lt;script&gt;note&lt;/script&gt;" in everything
    assert "<script" not in everything
    for text in ("What limits this measurement", "Lower limb", "Upper limb", "Pelvis, trunk and neck", "± 10 %"):
        assert text in everything
    for text in ("The worst frames", "frame 3, 0.12 s", "ab" * 32):
        assert text in everything


@needs_body_asset
def test_activity_metrics_and_notes_come_first_and_scale_factors_last(everything: str) -> None:
    order = ("drop jump, ", "<h3>Metrics</h3>", "What limits this measurement", "height as entered", "Lower limb")
    places = [everything.index(part) for part in (*order, "Scale factors", "Versions of code")]
    assert places == sorted(places)
    assert "<th>height as entered</th><td>165.0 cm</td>" in everything


@needs_body_asset
def test_what_is_absent_is_left_out(everything: str, least: str) -> None:
    optional = (
        "The worst frames",
        "What limits this measurement",
        "<th>refinement</th>",
        GAIN.sentence,
        BANDS_NOTE,
        "<h3>Metrics</h3>",
        "Events (2)",
    )
    for text in optional:
        assert (everything.count(text), least.count(text)) == (1, 0), text


@needs_body_asset
def test_metrics_have_their_value_unit_deviation_and_definition(everything: str) -> None:
    for text in ("63.2 ± 1.4°", "65.0°", "0.412 m", "<td>2</td>", "1.500 ± 0.003 s", "1.020 s", "take off"):
        assert text in everything
    assert "knee flexion peak" in everything
    assert DEFINITIONS["knee_flexion_peak"].meaning in everything
    assert DEFINITIONS["jump_height_flight"].source in everything
    assert "contact time" not in everything


def test_sides_of_a_metric_are_columns_of_one_row() -> None:
    rows = metric_rows(METRICS)
    assert [row.name for row in rows] == ["jump count", "jump height by flight time", "knee flexion peak"]
    assert rows[2].values == {"left": "63.2 ± 1.4°", "right": "65.0°"}
    assert sides_of(rows) == {"left": "left", "right": "right", "none": "whole body"}
    assert sides_of(rows[:2]) == {"none": "whole body"}


def test_events_are_in_the_order_of_time() -> None:
    assert event_rows(EVENTS) == [("1.020 s", "take off", "left"), ("1.500 ± 0.003 s", "landing", "both")]


def test_a_metric_without_a_definition_is_refused() -> None:
    with pytest.raises(KeyError):
        metric_rows([Metric("unknown", "none", 1.0, "m")])


def test_every_unit_has_its_rounding() -> None:
    units = {definition.unit for definition in DEFINITIONS.values()}
    texts = {unit: format_value(1.23456, unit=unit, sd=0.1) for unit in units}
    assert texts["steps/min"] == "1.2 ± 0.1 steps/min"
    assert texts["m/s"] == "1.23 ± 0.10 m/s"
    assert texts["1"] == "1.23 ± 0.10"
    assert format_value(12.0, unit="1") == "12"
    assert format_value(1.26, unit="m/s", sd=0.003) == "1.26 ± 0.003 m/s"  # not ± 0.00


@needs_body_asset
def test_summary_and_report_have_what_a_refinement_gained_where_there_was_one() -> None:
    for refinement, expected in ((None, None), (GAIN, asdict(GAIN))):
        person = person_summary(replace(measured(frames=4), refinement=refinement))
        assert person["refinement"] == expected
        measurement, *_ = cards_of(person, refinement=refinement and refinement.sentence)
        values = [row.value for row in measurement.rows if row.label == "refinement"]
        assert values == ([GAIN.sentence] if refinement else [])
