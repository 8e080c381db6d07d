"""Nights come first: what runs in the background gives way, waits for the night, and goes on."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from biopose.errors import BioposeError
from tasks import priority
from tasks.locks import holder
from tasks.priority import as_night, in_background

# Works in turns until a night comes, then once more, and ends.
BACKGROUND = """
import sys, time
from pathlib import Path
from tasks.priority import in_background
with in_background(Path(sys.argv[1]), log=lambda line: print(line, flush=True)) as background:
    with background.turn():
        print("works", flush=True)
        while not background.gives_way():
            time.sleep(0.02)
        print("gives way", flush=True)
    with background.turn():
        print("goes on", flush=True)
"""


@contextmanager
def background(home: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", BACKGROUND, str(home)], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip()


def test_a_night_has_the_home_once_the_background_gave_way_which_goes_on_after_it(tmp_path: Path) -> None:
    lines: list[str] = []
    with background(tmp_path) as process:
        assert line_of(process) == "works"
        with as_night(tmp_path, log=lines.append):
            assert line_of(process) == "gives way"
            assert "an ingest is at work here" in line_of(process)
            time.sleep(0.2)
            assert process.poll() is None
            assert holder(tmp_path, "ingest") is not None
        assert line_of(process) == "goes on"
        assert process.wait(timeout=60) == 0
    assert lines == [
        f"  waits        until the rollout or backfill of process {process.pid} gives way, at its next trial"
    ]


def test_what_starts_during_a_night_waits_and_reports_it(tmp_path: Path) -> None:
    with as_night(tmp_path, log=print), background(tmp_path) as process:
        assert "this goes on when it is done" in line_of(process)
        process.kill()


def test_two_at_once_are_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priority, "PROBE_S", 0.1)
    with background(tmp_path) as process:
        line_of(process)
        with (
            pytest.raises(BioposeError, match=rf"a rollout or a backfill is at work here \(process {process.pid}\)"),
            in_background(tmp_path, log=print),
        ):
            pass
    with (
        as_night(tmp_path, log=print),
        pytest.raises(BioposeError, match="another ingest is at work here"),
        as_night(tmp_path, log=print),
    ):
        pass


def test_a_killed_night_holds_nothing_up(tmp_path: Path) -> None:
    code = "import sys, os; from pathlib import Path; from tasks.priority import as_night\n"
    code += "with as_night(Path(sys.argv[1]), log=print): os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 9
    with in_background(tmp_path, log=print) as work, work.turn():
        assert not work.gives_way()
