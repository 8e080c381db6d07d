import threading
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import numpy as np
import pytest

from biopose.assets import assets_folder
from biopose.body.keypoint_names import KEYPOINTS
from biopose.errors import TrackingError
from biopose.hmr.feature_head import MqhmrHead
from biopose.perception.detections import box_around
from biopose.perception.detector import PersonBoxes, PersonDetector
from biopose.perception.keypoint_network import KeypointNetwork, Keypoints
from biopose.tracking.detection_windows import DETECTED_MARGIN
from biopose.tracking.frame_detections import ShardDetections
from biopose.tracking.people import People, join_shards
from biopose.tracking.people_tracker import PeopleTracker, track_people
from biopose.tracking.subject_choice import choose_athletes
from biopose.video.frames import Frame, read_frames
from tests.tracking.stick_figures import Walker, filmed

CLIP = assets_folder() / "clips" / "sports2d_demo.mp4"
WEIGHTS = assets_folder() / "weights"
needs_assets = pytest.mark.skipif(not (CLIP.exists() and WEIGHTS.exists()), reason="biopose assets pull was not run")


@pytest.fixture(scope="module")
def networks():
    return {"detector": PersonDetector.load(threads=1), "network": KeypointNetwork.load(threads=1)}


def find_people(frames, *, detect_every=1, **networks) -> People:
    tracker = PeopleTracker(detect_every=detect_every)
    batches = track_people(((tracker, frame) for frame in frames), **networks)
    parts = (ShardDetections([frame for _, frame in batch], 0, 0) for batch in batches)
    return join_shards(parts)[0]


class Shown(NamedTuple):
    """Features whose tokens are the person's number and the frame's."""

    person: int
    frame: int
    region_px = np.zeros(4)
    turn_rad = 0.0


class Filmed:
    """A detector and a network that know two people who cross; tokens of somebody are their number and the frame's."""

    batch_size, token_batch = 1, 5

    def __init__(self, *walkers):
        crossing = [Walker(lambda t: 150 + 170 * t, 220.0), Walker(lambda t: 500 - 150 * t, 180.0, phase=2.0)]
        walkers = list(walkers) or crossing
        film = list(filmed(walkers, seconds=2, rate_hz=30, rng=np.random.default_rng(0)))
        self.frames = [Frame(seen["frame_index"], seen["time_s"], seen["image"]) for seen, _ in film]
        self.walkers, self._seen = walkers, [seen for seen, _ in film]

    def number(self, image):
        return next(i for i, frame in enumerate(self.frames) if frame.image is image)

    def detect(self, images):
        seen = [self._seen[self.number(image)] for image in images]
        return [PersonBoxes(each["boxes_px"], each["scores"]) for each in seen]

    def locate(self, images, boxes_px, *, mirrored):
        return [self._of(self.number(image), boxes) for image, boxes in zip(images, boxes_px, strict=True)]

    def locate_in(self, image, boxes_px, *, mirrored):
        return self._of(self.number(image), boxes_px)

    def _of(self, frame, boxes_px):
        truth = np.array([walker.keypoints_px(self.frames[frame].time_s) for walker in self.walkers])
        middles = (truth.min(1) + truth.max(1)) / 2
        apart = np.linalg.norm((boxes_px[:, None, :2] + boxes_px[:, None, 2:]) / 2 - middles, axis=-1)
        who = apart.argmin(1)
        return Keypoints(truth[who], np.full((len(who), 26), 0.8), tuple(Shown(person, frame) for person in who))

    def tokens(self, people):
        assert people
        return np.array(people, dtype=np.float16)


@pytest.mark.parametrize("detect_every", [1, 3, 6])
def test_frame_information_goes_with_people_detected_and_tracked(detect_every):
    film = Filmed()
    people = find_people(film.frames, detector=film, network=film, detect_every=detect_every)
    assert sorted(track.tokens[0, 0] for track in people.tracks) == [0, 1]
    for track in people.tracks:
        assert track.detected.mean() > 0.8
        walker = film.walkers[int(track.tokens[0, 0])]
        for frame in np.flatnonzero(track.detected):
            truth = walker.keypoints_px(track.time_s[frame])
            assert np.allclose(track.keypoints_px[frame], truth, atol=0.01)
            assert track.tokens[frame].tolist() == [track.tokens[0, 0], track.frame_indices[frame]]
        assert np.isnan(track.tokens[~track.detected]).all()


