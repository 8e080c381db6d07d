"""The schedule of a run on four slots of real engines, with stages that only sleep."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import ray
from distributed import Client, LocalCluster
from prefect import flow

from biopose.errors import BioposeError, VideoError
from biopose.tracking.shard import Shard, ShardFiles
from biopose.trial import Clip, Subject, Trial
from flows.ingest import measure
from tasks import dask_pool
from tasks.dask_pool import DaskPool
from tasks.ingest_run import IngestRun
from tasks.methods import PinnedMethod
from tasks.plan import IngestOptions, PlannedTrial
from tasks.ray_pool import ActorPool, _start_here
from tasks.releases import PinnedRelease
from tasks.schedule import Schedule, ranked
from tasks.settings import Settings
from tasks.warehouse_writer import WarehouseWriter
from tests.tasks.small_actors import STAGE_S, SleepingActor
from tests.warehouse.trials import session_of
from warehouse.connection import opened_for_reading

SLOTS = 4
METHOD = PinnedMethod("mqhmr", (), (), 0)

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.fixture(scope="module")
def actors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Any]]:
    _start_here(Settings(home=tmp_path_factory.mktemp("home"), cores=SLOTS))
    made = [ray.remote(num_cpus=1)(SleepingActor).remote() for _ in range(SLOTS)]
    ray.get([actor.perceive.remote([], []) for actor in made])
    yield made
    ray.shutdown()


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        LocalCluster(  # workers in this process would pause at the memory of all tests before
            n_workers=SLOTS,
            threads_per_worker=1,
            processes=False,
            memory_limit=None,
            dashboard_address=None,
            silence_logs=50,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
def sleeping_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers are threads of this process."""

    def reconstruct(trial: Trial, perceived: list[ShardFiles], motion: Path, method: PinnedMethod) -> None:
        time.sleep(STAGE_S)
        motion.touch()

    def solve_and_analyse(trial: Trial, motion: Path, folder: Path, *rest: Any, **options: Any) -> None:
        time.sleep(STAGE_S)
        folder.mkdir()

    monkeypatch.setattr(dask_pool, "reconstruct", reconstruct)
    monkeypatch.setattr(dask_pool, "solve_and_analyse", solve_and_analyse)


def planned(folder: Path, name: str, *, shards: int = 1, shard_s: float = 10.0) -> PlannedTrial:
    video = folder / name
    return PlannedTrial(
        trial=Trial(Clip(video), (Subject(1.7),), trial_id=name),
        shards=tuple(Shard(video, start_s=i * shard_s) for i in range(shards)),
        perceived=tuple(ShardFiles(folder / f"{name}-{i}") for i in range(shards)),
        motion=folder / f"{name}-motion",
        folder=folder / f"{name}-results",
        run_id=name,
        lengths_s=(shard_s,) * shards,
        record={"name": name, "athlete": {"athlete_id": "blue/ann"}},
    )


@dataclass
class Outcomes:
    """The loader, and how each trial ended."""

    due_in_s: float | None = None
    loaded: list[str] = field(default_factory=list)
    ends: dict[str, tuple[str, BaseException | None]] = field(default_factory=dict)

    def load(self, record: dict[str, Any], _folder: Path) -> None:
        self.loaded.append(record["name"])

    def ended(self, trial: PlannedTrial, stage: str, error: BaseException | None) -> None:
        self.ends[trial.trial_id] = stage, error


def run(schedule: Schedule, writer: WarehouseWriter | None = None) -> Outcomes:
    outcomes = Outcomes()

    @flow(name="schedule")
    def take_through() -> None:
        schedule.run(writer or outcomes, None, ended=outcomes.ended)  # type: ignore[arg-type]

    take_through()
    return outcomes


def engines(actors: list[Any], client: Client) -> dict[str, Any]:
    return {
        "actors": lambda calls: nullcontext(ActorPool(iter(actors).__next__, min(calls, len(actors)))),
        "workers": lambda trials: nullcontext(DaskPool(client, min(SLOTS, trials), METHOD)),
        "cores": SLOTS,
    }


def test_a_night_of_many_trials_keeps_the_slots_of_both_engines_busy(
    actors: list[Any], client: Client, tmp_path: Path
) -> None:
    trials = [planned(tmp_path, f"trial{i:03d}") for i in range(56)]  # many: at the end, slots fall idle one by one
    schedule = Schedule(ranked(trials), **engines(actors, client))
    outcomes = run(schedule)
    assert sorted(outcomes.loaded) == [trial.trial_id for trial in trials]
    busy = schedule.slots.busy_share("core")
    assert busy > 0.95, f"{busy:.3f} of the slots' time"


def test_one_clip_of_many_shards_fills_all_slots(actors: list[Any], client: Client, tmp_path: Path) -> None:
    trial = planned(tmp_path, "match", shards=10)
    assert run(Schedule([trial], **engines(actors, client))).loaded == ["match"]
    shards_of_actor = Counter(files.located.read_text() for files in trial.perceived)
    assert len(shards_of_actor) == SLOTS
    assert max(shards_of_actor.values()) <= 4


