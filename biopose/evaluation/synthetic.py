"""The accuracy protocol on made-up pictures: people, motions and backgrounds that no training saw.

The pictures are drawn once and kept: shards of the split `test` (`biopose.training.synthetic.shards`).
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
from biopose.training.data.crop_batches import CropBatch, CropBatches
from biopose.training.mqhmr_loss import Recover, mqhmr_metrics
from biopose.training.synthetic import shards
from biopose.training.synthetic.shards import LEVELS, ShardFolder, make_shards, split_people

PICTURES = 5120
AT_ONCE = 128  # pictures
TOLD_OF_THE_DECODER = ("mpjpe_mm", "pa_mpjpe_mm", "pve_mm", "coverage95")
FIGURES = {
    "mpjpe_mm": "MPJPE, mm",
    "pa_mpjpe_mm": "PA-MPJPE, mm",
    "pve_mm": "PVE, mm",
    "coverage95": "held by 95 % intervals",
    "error_sd_rank_correlation": "rank correlation of error and sd",
}


def evaluate_synthetic(
    data: Path,
    *,
    pictures: int = PICTURES,
    folder: Path | None = None,
    weights: Path = MQHMR_WEIGHTS,
    processes: int = 2,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Judge MQ-HMR on unseen made-up pictures, which are drawn first where they are missing.

    Args:
        data: the reference recordings; mocap/cmu is read where pictures are missing.
        pictures: how many.
        folder: of the shards; None: beside the assets.
        weights: of the network.
        processes: that draw.
        progress: called with the number of pictures since the last call, of the last way.

    Returns:
        pictures; for each way of recovery (decoder: the network alone; refined: each picture by its own keypoints) the
        figures of `mqhmr_metrics`, every vertex judged; the decoder's also by themselves.

    Raises:
        BioposeError: no motions there, or no weights.
    """
    ways = recoveries(weights)
    where = ShardFolder(folder or assets_folder() / "training", data / "mocap" / "cmu")
    count = -(-pictures // shards.SHARD_IMAGES)
    make_shards(where, "test", count, processes=processes)
    body = SegmentBody.load()
    people = split_people(body, where.folder, "test")
    paths = [where.path("test", index) for index in range(count)]
    batches = CropBatches(paths, people, body.rig, levels=LEVELS, size=AT_ONCE, augmented=False)
    judged = partial(_first, batches, pictures)
    told = dict.fromkeys(ways, lambda _: None) | {list(ways)[-1]: progress}  # the last takes longest
    found = {name: mqhmr_metrics(way, judged(told[name]), body, people, stride=1) for name, way in ways.items()}
    return {"pictures": pictures, **{name: found["decoder"][name] for name in TOLD_OF_THE_DECODER}, **found}


def recoveries(weights: Path) -> Mapping[str, Recover]:
    """The ways from crops to people that are judged, each a column, by name.

    Raises:
        ModelError: no weights there.
    """
    network = load_mqhmr(weights)
    return {"decoder": network, "refined": refine_images(network, SegmentBody.load())}


def _first(batches: CropBatches, pictures: int, progress: Callable[[int], None]) -> Iterator[CropBatch]:
    """Batches that hold the first pictures of the shards and no more."""
    for step in range(-(-pictures // batches.size)):
        batch = batches.batch(step)
        count = min(batches.size, pictures - step * batches.size)
        yield batch[:count]
        progress(count)


def synthetic_lines(result: dict[str, Any]) -> list[str]:
    """For a person: a line a figure, a column a way."""
    ways = {name: value for name, value in result.items() if isinstance(value, dict)}
    lines = [f"{result['pictures']} made-up pictures of unseen people, motions and backgrounds"]
    lines.append(f"{'':34}" + "".join(f"{name:>10}" for name in ways))
    for name, title in FIGURES.items():
        form = "10.1f" if name.endswith("mm") else "10.3f"
        lines.append(f"{title:34}" + "".join(f"{figures[name]:{form}}" for figures in ways.values()))
    return lines
