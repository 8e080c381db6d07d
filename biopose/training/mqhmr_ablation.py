"""What the paper leaves open of MQ-HMR, decided by trial: `biopose train ablation`.

Each variant differs from the network that ships in one choice. All see the same pictures in the same order, disturbed
alike, for as many steps, from weights drawn with the same seed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch

from biopose.io.files import written_whole
from biopose.models.mqhmr import Mqhmr, MqhmrShape, save_mqhmr
from biopose.training.loop import Schedule
from biopose.training.mqhmr_run import SEED, MqhmrCourse, MqhmrPreset, make_pictures
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


def train_ablation(
    motion: Path,
    out: Path,
    *,
    preset: str,
    device: str,
    processes: int,
    report: Callable[[str, int, dict[str, float]], None],
    pictures: Path | None = None,
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
        pictures: folder of the pictures; None puts them into `out`.
        shard_made: called with the split and index of each shard that was made.
        variants: by name.

    Returns:
        budget; seed; variants: of each its shape, parameters, crops_per_s of the decoder, and figures.

    Raises:
        BioposeError: no motions there, or a file of the run is broken.
    """
    out.mkdir(parents=True, exist_ok=True)
    budget, where = BUDGETS[preset], ShardFolder(pictures or out / "pictures", motion)
    make_pictures(where, budget, processes=processes, shard_made=shard_made)
    course = MqhmrCourse(where, budget, device=device)
    given = asdict(budget)
    del given["shape"]
    result: dict[str, Any] = {"budget": given, "seed": SEED, "device": device, "variants": {}}
    for name, shape in variants.items():
        result["variants"][name] = _variant(name, shape, course, out, report)
        _write(out / "ablation.json", json.dumps(result, indent=1))
        _write(out / "ablation.md", "\n".join(ablation_lines(result)) + "\n")
    return result


def _variant(
    name: str,
    shape: MqhmrShape,
    course: MqhmrCourse,
    out: Path,
    report: Callable[[str, int, dict[str, float]], None],
) -> dict[str, Any]:
    """One line of the table, read where it is known already."""
    folder = out / name.replace(",", "").replace(" ", "_")
    folder.mkdir(exist_ok=True)
    known = folder / "figures.json"
    if known.is_file():
        line: dict[str, Any] = json.loads(known.read_text(encoding="utf-8"))
        return line
    network = course.train(
        shape, checkpoint=folder / "mqhmr.checkpoint.pt", report=lambda step, figures: report(name, step, figures)
    )
    save_mqhmr(folder / "mqhmr.safetensors", network)
    line = {
        "shape": asdict(shape),
        "parameters": sum(weights.numel() for weights in network.parameters()),
        "crops_per_s": crops_per_s(network, course),
        **course.figures(network),
    }
    _write(known, json.dumps(line, indent=1))
    return line


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


def ablation_lines(result: Mapping[str, Any]) -> list[str]:
    """A Markdown table, a line a variant."""
    budget = result["budget"]
    lines = [
        f"{budget['shards']} shards, {budget['schedule']['steps']} steps of {budget['batch']}, seed {result['seed']}, "
        f"{result['device']}; {budget['validation_shards']} shards of validation.",
        "",
        "| variant | " + " | ".join(COLUMNS) + " |",
        "|---|" + "---:|" * len(COLUMNS),
    ]
    for name, line in result["variants"].items():
        lines.append(f"| {name} | " + " | ".join(form.format(line[column]) for column, form in COLUMNS.items()) + " |")
    return lines


def _write(path: Path, text: str) -> None:
    with written_whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
