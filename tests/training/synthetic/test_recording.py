"""Clips are measured by the pipeline: virtual markers near the person, with the errors of MQ-HMR."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from biopose.body.keypoint_names import KEYPOINTS
from biopose.perception.crops import BOX_MARGIN
from biopose.pipeline import METHODS
from biopose.reconstruction.fit_options import RefinementOptions, SolverOptions
from biopose.training.synthetic import recording
from biopose.training.synthetic.clips import SyntheticClip
from biopose.training.synthetic.recording import ClipRecorder
from tests.body.bodies import needs_body_asset
from tests.perception.real_people import needs_networks
from tests.swinging_person import full_body
from tests.training.synthetic.drawn_people import segment_body
from tests.training.synthetic.filmed_people import clip_source, filmed_people, in_crops, keypoints_m, markers_m

pytestmark = [needs_body_asset, needs_networks]
FRAMES = 8
QUICK = replace(METHODS["mqhmr"], refinement=RefinementOptions(iterations=10), solver=SolverOptions(2, 3))


@cache
def recorder() -> ClipRecorder:
    """With few iterations."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "METHODS", {"mqhmr": QUICK})
        return ClipRecorder()


@cache
def clip() -> SyntheticClip:
    return clip_source(seed=1, frames=FRAMES).draw()


def height_m() -> float:
    return float(filmed_people()[0].height_m[clip().sequence.person])


def test_a_track_is_in_pixels_of_the_image() -> None:
    track = recorder().track(clip())
    true_px = clip().camera.project(clip().in_camera(keypoints_m(clip().sequence)).double()).numpy()
    crop_px = np.median(clip().regions_px[:, 3] - clip().regions_px[:, 1])
    off = np.linalg.norm(track.keypoints_px - true_px, axis=-1)
    assert np.median(off[track.confidence > 0.5]) < 0.03 * crop_px
    assert track.tokens is not None
    assert track.tokens.dtype == np.float16
    box_px, region_px = track.boxes_px, clip().regions_px
    np.testing.assert_allclose((box_px[:, 2:] - box_px[:, :2]) * BOX_MARGIN, region_px[:, 2:] - region_px[:, :2])
    assert in_crops(clip(), keypoints_m(clip().sequence)).shape == (FRAMES, len(KEYPOINTS), 2)


@pytest.mark.parametrize("focal_is_known", [True, False])
def test_markers_are_near_the_person(focal_is_known: bool) -> None:
    fitted = recorder().record(clip(), height_m=height_m(), focal_is_known=focal_is_known)
    assert (fitted.camera.source == "given") == focal_is_known
    measured = recorder().markers(fitted)
    found, truth = measured.markers.markers_m[0], clip().in_camera(markers_m(clip().sequence))
    found = found @ torch.from_numpy(fitted.T_camera_world[:3, :3].T).float()
    assert found.shape == truth.shape
    assert bool((measured.markers.weight > 0).all())
    pelvis = [segment_body().markers.names.index(name) for name in ("LASI", "RASI", "LPSI", "RPSI")]
    about = [points - points[:, pelvis].mean(1, keepdim=True) for points in (found, truth)]
    assert (about[0] - about[1]).norm(dim=-1).mean() < 0.35


def test_the_solved_angles_are_those_of_the_fit() -> None:
    fitted = recorder().record(clip(), height_m=height_m(), focal_is_known=True)
    measured = recorder().markers(fitted)
    joints = [i for i, name in enumerate(full_body().coordinate_names) if name.startswith(("hip_", "knee_"))]
    difference = measured.q[:, joints].double() - torch.from_numpy(fitted.motion.q[:, joints])
    assert float(difference.abs().mean()) < np.radians(3.0)
    assert measured.subject.body_scales.shape == (1, len(full_body().bodies), 3)


def test_frames_in_which_the_person_is_lost_are_filled_with_low_weights() -> None:
    in_view = np.ones(FRAMES, dtype=bool)
    in_view[3:5] = False
    lost = replace(clip(), in_view=in_view)
    assert np.isnan(recorder().track(lost).boxes_px[3:5]).all()
    measured = recorder().markers(recorder().record(lost, height_m=height_m(), focal_is_known=True))
    assert measured.markers.markers_m.isfinite().all()
    assert (measured.markers.weight[0, 3:5] < measured.markers.weight[0, [2, 5]].amax(0)).all()
