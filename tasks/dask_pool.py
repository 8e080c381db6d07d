"""Dask workers that solve and analyse: one trial a call, paths in and paths out."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biopose.errors import BioposeError
from biopose.io.files import written_whole
from biopose.pipeline import Method, Trial
from biopose.reconstruction.models import SolveModels, WeightFiles
from tasks.quarantine import CrashedError
from tasks.settings import Settings

if TYPE_CHECKING:
    from distributed import Client

DONE = "done"  # the file that says that a trial's folder is complete


def solve_and_analyse(
    trial: Trial, motion: Path, folder: Path, method: Method, files: WeightFiles, settings: Mapping[str, Any]
) -> None:
    """Runs on a Dask worker: everything that follows the reconstruction of one trial.

    The folder counts as complete once its last file, DONE, is there.
    """
    from biopose.pipeline import analyse, solve
    from biopose.reconstruction.motion_file import read_motion

    folder.mkdir(parents=True, exist_ok=True)
    people = solve([read_motion(motion)], activity=trial.activity, models=_models(method, files))
    analyse(
        people,
        trial,
        folder,
        settings=settings,
        versions=files.versions(),
        cross_check_frames=method.cross_check_frames,
    )
    with written_whole(folder / DONE) as partial:
        partial.write_text("")


@cache
def _models(method: Method, files: WeightFiles) -> SolveModels:
    """Loaded once a worker."""
    return SolveModels.load(method, files, threads=1)


def _warm_up(method: Method, files: WeightFiles) -> None:
    """Load what a worker needs while the first trials are still being perceived."""
    _models(method, files)


class DaskPool:
    """A Dask cluster that solves and analyses trials.

    Args:
        client: of the cluster.
        method: of the run.
        files: weights of its networks.
    """

    def __init__(self, client: Client, method: Method, files: WeightFiles) -> None:
        self._client, self._method, self._files = client, method, files

    def solve_and_analyse(
        self, trial: Trial, motion: Path, folder: Path, *, settings: Mapping[str, Any], rank: int
    ) -> None:
        """Solve and analyse a trial.

        Args:
            trial: what is asked for.
            motion: the reconstructed motion.
            folder: for the results.
            settings: for the files.
            rank: the lowest is served first.

        Raises:
            BioposeError: the input is at fault.
        """
        from distributed.scheduler import KilledWorker

        future = self._client.submit(
            solve_and_analyse,
            trial,
            motion,
            folder,
            self._method,
            self._files,
            dict(settings),
            pure=False,
            priority=-rank,
        )
        try:
            future.result()
        except KilledWorker as error:
            raise CrashedError(f"the analysing process died each time in {trial.trial_id}: {error}") from error


@contextmanager
def dask_pool(settings: Settings, method: Method, files: WeightFiles, *, at_most: int) -> Iterator[DaskPool]:
    """Start Dask here, or join the scheduler of settings.dask_address.

    Args:
        settings: of this machine.
        method: of the run.
        files: weights of its networks.
        at_most: as many trials as there are: more workers would only start.

    Raises:
        BioposeError: no scheduler responds at that address.
    """
    from distributed import Client, LocalCluster

    if settings.dask_address:
        with _joined(settings.dask_address) as client:
            yield DaskPool(client, method, files)
        return
    workers = max(1, min(os.cpu_count() or 1, at_most))
    folder = settings.home / "dask"
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address=None,
            local_directory=str(folder),
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        addresses = list(client.scheduler_info()["workers"])
        warm = [client.submit(_warm_up, method, files, workers=[address], pure=False) for address in addresses]
        yield DaskPool(client, method, files)
        del warm  # while they are held, they are not cancelled


def _joined(address: str) -> Client:
    from distributed import Client

    try:
        return Client(address, set_as_default=False)
    except (OSError, ValueError) as error:
        raise BioposeError(f"BIOPOSE_DASK_ADDRESS is {address!r}: no scheduler responds there ({error})") from error
