"""An ablation trains every variant alike, keeps a table, and never trains a variant twice."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from biopose.hmr.mqhmr import load_mqhmr
from biopose.training import mqhmr_ablation
from biopose.training.mqhmr_ablation import COLUMNS, PRESETS, SHIPPED, VARIANTS, ablate_mqhmr
from biopose.training.run import TrainingRequest
from biopose.training.synthetic.shards import ShardFolder
from tests.training.tiny_images import TINY, TINY_SHAPE, needs_images, small

FEW = {"one map": replace(TINY_SHAPE, levels=(3,)), "plain": replace(TINY_SHAPE, deformable=False)}


class KilledError(Exception):
    """As a run ends whose machine is taken away."""


def test_each_variant_differs_from_what_ships_in_one_choice() -> None:
    for shape in VARIANTS.values():
        assert sum(value != vars(SHIPPED)[name] for name, value in vars(shape).items()) <= 1
    assert {shape.queries for shape in VARIANTS.values()} == {1, 5, 20}
    assert {shape.levels for shape in VARIANTS.values()} == {(3,), (2, 3), (1, 2, 3)}
    assert {shape.layers for shape in VARIANTS.values()} == {1, 2, 4}
    assert {shape.deformable for shape in VARIANTS.values()} == {True, False}


@needs_images
def test_a_killed_ablation_goes_on_and_ends_with_a_table_of_all(
    tiny_images: ShardFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch)
    monkeypatch.setattr(mqhmr_ablation, "PRESETS", {**PRESETS, "tiny": TINY})
    killed_at: tuple[str, int] | None = ("plain", 4)
    reports: list[tuple[str, int]] = []

    def report(variant: str, step: int, _: dict[str, float]) -> None:
        reports.append((variant, step))
        if (variant, step) == killed_at:
            raise KilledError

    request = TrainingRequest(tiny_images.motion, tmp_path, "tiny", processes=1, drawn=tiny_images.folder)
    with pytest.raises(KilledError):
        ablate_mqhmr(request, variants=FEW, report=report)
    killed_at = None
    result = ablate_mqhmr(request, variants=FEW, report=report)
    assert reports == [("one map", 2), ("one map", 4), ("plain", 2), ("plain", 4), ("plain", 4)]
    assert json.loads((tmp_path / "ablation.json").read_text())["variants"].keys() == FEW.keys()
    table = (tmp_path / "ablation.md").read_text().splitlines()
    assert [line.split("|")[1].strip() for line in table[4:]] == list(FEW)
    assert all(line.count("|") == len(COLUMNS) + 2 for line in table[2:])
    for line in result["variants"].values():
        assert line["crops_per_s"] > 0
        assert line["mpjpe_mm"] > 0
    assert load_mqhmr(tmp_path / "plain" / "mqhmr.safetensors").shape == FEW["plain"]
