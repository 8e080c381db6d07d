"""A rollout of real video: measured in the shadow, shared stages once, compared and decided on; what is shown stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.models import register_trained
from tasks.settings import Settings
from tasks.shipped_models import shipped_models, trained_model
from tests.flows.conftest import ObservedRun
from tests.flows.ingest_runs import copied_home, needs_clips
from warehouse.connection import opened_for_reading

pytestmark = [pytest.mark.slow, needs_clips]

SAMPLE = 2


def rollout(home: Path, *arguments: str, server: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flows.cli.main", "rollout", *arguments, "--home", str(home), "--json"],
        capture_output=True,
        text=True,
        timeout=500,
        env=dict(os.environ) | server,
    )


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
    first = rollout(home, "start", *choice, server=server)
    assert first.returncode == 3, first.stderr
    found = json.loads(first.stdout.splitlines()[-1])["rollout"]
    assert (found["candidate"], found["verdict"], found["state"]) == ("winter", "not enough evidence", "stopped")
    assert found["sample"] == {"measured": SAMPLE}
    assert [one["to"] for one in found["transitions"]] == ["register", "shadow", "compare", "gate", "stopped"]
    assert Path(found["page"]).read_text().count("<svg") == SAMPLE
    assert sorted((home / "artifacts/perceived").rglob("*.parquet")) == perceived
    assert sorted((home / "artifacts/motions").iterdir()) == motions
    snapshot = home / "warehouse.snapshot.duckdb"
    assert shown(snapshot) == shown(run.snapshot)
    with opened_for_reading(snapshot) as connection:
        counted = "SELECT is_current, count(*) FROM trial_of_every_release WHERE release = 'winter' GROUP BY ALL"
        assert connection.execute(counted).fetchall() == [(False, SAMPLE)]

    refused = rollout(home, "promote", server=server)
    assert refused.returncode == 1
    assert "the gate's verdict is: not enough evidence. Promoting against that needs --reason" in refused.stderr
    unknown = rollout(home, "start", "--model", "neurik=99", server=server)
    assert unknown.returncode == 1
    assert "neurik version 99 is not in the registry" in unknown.stderr
