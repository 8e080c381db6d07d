"""Model versions side by side: where each is used, and what distinguishes them on the trials that both measured."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.cli.models import models
from tasks.settings import Settings
from tests.tasks.registry import make_home
from warehouse.connection import opened_for_writing
from warehouse.paired_runs import compared_trials, paired_runs


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return make_home(tmp_path_factory.mktemp("versions") / "home")


def test_a_version_is_shown_with_where_it_is_used(settings: Settings) -> None:
    found = CliRunner().invoke(models, ["show", "keypoints=1", "--home", str(settings.home), "--json"])
    details = json.loads(found.stdout)
    assert (details["aliases"], details["runs"], details["current_trials"]) == (["champion"], 2, 2)
    assert len(details["releases"]) == 1
    text = CliRunner().invoke(models, ["show", "keypoints=2", "--home", str(settings.home)]).stdout
    assert "aliases: none; releases: keypoint_fit-" in text
    assert "1 runs, 0 trials show it" in text


def test_two_versions_are_compared_on_the_trials_that_both_measured(settings: Settings) -> None:
    home = ("--home", str(settings.home))
    found = json.loads(CliRunner().invoke(models, ["compare", "keypoints=1", "keypoints=2", *home, "--json"]).stdout)
    assert found["trials"] == 1
    assert found["other_differences"] == ["detector 1 and 2", "keypoint_fit 1 and 2"]
    assert len(found["coordinates"]) == 40
    text = CliRunner().invoke(models, ["compare", "keypoints=1", "keypoints=2", *home]).stdout
    assert "1 trials were measured with both" in text
    assert "these differ in more than keypoints: detector 1 and 2" in text
    assert re.search(r"knee_angle_r +[+-]\S+ deg   \S", text)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE run SET height_m = 1.9 WHERE run_id LIKE '2-%'",
        "INSERT INTO run_input SELECT run_number, run_id FROM run",  # start_s or activity, say
    ],
)
def test_versions_are_not_compared_on_trials_whose_input_changed(
    settings: Settings, tmp_path: Path, change: str
) -> None:
    copy = Settings.load(shutil.copytree(settings.home, tmp_path / "home"))
    with opened_for_writing(copy.warehouse) as connection:
        (trial,) = connection.execute("SELECT trial_id FROM rollout_trial").fetchall()[0]
        releases = connection.execute("SELECT champion_id, candidate_id FROM rollout").fetchall()[0]
        given = {"trials": [trial], "first": releases[0], "second": releases[1]}
        assert len(list(paired_runs(connection, **given))) == 1
        connection.execute("INSERT INTO run_input SELECT run_number, 'a' FROM run WHERE run_id LIKE '1-%'")
        assert len(list(paired_runs(connection, **given))) == 1  # of the other, loaded by an earlier version, not known
        connection.execute("DELETE FROM run_input")
        connection.execute(change)
        assert list(paired_runs(connection, **given)) == []
        assert compared_trials(connection, 1) in ({}, {trial: False})
    text = CliRunner().invoke(models, ["compare", "keypoints=1", "keypoints=2", "--home", str(copy.home)]).stdout
    assert "1 trials were measured with both from another recording or manifest: not compared" in text
    assert "No other trial was measured with both; `biopose rollout start --model keypoints=2`" in text


def test_versions_of_different_stages_or_unknown_ones_are_refused(settings: Settings) -> None:
    home = ("--home", str(settings.home))
    stages = CliRunner().invoke(models, ["compare", "keypoints=1", "detector=2", *home])
    assert stages.exit_code == 2
    assert "give two versions of one stage" in stages.stderr
    unknown = CliRunner().invoke(models, ["compare", "keypoints=1", "keypoints=9", *home])
    assert unknown.exit_code == 1
    assert "keypoints version 9 is not in the registry, which has 1, 2; name a version that it has" in unknown.stderr


@pytest.mark.parametrize(
    "command", [(), ("show", "mqhmr=1"), ("compare", "mqhmr=1", "mqhmr=2"), ("alias", "mqhmr=1", "next")]
)
def test_a_home_that_does_not_exist_is_refused_and_not_made(tmp_path: Path, command: tuple[str, ...]) -> None:
    missing = tmp_path / "missing"
    refused = CliRunner().invoke(models, [*command, "--home", str(missing)])
    assert refused.exit_code == 1
    assert "missing: there is no such home; give the folder of a home" in refused.stderr
    assert not missing.exists()


def test_a_version_is_shown_without_the_libraries_that_measuring_needs(settings: Settings) -> None:
    code = (
        "import sys\nfrom tasks.model_comparison import compared_versions, described_version\n"
        "from tasks.settings import Settings\nsettings = Settings.load(sys.argv[1])\n"
        "described_version(settings, 'keypoints', 1)\nprint('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(settings.home)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"
