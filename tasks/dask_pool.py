"""Dask workers of the stages that need the processor alone: one trial a call, paths in and paths out.

They are forked from one process that has imported what they need: it is imported once, however many workers there are,
and they share its memory. Who is served first is decided by `tasks.slots`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from multiprocessing import forkserver
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from biopose.errors import BioposeError
from biopose.io.files import flush_files, written_whole
from tasks.costs import motion_cost, recorded_cost, trial_cost
from tasks.faults import CrashedError, EngineError, with_one_repeat
from tasks.methods import PinnedMethod
from tasks.pictures import Pictures
from tasks.reachable import connect
from tasks.settings import Settings

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

    from biopose.markers.trial import MarkerTrial
    from biopose.pipeline import Trial
    from biopose.reconstruction.models import SolveModels
    from biopose.reconstruction.people_fit import FitModels
    from biopose.tracking.shard import ShardFiles

log = logging.getLogger(__name__)

ATTEMPTS = 3  # to start Dask
REACH_TIMEOUT_S = 10.0
LONGEST_WITHOUT_WORKERS_S = 300.0  # else a call waits for ever where workers died and none starts any more
LOOK_S = 10.0  # between looks whether a cluster has workers
DONE = "done"  # the file that says that a trial's folder is complete
LOCAL = {  # of a cluster that is started here
    "distributed.worker.multiprocessing-method": "forkserver",
    # Else Dask samples every worker's stack a hundred times a second, and its memory, disk and loop: a fifth of the
    # processor's time, and a twelfth of a core while nothing is to be done.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.tick.interval": "1s",
    # Else it shows calls, folders and logs over HTTP to whoever has an account on the machine.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}
FOR_MARKERS = ("biopose.markers.pipeline",)  # imported before workers are forked
FOR_VIDEO = (
    "biopose.pipeline",
    "biopose.reconstruction.coordinates",
    "biopose.reconstruction.neural_ik",
    "biopose.reconstruction.people_fit",
    "biopose.rendering.overlay",
    "biopose.report.folder",
)


def reconstruct(trial: Trial, perceived: Sequence[ShardFiles], motion: Path, method: PinnedMethod) -> None:
    """Runs on a Dask worker: the motion of one trial's subject."""
    from biopose.pipeline import reconstruct
    from biopose.reconstruction.motion_file import write_motion
    from biopose.tracking.people import join_shards
    from biopose.tracking.shard_file import read_shard

    models = _fit_models(method)
    with recorded_cost([motion_cost(perceived, motion)]):
        (person,) = reconstruct(join_shards(map(read_shard, perceived)), trial, models=models).people
    motion.parent.mkdir(parents=True, exist_ok=True)
    write_motion(person, motion)


def solve_and_analyse(
    trial: Trial,
    motion: Path,
    folder: Path,
    method: PinnedMethod,
    settings: Mapping[str, Any],
    made_from: Sequence[str],
    *,
    overlay: bool = True,
    blur_bystanders: bool = False,
) -> None:
    """Runs on a Dask worker: everything that follows the reconstruction of one trial.

    The folder counts as complete once its last file, DONE, is there; it lists the intermediate results.
    """
    from biopose.pipeline import analyse, solve
    from biopose.reconstruction.motion_file import read_motion

    folder.mkdir(parents=True, exist_ok=True)
    models = _solve_models(method)
    with recorded_cost([trial_cost(folder)]):
        people = solve([read_motion(motion)], activity=trial.activity, models=models)
        analyse(
            people,
            trial,
            folder,
            settings=settings,
            versions=method.weight_files().versions(device=method.device, cpu_backend=method.cpu_backend),
            cross_check_frames=method.cross_check_frames,
            overlay=overlay,
            blur_bystanders=blur_bystanders,
        )
    _complete(folder, json.dumps(list(made_from)))


def _complete(folder: Path, made_from: str = "") -> None:
    """Write DONE once all files are on the disk: after a power cut, too, a complete folder has them whole."""
    flush_files(folder)
    with written_whole(folder / DONE, durable=True) as done:
        done.write_text(made_from)


def made_from(done: Path) -> list[str]:
    """The intermediate results that a trial's folder was made from, relative to the folder of artifacts.

    Args:
        done: the file DONE; that of an earlier version lists none.
    """
    content = done.read_text()
    return [str(name) for name in json.loads(content)] if content else []


