"""Each dependency group is enough for its commands; the others end in one line that tells how to install theirs."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from biopose.body.markers import MARKERS
from biopose.cli.dependency_groups import GROUPS, group_of
from biopose.io.mot import read_mot
from biopose.io.trc import write_trc
from biopose.neurik.network import load_neurik
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.model import Marker
from flows.cli.main import cli
from tests.installations import EXTRAS, modules_outside, run_with
from tests.skeleton.models import motion, recording_of
from tests.synthetic_person import SyntheticPerson


@pytest.mark.parametrize("group", GROUPS)
def test_the_packages_of_a_group_are_those_of_pyproject(group: str) -> None:
    declared = {canonicalize_name(Requirement(line).name) for line in EXTRAS[group]} - {"biopose"}
    assert {canonicalize_name(name) for name in GROUPS[group].values()} == declared


def test_a_module_belongs_to_the_group_that_brings_it() -> None:
    assert group_of("av") == "video"
    assert group_of("google.protobuf") == "video"
    assert group_of("prefect.tasks") == "orchestration"
    assert group_of("numpy") is None


def test_packages_outside_the_base_are_recognised() -> None:
    outside = modules_outside(None)
    assert {"scipy", "PIL", "av", "onnxruntime", "pydantic", "prefect", "ray", "warp"} <= outside
    assert not {"numpy", "torch", "opensim", "click", "jinja2"} & outside  # jinja2 comes with torch
    assert "av" not in modules_outside("video")
    assert "prefect" in modules_outside("video")


@pytest.fixture(scope="module")
def named_markers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial with the markers that NeurIK knows."""
    skeleton = full_body_skeleton()
    locations_m = load_neurik().locations_m.double().numpy()
    bodies = [skeleton.body_names.index(marker.segment) for marker in MARKERS.values()]
    skeleton = skeleton.with_markers(tuple(map(Marker, MARKERS, bodies, locations_m)))
    path = tmp_path_factory.mktemp("neurik") / "trial.trc"
    write_trc(path, recording_of(skeleton, motion(skeleton, frames=10, share=0.3)))
    return path


def without_assets(folder: Path) -> dict[str, str]:
    return {**os.environ, "BIOPOSE_ASSETS": str(folder / "no-assets")}


def test_kinematics_run_without_any_extra(person: SyntheticPerson, named_markers: Path, tmp_path: Path) -> None:
    scaled = tmp_path / "scaled.osim"
    outputs = {solver: tmp_path / f"{solver}.mot" for solver in ("biopose", "opensim", "neurik")}
    short = person.recording
    write_trc(tmp_path / "trial.trc", replace(short, time_s=short.time_s[:10], positions_m=short.positions_m[:10]))
    with_model = ["--markers", str(tmp_path / "trial.trc"), "--model", str(scaled)]
    result = run_with(
        None,
        ["doctor"],
        ["scale", "--markers", str(person.static), "--mass-kg", "70", "--out", str(scaled)],
        ["ik", *with_model, "--out", str(outputs["biopose"])],
        ["ik", *with_model, "--solver", "opensim", "--out", str(outputs["opensim"])],
        ["ik", "--markers", str(named_markers), "--solver", "neurik", "--out", str(outputs["neurik"])],
        env=without_assets(tmp_path),
    )
    assert result.stderr == ""
    assert exit_codes(result) == [0] * 5
    for group in GROUPS:
        assert f"pip install 'biopose[{group}]'" in result.stdout
    for out in outputs.values():
        assert len(read_mot(out, rotational=person.skeleton.rotational_names).time_s) >= 10


def exit_codes(result: subprocess.CompletedProcess[str]) -> list[int]:
    return [int(line.split()[-1]) for line in result.stdout.splitlines() if line.startswith("exit code")]


def test_every_help_is_shown_without_any_extra() -> None:
    result = run_with(None, *[[name, "--help"] for name in cli.commands])
    assert result.stderr == ""
    assert exit_codes(result) == [0] * len(cli.commands)


def test_commands_without_their_group_tell_how_to_install_it(tmp_path: Path) -> None:
    commands = [
        (["measure", "VIDEO", "--height-m", "1.7", "--out", "out"], "video"),
        (["inbox", "init", "inbox"], "orchestration"),
        (["query", "--list"], "orchestration"),
        (["models"], "orchestration"),
        (["quarantine"], "orchestration"),
        (["ingest", "."], "orchestration"),
    ]
    (tmp_path / "VIDEO").touch()
    result = run_with(None, *(command for command, _ in commands), cwd=tmp_path)
    assert exit_codes(result) == [1] * len(commands)
    for (command, group), error in zip(commands, result.stderr.splitlines(), strict=True):
        assert error.startswith(f"Error: `biopose {command[0]}")
        assert error.endswith(f": pip install 'biopose[{group}]'")


def test_measuring_imports_nothing_outside_its_group(tmp_path: Path) -> None:
    video = tmp_path / "no_video.mp4"
    video.write_bytes(b"no video")
    result = run_with("video", ["measure", str(video), "--height-m", "1.7", "--out", str(tmp_path / "out")])
    assert exit_codes(result) == [1]
    assert "no_video.mp4" in result.stderr
    assert "pip install" not in result.stderr
