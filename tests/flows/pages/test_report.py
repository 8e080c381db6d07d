"""A report is one file that needs nothing else, begins with a page in sentences, and prints without cut plots."""

import datetime
import itertools
import re
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

from biopose.errors import BioposeError
from flows.pages.report import athlete_report, squad_report, trial_report, write_report
from flows.pages.report_text import ReportedTrial, height_warnings, measured_sentences
from flows.reports import AT_ONCE, renew_reports
from tasks.settings import Settings
from tests.commands import assert_refused, run
from tests.flows.pages.browser import CHROMIUM, chromium
from tests.flows.pages.home import FILMED
from tests.flows.pages.printing import assert_prints_whole
from tests.warehouse.trials import SyntheticTrial
from warehouse.errors import UnknownNameError
from warehouse.load import load_trial
from warehouse.retire import retire_people
from warehouse.snapshot import publish_snapshot

REFERENCE = re.compile(r'(?:href|src|action)="(?!#)|url\(|@import|<script|https?://')


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings.load(home)


def text_of(report: str) -> str:
    """What a person reads."""
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", report, flags=re.DOTALL).split())


def test_the_report_of_an_athlete_has_what_changed_for_real_before_any_detail(settings: Settings) -> None:
    report = athlete_report(settings, "blue/cleo", since="2026-10-13")
    first_page = text_of(report[: report.index('<section class="part"')])
    assert "8 trials on 8 days from 2026-09-15 to 2026-11-03: countermovement jump; recorded by video." in first_page
    assert re.search(r"Knee flexion peak, left, countermovement jump: fell from 9\d\.\d° to 8\d\.\d°;", first_page)
    assert "Not known: mean speed, since the camera moves." in first_page
    assert report.count('<circle class="point left"') == 8
    assert report.index("height as entered") > report.rindex('<svg class="plot')


@pytest.mark.parametrize("kind", ["athlete", "trial", "squad"])
def test_a_report_refers_to_nothing_outside_of_itself(settings: Settings, kind: str) -> None:
    report = {
        "athlete": lambda: athlete_report(settings, "blue/ann"),
        "trial": lambda: trial_report(settings, FILMED),
        "squad": lambda: squad_report(settings, "blue"),
    }[kind]()
    assert not REFERENCE.search(report)
    assert len(report) < 10_000_000


