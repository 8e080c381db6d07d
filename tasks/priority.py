"""Who has a home: a night comes before rollouts and backfills, which give way at their next trial.

A night holds the lock `night`, and the home's, `ingest`. What runs in the background holds `rollout`, and the home's
while it works; it asks between trials whether a night is there, and lets go of the home until that is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from biopose.errors import BioposeError
from tasks.locks import exclusive, holder

LONGEST_TRIAL_S = 7200.0  # that a night waits for
SHORT_ACT_S = 30.0  # likewise for a promotion or the removal of old files
PROBE_S = 2.0  # a lock that another process holds for the moment in which it asks who has it
POLL_S = 0.5

Log = Callable[[str], None]


@contextmanager
def as_night(home: Path, *, log: Log) -> Iterator[None]:
    """Hold a home for a night; what runs in the background gives way first.

    Raises:
        BioposeError: another night is at work, or what has the home does not let go of it.
    """
    process, is_at_work = holder(home, "rollout"), holder(home, "ingest") is not None
    with exclusive(home, "night", wait_s=PROBE_S):
        if process is not None and is_at_work:
            log(f"  waits        until the rollout or backfill of process {process} gives way, at its next trial")
        wait_s = SHORT_ACT_S if process is None else LONGEST_TRIAL_S
        with exclusive(home, wait_s=wait_s):
            yield


class Background:
    """The turns of what gives way to nights.

    Args:
        home: that it works in.
        log: called with a line where it waits.
    """

    def __init__(self, home: Path, log: Log) -> None:
        self._home, self._log = home, log

    def gives_way(self) -> bool:
        """Whether a night is there."""
        return holder(self._home, "night") is not None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the home, once no night needs it.

        Raises:
            BioposeError: something else than a night has it.
        """
        with ExitStack() as held:
            is_held = False
            while not is_held:
                self._wait_for_night()
                try:
                    held.enter_context(exclusive(self._home, wait_s=SHORT_ACT_S))
                    is_held = True
                except BioposeError:
                    if not self.gives_way():
                        raise
            yield

    def _wait_for_night(self) -> None:
        process = holder(self._home, "night")
        if process is None:
            return
        self._log(f"  waits        an ingest is at work here (process {process}); this goes on when it is done")
        while self.gives_way():
            time.sleep(POLL_S)


@contextmanager
def in_background(home: Path, *, log: Log) -> Iterator[Background]:
    """Be what works in a home between nights, for the block.

    Raises:
        BioposeError: another rollout or backfill is at work.
    """
    with exclusive(home, "rollout", wait_s=PROBE_S):
        yield Background(home, log)