def measure_markers(trial: MarkerTrial, folder: Path, method: PinnedMethod, settings: Mapping[str, Any]) -> None:
    """Runs on a Dask worker: everything of one recording of markers."""
    from biopose.markers.pipeline import analyse_markers, measure_markers
    from biopose.neurik.network import NEURIK_WEIGHTS
    from biopose.versions import versions

    folder.mkdir(parents=True, exist_ok=True)
    with recorded_cost([trial_cost(folder)]), TemporaryDirectory(prefix=".partial-", dir=folder) as temporary:
        weights = method.marker_weights or NEURIK_WEIGHTS
        measured = measure_markers(trial, Path(temporary), weights=weights)
        used = {"neurik": weights} if measured.method == "marker_neurik" else {}
        analyse_markers(measured, trial, folder, settings=settings, versions=versions(used))
    _complete(folder)


def alone(function: Callable[..., None], trial: Trial | MarkerTrial, *arguments: Any) -> None:
    """Runs on a Dask worker: one of the above; what fails unexpectedly twice is the input's fault."""
    with_one_repeat(lambda: function(trial, *arguments), list(trial.inputs))


@cache
def _fit_models(method: PinnedMethod) -> FitModels:
    """Loaded once a worker, with its first trial."""
    from biopose.reconstruction.models import load_fit_models

    return load_fit_models(method.load(), method.weight_files(), threads=1)


@cache
def _solve_models(method: PinnedMethod) -> SolveModels:
    """Likewise."""
    from biopose.reconstruction.models import SolveModels

    return SolveModels.load(method.load(), method.weight_files(), threads=1)


class DaskPool:
    """A Dask cluster that runs the processor's stages.

    Args:
        client: of the cluster.
        workers: how many calls it runs at once.
        method: of the run.
        share_cores: whether they run on the cores of this machine.
        pictures: who is drawn, and how.
    """

    def __init__(
        self,
        client: Client,
        workers: int,
        method: PinnedMethod,
        *,
        share_cores: bool = True,
        pictures: Pictures = Pictures(),  # noqa: B008 - frozen
    ) -> None:
        self._client, self._is_here, self._pictures = client, share_cores, pictures
        self._calls = client.get_executor(pure=False)
        self._workers, self._method = workers, method
        self.takes = ("worker", "core") if share_cores else ("worker",)

    def __len__(self) -> int:
        return self._workers

    async def reconstruct(self, trial: Trial, perceived: Sequence[ShardFiles], motion: Path) -> None:
        """Reconstruct the motion of a trial's subject.

        Args:
            trial: what is asked for.
            perceived: the files of each of its shards.
            motion: the file to write.

        Raises:
            BioposeError: the input is at fault.
        """
        await self._call(reconstruct, trial, perceived, motion, self._method)

    async def solve_and_analyse(
        self,
        trial: Trial,
        motion: Path,
        folder: Path,
        *,
        athlete_id: str,
        settings: Mapping[str, Any],
        made_from: Sequence[str],
    ) -> None:
        """Solve and analyse a trial.

        Args:
            trial: what is asked for.
            motion: the reconstructed motion.
            folder: for the results.
            athlete_id: team/athlete.
            settings: for the files.
            made_from: the intermediate results, relative to the folder of artifacts.

        Raises:
            BioposeError: the input is at fault.
        """
        analyse = partial(
            solve_and_analyse,
            overlay=self._pictures.is_drawn(athlete_id),
            blur_bystanders=self._pictures.is_blurred(athlete_id),
        )
        await self._call(analyse, trial, motion, folder, self._method, dict(settings), made_from)

    async def measure_markers(self, trial: MarkerTrial, folder: Path, *, settings: Mapping[str, Any]) -> None:
        """Measure a recording of markers.

        Args:
            trial: what is asked for.
            folder: for the results.
            settings: for the files.

        Raises:
            BioposeError: the input is at fault.
        """
        await self._call(measure_markers, trial, folder, self._method, dict(settings))

    async def _call(self, function: Callable[..., None], trial: Trial | MarkerTrial, *arguments: Any) -> None:
        from distributed.scheduler import KilledWorker

        try:
            call = asyncio.wrap_future(self._calls.submit(alone, function, trial, *arguments))
            await while_workers_live(self._client, call, is_here=self._is_here)
        except KilledWorker as error:
            name = getattr(function, "func", function).__name__
            raise CrashedError(f"the process died each time in {name}: {error}") from error


