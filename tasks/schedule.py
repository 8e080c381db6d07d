"""The schedule of a run: which call of which trial is made when.

A trial is a coroutine that waits for its shards, then for a turn of the processor's stages, then for the loader. Calls
take their turns from `Slots`, by the trial's rank, so what was begun is finished first, and as many calls are under way
as there are slots: one an actor and one a worker, each holding one group of shards or one trial in memory. Between the
stages only files wait. What is perceived is a few trials ahead of what is processed: at the end of a run there are then
calls left for every core, where otherwise one would wait while another perceives the last trial and then processes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any, TypeVar

from prefect.context import AsyncClientContext

from biopose.errors import BioposeError
from biopose.tracking.shard import Shard, ShardFiles
from tasks import stages
from tasks.dask_pool import DaskPool
from tasks.errors import GivesWayError
from tasks.marker_plan import PlannedMarkers
from tasks.plan import Planned, groups_of, stages_of
from tasks.ray_pool import ActorPool
from tasks.slots import Slots
from tasks.warehouse_writer import WarehouseWriter

GROUP_S = 1.0  # of video that an actor perceives at once: shorter clips fill the networks' batches together

T = TypeVar("T")
Pool = TypeVar("Pool", ActorPool, DaskPool)
Start = Callable[[int], AbstractContextManager[T]]  # takes the number of calls: more processes would only start
Ended = Callable[[Planned, str, BaseException | None], None]
Began = Callable[[Planned, str], None]


class Schedule:
    """Takes trials through their stages.

    Args:
        trials: to be taken through; in the order of `ranked`.
        actors: starts what perceives; not called where everything is perceived.
        workers: starts what reconstructs, solves and analyses; not called where everything is analysed.
        cores: that the two share where both run on this machine.
        gives_way: asked before each call; where a night needs the machine, no call is begun any more.
        began: called as a trial begins a stage.
    """

    def __init__(
        self,
        trials: Sequence[Planned],
        *,
        actors: Start[ActorPool],
        workers: Start[DaskPool],
        cores: int,
        gives_way: Callable[[], bool] = lambda: False,
        began: Began = lambda _trial, _stage: None,
    ) -> None:
        self._trials = trials
        self._start_actors, self._start_workers = actors, workers
        self._groups = groups_of(trials, group_s=GROUP_S)
        self._unfinished = sum(not trial.is_finished for trial in trials)
        self._cores = cores
        self._gives_way = gives_way
        self._began = began
        self.slots = Slots()

    def run(self, writer: WarehouseWriter, mlflow_run_id: str | None, *, ended: Ended) -> None:
        """Take every trial through its stages.

        Args:
            writer: loads them.
            mlflow_run_id: of the run's record in MLflow.
            ended: called as each trial ends, with the last stage that it reached and what ended it there.

        Raises:
            BioposeError: an engine does not start.
        """
        try:
            asyncio.run(self._run(writer, mlflow_run_id, ended))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from group

    async def _run(self, writer: WarehouseWriter, mlflow_run_id: str | None, ended: Ended) -> None:
        self._actors: asyncio.Future[ActorPool] = asyncio.get_running_loop().create_future()
        self._workers: asyncio.Future[DaskPool] = asyncio.get_running_loop().create_future()
        self.slots.provide("core", self._cores)
        self.slots.provide("loader", 1)
        rank_of = {file: rank for rank, trial in reversed([*enumerate(self._trials)]) for file in trial.perceived}
        # One client of Prefect's for all calls: each would make its own, whose certificates take 0.05 s to load.
        async with AsyncClientContext.get_or_create(), asyncio.TaskGroup() as calls:
            perceiving = [
                calls.create_task(self._perceive(group, _rank_ahead(rank_of[group[0][1]], trials=self._cores)))
                for group in self._groups
            ]
            self._perceived = {
                file: task for group, task in zip(self._groups, perceiving, strict=True) for _, file in group
            }
            taking = [
                calls.create_task(self._take(trial, rank, writer, mlflow_run_id, ended))
                for rank, trial in enumerate(self._trials)
            ]
            if perceiving:
                calls.create_task(self._provide("actor", self._start_actors(len(perceiving)), self._actors, perceiving))
            if self._unfinished:
                calls.create_task(self._provide("worker", self._start_workers(self._unfinished), self._workers, taking))
            calls.create_task(self._publish_when_due(writer, taking))

    async def _provide(
        self,
        resource: str,
        engine: AbstractContextManager[Pool],
        started: asyncio.Future[Pool],
        calls: Sequence[asyncio.Task[Any]],
    ) -> None:
        """Start an engine, and end it with the last of its calls."""
        async with _entered(engine) as pool:
            started.set_result(pool)
            self.slots.provide(resource, len(pool))
            await asyncio.wait(calls)

    async def _publish_when_due(self, writer: WarehouseWriter, taking: Sequence[asyncio.Task[None]]) -> None:
        """What was loaded soon after a snapshot is published once that is old enough: the next trial may take long."""
        pending = set(taking)
        while pending:
            _, pending = await asyncio.wait(pending, timeout=writer.due_in_s, return_when=asyncio.FIRST_COMPLETED)
            if writer.due_in_s == 0.0:
                async with self.slots.taken(["loader"], rank=len(self._trials)):
                    await asyncio.to_thread(writer.publish_if_due)

    async def _perceive(
        self, group: Sequence[tuple[Shard, ShardFiles]], rank: int
    ) -> dict[ShardFiles, BioposeError] | Exception:
        """What is wrong with each shard's video, or with the call itself: every trial of the group ends by it."""
        try:
            actors = await asyncio.shield(self._actors)
            async with self.slots.taken(actors.takes, rank=rank):
                self._check_turn()
                return await stages.perceive(group, actors)
        except Exception as error:
            return error

    async def _take(
        self, trial: Planned, rank: int, writer: WarehouseWriter, mlflow_run_id: str | None, ended: Ended
    ) -> None:
        """Take one trial through what is missing."""
        stage = stages_of(trial)[0]
        try:
            if trial.missing_shards:
                self._began(trial, stage)
            for _, file in trial.missing_shards:
                await self._perceived_shard(file)
            if not trial.is_finished:
                workers = await asyncio.shield(self._workers)
                async with self.slots.taken(workers.takes, rank=rank):
                    self._check_turn()
                    if isinstance(trial, PlannedMarkers):
                        stage = "measure markers"
                        self._began(trial, stage)
                        await stages.measure_markers(trial, workers)
                    else:
                        if not trial.motion.exists():
                            stage = "reconstruct"
                            self._began(trial, stage)
                            await stages.reconstruct(trial, workers)
                        stage = "solve and analyse"
                        self._began(trial, stage)
                        await stages.solve_and_analyse(trial, workers)
            stage = "load"
            async with self.slots.taken(["loader"], rank=rank):
                await stages.load(trial, writer, mlflow_run_id)
        except Exception as error:
            ended(trial, stage, error)
        else:
            ended(trial, stage, None)

    def _check_turn(self) -> None:
        if self._gives_way():
            raise GivesWayError

    async def _perceived_shard(self, file: ShardFiles) -> None:
        outcome = await self._perceived[file]
        error = outcome if isinstance(outcome, Exception) else outcome.get(file)
        if error is not None:
            raise error


@asynccontextmanager
async def _entered(engine: AbstractContextManager[T]) -> AsyncIterator[T]:
    """A context manager whose beginning and end take seconds, each in a thread; it ends also where it is cancelled."""
    entering = asyncio.create_task(asyncio.to_thread(engine.__enter__))
    try:
        yield await asyncio.shield(entering)
    finally:
        if not entering.done():
            await asyncio.wait([entering])
        if entering.exception() is None:
            await asyncio.to_thread(engine.__exit__, None, None, None)


def _rank_ahead(rank: int, *, trials: int) -> int:
    """The rank of what is perceived: so many trials ahead, but not before the first trial's result."""
    return max(rank - trials, min(rank, 1))


def ranked(trials: Sequence[Planned]) -> list[Planned]:
    """In the order in which they are served: the shortest, so that a first result is there early, then longest first.

    What begins last decides when the run ends, so it had better be short.
    """
    by_length = sorted(trials, key=lambda trial: (trial.length_s, trial.trial_id))
    return [*by_length[:1], *reversed(by_length[1:])]
