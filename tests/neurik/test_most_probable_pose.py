"""The most probable pose: markers where they are right, the answer where there are none, never beyond a range."""

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


def told(batch: MarkerBatch, *, off_rad: float, sd_rad: float = 0.3) -> NeurikOutput:
    """The truth, every limited angle wrong by so much but inside its range."""
    q = batch.q[0].clone()
    low, high = (
        torch.tensor([getattr(SKELETON.coordinates[c], end) for c in LIMITED]) for end in ("range_min", "range_max")
    )
    q[:, LIMITED] = (q[:, LIMITED] + off_rad).clamp(low, high).float()
    return NeurikOutput(q, torch.full_like(q, sd_rad), batch.body_scales[0], torch.full((len(q), 2), sd_rad))


def moved(answer: NeurikOutput, batch: MarkerBatch, *, marker_sd_m: float = 0.005) -> Tensor:
    own = SubjectCalibration(batch.body_scales, batch.locations_m)
    return most_probable(answer, batch.windows, own, marker_sd_m=marker_sd_m, skeleton=SKELETON).q


def wrong_by(q: Tensor, batch: MarkerBatch) -> float:
    return float((q - batch.q[0])[:, LIMITED].abs().median())


def test_markers_that_lie_where_they_should_put_the_answer_right() -> None:
    batch = trial()
    answer = told(batch, off_rad=0.1)
    assert wrong_by(moved(answer, batch), batch) < 0.1 * wrong_by(answer.q, batch)


def test_without_markers_the_answer_stays() -> None:
    batch = trial()
    blind = replace(batch, windows=replace(batch.windows, weight=torch.zeros_like(batch.windows.weight)))
    answer = told(batch, off_rad=0.1)
    torch.testing.assert_close(moved(answer, blind)[:, LIMITED], answer.q[:, LIMITED], atol=1e-5, rtol=0)


def test_the_surer_the_answer_the_less_it_moves() -> None:
    batch = trial()
    sure, unsure = (told(batch, off_rad=0.1, sd_rad=sd) for sd in (0.02, 1.0))
    left = [wrong_by(moved(answer, batch, marker_sd_m=0.02), batch) for answer in (sure, unsure)]
    assert left[1] < left[0] < 0.1


def test_a_marker_in_the_wrong_place_pulls_little() -> None:
    batch = trial()
    markers = batch.windows.markers_m.clone()
    markers[..., 17, :] += 0.3
    astray = replace(batch, windows=replace(batch.windows, markers_m=markers))
    answer = told(batch, off_rad=0.0)
    pulled = (moved(answer, astray) - moved(answer, batch))[:, LIMITED].abs()
    assert float(pulled.max()) < 0.05


def test_no_angle_leaves_its_range() -> None:
    batch = trial()
    stretched = batch.windows.markers_m * torch.tensor([1.0, 1.4, 1.0])
    q = moved(told(batch, off_rad=0.3), replace(batch, windows=replace(batch.windows, markers_m=stretched)))
    for c in LIMITED:
        assert float(q[:, c].min()) >= SKELETON.coordinates[c].range_min - 1e-5
        assert float(q[:, c].max()) <= SKELETON.coordinates[c].range_max + 1e-5


def test_far_from_the_origin_the_pose_is_the_same() -> None:
    batch = trial()
    answer = told(batch, off_rad=0.1)
    away_m = torch.zeros(len(SKELETON.coordinates))
    away_m[PLACE] = torch.tensor([300.0, 0.0, -100.0])
    windows = replace(batch.windows, markers_m=batch.windows.markers_m + away_m[PLACE])
    far = moved(replace(answer, q=answer.q + away_m), replace(batch, windows=windows)) - away_m
    torch.testing.assert_close(far, moved(answer, batch), atol=2e-3, rtol=0)


def test_frames_do_not_see_each_other() -> None:
    batch = trial(5)
    answer = told(batch, off_rad=0.1)
    one = replace(answer, q=answer.q[2:3], sd=answer.sd[2:3])
    windows = replace(batch.windows, markers_m=batch.windows.markers_m[:, 2:3], weight=batch.windows.weight[:, 2:3])
    torch.testing.assert_close(
        moved(one, replace(batch, windows=windows)), moved(answer, batch)[2:3], atol=1e-4, rtol=0
    )


def test_the_standard_deviations_stay() -> None:
    batch = trial()
    answer = told(batch, off_rad=0.1)
    own = SubjectCalibration(batch.body_scales, batch.locations_m)
    assert most_probable(answer, batch.windows, own, marker_sd_m=0.005, skeleton=SKELETON).sd is answer.sd
