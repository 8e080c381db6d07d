"""Real actors that do little, in a module that imports little: each is a process of its own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence

from biopose.errors import BioposeError, VideoError
from biopose.tracking.shard import Shard, ShardFiles

STAGE_S = 0.4  # long beside what Prefect needs for a task run, also on a busy machine


class SmallActor:
    """Perceives by the video's name: `kill` dies of it, `bad` is refused, others are noted in their file."""

    def ready(self) -> None:
        """As of the actor that it stands for."""

    def perceive(self, shards: Sequence[Shard], files: Sequence[ShardFiles]) -> list[BioposeError | None]:
        for shard, file in zip(shards, files, strict=True):
            if shard.video.name == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            file.located.write_text(str(os.getpid()))
        return [VideoError("broken") if shard.video.name == "bad" else None for shard in shards]


class SleepingActor(SmallActor):
    """Takes STAGE_S for a call."""

    def perceive(self, shards: Sequence[Shard], files: Sequence[ShardFiles]) -> list[BioposeError | None]:
        time.sleep(STAGE_S)
        return super().perceive(shards, files)


class FailingActor(SmallActor):
    """Does not start: raises, dies or hangs.

    Args:
        how: of these.
    """

    def __init__(self, how: str) -> None:
        if how == "raise":
            raise ValueError("no weights")
        if how == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
