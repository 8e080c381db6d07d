"""What the paper leaves open of MQ-HMR, decided by trial: `biopose train ablation --network mqhmr`.

Each variant differs from the network that ships in one choice. All see the same pictures in the same order, disturbed
alike, for as many steps, from weights drawn with the same seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

from biopose.hmr.mqhmr import Mqhmr, MqhmrShape, save_mqhmr
from biopose.training.ablation import VariantReport, ablation
from biopose.training.loop import Schedule
from biopose.training.mqhmr import SEED, MqhmrCourse, MqhmrPreset, make_pictures
from biopose.training.synthetic.shards import ShardFolder

SHIPPED = MqhmrShape()
VARIANTS: Mapping[str, MqhmrShape] = {
    "as it ships": SHIPPED,
    "5 queries": replace(SHIPPED, queries=5),
    "1 query": replace(SHIPPED, queries=1),
    "stride 32 alone": replace(SHIPPED, levels=(3,)),
    "strides 8, 16, 32": replace(SHIPPED, levels=(1, 2, 3)),
    "2 layers": replace(SHIPPED, layers=2),
    "1 layer": replace(SHIPPED, layers=1),
    "no feedback": replace(SHIPPED, feedback=False),
    "plain attention": replace(SHIPPED, deformable=False),
}
BUDGETS: Mapping[str, MqhmrPreset] = {
    "cpu": MqhmrPreset(
        shards=12,
        validation_shards=2,
        batch=32,
        schedule=Schedule(steps=600, learning_rate=7e-4, falling_share=0.4, mean_decay=0.99, report_every=300),
    ),
    "gpu": MqhmrPreset(
        shards=100,
        validation_shards=2,
        batch=512,
        schedule=Schedule(steps=6_000, learning_rate=5e-4, falling_share=0.4, mean_decay=0.999, report_every=500),
    ),
}
TIMED_CROPS, TIMED_RUNS = 64, 7
COLUMNS = {
    "parameters": "{:,.0f}",
    "crops_per_s": "{:.0f}",
    "mpjpe_mm": "{:.1f}",
    "pa_mpjpe_mm": "{:.1f}",
    "pve_mm": "{:.1f}",
    "depth_mm": "{:.1f}",
    "sureness_rank": "{:.3f}",
}


def ablate_mqhmr(
    motion: Path,
    out: Path,
    *,
    preset: str,
    device: str,
    processes: int,
    report: VariantReport,
    drawn: Path | None = None,
    shard_made: Callable[[str, int], None] = lambda _split, _index: None,
    variants: Mapping[str, MqhmrShape] = VARIANTS,
) -> dict[str, Any]:
    """Train every variant, or go on with an ablation that was interrupted.

    Args:
        motion: folder of CMU's .asf and .amc files.
        out: folder of the run: its pictures, a folder for each variant, ablation.json and ablation.md.
        preset: of `BUDGETS`.
        device: where the networks are, and are timed.
        processes: that make pictures.
        report: called with the variant, the step and the figures on held-out motions and people.
        drawn: folder of the pictures; None puts them into `out`.
        shard_made: called with the split and index of each shard that was made.
        variants: by name.

    Returns:
        what `ablation` does; of each variant its shape, parameters, crops_per_s of the decoder, and figures.

    Raises:
        BioposeError: no motions there, or a file of the run is broken.
    """
    budget, where = BUDGETS[preset], ShardFolder(drawn or out / "pictures", motion)
    make_pictures(where, budget, processes=processes, shard_made=shard_made)
    course = MqhmrCourse(where, budget, device=device)

    def line_of(name: str, shape: MqhmrShape, folder: Path) -> dict[str, Any]:
        checkpoint = folder / "mqhmr.checkpoint.pt"
        network = course.train(shape, checkpoint=checkpoint, report=partial(report, name))
        save_mqhmr(folder / "mqhmr.safetensors", network)
        return {
            "shape": asdict(shape),
            "parameters": sum(weights.numel() for weights in network.parameters()),
            "crops_per_s": crops_per_s(network, course),
            **course.figures(network),
        }

    given = asdict(budget)
    del given["shape"]
    return ablation(
        variants,
        line_of,
        out=out,
        title=f"{budget.shards} shards, {budget.schedule.steps} steps of {budget.batch}, seed {SEED}, {device}; "
        f"{budget.validation_shards} shards of validation.",
        columns=COLUMNS,
        about={"budget": given, "seed": SEED, "device": device},
    )


@torch.no_grad()
def crops_per_s(network: Mqhmr, course: MqhmrCourse) -> float:
    """Of the decoder alone: the median of some runs on crops whose maps are at hand."""
    batch = next(course.held_out(network.shape))[:TIMED_CROPS]
    network(batch.crops)
    durations_s = []
    for _ in range(TIMED_RUNS):
        begin_s = time.perf_counter()
        float(network(batch.crops).root.sum())  # waits for a device that works on by itself
        durations_s.append(time.perf_counter() - begin_s)
    return len(batch.person) / median(durations_s)
