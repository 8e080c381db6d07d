"""Ablation of MQ-HMR's choices that the paper leaves open: `biopose train ablation --network mqhmr`.

Each variant differs from the network that ships in one choice. All are trained on the same images in the same order,
with the same augmentation, for the same number of steps, from the same seed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch

from biopose.hmr.mqhmr import Mqhmr, save_mqhmr
from biopose.hmr.mqhmr_shape import MqhmrShape
from biopose.training.ablation import VariantReport, ablation, number_of_parameters
from biopose.training.loop import Schedule
from biopose.training.mqhmr import SEED, MqhmrPreset, MqhmrTrainer, make_images
from biopose.training.run import ShardMade, TrainingRequest, ignore_shard
from biopose.training.synthetic.shards import ShardFolder

SHIPPED = MqhmrShape()
VARIANTS: Mapping[str, MqhmrShape] = {
    "shipped": SHIPPED,
    "5 queries": replace(SHIPPED, queries=5),
    "1 query": replace(SHIPPED, queries=1),
    "stride 32 alone": replace(SHIPPED, levels=(3,)),
    "strides 8, 16, 32": replace(SHIPPED, levels=(1, 2, 3)),
    "2 layers": replace(SHIPPED, layers=2),
    "1 layer": replace(SHIPPED, layers=1),
    "no feedback": replace(SHIPPED, feedback=False),
    "plain attention": replace(SHIPPED, deformable=False),
}
PRESETS: Mapping[str, MqhmrPreset] = {
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
    "error_sd_rank_correlation": "{:.3f}",
}


def ablate_mqhmr(
    request: TrainingRequest,
    *,
    report: VariantReport,
    shard_made: ShardMade = ignore_shard,
    variants: Mapping[str, MqhmrShape] = VARIANTS,
) -> dict[str, Any]:
    """Train every variant, or resume an interrupted ablation.

    Args:
        request: the run, its preset one of this module's; its images are kept in the folder `pictures`.
        report: called with the variant, the step and the metrics on held-out motions and people.
        shard_made: called with the split and index of each shard of images that was rendered.
        variants: by name.

    Returns:
        see `ablation`; of each variant its shape, number of parameters, crops_per_s of the decoder, and metrics.

    Raises:
        BioposeError: no motions there, or a file of the run is broken.
    """
    preset, where = (
        request.of_length(PRESETS[request.preset]),
        ShardFolder(request.data_folder("pictures"), request.motion),
    )
    make_images(where, preset, processes=request.processes, shard_made=shard_made)
    trainer = MqhmrTrainer(where, preset, device=request.device)

    def train_variant(name: str, shape: MqhmrShape, folder: Path) -> dict[str, Any]:
        checkpoint = folder / "mqhmr.checkpoint.pt"
        network = trainer.train(shape, checkpoint=checkpoint, report=partial(report, name))
        save_mqhmr(folder / "mqhmr.safetensors", network)
        return {
            "shape": asdict(shape),
            "parameters": number_of_parameters(network),
            "crops_per_s": crops_per_s(network, trainer),
            **trainer.metrics(network),
        }

    conditions = {name: value for name, value in asdict(preset).items() if name != "shape"}
    return ablation(
        variants,
        train_variant,
        out=request.out,
        title=f"{preset.shards} shards, {preset.schedule.steps} steps of {preset.batch}, seed {SEED}, "
        f"{request.device}; {preset.validation_shards} shards of validation.",
        columns=COLUMNS,
        conditions={"preset": conditions, "seed": SEED, "device": request.device},
    )


@torch.no_grad()
def crops_per_s(network: Mqhmr, trainer: MqhmrTrainer) -> float:
    """Speed of the decoder alone, its feature maps given: the median of some runs."""
    batch = next(trainer.held_out(network.shape))[:TIMED_CROPS]
    network(batch.crops)
    durations_s = []
    for _ in range(TIMED_RUNS):
        begin_s = time.perf_counter()
        float(network(batch.crops).root.sum())  # waits for a device that works asynchronously
        durations_s.append(time.perf_counter() - begin_s)
    return len(batch.person) / median(durations_s)