def test_keypoints_that_contradict_an_interpolated_box_have_the_frame_detected():
    """Who is elsewhere for two frames between two detections, as at a cut, is not left with the boxes between them."""
    elsewhere = (2 / 30 - 0.001, 4 / 30 - 0.001)
    film = Filmed(Walker(lambda t: 450.0 if elsewhere[0] < t % 1 < elsewhere[1] else 150.0, 200.0))
    tracker = PeopleTracker(detect_every=6)
    batches = track_people(((tracker, frame) for frame in film.frames[:13]), detector=film, network=film)
    found = [frame.detections[0] for batch in batches for _, frame in batch]
    left = [round(float(detection.box_px[0])) for detection in found]
    assert all(x > 350 for x in left[2:4])
    assert all(x < 150 for x in (*left[:2], *left[4:]))
    for detection in (found[2], found[3]):  # detected, and the box drawn around the keypoints
        np.testing.assert_array_equal(
            detection.box_px, box_around(detection.keypoints_px, detection.confidence, margin=DETECTED_MARGIN)
        )


@needs_assets
def test_boxes_of_the_mirror_image_are_the_mirrored_boxes_to_less_than_1_percent(networks):
    """The detector's own differ by 1.2 and 1.7 % of the body's length."""
    film = list(islice(read_frames(CLIP, start_s=2.2), 7))
    image = [replace(frame, image=np.ascontiguousarray(frame.image[:, ::-1])) for frame in film]
    people, in_mirror = (find_people(frames, **networks, detect_every=6).tracks for frames in (film, image))
    assert len(people) == len(in_mirror) == 2
    for person in people:
        left, top, right, bottom = person.boxes_px.T
        last_px = film[0].image.shape[1] - 1
        expected_px = np.stack([last_px - right, top, last_px - left, bottom], axis=-1)
        differences_px = min(np.abs(track.boxes_px - expected_px).mean() for track in in_mirror)
        assert differences_px < 0.008 * (bottom - top).max()


@needs_assets
@pytest.mark.parametrize("detect_every", [1, 3])
def test_jumper_and_walker_are_tracked(networks, detect_every):
    finished = []
    frames = islice(read_frames(CLIP), 60)
    people = find_people(frames, **networks, batch_frames=8, detect_every=detect_every, progress=finished.append)
    assert sum(finished) == 60
    assert len(finished) >= 4
    assert people.frame_count == 60
    jumper, walker = people.tracks
    assert jumper.detected.all()
    assert len(jumper) == 60
    assert 35 <= walker.frame_indices[0] <= 45
    assert walker.frame_indices[-1] == 59
    assert jumper.confidence.mean() > 0.5


@needs_assets
def test_both_backends_track_the_same_people(networks):
    """Torch, as on a GPU, is given the images that are detected in a window, and its people, at once."""
    torchs = {"detector": PersonDetector.load(backend="torch"), "network": KeypointNetwork.load(backend="torch")}
    frames = list(islice(read_frames(CLIP, start_s=1.5), 10))
    (one, *others), (same, *rest) = (find_people(frames, **each, detect_every=3).tracks for each in (networks, torchs))
    assert len(others) == len(rest)
    assert np.allclose(one.keypoints_px, same.keypoints_px, rtol=0, atol=0.1)


@needs_assets
def test_tracks_and_tokens_are_the_same_on_any_number_of_threads():
    frames = list(islice(read_frames(CLIP, start_s=1.2), 20))
    one, three = (
        find_people(
            frames,
            detector=PersonDetector.load(threads=threads),
            network=KeypointNetwork.load(threads=threads, head=MqhmrHead.load()),
            detect_every=6,
        )
        for threads in (1, 3)
    )
    assert len(one.tracks) == len(three.tracks) == 2
    for a, b in zip(one.tracks, three.tracks, strict=True):
        np.testing.assert_array_equal(a.keypoints_px, b.keypoints_px)
        np.testing.assert_array_equal(a.tokens, b.tokens)


