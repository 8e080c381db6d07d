"""What each stage of a trial costs: processor time, wall time and peak memory, in small files beside the results.

A result that two releases share is made once; its file then states the cost for both.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from biopose.io.files import written_whole

SUFFIX = ".cost"
RSS_PER_MB = 1e6 if sys.platform == "darwin" else 1e3  # getrusage gives bytes there, kilobytes elsewhere


@dataclass(frozen=True)
class Cost:
    """Of one result, or of several together.

    Attributes:
        processor_s: of all threads.
        wall_s: elapsed.
        peak_mb: of the process that made them, since it began.
    """

    processor_s: float
    wall_s: float
    peak_mb: float


def shard_cost(perceived: Path) -> Path:
    """The file with the cost of a perceived shard."""
    return perceived.with_suffix(SUFFIX)


def motion_cost(perceived: Sequence[Path], motion: Path) -> Path:
    """That of a motion: beside the shards that it was made from, and removed with them."""
    return perceived[0].parent / f"{motion.stem}{SUFFIX}"


def trial_cost(folder: Path) -> Path:
    """That of what a trial's folder was made with after its motion."""
    return folder / f"trial{SUFFIX}"


@contextmanager
def recorded_cost(files: Sequence[Path]) -> Iterator[None]:
    """Write what the block costs.

    Args:
        files: to write, one for each result that the block makes; they share the cost equally. Nothing else is to run
            in this process meanwhile.
    """
    began_s, before_s = time.perf_counter(), _processor_s()
    yield
    share = 1 / max(len(files), 1)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / RSS_PER_MB
    cost = Cost((_processor_s() - before_s) * share, (time.perf_counter() - began_s) * share, peak_mb)
    for file in files:
        with written_whole(file, durable=True) as partial:
            partial.write_text(json.dumps(asdict(cost)), encoding="utf-8")


def costs_of(stages: Mapping[str, Sequence[Path]]) -> list[dict[str, Any]]:
    """The costs of a run, a row a stage; none where one is not known, since a sum without it would mislead.

    Args:
        stages: by name, the files with the costs of its results.
    """
    try:
        return [{"stage": stage, **asdict(_together(files))} for stage, files in stages.items()]
    except (OSError, ValueError, TypeError):  # not there, or not whole, as after a power cut
        return []


def _together(files: Sequence[Path]) -> Cost:
    costs = [Cost(**json.loads(file.read_text(encoding="utf-8"))) for file in files]
    return Cost(
        sum(one.processor_s for one in costs), sum(one.wall_s for one in costs), max(one.peak_mb for one in costs)
    )


def _processor_s() -> float:
    """Of this process and of those that it has waited for."""
    used = (resource.getrusage(which) for which in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)
