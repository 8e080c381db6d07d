"""Nights after a promotion: drift beyond the policy's bounds is rolled back by itself, and what holds ends as done."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tasks.audit import AuditLog
from tasks.faults import UnexpectedError
from tasks.golden import GoldenTrial
from tasks.ingest_run import IngestRun
from tasks.promotion import promote, show_canary
from tasks.releases import PinnedRelease
from tasks.rollout_status import rollout_status
from tasks.settings import Settings
from tasks.watch import watch_night
from tests.tasks.registry import make_home, models, run_of
from tests.tasks.test_ingest_run import planned
from tests.tasks.test_notify import Webhook, webhook  # noqa: F401 - a fixture
from tests.warehouse.trials import load_trials
from warehouse.connection import opened_for_writing
from warehouse.nights import MeasuredCount
from warehouse.releases import release_id_of

pytestmark = pytest.mark.slow

ATHLETES = 5
QUALITIES = ("mean_quality", "median_confidence", "untrusted_share")


def night(
    settings: Settings,
    name: str,
    version: int,
    quality: float,
    *,
    failed: int = 0,
    disagreement_deg: float | None = None,
    **changes: Any,
) -> list[str]:
    """Load a trial of each athlete as a version measured it, with about that quality, and watch; what is reported."""
    runs = (
        run_of(settings, f"{name}{number}", version, athlete=f"a{number}", session=f"s-a{number}", **changes)
        for number in range(ATHLETES)
    )
    load_trials(settings.warehouse, runs)
    release = release_id_of("keypoint_fit", models(version))
    with opened_for_writing(settings.warehouse) as connection:
        runs = "SELECT run_number FROM release_run WHERE release_id = $release AND trial_id LIKE '%/' || $name || '_'"
        values = {"release": release, "name": name}
        connection.execute(f"DELETE FROM quality_of_every_run WHERE run_number IN ({runs})", values)
        for one in QUALITIES:
            value = "1 - $quality" if one == "untrusted_share" else "$quality"
            connection.execute(
                f"INSERT INTO quality_of_every_run SELECT run_number, '{one}', {value} + run_number % 5 * 0.002, '1' "
                f"FROM ({runs})",
                values | {"quality": quality},
            )
        if disagreement_deg is not None:
            connection.execute(
                "INSERT INTO quality_of_every_run SELECT run_number, 'refinement_mirror_disagreement_deg', "
                f"$degrees + run_number % 5 * 0.01, 'deg' FROM ({runs})",
                values | {"degrees": disagreement_deg},
            )
    return watch_night(settings, [MeasuredCount(release, ATHLETES, failed)])


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home whose rollout passed the gate, with two nights of the promoted release; to be copied."""
    settings = make_home(tmp_path_factory.mktemp("pristine") / "home")
    with opened_for_writing(settings.warehouse) as connection:
        connection.execute("UPDATE quality_of_every_run SET value = 0.8 WHERE name = 'mean_quality'")
    for name in ("old", "older"):
        assert night(settings, name, 1, 0.8) == []
    with opened_for_writing(settings.warehouse) as connection:
        connection.execute("UPDATE rollout SET policy = replace(policy, 'nights = 5', 'nights = 2')")
    return settings


@pytest.fixture
def settings(pristine: Settings, tmp_path: Path, webhook: Webhook) -> Settings:  # noqa: F811
    home = shutil.copytree(pristine.home, tmp_path / "home")
    return Settings.load(home, webhook_url=webhook.url)


@pytest.mark.parametrize("stage", ["promoted release", "canary"])
def test_disturbed_quality_is_rolled_back_by_itself_and_reported(
    settings: Settings,
    webhook: Webhook,  # noqa: F811
    stage: str,
) -> None:
    before = rollout_status(settings)
    if stage == "canary":
        show_canary(settings, teams=["blue"])
    else:
        promote(settings)
    (line,) = night(settings, "new", 2, 0.5)
    candidate, champion = before["rollout"]["candidate"], before["promoted"]
    assert line.startswith(
        f"BREACH: the {stage} {candidate} drifted beyond its bounds and was rolled back to {champion}"
    )
    assert "mean_quality: -0." in line
    status = rollout_status(settings)
    assert (status["promoted"], status["canary"]) == (champion, None)
    assert status["trials_shown"] == before["trials_shown"]
    assert (status["rollout"]["state"], status["rollout"]["nights"][0]["verdict"]) == ("stopped", "breach")
    assert (status["acts"][-1]["act"], status["acts"][-1]["who"]) == ("roll back", "watch")
    assert [(one.who, one.act) for one in AuditLog(settings.home).entries()] == [("watch", "roll back")]
    (sent,) = webhook.told
    assert (sent["event"], sent["release"]) == ("release rolled back", candidate)
    assert "mean_quality" in sent["text"]


