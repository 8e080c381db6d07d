"""A query ends at its limits and at ^C, whatever it computes."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import psutil
import pytest

from warehouse.connection import opened_for_reading
from warehouse.errors import QueryLimitError
from warehouse.limits import Limits, still_running, within_limits
from warehouse.query import run_sql

ENDLESS = "SELECT sum(a.range * b.range) FROM range(100000000) a, range(100000000) b"
TEXT = "repeat('ab', 100000000)"
for _ in range(8):
    TEXT = f"regexp_replace({TEXT}, '(a|b)*c', 'x', 'g')"
ONE_BLOCK = f"SELECT length({TEXT})"  # heeds no interruption, and takes a while
COMPUTING_S = 1.0  # of processor time once the warehouse is open
CLI = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a script's background command ignores
from flows.cli.main import main
main()
"""


@pytest.mark.parametrize("sql", [ENDLESS, "FROM range(100000000000)"])
def test_a_query_is_stopped_at_its_limit_of_time(snapshot: Path, sql: str) -> None:
    with pytest.raises(QueryLimitError, match=r"stopped after 0.3 s, its limit of time; .*--time-limit-s"):
        run_sql(snapshot, sql, limits=Limits(time_s=0.3, memory_gb=1.0))
    assert run_sql(snapshot, "SELECT count(*) FROM trial").item() == 4


def test_a_query_that_needs_more_memory_is_stopped(snapshot: Path) -> None:
    grouped = "SELECT range AS row, count(*) FROM range(20000000) GROUP BY row"
    with pytest.raises(QueryLimitError, match=r"its limit of memory; narrow the query, or raise --memory-limit-gb"):
        run_sql(snapshot, grouped, limits=Limits(time_s=60, memory_gb=0.1))
    assert run_sql(snapshot, "SELECT count(*) FROM trial").item() == 4


def test_a_query_that_had_not_begun_at_its_limit_ends_all_the_same(snapshot: Path) -> None:
    def late(connection: duckdb.DuckDBPyConnection) -> None:
        time.sleep(1.0)  # as on a busy machine: beyond the limit and the grace after it
        connection.sql("FROM range(100000000000)").pl()

    with pytest.raises(QueryLimitError, match=r"its limit of time"):
        within_limits(opened_for_reading(snapshot), late, Limits(time_s=0.1))
    for _ in range(600):
        if not still_running():
            break
        time.sleep(0.05)
    assert not still_running()


def test_an_error_and_a_result_pass_through(snapshot: Path) -> None:
    with pytest.raises(Exception, match="syntax error"):
        run_sql(snapshot, "SELEKT 1", limits=Limits(time_s=5.0))
    assert run_sql(snapshot, "SELECT 1 AS a", limits=Limits(time_s=5.0)).rows() == [(1,)]


def processor_s() -> float:
    """Of processes that have ended: what they took, however busy the machine."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.slow
@pytest.mark.parametrize("sql", [ENDLESS, ONE_BLOCK], ids=["rows without end", "one block"])
def test_the_command_ends_soon_after_an_interruption(snapshot: Path, sql: str) -> None:
    command = [sys.executable, "-c", CLI, "query", "--sql", sql, "--home", str(snapshot.parent)]
    before_s = processor_s()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        running = psutil.Process(process.pid)
        while str(snapshot) not in [file.path for file in running.open_files()]:
            time.sleep(0.02)
        opened_s = running.cpu_times().user
        while running.cpu_times().user < opened_s + COMPUTING_S:
            time.sleep(0.02)
        interrupted_s = sum(running.cpu_times()[:2])
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=60)
    assert processor_s() - before_s - interrupted_s < 5  # about one
    assert process.returncode == 1
    assert complaint.strip() == "Aborted!"


SCRIPT = """
import sys
from pathlib import Path
from warehouse.connection import opened_for_reading
from warehouse.errors import QueryLimitError
from warehouse.limits import Limits, still_running, within_limits
from warehouse.query import run_sql
for _ in range(3):
    try:
        run_sql(Path(sys.argv[1]), "FROM range(100000000000)", limits=Limits(time_s=0.2))
    except QueryLimitError:
        print("stopped")
"""


def test_a_script_whose_queries_were_stopped_ends_as_it_would(snapshot: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", SCRIPT, str(snapshot)], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.split(), ended.stderr) == (0, ["stopped"] * 3, "")