def test_the_shortest_trial_comes_first_and_then_the_longest(tmp_path: Path) -> None:
    trials = [planned(tmp_path, f"{s}", shard_s=s) for s in (3.0, 1.0, 9.0, float("inf"), 2.0)]
    assert [trial.length_s for trial in ranked(trials)] == [1.0, float("inf"), 9.0, 3.0, 2.0]
    assert ranked([]) == []


def test_after_the_first_result_perceiving_is_a_trial_ahead_for_each_core(
    actors: list[Any], client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.STAGE_S", 0.05)
    trials = [planned(tmp_path, f"{number}") for number in range(4)]
    run(Schedule(trials, **{**engines(actors, client), "cores": 1}))
    written = {trial.perceived[0].located: f"perceived {trial.trial_id}" for trial in trials}
    written |= {trial.motion: f"motion {trial.trial_id}" for trial in trials}
    in_order = [written[file] for file in sorted(written, key=lambda file: file.stat().st_mtime_ns)]
    assert in_order[:2] == ["perceived 0", "motion 0"]
    assert in_order[2:4] == ["perceived 1", "perceived 2"]
    assert in_order[4:] == ["motion 1", "perceived 3", "motion 2", "motion 3"]


def test_a_broken_video_ends_its_own_trial_and_no_other(actors: list[Any], client: Client, tmp_path: Path) -> None:
    trials = [planned(tmp_path, name, shard_s=0.1) for name in ("bad", "good")]
    outcomes = run(Schedule(trials, **engines(actors, client)))
    stage, error = outcomes.ends["bad"]
    assert (stage, type(error)) == ("perceive", VideoError)
    assert outcomes.ends["good"] == ("load", None)


def test_neither_engine_starts_where_everything_is_analysed(tmp_path: Path) -> None:
    trial = planned(tmp_path, "done")
    trial.folder.mkdir()
    (trial.folder / dask_pool.DONE).touch()

    def starts(_: int) -> Any:
        raise AssertionError("started")

    assert run(Schedule([trial], actors=starts, workers=starts, cores=1)).loaded == ["done"]


def test_what_was_loaded_soon_after_a_snapshot_is_published_while_the_next_trial_is_measured(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot, published = tmp_path / "s.duckdb", tmp_path / "published"

    def analyse(*_: Any, **options: Any) -> None:
        end_s = time.monotonic() + 30
        while (count := trials_in(snapshot)) < 2 and time.monotonic() < end_s:
            time.sleep(0.05)
        published.write_text(f"{count} trials")

    monkeypatch.setattr(dask_pool, "solve_and_analyse", analyse)
    trials = []
    for number, one in enumerate(session_of(3)):
        folder = one.write(tmp_path / one.name)
        trials.append(replace(planned(tmp_path, one.name), record=one.record, folder=folder))
        trials[-1].perceived[0].located.touch()
        trials[-1].motion.touch()
        if number < 2:
            (folder / dask_pool.DONE).touch()
    outcomes = run(
        Schedule(trials, **engines([], client)), WarehouseWriter(tmp_path / "w.duckdb", snapshot, least_between_s=0.5)
    )
    assert published.read_text() == "2 trials"
    assert set(outcomes.ends.values()) == {("load", None)}


def test_what_was_measured_last_is_published_at_the_end_of_the_measuring(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    account = IngestRun(settings, tmp_path / "inbox", PinnedRelease("mqhmr", ()), log=[].append)
    writer = WarehouseWriter(settings.warehouse, settings.snapshot)
    trials = []
    for one in session_of(2):
        folder = tmp_path / "artifacts" / "trials" / one.trial_id / one.run_id
        trials.append(replace(planned(tmp_path, one.name), record=one.record, folder=one.write(folder)))
        (folder / dask_pool.DONE).touch()

    @flow(name="measure")
    def take_through() -> None:
        measure(trials, account, writer, release=account.release, options=IngestOptions())

    take_through()
    assert trials_in(settings.snapshot) == len(account.stored) == 2


def trials_in(snapshot: Path) -> int:
    if not snapshot.exists():
        return 0
    with opened_for_reading(snapshot) as connection:
        return int(connection.execute("SELECT count(*) FROM trial").fetchall()[0][0])


def test_ray_does_not_start_where_everything_is_perceived(client: Client, tmp_path: Path) -> None:
    trial = planned(tmp_path, "perceived")
    trial.perceived[0].located.touch()
    assert run(Schedule([trial], **engines([], client))).loaded == ["perceived"]


def test_an_engine_that_does_not_start_ends_the_run_with_its_message(client: Client, tmp_path: Path) -> None:
    ended: list[bool] = []

    @contextmanager
    def other(_: int) -> Iterator[DaskPool]:
        yield DaskPool(client, 1, METHOD)
        ended.append(True)

    def fails(_: int) -> Any:
        return _failing()

    with pytest.raises(BioposeError, match="no cluster"):
        run(Schedule([planned(tmp_path, "one")], actors=fails, workers=other, cores=1))
    assert ended == [True]


@contextmanager
def _failing() -> Iterator[ActorPool]:
    raise BioposeError("no cluster")
    yield ActorPool(object, 0)