def test_nights_that_hold_end_the_watch(settings: Settings, webhook: Webhook) -> None:  # noqa: F811
    promote(settings)
    (line,) = night(settings, "new", 2, 0.8)
    assert "night 1 of 2 as a promoted release" in line
    assert night(settings, "newer", 2, 0.81)[0].endswith("; the rollout is done")
    status = rollout_status(settings)
    assert status["rollout"]["state"] == "done"
    assert [one["verdict"] for one in status["rollout"]["nights"]] == ["not enough evidence", "not enough evidence"]
    judged = {one["name"]: one["verdict"] for one in status["rollout"]["nights"][1]["judged"]}
    assert judged["mean_quality"] == judged["untrusted_share"] == "holds"
    assert judged["agreement on trials that both measured"].startswith("not enough evidence")
    assert webhook.told == []
    assert night(settings, "newest", 2, 0.5) == []  # nothing is watched any more


def test_trials_that_both_releases_measured_must_keep_the_gates_margins(settings: Settings) -> None:
    gone = GoldenTrial("blue/s-a0/old0", "reference", "gone.mot", "0" * 64, "a" * 64, 0.0, "ann", "2026-11-29")
    (settings.home / "golden.json").write_text(json.dumps({"trials": [asdict(gone)]}))  # it is of no criterion here
    promote(settings)
    metrics = (("knee_flexion_peak", "left", 95.0), ("knee_flexion_peak", "right", 105.0))
    (line,) = night(settings, "old", 2, 0.8, metrics=metrics)
    assert "shift of knee_flexion_peak: +15 deg" in line
    assert "5 trials that both releases measured" in line


def test_trials_whose_height_changed_are_no_pair(settings: Settings) -> None:
    """Their knees differ by 15 degrees, and by what was measured, not by the release."""
    promote(settings)
    metrics = (("knee_flexion_peak", "left", 95.0), ("knee_flexion_peak", "right", 105.0))
    (line,) = night(settings, "old", 2, 0.8, metrics=metrics, height_m=1.8)
    assert "not enough evidence" in line
    judged = rollout_status(settings)["rollout"]["nights"][0]["judged"]
    assert judged[-1]["verdict"] == (
        "not enough evidence: no trial was measured with both; of 5 recording or manifest differ, and they are not "
        "compared"
    )


@pytest.mark.parametrize(("disagreement_deg", "verdict"), [(9.0, "BREACH"), (4.5, "not enough evidence")])
def test_input_that_mqhmr_does_not_know_is_a_breach(settings: Settings, disagreement_deg: float, verdict: str) -> None:
    assert night(settings, "oldest", 1, 0.8, disagreement_deg=4.0) == []
    promote(settings)
    (line,) = night(settings, "new", 2, 0.8, disagreement_deg=disagreement_deg)
    assert verdict in line
    assert ("refinement_mirror_disagreement_deg: +5 (" in line) == (verdict == "BREACH")
    judged = {one["name"]: one for one in rollout_status(settings)["rollout"]["nights"][0]["judged"]}
    drift = judged["refinement_mirror_disagreement_deg"]
    assert drift["high"] == pytest.approx(
        0.25 * 4.0 + 0.02, abs=0.02
    )  # the gate's ratio, and trials that hardly differ


def test_trials_that_cannot_be_measured_are_a_breach(settings: Settings) -> None:
    promote(settings)
    (line,) = night(settings, "new", 2, 0.8, failed=20)
    assert "trials that cannot be measured: +0.8" in line


def test_a_canary_that_raises_what_nobody_foresaw_in_every_trial_is_rolled_back(
    settings: Settings, tmp_path: Path
) -> None:
    show_canary(settings, teams=["blue"])
    run = IngestRun(settings, tmp_path, PinnedRelease("keypoint_fit", ()), log=[].append)
    for number in range(20):
        run.record_outcome(planned(tmp_path, f"new{number}"), "reconstruct", UnexpectedError("matrix is singular"))
    run.judge_unexpected()
    assert (len(run.failed), run.quarantined) == (20, [])  # no input is at fault
    release = release_id_of("keypoint_fit", models(2))
    (line,) = watch_night(settings, [MeasuredCount(release, 0, len(run.unmeasured))])
    assert line.startswith("BREACH: the canary")
    assert "trials that cannot be measured: +1" in line


def test_a_breach_that_cannot_be_rolled_back_is_reported_as_such(
    settings: Settings,
    webhook: Webhook,  # noqa: F811
) -> None:
    promote(settings)
    away = Settings.load(
        settings.home, mlflow_tracking_uri="http://127.0.0.1:9", webhook_url=webhook.url
    )  # nothing listens there
    (line,) = night(away, "new", 2, 0.5)
    assert "COULD NOT be rolled back" in line
    assert "no server responds there" in line
    assert webhook.told[0]["event"] == "breach, not rolled back"
    assert rollout_status(settings)["rollout"]["state"] == "watch"