async def while_workers_live(client: Client, call: asyncio.Future[Any], *, is_here: bool) -> Any:
    """The result of a call, waited for as long as its cluster has workers, or may have some again soon.

    Args:
        client: of the cluster.
        call: that it runs.
        is_here: whether the cluster was started here.

    Raises:
        EngineError: there is no worker any more.
    """
    from distributed.scheduler import NoWorkerError

    alive_s = time.monotonic()
    try:
        while not (await asyncio.wait([call], timeout=LOOK_S))[0]:
            if await _has_workers(client):
                alive_s = time.monotonic()
            elif time.monotonic() - alive_s > LONGEST_WITHOUT_WORKERS_S:
                raise _without_workers(LONGEST_WITHOUT_WORKERS_S, is_here=is_here)
        return call.result()
    except NoWorkerError as error:  # a cluster that is joined may have a limit of its own
        raise _without_workers(error.timeout, is_here=is_here) from error
    finally:
        call.cancel()  # without effect on one that is done


async def _has_workers(client: Client) -> bool:
    try:
        return bool(await asyncio.to_thread(client.nthreads))
    except OSError:  # the scheduler is out of reach
        return False


def _without_workers(waited_s: float, *, is_here: bool) -> EngineError:
    remedy = (
        "The machine is too busy or its memory is full: run it again with fewer BIOPOSE_CORES"
        if is_here
        else "Start workers of the cluster that BIOPOSE_DASK_ADDRESS names, and run it again"
    )
    return EngineError(f"Dask's workers died, and none started within {waited_s:.0f} s. {remedy}")


@contextmanager
def dask_pool(
    settings: Settings, method: PinnedMethod, *, at_most: int, imports: Sequence[str] = FOR_VIDEO
) -> Iterator[DaskPool]:
    """Start Dask here, or join the scheduler of settings.dask_address.

    Args:
        settings: of this machine.
        method: of the run.
        at_most: as many trials as there are: more workers would only start.
        imports: modules that are imported once, before workers are forked.

    Raises:
        BioposeError: no scheduler responds at that address.
    """
    import dask
    from distributed import Client

    pictures = Pictures.of(settings)
    if settings.dask_address:
        with joined(settings.dask_address) as client:
            threads = sum(worker["nthreads"] for worker in client.scheduler_info(n_workers=-1)["workers"].values())
            yield DaskPool(client, max(threads, 1), method, share_cores=False, pictures=pictures)
        return
    workers = min(settings.cores, at_most)
    with (
        dask.config.set(LOCAL),
        _local_cluster(workers, folder=settings.home / "dask", imports=imports) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield DaskPool(client, workers, method, pictures=pictures)


def import_ahead(imports: Sequence[str] = FOR_VIDEO) -> None:
    """Start the process that workers are forked from, which imports what they need; it ends with this process.

    `dask_pool` takes it. So its imports, three seconds, are done while a run's server starts.
    """
    multiprocessing.set_forkserver_preload(_preloaded(imports))
    forkserver.ensure_running()


def _preloaded(imports: Sequence[str]) -> list[str]:
    return ["tasks.forked_imports", "distributed", "tasks.dask_pool", *imports]


def _local_cluster(workers: int, *, folder: Path, imports: Sequence[str]) -> LocalCluster:
    from distributed import LocalCluster
    from distributed.utils import get_mp_context

    get_mp_context().set_forkserver_preload(_preloaded(imports))
    for attempt in range(ATTEMPTS):
        try:
            return LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                security=True,  # TLS with a key of its own: whoever can connect can run code as this user
                dashboard_address="127.0.0.1:0",  # None would take port 8787
                local_directory=str(folder),
                silence_logs=logging.CRITICAL,
            )
        except (RuntimeError, TimeoutError) as error:  # a worker that dies while it starts takes the cluster along
            failure, last = " ".join(str(error).split()), attempt == ATTEMPTS - 1
            log.warning("Dask did not start (%s)%s", failure, "" if last else "; starting it again")
    raise BioposeError(f"Dask does not start here ({failure})")


def joined(address: str) -> Client:
    """A client of the scheduler at an address.

    Raises:
        BioposeError: none responds there.
    """
    from distributed import Client

    try:
        connect(address)
        return Client(address, set_as_default=False, timeout=REACH_TIMEOUT_S)
    except (OSError, ValueError) as error:
        raise BioposeError(f"BIOPOSE_DASK_ADDRESS is {address!r}: no scheduler responds there ({error})") from error
