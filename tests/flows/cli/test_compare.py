"""`biopose compare` on a small warehouse: groups, pairs, one athlete, and what it cannot compare."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from flows.pages.application import application
from tasks.settings import Settings
from tests.commands import assert_refused, run
from tests.published_curves import needs_spm1d, plantar_arch_angle
from tests.warehouse.test_releases import measured
from tests.warehouse.trials import COLUMNS, SyntheticTrial, load_trials
from warehouse.api import open_home
from warehouse.snapshot import publish_snapshot

KNEE = COLUMNS.index("knee_angle_r_deg")


class Walk(SyntheticTrial):
    """A trial of which the right knee has a bump of `bump_deg` in its middle."""

    bump_deg = 0.0

    def coordinates(self) -> np.ndarray:
        values = super().coordinates()
        phase = np.linspace(0, 1, len(self.time_s))
        wave = np.random.default_rng(self.seed).normal(size=3) @ [np.sin(2 * np.pi * k * phase) for k in (1, 2, 3)]
        level = 30 + np.random.default_rng(self.seed + 100).normal()
        values[:, KNEE] = level + wave + self.bump_deg * np.exp(-(((phase - 0.5) / 0.08) ** 2))
        return values


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    database, trials = folder / "warehouse.duckdb", []
    for session, bump_deg in (("before", 0.0), ("after", 12.0)):
        for number, athlete in enumerate(("ann", "bob", "cem", "dan", "eve", "ann", "ann")):
            one = Walk(
                f"squat{number}",
                seed=number + (10 if bump_deg else 0),
                athlete=athlete,
                session=session,
                activity="squat",
            )
            one.bump_deg = bump_deg
            trials.append((one.record, one.write(folder / session / one.name)))
    load_trials(database, trials)
    publish_snapshot(database, folder / "warehouse.snapshot.duckdb")
    return folder


def compared(home: Path, *filters: str) -> dict:
    first, second = filters
    options = ("--first", *first.split(), "--second", *second.split(), "--activity", "squat", "--home", home, "--json")
    result = run("compare", "knee_angle_r_deg", *options)
    assert result.exit_code == 0, result.output
    found: dict = json.loads(result.stdout)
    return found


def test_two_sessions_of_the_same_athletes_are_compared_by_pairs_and_the_bump_is_found(home: Path) -> None:
    found = compared(home, "session=blue/before", "session=blue/after")
    assert (found["compared"], found["paired"], found["curves"], found["cycles"]) == ("athletes", True, [5, 5], [7, 7])
    (span,) = found["spans"]
    assert 35 < span["start"] < 50 < span["end"] < 65
    assert span["mean_difference"] > 5
    assert len(found["t"]) == len(found["mean_curves"][0]) == 101


def test_two_sessions_of_one_athlete_are_compared_by_cycles_and_it_is_noted(home: Path) -> None:
    filters = [
        f"athlete=blue/ann --{name} session=blue/{session}"
        for name, session in (("first", "before"), ("second", "after"))
    ]
    found = compared(home, *filters)
    assert (found["compared"], found["curves"]) == ("cycles", [3, 3])
    assert "cycles of one athlete" in found["notes"][-1]


@pytest.fixture(scope="module")
def two_releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One athlete's five squats in two sessions, of which the second release measured the first four."""
    folder = tmp_path_factory.mktemp("releases")
    database, trials = folder / "warehouse.duckdb", []
    for version, bump_deg in ((1, 0.0), (2, 12.0)):
        for number in range(4 if version == 2 else 5):
            session = "late" if number == 3 else "early"
            one = Walk(f"squat{number}", seed=10 * version + number, activity="squat", session=session)
            one.bump_deg = bump_deg
            record = measured(one, version)
            trials.append((record, one.write(folder / record["run"]["run_id"])))
    load_trials(database, trials)
    publish_snapshot(database, folder / "warehouse.snapshot.duckdb")
    return folder


def releases_of(home: Path) -> list[str]:
    """By how many trials they measured."""
    return list(open_home(home).query("releases").sort("trials_measured", descending=True)["release"])


def test_two_releases_are_compared_on_the_trials_that_both_measured(two_releases: Path) -> None:
    found = compared(two_releases, *(f"release={name}" for name in releases_of(two_releases)))
    assert (found["compared"], found["paired"], found["curves"]) == ("trials", True, [4, 4])
    assert found["mean_curves"][1][50] - found["mean_curves"][0][50] == pytest.approx(12.0, abs=3.0)
    assert found["notes"][0] == "1 trial is in one group alone and left out"
    assert "trials of one athlete are compared" in found["notes"][1]


