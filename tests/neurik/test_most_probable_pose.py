"""The most probable pose: markers where they are right, the prediction where there are none, never beyond a range."""

from dataclasses import replace

import torch
from torch import Tensor

from biopose.neurik.input import SubjectCalibration
from biopose.neurik.most_probable_pose import most_probable
from biopose.neurik.output import NeurikOutput, OutputDecoder
from biopose.skeleton.full_body import full_body_skeleton
from biopose.training.data.marker_batch import MarkerBatch
from tests.training.synthetic_markers import synthetic_source

SKELETON = full_body_skeleton()
LIMITED = OutputDecoder(SKELETON).limited
PLACE = [SKELETON.coordinate_names.index(f"pelvis_t{axis}") for axis in "xyz"]


def trial(frames: int = 6) -> MarkerBatch:
    """One of somebody whose markers lie where they should."""
    return synthetic_source().draw(1, frames=frames, clean=True)


def given(batch: MarkerBatch, *, off_rad: float, sd_rad: float = 0.3) -> NeurikOutput:
    """The truth, every limited angle wrong by so much but inside its range."""
    q = batch.q[0].clone()
    low, high = (
        torch.tensor([getattr(SKELETON.coordinates[c], end) for c in LIMITED]) for end in ("range_min", "range_max")
    )
    q[:, LIMITED] = (q[:, LIMITED] + off_rad).clamp(low, high).float()
    return NeurikOutput(q, torch.full_like(q, sd_rad), batch.body_scales[0], torch.full((len(q), 2), sd_rad))


def moved(prediction: NeurikOutput, batch: MarkerBatch, *, marker_sd_m: float = 0.005) -> Tensor:
    own = SubjectCalibration(batch.body_scales, batch.locations_m)
    return most_probable(prediction, batch.windows, own, marker_sd_m=marker_sd_m, skeleton=SKELETON).q


def wrong_by(q: Tensor, batch: MarkerBatch) -> float:
    return float((q - batch.q[0])[:, LIMITED].abs().median())


def test_exact_markers_correct_the_prediction() -> None:
    batch = trial()
    prediction = given(batch, off_rad=0.1)
    assert wrong_by(moved(prediction, batch), batch) < 0.1 * wrong_by(prediction.q, batch)


def test_without_markers_the_prediction_stays() -> None:
    batch = trial()
    blind = replace(batch, windows=replace(batch.windows, weight=torch.zeros_like(batch.windows.weight)))
    prediction = given(batch, off_rad=0.1)
    torch.testing.assert_close(moved(prediction, blind)[:, LIMITED], prediction.q[:, LIMITED], atol=1e-5, rtol=0)


def test_the_smaller_its_standard_deviation_the_less_a_prediction_moves() -> None:
    batch = trial()
    confident, unsure = (given(batch, off_rad=0.1, sd_rad=sd) for sd in (0.02, 1.0))
    left = [wrong_by(moved(prediction, batch, marker_sd_m=0.02), batch) for prediction in (confident, unsure)]
    assert left[1] < left[0] < 0.1


def test_an_outlier_marker_weighs_little() -> None:
    batch = trial()
    markers = batch.windows.markers_m.clone()
    markers[..., 17, :] += 0.3
    astray = replace(batch, windows=replace(batch.windows, markers_m=markers))
    prediction = given(batch, off_rad=0.0)
    pulled = (moved(prediction, astray) - moved(prediction, batch))[:, LIMITED].abs()
    assert float(pulled.max()) < 0.05


def test_no_angle_leaves_its_range() -> None:
    batch = trial()
    stretched = batch.windows.markers_m * torch.tensor([1.0, 1.4, 1.0])
    q = moved(given(batch, off_rad=0.3), replace(batch, windows=replace(batch.windows, markers_m=stretched)))
    for c in LIMITED:
        assert float(q[:, c].min()) >= SKELETON.coordinates[c].range_min - 1e-5
        assert float(q[:, c].max()) <= SKELETON.coordinates[c].range_max + 1e-5


def test_far_from_the_origin_the_pose_is_the_same() -> None:
    batch = trial()
    prediction = given(batch, off_rad=0.1)
    away_m = torch.zeros(len(SKELETON.coordinates))
    away_m[PLACE] = torch.tensor([300.0, 0.0, -100.0])
    windows = replace(batch.windows, markers_m=batch.windows.markers_m + away_m[PLACE])
    far = moved(replace(prediction, q=prediction.q + away_m), replace(batch, windows=windows)) - away_m
    torch.testing.assert_close(far, moved(prediction, batch), atol=2e-3, rtol=0)


def test_frames_do_not_affect_each_other() -> None:
    batch = trial(5)
    prediction = given(batch, off_rad=0.1)
    one = replace(prediction, q=prediction.q[2:3], sd=prediction.sd[2:3])
    windows = replace(batch.windows, markers_m=batch.windows.markers_m[:, 2:3], weight=batch.windows.weight[:, 2:3])
    torch.testing.assert_close(
        moved(one, replace(batch, windows=windows)), moved(prediction, batch)[2:3], atol=1e-4, rtol=0
    )


def test_the_standard_deviations_stay() -> None:
    batch = trial()
    prediction = given(batch, off_rad=0.1)
    own = SubjectCalibration(batch.body_scales, batch.locations_m)
    assert most_probable(prediction, batch.windows, own, marker_sd_m=0.005, skeleton=SKELETON).sd is prediction.sd