@needs_assets
def test_one_frame_is_a_clip(networks):
    people = find_people(islice(read_frames(CLIP), 1), **networks)
    assert [len(t) for t in people.tracks] == [1]


@needs_assets
def test_nobody_in_a_image_is_nobody(networks):
    grey = [Frame(i, i / 30, np.full((120, 160, 3), 128, np.uint8)) for i in range(3)]
    people = find_people(grey, **networks)
    assert people.tracks == []
    with pytest.raises(TrackingError, match="clip of 3 frames"):
        choose_athletes(people.tracks, choices=["largest"], width_px=160, height_px=120, frame_count=people.frame_count)


@needs_assets
def test_a_clip_without_frames_has_nobody(networks):
    people = find_people([], **networks)
    assert (people.tracks, people.frame_count) == ([], 0)
    with pytest.raises(ValueError, match="counts from 1"):
        find_people([], **networks, detect_every=0)


@needs_assets
@pytest.mark.slow
@pytest.mark.parametrize("detect_every", [3, 6])
def test_who_jumps_somersaults_and_sprints_is_one_person(networks, detect_every):
    people = find_people(read_frames(CLIP), **networks, detect_every=detect_every)
    jumper, walker = people.tracks
    assert (jumper.frame_indices[0], jumper.frame_indices[-1] > 220) == (0, True)
    in_glare = {*range(167, 175), 180}  # the sun hides head and trunk; in upright crops 21 frames were lost
    assert {int(frame) for frame in jumper.frame_indices[~jumper.detected]} <= in_glare
    head_top, mid_hip = (jumper.keypoints_px[:, KEYPOINTS.index(name), 1] for name in ("head_top", "mid_hip"))
    assert head_top[175] > mid_hip[175] + 30, "upside down"
    assert head_top[188] < mid_hip[188] - 100, "landed"
    assert walker.detected.mean() > 0.95


def test_detections_do_not_depend_on_the_windows():
    film = Filmed()
    for batch_frames in (1, 7, 40, 100):
        people = find_people(film.frames, detector=film, network=film, detect_every=6, batch_frames=batch_frames)
        expected = find_people(film.frames, detector=film, network=film, detect_every=6)
        for track, same in zip(people.tracks, expected.tracks, strict=True):
            np.testing.assert_array_equal(track.keypoints_px, same.keypoints_px)
            np.testing.assert_array_equal(track.tokens, same.tokens)


def test_frames_that_are_detected_in_a_window_share_batches():
    sizes = []

    class Counting(Filmed):
        batch_size = 4

        def detect(self, images):
            sizes.append(len(images))
            return super().detect(images)

    film = Counting()
    find_people(film.frames, detector=film, network=film, detect_every=6)
    assert sizes[0] == 5
    assert max(sizes[1:]) == 4


def test_two_clips_share_windows_and_stay_apart():
    first, second = Filmed(), Filmed()
    second.frames = first.frames  # the same images in another clip
    one, two = PeopleTracker(detect_every=6), PeopleTracker(detect_every=6, from_s=0.5)
    frames = [*((one, frame) for frame in first.frames[:20]), *((two, frame) for frame in first.frames)]
    found = [each for batch in track_people(frames, detector=first, network=first) for each in batch]
    assert [tracker for tracker, _ in found] == [one] * 20 + [two] * 60
    lead_in = [frame is None for tracker, frame in found if tracker is two]
    assert lead_in == [True] * 15 + [False] * 45
    for _, frame in found:
        for detection in frame.detections if frame else []:
            assert detection.tokens[1] == frame.frame_index


def test_a_network_that_fails_leaves_no_thread_behind():
    film = Filmed()

    class Failing(Filmed):
        def locate(self, images, boxes_px, *, mirrored):
            raise RuntimeError("the network fails")

    failing = Failing()
    with pytest.raises(RuntimeError, match="the network fails"):
        find_people(failing.frames, detector=failing, network=failing)
    assert [t.name for t in threading.enumerate() if t.name == "read ahead"] == []
    batches = track_people(((PeopleTracker(), frame) for frame in film.frames), detector=film, network=film)
    next(batches)
    batches.close()  # as a shard does that cannot be written
    assert [t.name for t in threading.enumerate() if t.name == "read ahead"] == []
