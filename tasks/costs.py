"""What each stage of a trial costs: processor time, wall time and peak memory, in small files beside the results.

A result that two releases share is made once; its file then states the cost for both. Of what perceives, people's
location and their tokens have a file each, as another release may share the first alone. The keypoint network has to
pass their crops a second time then, which it would not in a night: that is a cost of its own, and none of the release.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from biopose.io.files import written_whole
from biopose.tracking.shard import ShardFiles

SUFFIX = ".cost"
AGAIN = ".again.cost"
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


def shard_cost(file: Path) -> Path:
    """The file with the cost of one of a shard's files."""
    return file.with_suffix(SUFFIX)


def second_pass_cost(tokens: Path) -> Path:
    """That of passing a shard's located people through the keypoint network again, for these tokens."""
    return tokens.with_suffix(AGAIN)


def motion_cost(perceived: Sequence[ShardFiles], motion: Path) -> Path:
    """That of a motion: beside the shards that it was made from, and removed with them."""
    return perceived[0].located.parent / f"{motion.stem}{SUFFIX}"


def trial_cost(folder: Path) -> Path:
    """That of what a trial's folder was made with after its motion."""
    return folder / f"trial{SUFFIX}"


@contextmanager
def recorded_cost(
    files: Sequence[Path],
    *,
    parts: Sequence[Path] = (),
    of_part: Callable[[], tuple[float, float]] = lambda: (0.0, 0.0),
) -> Iterator[None]:
    """Write what the block costs.

    Args:
        files: to write, one for each result that the block makes; they share the cost equally. Nothing else is to run
            in this process meanwhile.
        parts: of a part of the block that is not in them, likewise.
        of_part: processor and wall seconds of that part since the process began.
    """
    began_s, before_s, part_before_s = time.perf_counter(), _processor_s(), of_part()
    yield
    whole_s = _processor_s() - before_s, time.perf_counter() - began_s
    part_s = tuple(after - before for after, before in zip(of_part(), part_before_s, strict=True))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / RSS_PER_MB
    rest_s = [max(of_both - of_one, 0.0) for of_both, of_one in zip(whole_s, part_s, strict=True)]
    for paths, (processor_s, wall_s) in ((files, rest_s), (parts, part_s)):
        for path in paths:
            cost = Cost(processor_s / len(paths), wall_s / len(paths), peak_mb)
            with written_whole(path, durable=True) as partial:
                partial.write_text(json.dumps(asdict(cost)), encoding="utf-8")


def costs_of(stages: Mapping[str, Sequence[Path]]) -> list[dict[str, Any]]:
    """The costs of a run, a row a stage; none where one is not known, since a sum without it would mislead.

    Args:
        stages: by name, the files with the costs of its results.
    """
    costs = {stage: _together(files) for stage, files in stages.items()}
    known = [{"stage": stage, **asdict(cost)} for stage, cost in costs.items() if cost is not None]
    return known if len(known) == len(stages) else []


def spent_s(files: Iterable[Path]) -> float:
    """Processor seconds of the results whose costs are known."""
    costs = (_together([file]) for file in files)
    return sum(cost.processor_s for cost in costs if cost is not None)


def _together(files: Sequence[Path]) -> Cost | None:
    try:
        costs = [Cost(**json.loads(file.read_text(encoding="utf-8"))) for file in files]
    except (OSError, ValueError, TypeError):  # not there, or not whole, as after a power cut
        return None
    return Cost(
        sum(one.processor_s for one in costs), sum(one.wall_s for one in costs), max(one.peak_mb for one in costs)
    )


def _processor_s() -> float:
    """Of this process and of those that it has waited for."""
    used = (resource.getrusage(which) for which in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)
