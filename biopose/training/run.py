"""What every training run is given, from the command line or from a flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

Preset = TypeVar("Preset", bound=Any)  # of a network: a dataclass with a schedule
REPORTS = 10  # of a run that is shortened
ShardMade = Callable[[str, int], None]  # split and index of a shard of training data


@dataclass(frozen=True)
class TrainingRequest:
    """A training run.

    Attributes:
        motion: folder of CMU's motion capture, .asf and .amc files.
        out: folder of the run: its checkpoint and, at the end, its weights.
        preset: name of one of the network's presets.
        device: of torch, where the network is trained.
        processes: that synthesise training data, a core each.
        drawn: folder that keeps the synthetic training data; None keeps it in `out`.
        steps: of the optimizer, in place of the preset's.
    """

    motion: Path
    out: Path
    preset: str
    device: str = "cpu"
    processes: int = 2
    drawn: Path | None = None
    steps: int | None = None

    def of_length(self, preset: Preset) -> Preset:
        """A preset with the steps that were asked for; it reports ten times then, if not more often."""
        if self.steps is None:
            return preset
        every = min(preset.schedule.report_every, max(self.steps // REPORTS, 1))
        return replace(preset, schedule=replace(preset.schedule, steps=self.steps, report_every=every))

    def data_folder(self, name: str) -> Path:
        """Folder of the synthetic training data: `drawn`, or a folder of this name in `out`."""
        return self.drawn or self.out / name


def ignore_shard(split: str, index: int) -> None:
    """The default of callbacks on shards."""
