"""A rollout of real video: in the shadow, shared stages once, compared, decided on; then a canary, and a backfill."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tasks.models import register_trained
from tasks.priority import as_night
from tasks.settings import Settings
from tasks.shipped_models import shipped_models, trained_model
from tests.commands import run as run_command
from tests.flows.conftest import ObservedRun
from tests.flows.ingest_runs import copied_home, needs_clips, run_ingest
from warehouse.connection import opened_for_reading, opened_for_writing
from warehouse.rollouts import latest, transitions

pytestmark = [pytest.mark.slow, needs_clips]

SAMPLE = 2


def act(home: Path, *arguments: str) -> Result:
    """`biopose rollout`, where no flow runs: in this process."""
    return run_command("rollout", *arguments, "--home", home, "--json")


def flow(home: Path, *arguments: str, server: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """`biopose rollout`, as a process of its own that runs a flow."""
    return subprocess.run(
        [sys.executable, "-m", "flows.cli.main", "rollout", *arguments, "--home", str(home), "--json"],
        capture_output=True,
        text=True,
        timeout=500,
        env=variables(server),
    )


def variables(server: dict[str, str]) -> dict[str, str]:
    """The environment of a process that runs a flow."""
    return {**os.environ, "BIOPOSE_CORES": "1", **server}


def started_and_given_way(home: Path, *arguments: str, server: dict[str, str]) -> str:
    """The output of a rollout that gives way to a night as it measures, and goes on when that is done."""
    command = [sys.executable, "-u", "-m", "flows.cli.main", "rollout", "start", *arguments, "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables(server)) as process:
        assert process.stdout is not None
        lines = []
        while not lines or not lines[-1].lstrip().startswith("solve and analyse"):  # the shadow has its plan
            lines.append(process.stdout.readline())
            assert process.poll() is None
        night: list[str] = []
        with as_night(home, log=night.append):
            assert "gives way, at its next trial" in night[0]
            with opened_for_writing(home / "warehouse.duckdb") as connection:
                assert [one.to_state for one in transitions(connection, 1)][-1] == "shadow"
        output, _ = process.communicate(timeout=500)
    assert process.returncode == 3
    return "".join(lines) + output


def kill_backfill(home: Path, *arguments: str, server: dict[str, str]) -> None:
    """Kill a backfill once it has stored a trial; its engines end with it."""
    command = [sys.executable, "-u", "-m", "flows.cli.main", "rollout", "backfill", *arguments, "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables(server)) as process:
        assert process.stdout is not None
        assert any(line.lstrip().startswith("stored ") for line in process.stdout)
        process.kill()


def share_of_half(home: Path, trials: list[str]) -> str:
    """A share of trials that the canary of the last rollout's candidate chooses half of."""
    with opened_for_writing(home / "warehouse.duckdb") as connection:
        found = latest(connection)
    assert found is not None
    hashes = sorted(hashlib.sha256(f"{found.candidate_id} {one}".encode()).hexdigest() for one in trials)
    middle = len(hashes) // 2
    return str(sum(int(one[:12], 16) for one in hashes[middle - 1 : middle + 1]) / 2 / 16**12)


def releases(home: Path) -> dict[str, str]:
    with opened_for_reading(home / "warehouse.snapshot.duckdb") as connection:
        return dict(connection.execute("SELECT trial_id, release FROM trial").fetchall())


def another_version(home: Path, folder: Path) -> int:
    """A version of NeurIK whose weights differ a little: too little to fail by a single trial."""
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    (file,) = next(model for model in shipped_models() if model.name == "neurik").files
    generator = torch.Generator().manual_seed(0)
    with safe_open(file, framework="pt") as weights:
        tensors = {name: weights.get_tensor(name) for name in weights.keys()}  # noqa: SIM118 - it is no mapping
        metadata = weights.metadata()
    for name, tensor in tensors.items():
        if tensor.is_floating_point():
            tensors[name] = (tensor + 0.02 * tensor.std() * torch.randn(tensor.shape, generator=generator)).to(
                tensor.dtype
            )
    save_file(tensors, folder / file.name, metadata=metadata)
    model = trained_model("neurik", folder / file.name, "# another")
    return register_trained(Settings.load(home), model, training_run="none", metrics={})


