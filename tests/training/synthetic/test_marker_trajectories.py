"""Made-up marker trajectories: they agree with the kinematics where they are clean, and hang on the seed alone."""

import torch
from torch import Tensor

from biopose.body.markers import MARKERS
from biopose.neurik.marker_segments import SEGMENTS, marker_owners
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics
from biopose.training.data.marker_batch import MarkerBatch
from biopose.training.data.marker_errors import BONY, draw_marker_errors, with_recording_errors
from biopose.training.synthetic.marker_trajectories import marker_positions
from biopose.training.synthetic.recorded_windows import RecordedWindows
from tests.training.synthetic_markers import synthetic_clips, synthetic_people, synthetic_source

SKELETON = full_body_skeleton()


def by_kinematics(batch: MarkerBatch) -> Tensor:
    owner = marker_owners(SKELETON)
    pose = Kinematics(SKELETON).with_scales(batch.body_scales[:, None].double()).with_coordinates(batch.q.double())
    R, p = pose.R_ground_body[:, :, owner], pose.p_ground_body[:, :, owner]
    return (R @ batch.locations_m[:, None, :, :, None].double())[..., 0] + p


def test_clean_markers_are_where_the_coordinates_put_them() -> None:
    batch = synthetic_source().draw(6, frames=5, clean=True)
    torch.testing.assert_close(batch.windows.markers_m.double(), by_kinematics(batch), atol=1e-4, rtol=0)
    assert bool((batch.windows.weight == 1).all())


def test_faulty_ones_are_near() -> None:
    batch = synthetic_source().draw(40, frames=5)
    seen = batch.windows.weight == 1
    away = (batch.windows.markers_m.double() - by_kinematics(batch)).norm(dim=-1)[seen]
    assert 0.005 < float(away.median()) < 0.05
    assert 0.03 < float((batch.windows.weight == 0).float().mean()) < 0.4


def test_coordinates_are_within_their_ranges() -> None:
    q = synthetic_source().draw(20, frames=5).q
    for column, coordinate in enumerate(SKELETON.coordinates):
        if coordinate.clamped:
            assert coordinate.range_min - 1e-5 <= float(q[..., column].min()), coordinate.name
            assert float(q[..., column].max()) <= coordinate.range_max + 1e-5, coordinate.name


def test_the_same_seed_draws_the_same() -> None:
    one, same, other = (synthetic_source(seed=seed).draw(3, frames=4) for seed in (5, 5, 6))
    torch.testing.assert_close(one.windows.markers_m, same.windows.markers_m, rtol=0, atol=0)
    assert not torch.equal(one.q, other.q)


def test_the_static_posture_shows_the_markers_as_they_sit_in_the_session() -> None:
    batch = synthetic_source().draw(3, frames=4, clean=True)
    standing = torch.from_numpy(SKELETON.default_pose).float().expand(3, 1, -1)
    still = MarkerBatch(batch.windows, standing, batch.body_scales, batch.locations_m, batch.static_m)
    assert batch.static_m is not None
    torch.testing.assert_close(batch.static_m.double(), by_kinematics(still)[:, 0], atol=1e-4, rtol=0)


def test_calibrated_markers_lie_on_the_true_skeleton_as_in_the_static_trial() -> None:
    batch = synthetic_source().draw(3, frames=4, calibrated=True)
    own = batch.windows.subject
    assert own is not None
    assert batch.static_m is not None
    standing = torch.from_numpy(SKELETON.default_pose).expand(3, -1)
    pose = Kinematics(SKELETON).with_scales(own.body_scales.double()).with_coordinates(standing)
    owner = marker_owners(SKELETON)
    stood = marker_positions(pose.R_ground_body, pose.p_ground_body, owner, own.locations_m.double())
    torch.testing.assert_close(stood, batch.static_m.double(), atol=1e-5, rtol=0)
    assert synthetic_source().draw(3, frames=4).windows.subject is None


def test_some_windows_err_as_was_recorded_and_are_as_unsure() -> None:
    """Every window begins with the same draws, so the two sources differ in the recorded errors alone."""
    some, none = (
        synthetic_source(recorded=RecordedWindows(synthetic_clips(knee_rad=knee))).draw(120, frames=4)
        for knee in (0.5, 0.0)
    )
    torch.testing.assert_close(some.q, none.q)
    err = some.windows.weight.amax((1, 2)) <= 0.7
    assert 4 < int(err.sum()) < 30
    shank = [i for i, marker in enumerate(MARKERS.values()) if marker.segment.startswith("tibia")]
    apart_m = (some.windows.markers_m - none.windows.markers_m)[:, :, shank].norm(dim=-1).amax((1, 2))
    assert bool((apart_m[err] > 0.02).any())
    assert bool((apart_m[~err] < 1e-6).all())


def test_clean_windows_do_not_err_so() -> None:
    recorded = RecordedWindows(synthetic_clips(knee_rad=0.5))
    batch = synthetic_source(recorded=recorded).draw(40, frames=4, clean=True)
    assert not (batch.windows.weight < 1).any()


def test_clean_windows_have_no_faults() -> None:
    errors = draw_marker_errors(torch.Generator().manual_seed(0), 5, clean=True)
    assert not any(value.any() for value in vars(errors).values())


def test_a_limb_is_hidden_as_a_whole_or_a_segment_of_it() -> None:
    g = torch.Generator().manual_seed(0)
    errors = draw_marker_errors(g, 200, clean=False)
    interval_s = torch.full((200,), 1 / 30)
    _, weight = with_recording_errors(g, errors, torch.zeros(200, 6, len(MARKERS), 3), interval_s=interval_s)
    gone = weight == 0
    of_segment = [[i for i, m in enumerate(MARKERS.values()) if m.segment == s] for s in SEGMENTS]
    whole = torch.stack([gone[..., markers].all(-1) for markers in of_segment], -1)
    assert whole.any(0).any(0).all()
    bony_only = (gone == (BONY == 0)).all(-1)
    assert int(bony_only.sum()) > 5
    doubtful = (weight > 0) & (weight < 1)
    assert doubtful.any()


def test_people_are_as_they_are_kept_unless_they_shall_vary() -> None:
    kept, varied = (synthetic_source(varied=v).draw(20, frames=2).body_scales for v in (False, True))
    known = synthetic_people().body_scales

    def is_known(scales: Tensor) -> Tensor:
        return (scales[:, None] - known).abs().amax((2, 3)).amin(1) < 1e-6

    assert is_known(kept).all()
    assert 3 < int(is_known(varied).sum()) < 17