def test_releases_without_a_trial_that_both_measured_anew_are_not_compared(two_releases: Path) -> None:
    def refused(first: str, second: str) -> str:
        options = ("--first", *first.split(), "--second", *second.split(), "--activity", "squat")
        result = run("compare", "knee_angle_r_deg", *options, "--home", two_releases)
        assert result.exit_code == 1
        return result.stderr

    before, after = (f"release={name}" for name in releases_of(two_releases))
    filters = (f"{before} --first session=blue/early", f"{after} --second session=blue/late")
    assert "no trial was measured by both releases in both groups; give both the same filters" in refused(*filters)
    same = [
        refused(one, "session=blue/late")
        for one in (f"{before} --first session=blue/late", f"{after} --first session=blue/late")
    ]
    assert sum("both groups are the same runs" in text for text in same) == 1, same


def test_on_the_page_neither(two_releases: Path) -> None:
    before, after = releases_of(two_releases)
    sessions = "first_session=blue/early&second_session=blue/late"
    pages = TestClient(application(Settings(home=two_releases), public_names=["testserver"]))
    reply = pages.get(f"/compare/groups?activity=squat&first_release={before}&second_release={after}&{sessions}")
    assert (reply.status_code, "no trial was measured by both releases" in reply.text) == (400, True)


def test_standard_deviations_are_no_curves_to_compare(home: Path) -> None:
    options = ("--first", "session=blue/before", "--second", "session=blue/after", "--activity", "squat")
    result = run("compare", "knee_angle_l_sd_deg", *options, "--home", home)
    assert_refused(result, "curve has no column 'knee_angle_l_sd_deg' of numbers with a standard deviation")


def test_as_text_it_states_threshold_and_spans(home: Path) -> None:
    options = (
        "--first",
        "session=blue/before",
        "--second",
        "session=blue/after",
        "--activity",
        "squat",
        "--home",
        home,
    )
    lines = run("compare", "knee_angle_r_deg", *options).stdout.splitlines()
    assert lines[0] == "knee_angle_r_deg: 5 athletes, each in both groups; 7 cycles and 7 cycles"
    assert "significant where |t| exceeds" in lines[1]
    assert "the second group is" in lines[2]
    assert "degrees higher on average, p" in lines[2]


def test_what_cannot_be_compared_is_refused_with_what_there_is(home: Path) -> None:
    def refused(coordinate: str, *first: str) -> str:
        options = (
            *(part for one in first for part in ("--first", one)),
            "--second",
            "session=blue/after",
            "--activity",
            "squat",
            "--home",
            home,
        )
        return run("compare", coordinate, *options).stderr

    assert "knee_angle_r_deg" in refused("knee_angle_deg", "session=blue/before")
    assert "blue/before" in refused("knee_angle_r_deg", "session=blue/befor")
    assert "1 and 1 curves; 3 of each are needed" in refused(
        "knee_angle_r_deg", "athlete=blue/bob", "session=blue/before"
    )
    assert "1 cycle is in both groups" in refused("knee_angle_r_deg", "athlete=blue/bob")
    twice = refused("knee_angle_r_deg", "athlete=blue/ann", "athlete=blue/bob")
    assert "--first: athlete is given 2 times; expected once" in twice
    assert "--first: activity is given 2 times" in refused("knee_angle_r_deg", "activity=walk")
    result = run(
        "compare", "knee_angle_r_deg", "--first", "blue", "--second", "x=y", "--activity", "squat", "--home", home
    )
    assert_refused(result, "--first blue: expected KEY=VALUE", exit_code=2)


class Recorded(SyntheticTrial):
    """A trial of which the right knee follows a given curve."""

    curve: np.ndarray

    def coordinates(self) -> np.ndarray:
        values = super().coordinates()
        values[:, KNEE] = self.curve
        return values


@needs_spm1d
def test_the_paired_example_of_spm1d_gives_its_result_out_of_a_warehouse(tmp_path: Path) -> None:
    trials = []
    for session, curves in zip(("normal", "fast"), plantar_arch_angle(), strict=True):
        for number, curve in enumerate(curves):
            one = Recorded(
                f"walk{number}",
                athlete=f"person{number}",
                session=session,
                activity="squat",
                time_s=np.arange(len(curve)) / 100,
            )
            one.curve = curve
            trials.append((one.record, one.write(tmp_path / session / one.name)))
    load_trials(tmp_path / "warehouse.duckdb", trials)
    publish_snapshot(tmp_path / "warehouse.duckdb", tmp_path / "warehouse.snapshot.duckdb")
    found = compared(tmp_path, "session=blue/normal", "session=blue/fast")
    assert (found["paired"], found["curves"], found["degrees_of_freedom"]) == (True, [10, 10], 9)
    assert found["threshold_t"] == pytest.approx(3.93947, abs=1e-4)
    assert found["fwhm_percent"] == pytest.approx(20.37196, abs=1e-4)
    (span,) = found["spans"]
    assert (span["start"], span["end"]) == (pytest.approx(95.5661, abs=1e-3), 100.0)
    assert span["p"] == pytest.approx(0.037295, abs=1e-5)
