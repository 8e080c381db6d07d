"""What `biopose up` runs to its end, such as an erasure, is never left at work beside what it starts next."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest

from biopose.errors import BioposeError
from flows.serving.exposure import ON_LOOPBACK
from flows.serving.supervisor import StopSignal, _Services, inbox_line, make_folders
from tasks.settings import Settings

WAITS = "import time; time.sleep(60)"


def test_a_program_that_is_not_at_its_end_in_time_is_stopped_and_not_restarted(tmp_path: Path) -> None:
    settings = Settings.load(tmp_path / "home")
    settings.make_home()
    services = _Services(settings, ON_LOOPBACK, tmp_path, StopSignal(), print)
    begin_s = time.monotonic()
    with pytest.raises(BioposeError, match="erase did not get ready within 1 s"):
        services._complete("erase", sys.executable, "-c", WAITS, timeout_s=1.0)
    assert services._running == []
    assert not [child for child in psutil.Process().children(recursive=True) if WAITS in child.cmdline()]
    assert time.monotonic() - begin_s < 30


def test_an_inbox_that_is_not_there_is_said_at_the_start_and_not_by_the_first_night(tmp_path: Path) -> None:
    assert inbox_line(tmp_path) == f"inbox      {tmp_path}"
    for name, is_made in {"inbxo": False, "home/inbox": True}.items():
        settings = Settings.load(tmp_path / "home", inbox=tmp_path / name)
        make_folders(settings)
        assert ("THERE IS NO SUCH FOLDER" not in inbox_line(settings.inbox)) == is_made
