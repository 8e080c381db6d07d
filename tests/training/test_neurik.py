"""NeurIK's training: it learns, goes on after an interruption, and its metrics and deviations mean what they say."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from biopose.neurik.network import Neurik, NeurikShape, load_neurik, new_neurik
from biopose.neurik.output import NeurikOutput, OutputDecoder
from biopose.skeleton.full_body import full_body_skeleton
from biopose.training.data.marker_batch import MarkerBatch
from biopose.training.loop import Schedule
from biopose.training.neurik import (
    PRESETS,
    NeurikPreset,
    default_locations_m,
    frames_of,
    train_neurik,
    train_neurik_from,
)
from biopose.training.neurik_loss import Evaluator, calibrate_neurik, neurik_loss, neurik_metrics, predict_with
from biopose.training.run import TrainingRequest
from biopose.training.synthetic.clip_shards import ClipFolder
from biopose.training.synthetic.marker_trajectories import MarkerSource
from biopose.training.synthetic.recorded_windows import RecordedWindows
from tests.training.synthetic_markers import synthetic_clips, synthetic_people, synthetic_source

SHAPE = NeurikShape(segment_width=6, width=20, layers=1, heads=2, hidden=24, waves=4)
TINY = NeurikPreset(Schedule(steps=4, report_every=2), windows=5, clip_shards={}, shape=SHAPE)
EVALUATOR = Evaluator(OutputDecoder(full_body_skeleton()))


def small() -> Neurik:
    torch.manual_seed(0)
    return new_neurik(SHAPE, locations_m=default_locations_m(synthetic_people()))


def exact(batch: MarkerBatch, *, sd: float = 0.1) -> NeurikOutput:
    root_sd = torch.full((*batch.q.shape[:2], 2), sd)
    return NeurikOutput(
        batch.q,
        sd * (1 + torch.arange(batch.q.shape[-1]) / 100).expand_as(batch.q),
        batch.body_scales,
        root_sd,
    )


def test_it_learns_a_batch_by_heart() -> None:
    network, batch = small(), synthetic_source().draw(4, frames=6)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        loss = neurik_loss(network.train(), batch, EVALUATOR)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_the_gradient_is_finite_for_windows_of_any_length(frames: int) -> None:
    network, batch = small(), synthetic_source().draw(4, frames=frames)
    windows = replace(batch.windows, weight=batch.windows.weight * (torch.arange(4) > 0)[:, None, None])  # one unseen
    neurik_loss(network, replace(batch, windows=windows), EVALUATOR).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.filterwarnings("ignore:An input array is constant")
def test_exact_predictions_have_no_error_however_they_are_written() -> None:
    batch = synthetic_source().draw(3, frames=5)
    answer = exact(batch)
    arm = [full_body_skeleton().coordinate_names.index(f"arm_{name}_r") for name in ("flex", "add", "rot")]
    otherwise = answer.q.clone()
    otherwise[..., arm] = otherwise[..., arm] * torch.tensor([1.0, -1.0, 1.0]) + math.pi
    for written in (answer, replace(answer, q=otherwise)):
        metrics = neurik_metrics(lambda _, said=written: said, [batch], EVALUATOR)
        assert metrics["mae_deg"] == pytest.approx(0, abs=1e-3)
        assert metrics["mpblpe_mm"] == pytest.approx(0, abs=1e-2)
        assert metrics["coverage95"] == 1


def test_metrics_are_in_their_units() -> None:
    batch = synthetic_source().draw(3, frames=5)
    answer = exact(batch)
    knee = full_body_skeleton().coordinate_names.index("knee_angle_r")
    bent = answer.q.clone()
    bent[..., knee] += math.radians(34.0)  # of 34 coordinates one
    larger = answer.body_scales + 0.02
    metrics = neurik_metrics(lambda _: replace(answer, q=bent, body_scales=larger), [batch], EVALUATOR)
    assert metrics["mae_deg"] == pytest.approx(1.0, abs=1e-3)
    assert metrics["mae_deg_upper"] == pytest.approx(0, abs=1e-3)
    assert metrics["mae_deg_lower"] == pytest.approx(34 / 14, abs=1e-3)
    assert metrics["mae_body"] == pytest.approx(0.02, abs=1e-5)
    assert metrics["jitter_deg"] == pytest.approx(0, abs=1e-3)
    assert metrics["mpblpe_mm"] > 5
    assert metrics["beyond_range"] == 0


def test_angles_beyond_their_ranges_are_counted() -> None:
    batch = synthetic_source().draw(3, frames=5)
    answer = exact(batch)
    knee = full_body_skeleton().coordinate_names.index("knee_angle_r")
    bent = answer.q.clone()
    bent[..., knee] = math.radians(170.0)
    metrics = neurik_metrics(lambda _: replace(answer, q=bent), [batch], EVALUATOR)
    assert metrics["beyond_range"] == pytest.approx(1 / 34)


def test_calibrated_deviations_hold_what_they_say() -> None:
    network, batches = small().eval(), [synthetic_source().draw(32, frames=4)]
    calibrate_neurik(network, batches, EVALUATOR)
    metrics = neurik_metrics(predict_with(network, EVALUATOR.decoder), batches, EVALUATOR)
    assert metrics["coverage95"] == pytest.approx(0.95, abs=0.01)


class KilledError(Exception):
    """As a run ends whose machine is taken away."""


def train(checkpoint: Path, *, process: int = 0, killed_at: int | None = None) -> Neurik:
    torch.manual_seed(process)  # another process finds torch's generator elsewhere

    def report(step: int, metrics: dict[str, float]) -> None:
        assert all(value == value for value in metrics.values())
        assert {"loss", "mae_deg", "clean_mae_deg", "recorded_mae_deg", "mae_body", "coverage95"} <= {*metrics, "loss"}
        if step == killed_at:
            raise KilledError

    recorded = RecordedWindows(synthetic_clips(frames=32))
    train_source, held_out = (synthetic_source(seed=seed, recorded=recorded) for seed in (1, 2))
    return train_neurik(train_source, held_out, preset=TINY, checkpoint=checkpoint, report=report)


def test_a_resumed_run_gives_the_weights_of_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("EVALUATION_WINDOWS", "EVALUATION_BATCHES", "CALIBRATION_BATCHES"):
        monkeypatch.setattr(f"biopose.training.neurik.{name}", 2)
    whole = train(tmp_path / "whole.pt")
    with pytest.raises(KilledError):
        train(tmp_path / "parts.pt", killed_at=2)
    resumed = train(tmp_path / "parts.pt", process=7)
    assert not resumed.training
    for (name, weights), again in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        if name != "log_sd_bias":  # calibrated on what the held-out source draws next
            torch.testing.assert_close(again, weights, atol=0, rtol=0, msg=name)


def test_a_run_ends_with_weights_that_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn_from: list[str] = []
    with_clips = replace(TINY, clip_shards={"train": 2, "validation": 1})

    def source(where: ClipFolder, split: str, *, shards: int) -> MarkerSource:
        drawn_from.append(split)
        return synthetic_source(seed=len(drawn_from))

    for name in ("EVALUATION_WINDOWS", "EVALUATION_BATCHES", "CALIBRATION_BATCHES"):
        monkeypatch.setattr(f"biopose.training.neurik.{name}", 2)
    monkeypatch.setattr("biopose.training.neurik.marker_source", source)
    monkeypatch.setattr("biopose.training.neurik.PRESETS", {"cpu": with_clips})
    steps: list[int] = []
    made: list[tuple[str, int]] = []
    monkeypatch.setattr(
        "biopose.training.neurik.make_shards", lambda _where, split, count, **_: made.append((split, count))
    )
    request = TrainingRequest(tmp_path, tmp_path / "run", "cpu", processes=1)
    weights = train_neurik_from(request, report=lambda step, _: steps.append(step))
    assert made == [("train", 2), ("validation", 1)]
    assert drawn_from == ["train", "validation"]
    assert steps == [2, 4, 4]  # the last again, calibrated
    network = load_neurik(weights)
    torch.testing.assert_close(network.locations_m, default_locations_m(synthetic_people()), atol=1e-3, rtol=0)


def test_some_windows_are_shorter() -> None:
    lengths = [frames_of(step, longest=32) for step in range(300)]
    assert 0.75 < lengths.count(32) / 300 < 0.95
    assert min(lengths) < 6
    assert frames_of(7, longest=32) == frames_of(7, longest=32)


def test_there_is_a_preset_for_a_machine_without_and_with_an_accelerator() -> None:
    assert set(PRESETS) == {"rehearsal", "cpu", "gpu"}
    assert PRESETS["cpu"].schedule.steps < PRESETS["gpu"].schedule.steps
