"""NeurIK's ablation: one choice at a time, judged on the same, with and without limits."""

import math
from pathlib import Path

import pytest
import torch

from biopose.neurik.network import NeurikShape, load_neurik, new_neurik
from biopose.neurik.output import OutputDecoder
from biopose.skeleton.full_body import full_body_skeleton
from biopose.training import neurik, neurik_ablation
from biopose.training.loop import Schedule
from biopose.training.neurik import NeurikPreset
from biopose.training.neurik_ablation import (
    COLUMNS,
    PRESETS,
    VARIANTS,
    NeurikVariant,
    UnlimitedDecoder,
    UnlimitedNeurik,
    ablate_neurik,
)
from biopose.training.run import TrainingRequest
from tests.training.synthetic_markers import default_locations_m, synthetic_source

SHAPE = NeurikShape(segment_width=6, width=20, layers=1, heads=2, hidden=24, waves=4)
FEW = {
    "short windows": NeurikVariant(SHAPE, longest=8),
    "not limited": NeurikVariant(SHAPE, limited=False),
}
TINY = NeurikPreset(Schedule(steps=4, report_every=2), windows=5, clip_shards={})


def test_each_variant_differs_from_what_ships_in_one_choice() -> None:
    ships = NeurikVariant()
    for name, variant in VARIANTS.items():
        assert sum(value != vars(ships)[key] for key, value in vars(variant).items()) == (name != "shipped")


def test_predictions_without_limits_begin_where_the_others_do_and_go_further() -> None:
    windows = synthetic_source().draw(2, frames=4).windows
    kinds = ((neurik_ablation.Neurik, OutputDecoder), (UnlimitedNeurik, UnlimitedDecoder))
    angles = []
    for correction in (0.0, 10.0):
        for kind, decoder in kinds:
            torch.manual_seed(0)
            network = new_neurik(SHAPE, locations_m=default_locations_m(), kind=kind).eval()
            torch.nn.init.zeros_(network.heads[1].weight)  # type: ignore[arg-type]
            with torch.no_grad():
                network.heads[1].bias[: network.sizes[0]] = correction  # type: ignore[index, operator]
                decoded = decoder(full_body_skeleton())
                angles.append(decoded.angles(network(windows).logits))
    inside, same, still_inside, beyond = angles
    torch.testing.assert_close(same, inside, atol=1e-3, rtol=0)
    limit = OutputDecoder(full_body_skeleton())
    highest = limit.middle + limit.half
    assert bool((still_inside <= highest).all())
    assert bool((beyond > highest).all())


def test_a_table_of_variants_judged_on_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EVALUATION_WINDOWS", "EVALUATION_BATCHES", "CALIBRATION_BATCHES"):
        monkeypatch.setattr(neurik, name, 2)
    seeds = {"train": 1, "validation": 2}
    monkeypatch.setattr(neurik_ablation, "marker_source", lambda _, split, shards: synthetic_source(seed=seeds[split]))
    monkeypatch.setattr(neurik_ablation, "PRESETS", {**PRESETS, "tiny": TINY})
    reports: list[tuple[str, int]] = []
    result = ablate_neurik(
        TrainingRequest(tmp_path, tmp_path / "run", "tiny"),
        report=lambda variant, step, _: reports.append((variant, step)),
        variants=FEW,
    )
    assert reports == [(name, step) for name in FEW for step in (2, 4, 4)]
    for name, line in result["variants"].items():
        assert all(math.isfinite(line[column]) for column in COLUMNS), name
    assert result["variants"]["short windows"]["beyond_range"] == 0
    assert load_neurik(tmp_path / "run" / "not_limited" / "neurik.safetensors").shape == SHAPE