def test_a_change_beyond_the_smallest_detectable_one_is_reported(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    for week, athlete, number in [*itertools.product(range(6), ("ann", "bob"), (1,)), (0, "bob", 2)]:
        day = (datetime.date(2026, 11, 3) + datetime.timedelta(weeks=week)).isoformat()
        peak = 70.0 if (athlete, week) == ("ann", 5) else 90.0 + number
        metrics = [("knee_flexion_peak", "left", peak, 2.0)]
        trial = SyntheticTrial(f"{athlete}{number}", athlete=athlete, session=day, date=day, metrics=metrics)
        load_trial(settings.warehouse, trial.record, trial.write(tmp_path / trial.run_id))
    publish_snapshot(settings.warehouse, settings.snapshot)
    of_athlete = text_of(athlete_report(settings, "blue/ann"))
    assert "70.0° against 91.0° in the first session, 2026-11-03, more than the noise between" in of_athlete
    of_trial = text_of(trial_report(settings, "blue/2026-12-08/ann1"))
    assert "70.0° against 91.0° in the session before, 2026-12-01, more than the smallest" in of_trial
    assert "There is no earlier session" in text_of(trial_report(settings, "blue/2026-11-03/ann1"))
    assert "no change is beyond the noise" in text_of(trial_report(settings, "blue/2026-12-08/bob1"))


def test_the_report_of_a_squad_names_who_changed(settings: Settings) -> None:
    report = text_of(squad_report(settings, "blue", since="2026-10-13"))
    assert "blue/cleo: Knee flexion peak, left" in report
    assert "All comparisons that can be judged" in report


def test_heights_are_told_and_a_difference_from_the_entered_one_is_explained() -> None:
    row = {"recording": "video", "height_m": 1.65, "trial_id": "blue/s/jump", "activity": "sprint"}
    row["session_date"] = datetime.date(2026, 11, 25)  # type: ignore[assignment]
    trials = [ReportedTrial(row, {"people": [{"body": {"height_m": 1.619}}]})]
    assert measured_sentences([row], trials) == [
        "1 trial on 2026-11-25: sprint; recorded by video.",
        "Height: 165.0 cm as entered; the body that fits the images is 161.9 cm tall.",
    ]
    (warning,) = height_warnings(trials)
    assert "entered with 165.0 cm, the body that fits the images is 161.9 cm tall, 1.9 % less" in warning
    assert "lengths and speeds in metres are about as much too small" in warning
    assert height_warnings([ReportedTrial(row | {"recording": "markers"}, trials[0].summary)]) == []


def test_an_unknown_athlete_is_named_with_the_nearest(settings: Settings) -> None:
    with pytest.raises(UnknownNameError, match="blue/cleo"):
        athlete_report(settings, "blue/cloe")


def test_nights_write_reports_of_those_whose_runs_changed_and_remove_those_of_nobody(
    home: Path, tmp_path: Path
) -> None:
    settings = Settings(home=shutil.copytree(home, tmp_path / "home", symlinks=True), reports=tmp_path / "elsewhere")
    foreign = settings.reports / "blue" / "notes.html"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("<head>mine</head>")
    settings.report_of("blue/ann").write_text("an older file")
    assert renew_reports(settings) == (6, 0)
    assert {path.stat().st_mode & 0o777 for path in settings.reports.glob("*/*.html") if path != foreign} == {0o600}
    assert renew_reports(settings) == (0, 0)
    retire_people(settings.warehouse, ["blue/bob"])
    publish_snapshot(settings.warehouse, settings.snapshot)
    assert renew_reports(settings) == (0, 1)
    assert not settings.report_of("blue/bob").exists()
    assert foreign.exists()


def test_one_report_that_cannot_be_written_keeps_none_of_the_others_and_no_outdated_one(
    home: Path, tmp_path: Path
) -> None:
    settings = Settings(home=shutil.copytree(home, tmp_path / "home", symlinks=True), reports=tmp_path / "elsewhere")
    renew_reports(settings)
    for athlete_id in ("blue/ann", "blue/cleo"):
        settings.report_of(athlete_id).unlink()
    for athlete_id in ("blue/ann", "blue/dan"):
        settings.report_of(athlete_id).unlink(missing_ok=True)
        settings.report_of(athlete_id).mkdir()
    retire_people(settings.warehouse, ["blue/bob"])
    publish_snapshot(settings.warehouse, settings.snapshot)
    with pytest.raises(BioposeError, match=r"blue/ann \(.*; blue/dan \("):
        renew_reports(settings)
    assert settings.report_of("blue/cleo").is_file()
    assert not settings.report_of("blue/bob").exists()


def test_an_interruption_waits_for_no_report_that_has_not_begun(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    def slow_report(_: Settings, athlete_id: str, __: str) -> bool:
        begun.append(athlete_id)
        if len(begun) == AT_ONCE:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)  # it waits, and is woken by its own alone
        time.sleep(0.5)
        return True

    monkeypatch.setattr("flows.reports._renewed", slow_report)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's background command ignores ^C
    try:
        with pytest.raises(KeyboardInterrupt):
            renew_reports(Settings(home=home, reports=tmp_path / "elsewhere"))
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(begun) == AT_ONCE


def test_the_command_refuses_what_it_cannot_do(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = ("--home", home, "--out", tmp_path / "r.html")
    assert_refused(run("report", *given), "give one of --athlete, --trial and --squad", exit_code=2)
    refused = run("report", "--trial", FILMED, "--since", "2026-11-01", *given)
    assert_refused(refused, "--since has no effect with --trial", exit_code=2)
    assert_refused(run("report", "--athlete", "blue/cloe", *given), "nearest: blue/cleo")
    assert_refused(
        run("report", "--athlete", "blue/cleo", "--home", tmp_path / "none", "--out", tmp_path / "r.html"), "ingest"
    )
    monkeypatch.setattr("flows.pages.pdf.BROWSERS", ("no-such-browser",))
    assert_refused(run("report", "--athlete", "blue/cleo", "--pdf", *given), "neither is installed")
    assert not (tmp_path / "r.html").exists()


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM.is_file(), reason=f"{CHROMIUM} is not there: apt-get install chromium")
def test_a_printed_report_cuts_no_plot_and_its_first_part_fits_one_page(settings: Settings, tmp_path: Path) -> None:
    path = write_report(athlete_report(settings, "blue/cleo"), tmp_path / "cleo.html")
    with chromium() as browser:
        page = browser.new_page()
        page.goto(path.as_uri())
        assert assert_prints_whole(page) > 20


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM.is_file(), reason=f"{CHROMIUM} is not there: apt-get install chromium")
def test_the_command_prints_a_pdf_for_its_owner_alone(home: Path, tmp_path: Path) -> None:
    done = run("report", "--trial", FILMED, "--home", home, "--out", tmp_path / "r.html", "--pdf")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "r.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "r.pdf").stat().st_mode & 0o777 == 0o600
