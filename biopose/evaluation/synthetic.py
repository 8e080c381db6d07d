"""The accuracy protocol on synthetic images: people, motions and backgrounds held out from training.

The images are rendered once and kept: shards of the split `test` (`biopose.training.synthetic.shards`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from biopose.assets import assets_folder
from biopose.body.segment_body import SegmentBody
from biopose.hmr.mqhmr import MQHMR_WEIGHTS, load_mqhmr
from biopose.reconstruction.image_refinement import refine_images
from biopose.training.mqhmr_loss import Recover, mqhmr_metrics
from biopose.training.synthetic import shards
from biopose.training.synthetic.crop_batches import CropBatch, CropBatches
from biopose.training.synthetic.shards import LEVELS, ShardFolder, make_shards, split_people

IMAGES = 5120
BATCH_SIZE = 128  # images
DECODER_METRICS = ("mpjpe_mm", "pa_mpjpe_mm", "pve_mm", "coverage95")
METRIC_TITLES = {
    "mpjpe_mm": "MPJPE, mm",
    "pa_mpjpe_mm": "PA-MPJPE, mm",
    "pve_mm": "PVE, mm",
    "coverage95": "within 95 % intervals",
    "error_sd_rank_correlation": "rank correlation of error and sd",
}


def evaluate_synthetic(
    data: Path,
    *,
    images: int = IMAGES,
    folder: Path | None = None,
    weights: Path = MQHMR_WEIGHTS,
    processes: int = 2,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Evaluate MQ-HMR on held-out synthetic images, which are rendered first where they are missing.

    Args:
        data: the reference recordings; mocap/cmu is used where images are missing.
        images: their number.
        folder: of the shards; None: beside the assets.
        weights: of the network.
        processes: that render.
        progress: called with the number of images since the last call, of the last recovery.

    Returns:
        images; for each recovery (decoder: the network alone; refined: each image by its own keypoints) the metrics of
        `mqhmr_metrics` over every vertex; the decoder's main metrics also at the top level.

    Raises:
        BioposeError: no motions there, or no weights.
    """
    recover = recoveries(weights)
    where = ShardFolder(folder or assets_folder() / "training", data / "mocap" / "cmu")
    count = -(-images // shards.SHARD_IMAGES)
    make_shards(where, "test", count, processes=processes)
    body = SegmentBody.load()
    people = split_people(body, where.folder, "test")
    paths = [where.path("test", index) for index in range(count)]
    batches = CropBatches(paths, people, body.rig, levels=LEVELS, size=BATCH_SIZE, augmented=False)
    first_batches = partial(_first, batches, images)
    reports = dict.fromkeys(recover, lambda _: None) | {list(recover)[-1]: progress}  # the last takes longest
    found = {
        name: mqhmr_metrics(network, first_batches(reports[name]), body, people, stride=1)
        for name, network in recover.items()
    }
    return {"images": images, **{name: found["decoder"][name] for name in DECODER_METRICS}, **found}


def recoveries(weights: Path) -> Mapping[str, Recover]:
    """The evaluated recoveries of people from crops, by name.

    Raises:
        ModelError: no weights there.
    """
    network = load_mqhmr(weights)
    return {"decoder": network, "refined": refine_images(network, SegmentBody.load())}


def _first(batches: CropBatches, images: int, progress: Callable[[int], None]) -> Iterator[CropBatch]:
    """Batches of exactly the first images of the shards."""
    for step in range(-(-images // batches.size)):
        batch = batches.batch(step)
        count = min(batches.size, images - step * batches.size)
        yield batch[:count]
        progress(count)


def synthetic_lines(result: dict[str, Any]) -> list[str]:
    """As text: a row a metric, a column a recovery."""
    recoveries = {name: value for name, value in result.items() if isinstance(value, dict)}
    lines = [f"{result['images']} synthetic images of held-out people, motions and backgrounds"]
    lines.append(f"{'':34}" + "".join(f"{name:>10}" for name in recoveries))
    for name, title in METRIC_TITLES.items():
        form = "10.1f" if name.endswith("mm") else "10.3f"
        lines.append(f"{title:34}" + "".join(f"{metrics[name]:{form}}" for metrics in recoveries.values()))
    return lines