def shown(snapshot: Path) -> list[tuple[Any, ...]]:
    with opened_for_reading(snapshot) as connection:
        return connection.execute("SELECT trial_id, metric, side, value FROM metric ORDER BY ALL").fetchall()


def test_a_rollout_measures_beside_the_current_numbers_does_shared_stages_once_and_goes_on_where_it_ended(
    run: ObservedRun, server: dict[str, str], tmp_path: Path
) -> None:
    home = copied_home(run.home, tmp_path / "home", trials=True)
    version = another_version(home, tmp_path)
    perceived = sorted((home / "artifacts/perceived").rglob("*.parquet"))
    motions = sorted((home / "artifacts/motions").iterdir())
    choice = ("--model", f"neurik={version}", "--trials", str(SAMPLE), "--name", "winter", "--why", "test")
    output = started_and_given_way(home, *choice, server=server)
    assert "gives way to an ingest; 2 trials are still to be measured" in output
    assert "an ingest is at work here" in output
    first = act(home, "status")
    found = json.loads(first.stdout.splitlines()[-1])["rollout"]
    assert (found["candidate"], found["verdict"], found["state"]) == ("winter", "not enough evidence", "stopped")
    assert found["sample"] == {"measured": SAMPLE}
    shadow = found["shadow"]
    assert shadow["trials"] == SAMPLE
    assert 0 < shadow["frames"] < shadow["champion_frames"]
    assert shadow["shared"] == {"locate": SAMPLE, "decode": SAMPLE, "reconstruct": SAMPLE}
    assert shadow["processor_s"] > 0
    assert shadow["champion_processor_s"] > 0
    assert [one["to"] for one in found["transitions"]] == [
        *("register", "shadow", "shadow", "compare", "gate", "stopped")
    ]
    assert Path(found["page"]).read_text().count("<svg") == 2 * SAMPLE  # two coordinates of each
    assert sorted((home / "artifacts/perceived").rglob("*.parquet")) == perceived
    assert sorted((home / "artifacts/motions").iterdir()) == motions
    snapshot = home / "warehouse.snapshot.duckdb"
    assert shown(snapshot) == shown(run.snapshot)
    with opened_for_reading(snapshot) as connection:
        counted = "SELECT is_current, count(*) FROM trial_of_every_release WHERE release = 'winter' GROUP BY ALL"
        assert connection.execute(counted).fetchall() == [(False, SAMPLE)]

    refused = act(home, "promote")
    assert refused.exit_code == 1
    assert "the gate's verdict is: not enough evidence. Promoting against that needs --reason" in refused.stderr

    before = releases(home)
    share = share_of_half(home, list(before))
    why = ("--reason", "a test")
    shown_to_half = act(home, "canary", "--share", share, "--of", "trial", *why)
    assert shown_to_half.exit_code == 0, shown_to_half.output
    night = run_ingest(run.inbox, home, expect=3, server=server, cores=1)
    assert len(night["stored"]) in (1, 2, 3)  # without those of the sample that are chosen
    assert any("watch of the release winter, night 1 as a canary: not enough evidence" in n for n in night["notes"])
    after = releases(home)
    assert sum(release == "winter" for release in after.values()) == len(before) // 2
    assert all(after[trial] in ("winter", before[trial]) for trial in before)
    rolled_back = act(home, "rollback", *why)
    assert rolled_back.exit_code == 0, rolled_back.output
    assert shown(snapshot) == shown(run.snapshot)

    promoted = act(home, "promote", *why)
    assert promoted.exit_code == 0, promoted.output
    time = ("--since", "2026-11-01", "--until", "2026-11-30")
    left = sum(release != "winter" for release in releases(home).values())
    kill_backfill(home, *time, server=server)
    backfilled = flow(home, "backfill", *time, server=server)
    assert backfilled.returncode == 0, backfilled.stderr
    row = json.loads(backfilled.stdout.splitlines()[-1])
    assert (row["number"], row["measured"], row["failed"], row["left"]) == (1, left, 0, {})
    assert set(releases(home).values()) == {"winter"}
    with opened_for_reading(snapshot) as connection:
        offsets = "SELECT count(*) > 5, bool_and(trials = 2), bool_and(low IS NULL) FROM release_offset"
        assert connection.execute(offsets).fetchall() == [(True, True, True)]
