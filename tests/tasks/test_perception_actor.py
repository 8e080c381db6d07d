"""What perceives, without Ray: whoever is located already is not located again, and that costs what it should."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from biopose.assets import assets_folder
from biopose.tracking.shard import Shard, ShardFiles
from tasks.costs import second_pass_cost, shard_cost
from tasks.methods import PinnedMethod
from tasks.models import PinnedModel
from tasks.ray_pool import PerceptionActor
from tasks.shipped_models import shipped_models
from tests.perception.real_people import needs_networks

CLIP = Shard(assets_folder() / "clips" / "sports2d_demo.mp4", 2.0, 2.3)


def processor_s(cost: Path) -> float:
    return float(json.loads(cost.read_text())["processor_s"])


@needs_networks
def test_of_located_people_the_tokens_alone_are_made_and_each_part_has_its_own_cost(tmp_path: Path) -> None:
    models = {model.name: model for model in shipped_models()}
    pins = (PinnedModel(name, name, 1, "a" * 64, model.configuration_json) for name, model in models.items())
    files = {"detector": models["detector"].files[0], "keypoints": models["keypoints"].files[0]}
    actor = PerceptionActor(PinnedMethod("mqhmr", tuple(pins), tuple(files.items()), 0))
    folder = tmp_path / "perceived"
    first, other = (ShardFiles(folder / "0000.parquet", folder / name / "0000.parquet") for name in ("one", "other"))
    assert first.tokens is not None
    assert other.tokens is not None
    assert actor.perceive([CLIP], [first]) == [None]
    located_at, located_s = first.located.stat().st_mtime_ns, processor_s(shard_cost(first.located))
    assert actor.perceive([CLIP], [other]) == [None]
    assert pq.read_table(other.tokens).equals(pq.read_table(first.tokens))
    assert (first.located.stat().st_mtime_ns, processor_s(shard_cost(first.located))) == (located_at, located_s)
    decoding_s = [processor_s(shard_cost(one.tokens)) for one in (first, other) if one.tokens]
    assert 0 < max(decoding_s) < 0.5 * located_s
    assert max(decoding_s) < 3 * min(decoding_s)
    assert not second_pass_cost(first.tokens).exists()
    assert 0 < processor_s(second_pass_cost(other.tokens)) < located_s
    assert actor.perceive([CLIP], [replace(first)]) == [None]  # nothing is left to do
    assert first.tokens.stat().st_mtime_ns < other.tokens.stat().st_mtime_ns
