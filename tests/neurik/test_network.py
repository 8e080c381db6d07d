"""NeurIK: limits by construction, invariance, windows of any kind, trials of any length, and on disk."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from biopose.errors import ModelError
from biopose.io.checkpoint import save_checkpoint
from biopose.neurik.input import MarkerWindows, SubjectCalibration
from biopose.neurik.network import KIND, LOG_SD_RANGE, Neurik, NeurikShape, load_neurik, new_neurik, save_neurik
from biopose.neurik.output import SCALE_RANGE, NeurikOutput, OutputDecoder
from biopose.neurik.trial import HOP, WINDOW, predict_trial
from biopose.skeleton.full_body import full_body_skeleton
from biopose.training.synthetic.marker_trajectories import MarkerBatch
from tests.training.synthetic_markers import default_locations_m, synthetic_source

SMALL = NeurikShape(segment_width=6, width=20, layers=2, heads=2, hidden=24, waves=4)
SKELETON = full_body_skeleton()
DECODER = OutputDecoder(SKELETON)
PELVIS = slice(0, 6)


def small(*, seed: int = 0, corrections: float = 1.0, shape: NeurikShape = SMALL) -> Neurik:
    """With heads that say something."""
    torch.manual_seed(seed)
    network = new_neurik(shape, locations_m=default_locations_m()).eval()
    with torch.no_grad():
        for head in (network.heads[-1], network.scales[-1]):
            head.weight.normal_(0.0, 0.1 * corrections)
    return network


def some_markers(windows: int = 2, *, frames: int = 9) -> MarkerBatch:
    return synthetic_source().draw(windows, frames=frames)


@torch.no_grad()
def predicted_by(network: Neurik, windows: MarkerWindows) -> NeurikOutput:
    return DECODER(network(windows))


def moved(windows: MarkerWindows, *, turn_deg: float, shift_m: Tensor) -> tuple[MarkerWindows, Tensor]:
    R = torch.from_numpy(Rotation.from_euler("y", turn_deg, degrees=True).as_matrix()).float()
    return replace(windows, markers_m=windows.markers_m @ R.T + shift_m), R


@pytest.mark.parametrize("size", [1.0, 1e3, 1e6])
def test_no_coordinate_ever_leaves_its_range(size: float) -> None:
    g = torch.Generator().manual_seed(0)
    wild = MarkerWindows(size * torch.randn(3, 7, 68, 3, generator=g), torch.rand(3, 7, 68, generator=g), torch.ones(3))
    prediction = predicted_by(small(corrections=1e4), wild)
    for column, coordinate in enumerate(SKELETON.coordinates):
        if coordinate.clamped:
            assert coordinate.range_min < float(prediction.q[..., column].min()), coordinate.name
            assert float(prediction.q[..., column].max()) < coordinate.range_max, coordinate.name
    assert float(prediction.body_scales.min()) >= SCALE_RANGE[0]
    assert float(prediction.body_scales.max()) <= SCALE_RANGE[1]
    assert prediction.q.isfinite().all()
    assert float(prediction.sd[..., 6:].max()) <= torch.tensor(LOG_SD_RANGE[1]).exp() * 1.001


def test_dependent_coordinates_follow() -> None:
    prediction = predicted_by(small(), some_markers().windows)
    for coupling in SKELETON.couplings:
        torch.testing.assert_close(prediction.q[..., coupling.dependent], prediction.q[..., coupling.independent])
        torch.testing.assert_close(prediction.sd[..., coupling.dependent], prediction.sd[..., coupling.independent])
    assert float(prediction.sd.min()) > 0


def test_where_and_which_way_a_person_heads_changes_nothing_else() -> None:
    network, windows = small(), some_markers().windows
    shift_m = torch.tensor([3.0, 0.5, -2.0])
    elsewhere, R = moved(windows, turn_deg=130.0, shift_m=shift_m)
    here, there = predicted_by(network, windows), predicted_by(network, elsewhere)
    torch.testing.assert_close(there.q[..., 6:], here.q[..., 6:], atol=2e-3, rtol=0)
    torch.testing.assert_close(there.body_scales, here.body_scales, atol=2e-3, rtol=0)
    turned = [
        DECODER.kinematics.with_coordinates(prediction.q).R_ground_body[..., 1, :, :] for prediction in (there, here)
    ]
    torch.testing.assert_close(turned[0], R @ turned[1], atol=2e-3, rtol=0)
    torch.testing.assert_close(there.q[..., 3:6], here.q[..., 3:6] @ R.T + shift_m, atol=2e-3, rtol=0)


def test_missing_markers_do_not_count_wherever_they_are() -> None:
    windows = some_markers().windows
    weight = windows.weight.clone()
    weight[..., ::3] = 0.0
    lost = torch.where(weight[..., None] > 0, windows.markers_m, torch.nan)
    zeros = torch.where(weight[..., None] > 0, windows.markers_m, 0.0)
    network = small()
    one, other = (predicted_by(network, MarkerWindows(m, weight, windows.interval_s)) for m in (lost, zeros))
    torch.testing.assert_close(one.q, other.q)


@pytest.mark.parametrize("share", [0.0, 0.02])
def test_a_few_markers_give_a_finite_prediction(share: float) -> None:
    windows = some_markers(4).windows
    few = (torch.rand(windows.weight.shape, generator=torch.Generator().manual_seed(3)) < share).float()
    prediction = predicted_by(small(), replace(windows, weight=few))
    assert all(value.isfinite().all() for value in vars(prediction).values())


def test_windows_of_a_batch_do_not_affect_each_other() -> None:
    windows = some_markers(3).windows
    one = windows.each(lambda value: value[1:2])
    torch.testing.assert_close(predicted_by(small(), one).q, predicted_by(small(), windows).q[1:2], atol=2e-4, rtol=0)


def trial_of(frames: int) -> MarkerWindows:
    return some_markers(1, frames=frames).windows


def part_of(trial: MarkerWindows, part: slice) -> MarkerWindows:
    return replace(trial, markers_m=trial.markers_m[:, part], weight=trial.weight[:, part])


@pytest.mark.parametrize("frames", [1, 2, 31, 32, 33, 50, 97])
def test_trials_of_any_length_are_predicted_to_the_last_frame(frames: int) -> None:
    prediction = predict_trial(small(), DECODER, trial_of(frames))
    assert prediction.q.shape == (frames, len(SKELETON.coordinates))
    assert prediction.body_scales.shape == (len(SKELETON.bodies), 3)
    assert prediction.q.isfinite().all()
    assert float(prediction.sd.min()) > 0


def test_a_longer_trial_has_the_same_prediction_in_its_middle() -> None:
    network, whole = small(), trial_of(8 * HOP)
    half = predict_trial(network, DECODER, part_of(whole, slice(0, 4 * HOP)))
    prediction = predict_trial(network, DECODER, whole)
    # The scales are of a whole trial, so markers sit a little elsewhere.
    torch.testing.assert_close(prediction.q[: 2 * HOP, 6:], half.q[: 2 * HOP, 6:], atol=6e-3, rtol=0)


def test_windows_of_equal_output_are_blended_to_the_same() -> None:
    """A network without time predicts the same of a frame in every window."""
    alone = small(shape=replace(SMALL, layers=0, waves=1))
    with torch.no_grad():
        alone.time.weight.zero_()
    trial = synthetic_source().draw(1, frames=WINDOW + HOP, calibrated=True).windows
    blended = predict_trial(alone, DECODER, trial)
    once = predict_trial(alone, DECODER, part_of(trial, slice(0, WINDOW)))
    found = [
        frame for frame in range(1, WINDOW) if frame != HOP
    ]  # a window's first frame knows no motion of the pelvis
    torch.testing.assert_close(blended.q[found, 6:], once.q[found, 6:], atol=1e-4, rtol=0)


def test_several_trials_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match="2 trials"):
        predict_trial(small(), DECODER, some_markers(2).windows)


def test_it_is_loaded_as_it_was_saved_to_half_precision(tmp_path: Path) -> None:
    save_neurik(tmp_path / "neurik.safetensors", small())
    again = load_neurik(tmp_path / "neurik.safetensors")
    assert again.shape == SMALL
    assert not again.training
    windows = some_markers().windows
    torch.testing.assert_close(predicted_by(again, windows).q, predicted_by(small(), windows).q, atol=0.03, rtol=0)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.safetensors.*install BioPose again"):
        load_neurik(tmp_path / "none.safetensors")


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "neurik.safetensors"
    save_neurik(path, small())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="cannot be read"):
        load_neurik(path)


@pytest.mark.parametrize("change", [{"width": 40}, {"depth": 3}])
def test_a_network_of_another_shape_is_refused(tmp_path: Path, change: dict[str, int]) -> None:
    path = tmp_path / "older.safetensors"
    save_checkpoint(path, small().state_dict(), kind=KIND, shape=asdict(SMALL) | change)
    with pytest.raises(ModelError, match=r"older\.safetensors.*another version"):
        load_neurik(path)


def test_a_calibrated_subjects_scales_are_those_of_their_own_skeleton() -> None:
    network = small(corrections=0.0)
    batch = synthetic_source().draw(8, frames=5, clean=True, calibrated=True)
    own = batch.windows.subject
    assert own is not None
    found, default = (predicted_by(network, w) for w in (batch.windows, replace(batch.windows, subject=None)))
    torch.testing.assert_close(found.body_scales, own.body_scales.clamp(0.6, 1.4), atol=1e-3, rtol=0)
    limited = DECODER.limited
    wrong = [float((each.q - batch.q)[..., limited].abs().median()) for each in (found, default)]
    assert wrong[0] < 0.5 * wrong[1]


def test_a_long_trial_of_a_calibrated_subject_is_predicted_on_their_skeleton() -> None:
    network = small(corrections=0.0)
    batch = synthetic_source().draw(1, frames=2 * WINDOW + 5, clean=True, calibrated=True)
    own = batch.windows.subject
    assert own is not None
    whole, by_frame = predict_trial(network, DECODER, batch.windows), predicted_by(network, batch.windows)
    torch.testing.assert_close(whole.body_scales, own.body_scales[0])
    wrong = [float((q - batch.q[0])[:, DECODER.limited].abs().mean()) for q in (whole.q, by_frame.q[0])]
    assert wrong[0] < 0.8 * wrong[1]


def test_exact_markers_are_hardly_corrected() -> None:
    batch = synthetic_source().draw(4, frames=5, clean=True)
    exact = replace(batch.windows, subject=SubjectCalibration(batch.body_scales, batch.locations_m))
    few = replace(exact, weight=exact.weight * (torch.arange(68) % 2))
    apart = [
        float(
            (predicted_by(small(), windows).q - predicted_by(small(corrections=0.0), windows).q)[..., 6:].abs().mean()
        )
        for windows in (exact, few)
    ]
    assert apart[0] < 0.2 * apart[1]
