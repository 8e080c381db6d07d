"""Windows of recorded clips: the truth stays the truth in the mirror, however the people head."""

import torch
from torch import Tensor

from biopose.body.markers import MARKERS
from biopose.neurik.marker_segments import marker_owners
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.kinematics import Kinematics
from biopose.training.data.marker_batch import MarkerBatch
from biopose.training.synthetic.marker_trajectories import marker_positions
from biopose.training.synthetic.recorded_windows import RecordedWindows, as_recorded, mirrored
from tests.training.synthetic_markers import synthetic_clips

SKELETON = full_body_skeleton()
NAMES = SKELETON.coordinate_names


def by_kinematics(batch: MarkerBatch) -> Tensor:
    pose = Kinematics(SKELETON, dtype=torch.float32).with_scales(batch.body_scales[:, None]).with_coordinates(batch.q)
    return marker_positions(pose.R_ground_body, pose.p_ground_body, marker_owners(SKELETON), batch.locations_m[:, None])


def test_exact_clips_give_windows_whose_markers_ride_on_the_truth() -> None:
    """So the heading turns markers, pelvis and place alike, and the mirror swaps sides everywhere."""
    batch = RecordedWindows(synthetic_clips(knee_rad=0.0)).draw(torch.Generator().manual_seed(0), 20, frames=5)
    assert batch.q.shape[:2] == (20, 5)
    torch.testing.assert_close(batch.windows.markers_m, by_kinematics(batch), atol=2e-4, rtol=0)
    assert batch.static_m is None


def test_people_head_anywhere_and_stay_upright() -> None:
    clips = synthetic_clips()
    batch = RecordedWindows(clips).draw(torch.Generator().manual_seed(0), 200, frames=2)
    heading = batch.q[:, 0, NAMES.index("pelvis_rotation")]
    assert float(heading.std()) > 1.0
    height_m = batch.windows.markers_m[..., 1].flatten()
    known_m = clips.markers_m[..., 1].flatten()
    assert float((height_m[:, None] - known_m).abs().amin(-1).max()) < 1e-4


def test_a_mirror_image_mirrored_is_the_clip() -> None:
    clips = synthetic_clips()
    for name, value in vars(mirrored(mirrored(clips))).items():
        torch.testing.assert_close(value, getattr(clips, name), atol=1e-6, rtol=0, msg=name)


def test_the_error_of_a_knee_is_that_of_the_other_in_the_mirror() -> None:
    windows = RecordedWindows(synthetic_clips(knee_rad=0.1))
    limited = [NAMES[c] for c in range(len(NAMES)) if SKELETON.coordinates[c].clamped]
    errors, weight = windows.errors(torch.Generator().manual_seed(0), 60, frames=3)
    right, left = (errors[..., limited.index(f"knee_angle_{side}")] for side in "rl")
    assert 10 < int((right < -0.05).all(-1).sum()) < 50
    assert bool(((right < -0.05) | (left < -0.05)).any())
    assert not ((right < -0.05) & (left < -0.05)).any()
    assert weight.shape == (60, 3, len(MARKERS))


def test_more_frames_than_a_clip_has_are_held_at_its_end() -> None:
    batch = RecordedWindows(synthetic_clips(frames=4)).draw(torch.Generator().manual_seed(0), 3, frames=9)
    torch.testing.assert_close(batch.windows.markers_m[:, 4], batch.windows.markers_m[:, 8])


def test_whole_clips_are_as_they_were_recorded() -> None:
    clips = synthetic_clips()
    batch = as_recorded(clips)
    torch.testing.assert_close(batch.windows.markers_m, clips.markers_m)
    assert batch[1:].q.shape == (1, *clips.q.shape[1:])
