"""What every test may need: one thread in torch; an empty warehouse, a person's files, a Prefect server, made once."""

import atexit
import gc
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest

# The two libraries are loaded with one thread each: more would wait for each other, busy, on the cores that the tests'
# processes share, for a quarter of all processor time. Processes that tests start are as a user's.
with pytest.MonkeyPatch.context() as _environment:
    _environment.setenv("OPENBLAS_NUM_THREADS", "1")
    import numpy  # noqa: F401
    import scipy.linalg  # noqa: F401

import duckdb
import torch
from filelock import FileLock

from tests.synthetic_person import SyntheticPerson, make_person
from warehouse import connection

# Files that take a minute or more, in the order in which they begin. Begun last, they would leave the other processes
# without work. The run that test_ingest.py makes is read by rollout, crashes and marker_ingest, which so seldom wait.
LONGEST = (
    "flows/test_ingest.py",
    "flows/cli/test_up.py",
    "flows/test_train.py",
    "flows/test_rollout.py",
    "flows/test_crashes.py",
    "flows/test_cluster.py",
    "flows/test_marker_ingest.py",
    "body/test_anny_asset.py",
)


Made = TypeVar("Made")

gc.disable()  # while all modules are imported


def pytest_collection_finish() -> None:
    """What was imported stays for good: no collection of garbage, seconds each in so large a process, visits it.

    Nor do the five of pytest at its end, but the interpreter's own: else nanobind would report leaks of DuckDB.
    """
    gc.freeze()
    gc.enable()
    atexit.register(gc.unfreeze)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow_files.txt, files that take over three seconds each; begin with the longest, then those."""
    tests = Path(__file__).parent
    listed = {tests.parent / name for name in (tests / "slow_files.txt").read_text().split()}
    for item in items:
        if item.path in listed:
            item.add_marker("slow")
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    longest = {tests / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: (longest.get(item.path, len(longest)), item.path not in slow))


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)  # the tensors are small: more threads only wait for each other


@pytest.fixture(scope="session", autouse=True)
def _warehouses_migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A new warehouse of this process begins as a copy of an empty one, whose migration takes a tenth of a second.

    Processes that a test starts migrate their own, as a user's do; so does `tests/warehouse/test_migrate.py`.
    """
    connect = connection._connect
    empty = tmp_path_factory.mktemp("empty") / "warehouse.duckdb"
    with connection.opened_for_writing(empty):
        pass

    def connected(database: Path, *arguments: Any, read_only: bool) -> duckdb.DuckDBPyConnection:
        if not read_only and not database.exists():
            with suppress(OSError):  # what cannot be written is for `connect` to report
                shutil.copyfile(empty, database)
        return connect(database, *arguments, read_only=read_only)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "_connect", connected)
        yield


@pytest.fixture(scope="session")
def person(tmp_path_factory: pytest.TempPathFactory) -> SyntheticPerson:
    return make_person(tmp_path_factory.mktemp("person"))


def common_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of all processes of the tests."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Made]) -> Made:
    """What `make` returns for a folder of that name, called by the first process that asks; not to be changed.

    Args:
        tmp_path_factory: of the process.
        name: of the folder, which does not exist yet.
        make: returns what can be pickled.
    """
    common = common_folder(tmp_path_factory)
    kept = common / f"{name}.pickle"
    with FileLock(common / f"{name}.lock"):
        if not kept.exists():
            kept.write_bytes(pickle.dumps(make(common / name)))
    made: Made = pickle.loads(kept.read_bytes())
    return made


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Variables of a Prefect server's API, for flows that need not start one of their own."""
    from tests.prefect_server import shared_prefect_server  # imported only where asked for

    with shared_prefect_server(common_folder(tmp_path_factory)) as variables:
        yield variables


@pytest.fixture(scope="session")
def tiny_images(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def] # imported only where asked for
    """Shards of a few synthetic images of every split (`ShardFolder`), made once; not to be changed."""
    from tests.training.tiny_images import make_tiny_images

    return made_once(tmp_path_factory, "training", make_tiny_images)
