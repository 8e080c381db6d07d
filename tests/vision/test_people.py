from itertools import islice

import numpy as np
import pytest

from biopose.assets import assets_folder
from biopose.errors import TrackingError
from biopose.vision.athlete import choose_athletes
from biopose.vision.detection import PersonDetector
from biopose.vision.keypoints import KeypointNetwork
from biopose.vision.people import find_people
from biopose.vision.video import Frame, read_frames

CLIP = assets_folder() / "clips" / "sports2d_demo.mp4"
WEIGHTS = assets_folder() / "weights"
pytestmark = pytest.mark.skipif(not (CLIP.exists() and WEIGHTS.exists()), reason="biopose assets pull was not run")


@pytest.fixture(scope="module")
def networks():
    return {"detector": PersonDetector.load(threads=1), "network": KeypointNetwork.load(threads=1)}


@pytest.mark.parametrize("detect_every", [1, 3])
def test_jumper_and_walker_are_followed(networks, detect_every):
    finished = []
    frames = islice(read_frames(CLIP), 60)
    people = find_people(frames, **networks, batch_frames=8, detect_every=detect_every, progress=finished.append)
    assert finished == [8] * 7 + [4]
    assert (people.frame_count, people.width_px, people.height_px) == (60, 1768, 994)
    jumper, walker = people.tracks
    assert jumper.seen.all()
    assert len(jumper) == 60
    assert 35 <= walker.frame_indices[0] <= 45
    assert walker.frame_indices[-1] == 59
    assert jumper.confidence.mean() > 0.5


def test_one_frame_is_a_clip(networks):
    people = find_people(islice(read_frames(CLIP), 1), **networks)
    assert [len(t) for t in people.tracks] == [1]


def test_nobody_in_a_picture_is_nobody(networks):
    grey = [Frame(i, i / 30, np.full((120, 160, 3), 128, np.uint8)) for i in range(3)]
    people = find_people(grey, **networks)
    assert people.tracks == []
    with pytest.raises(TrackingError, match="clip of 3 frames"):
        choose_athletes(people.tracks, choice="largest", width_px=160, height_px=120, frame_count=people.frame_count)


def test_a_clip_without_frames_has_nobody(networks):
    people = find_people([], **networks)
    assert (people.tracks, people.frame_count, people.width_px) == ([], 0, 0)
    with pytest.raises(ValueError, match="counts from 1"):
        find_people([], **networks, detect_every=0)


@pytest.mark.slow
@pytest.mark.parametrize("detect_every", [1, 2])
def test_who_jumps_somersaults_and_sprints_is_one_person(networks, detect_every):
    people = find_people(read_frames(CLIP), **networks, detect_every=detect_every)
    jumper, walker = people.tracks
    assert (jumper.frame_indices[0], jumper.frame_indices[-1] > 220) == (0, True)
    assert jumper.seen.mean() > 0.85
    assert walker.seen.mean() > 0.95
