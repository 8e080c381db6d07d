"""A lock keeps other processes out, names its holder, and is free as soon as that process ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from biopose.errors import BioposeError
from tasks.locks import LockName, exclusive

HOLD = """
import sys
from pathlib import Path
from tasks.locks import exclusive
with exclusive(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("ingest", "wait for its end, or stop it"), ("training", "nothing is lost"), ("up", "stop that one first")],
)
def test_a_held_lock_is_refused_with_its_holder_and_the_remedy_and_freed_by_its_death(
    tmp_path: Path, name: LockName, remedy: str
) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "home"), name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(BioposeError, match=rf"process {holder.pid}\); .*{remedy}"),
            exclusive(tmp_path / "home", name),
        ):
            pass
        holder.kill()
    with exclusive(tmp_path / "home", name):
        assert (tmp_path / "home" / f"{name}.lock").read_text() == str(os.getpid())


def test_locks_of_different_names_do_not_meet(tmp_path: Path) -> None:
    with exclusive(tmp_path, "up"), exclusive(tmp_path, "ingest"):
        pass


def test_an_error_in_the_block_frees_the_lock(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), exclusive(tmp_path):
        raise ZeroDivisionError
    with exclusive(tmp_path):
        pass
