"""What a measurement states of itself where a network's weights are disturbed: it must not look as good as before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from biopose.pipeline import METHODS, Clip, Subject, Trial, reconstruct, solve
from biopose.reconstruction.measurement import PersonMeasurement
from biopose.reconstruction.models import PerceptionModels, SolveModels, WeightFiles, load_fit_models
from biopose.tracking.people import join_shards
from biopose.tracking.shards import perceive
from biopose.video.probe import probe_video
from tests.body.bodies import needs_body_asset
from tests.perception.real_people import CLIP, needs_networks

pytestmark = [pytest.mark.slow, needs_networks, needs_body_asset]

METHOD = METHODS["mqhmr"]
TRIAL = Trial(Clip(CLIP, start_s=0.0, end_s=0.4), (Subject(1.78),))
Measured = Callable[[WeightFiles], PersonMeasurement]


@pytest.fixture(scope="module")
def measured() -> Measured:
    """Measures a short piece of a real clip, perceived once."""
    networks = PerceptionModels.load(METHOD, WeightFiles(), threads=1)
    (shard,) = TRIAL.clip.shards(probe_video(CLIP), shard_s=float("inf"))
    tracked = join_shards(perceive(shard, detector=networks.detector, network=networks.keypoints))

    def measure(files: WeightFiles) -> PersonMeasurement:
        fitted = reconstruct(tracked, TRIAL, models=load_fit_models(METHOD, files, threads=1)).people
        (one,) = solve(fitted, activity=TRIAL.activity, models=SolveModels.load(METHOD, files, threads=1))
        return one

    return measure


@pytest.fixture(scope="module")
def shipped(measured: Measured) -> PersonMeasurement:
    return measured(WeightFiles())


def disturbed(file: Path, folder: Path) -> Path:
    """The same weights with as much noise as they have spread."""
    generator = torch.Generator().manual_seed(0)
    with safe_open(file, framework="pt") as weights:
        tensors = {name: weights.get_tensor(name) for name in weights.keys()}  # noqa: SIM118 - it is no mapping
        metadata = weights.metadata()
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.numel() > 1:
            noise = tensor.std() * torch.randn(tensor.shape, generator=generator)
            tensors[name] = (tensor + noise).to(tensor.dtype)
    save_file(tensors, folder / file.name, metadata=metadata)
    return folder / file.name


def test_quality_falls_and_deviations_grow_with_a_disturbed_neurik(
    measured: Measured, shipped: PersonMeasurement, tmp_path: Path
) -> None:
    worse = measured(replace(WeightFiles(), neurik=disturbed(WeightFiles().neurik, tmp_path)))
    assert worse.quality["quality"].mean() < shipped.quality["quality"].mean() - 0.03
    assert np.nanmean(deviations(worse)) > 1.2 * np.nanmean(deviations(shipped))


def test_the_prediction_of_a_disturbed_mqhmr_is_further_from_the_keypoints_before_it_is_refined(
    measured: Measured, shipped: PersonMeasurement, tmp_path: Path
) -> None:
    """Afterwards it agrees with them again, whatever it was: quality does not show it, and the gate looks before."""
    worse = measured(replace(WeightFiles(), mqhmr=disturbed(WeightFiles().mqhmr, tmp_path)))
    assert worse.refinement.reprojection_before_px > 1.25 * shipped.refinement.reprojection_before_px
    assert worse.refinement.mirror_disagreement_deg > 1.5 * shipped.refinement.mirror_disagreement_deg


def deviations(one: PersonMeasurement) -> np.ndarray:
    assert one.coordinate_sd is not None
    return np.asarray(one.coordinate_sd)
