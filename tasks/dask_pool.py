"""The Dask side: one trial a call, paths in and paths out."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biopose.io.files import written_whole
from biopose.trial import TrialRequest
from tasks.quarantine import CrashedError
from tasks.settings import Settings

if TYPE_CHECKING:
    from distributed import Client

DONE = "done"  # the file that says that a trial's folder is complete


def finish(trial: TrialRequest, fitted: Path, folder: Path, settings: dict[str, Any], cross_check_frames: int) -> None:
    """Runs on a Dask worker: everything that follows the fit of one trial.

    The folder counts as complete once its last file, DONE, is there.
    """
    from biopose.trial import finish_trial

    folder.mkdir(parents=True, exist_ok=True)
    finish_trial(trial, fitted, folder, settings=settings, cross_check_frames=cross_check_frames)
    with written_whole(folder / DONE) as partial:
        partial.write_text("")


def _warm_up() -> None:
    """Import what finishing needs while the first trials are still being seen."""
    import biopose.trial  # noqa: F401


class Analysts:
    """A Dask cluster that finishes trials.

    Args:
        client: of the cluster.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def finish(
        self,
        trial: TrialRequest,
        fitted: Path,
        folder: Path,
        *,
        settings: dict[str, Any],
        cross_check_frames: int,
        rank: int,
    ) -> None:
        """Finish a trial.

        Args:
            trial: what is asked for.
            fitted: the fitted motion.
            folder: for the results.
            settings: for the files.
            cross_check_frames: that OpenSim solves, too.
            rank: the lowest is served first.

        Raises:
            BioposeError: the input is at fault.
        """
        from distributed.scheduler import KilledWorker

        future = self._client.submit(
            finish, trial, fitted, folder, settings, cross_check_frames, pure=False, priority=-rank
        )
        try:
            future.result()
        except KilledWorker as error:
            raise CrashedError(f"the analysing process died each time in {trial.trial_id}: {error}") from error


@contextmanager
def analysts(settings: Settings, *, at_most: int) -> Iterator[Analysts]:
    """Start Dask here, or join the scheduler of settings.dask_address.

    Args:
        settings: of this machine.
        at_most: as many trials as there are: more workers would only start.
    """
    from distributed import Client, LocalCluster

    if settings.dask_address:
        with Client(settings.dask_address, set_as_default=False) as client:
            yield Analysts(client)
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
        warm = [client.submit(_warm_up, workers=[address], pure=False) for address in addresses]
        yield Analysts(client)
        del warm  # while they are held, they are not cancelled
