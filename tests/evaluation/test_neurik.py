"""NeurIK against the batched solver on synthetic trials."""

from pathlib import Path

import numpy as np
import pytest
import torch

from biopose.evaluation.neurik import (
    METRIC_TITLES,
    compare,
    compare_recorded,
    comparison_lines,
    scaled_to,
    solved,
)
from biopose.neurik.network import NeurikShape, new_neurik, save_neurik
from biopose.neurik.output import OutputDecoder
from biopose.skeleton.full_body import full_body_skeleton
from biopose.training.neurik_loss import Evaluator, neurik_metrics
from biopose.training.synthetic.recorded_windows import as_recorded
from tests.training.synthetic_markers import default_locations_m, synthetic_clips, synthetic_source


def test_the_solver_explains_clean_markers() -> None:
    """It sees the very skeleton but for what scaling cannot tell."""
    trial = synthetic_source().draw(1, frames=6, clean=True)
    own = scaled_to(trial)
    figures = neurik_metrics(lambda each: solved(each, *own), [trial], Evaluator(OutputDecoder(full_body_skeleton())))
    assert figures["mae_deg"] < 4
    assert figures["mpblpe_mm"] < 20
    assert "coverage95" not in figures


def test_without_a_static_posture_there_is_no_own_skeleton() -> None:
    with pytest.raises(ValueError, match="static posture"):
        scaled_to(as_recorded(synthetic_clips())[0:1])


def test_both_are_judged_on_clean_and_faulty_trials(tmp_path: Path) -> None:
    torch.manual_seed(0)
    shape = NeurikShape(segment_width=6, width=20, layers=1, heads=2, hidden=24, waves=4)
    save_neurik(tmp_path / "neurik.safetensors", new_neurik(shape, locations_m=default_locations_m()))
    weights = tmp_path / "neurik.safetensors"
    found = compare(synthetic_source(), trials=1, frames=4, weights=weights)
    assert set(found) == {"clean", "faulty"}
    found["recorded"] = compare_recorded(synthetic_clips(knee_rad=0.1), weights=weights)
    assert 0.05 < found["recorded"]["inverse_kinematics"]["mae_deg"] < np.degrees(0.1) / 34 + 0.01
    assert set(METRIC_TITLES) <= set(found["clean"]["neurik"])
    assert all(value == value for kind in found.values() for way in kind.values() for value in way.values())
    lines = comparison_lines(found)
    assert len(lines) == 2 + len(METRIC_TITLES)
    assert "lower limb" in lines[3]
