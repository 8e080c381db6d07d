"""The lifter: what it gives for any window, and on disk."""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from biopose.body.keypoint_names import KEYPOINTS
from biopose.errors import ModelError
from biopose.hmr.lifter import KIND, LOG_SD_RANGE, Lifter, LifterShape, load_lifter, save_lifter
from biopose.hmr.lifter_input import N_FEATURES
from biopose.io.checkpoint import save_checkpoint

SMALL = LifterShape(width=16, dilations=(1, 3), dropout=0.1)


def small(seed: int = 0) -> Lifter:
    torch.manual_seed(seed)
    return Lifter(SMALL).eval()


def some_features(windows: int, frames: int, *, size: float = 1.0) -> torch.Tensor:
    return size * torch.randn(windows, frames, N_FEATURES, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
@pytest.mark.parametrize("frames", [1, 2, 9])
def test_windows_of_any_length_are_lifted(frames: int) -> None:
    predicted = small()(some_features(3, frames))
    assert predicted.keypoints.shape == (3, frames, 26, 3)
    assert predicted.sd.shape == (3, frames, 26, 2)
    torch.testing.assert_close(predicted.up.norm(dim=-1), torch.ones(3, frames))
    assert not predicted.keypoints[..., KEYPOINTS.index("mid_hip"), :].any()


@torch.no_grad()
def test_the_deviations_stay_within_bounds_whatever_comes_in() -> None:
    low, high = torch.tensor(LOG_SD_RANGE).exp().tolist()
    sd = small()(some_features(2, 5, size=1e4)).sd
    assert low * 0.999 <= float(sd.min())
    assert float(sd.max()) <= high * 1.001


@torch.no_grad()
def test_windows_of_a_batch_do_not_affect_each_other() -> None:
    features = some_features(3, 8)
    torch.testing.assert_close(small()(features).keypoints[1:2], small()(features[1:2]).keypoints, atol=1e-5, rtol=0)


@torch.no_grad()
def test_its_receptive_field_is_that_of_its_dilations() -> None:
    features = some_features(1, 30)
    other = features.clone()
    other[:, 15] += 1.0
    changed = (small()(features).keypoints - small()(other).keypoints).abs().sum((0, 2, 3)) > 1e-6
    assert changed.nonzero()[:, 0].tolist() == list(range(15 - 4, 15 + 5))


@torch.no_grad()
def test_it_is_loaded_as_it_was_saved_to_half_precision(tmp_path: Path) -> None:
    save_lifter(tmp_path / "lifter.safetensors", small())
    again = load_lifter(tmp_path / "lifter.safetensors")
    assert again.shape == SMALL
    assert not again.training
    features = some_features(2, 6)
    torch.testing.assert_close(again(features).keypoints, small()(features).keypoints, atol=0.02, rtol=0)


def test_the_one_that_ships_is_here_and_finite() -> None:
    lifter = load_lifter()
    assert all(parameter.isfinite().all() for parameter in lifter.parameters())
    with torch.no_grad():
        assert lifter(some_features(1, 4)).keypoints.isfinite().all()


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.safetensors.*install BioPose again"):
        load_lifter(tmp_path / "none.safetensors")


def test_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_checkpoint(path, {"a": torch.zeros(1)}, kind="pose prior", shape={})
    with pytest.raises(ModelError, match=r"other\.safetensors: holds pose prior; a lifter network is needed"):
        load_lifter(path)


def test_a_lifter_of_other_features_is_refused(tmp_path: Path) -> None:
    """As a version before or after this one would have."""
    path = tmp_path / "older.safetensors"
    tensors = {n: t[:, :-1] if n == "embed.weight" else t for n, t in small().state_dict().items()}
    save_checkpoint(path, tensors, kind=KIND, shape=asdict(SMALL))
    with pytest.raises(ModelError, match=r"older\.safetensors.*another version"):
        load_lifter(path)


@pytest.mark.parametrize("shape", [{"width": 16}, {"width": 16, "dilations": [1, 3], "dropout": 0.1, "heads": 4}])
def test_a_lifter_of_another_shape_is_refused(tmp_path: Path, shape: dict[str, object]) -> None:
    path = tmp_path / "older.safetensors"
    save_checkpoint(path, small().state_dict(), kind=KIND, shape=shape)
    with pytest.raises(ModelError, match=r"older\.safetensors.*another version"):
        load_lifter(path)
