from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from biopose.perception.detections import detections_of_frame
from biopose.tracking.tracker import Tracker
from tests.tracking.stick_figures import WIDTH_PX, Walker, filmed

RED, GREEN, BLUE = (200, 40, 40), (40, 160, 60), (40, 60, 200)


def followed(walkers, **film):
    """For each track, the walkers whose sightings it holds."""
    tracker = Tracker()
    owner = {}
    for frame, walker_of in filmed(walkers, **film):
        tracker.add(**frame)
        for points, walker in zip(frame["keypoints_px"], walker_of, strict=True):
            owner[frame["frame_index"], np.float32(points[0, 0])] = walker
    tracks = tracker.tracks()
    return tracks, [
        {
            owner[frame, np.float32(points[0, 0])]
            for frame, points in zip(t.frame_indices[t.detected], t.keypoints_px[t.detected], strict=True)
        }
        for t in tracks
    ]


def follow_with_tokens(tracker, frame, walker_of):
    """Each person's tokens are their number and the frame's: numbers that half precision holds exactly."""
    rows = [np.array([100 + walker, frame["frame_index"], 1 / 3], dtype=np.float16) for walker in walker_of]
    detections = [replace(d, tokens=rows[d.number]) for d in detections_of_frame(**frame)]
    tracker.follow(detections, frame_index=frame["frame_index"], time_s=frame["time_s"])


def crossing(seed):
    rng = np.random.default_rng(seed)
    right, left = rng.uniform(60, 250, 2)
    meeting, heights = rng.uniform(1.0, 1.6), rng.permutation([rng.uniform(150, 190), rng.uniform(195, 260)])
    return rng, [
        Walker(lambda t: 320 + right * (t - meeting), heights[0], shirt=RED),
        Walker(lambda t: 320 - left * (t - meeting), heights[1], shirt=RED, phase=2.0),
    ]


@pytest.mark.parametrize("images", [True, False])
@pytest.mark.parametrize("rate_hz", [30, 120])
def test_two_people_in_the_same_clothes_who_cross_keep_their_numbers(rate_hz, images):
    for seed in range(4 if rate_hz == 30 else 1):
        rng, walkers = crossing(seed)
        _, owners = followed(walkers, seconds=2.5, rate_hz=rate_hz, rng=rng, images=images, dropout=0.1)
        assert sorted(owners, key=min) == [{0}, {1}], seed


def test_who_turns_back_behind_another_is_identified_by_appearance():
    for seed in range(3):
        near = Walker(lambda t: 322 + 90 * abs(t - 1.5), 220, shirt=RED)
        far = Walker(lambda t: 318 - 80 * abs(t - 1.5), 190, shirt=GREEN, phase=2.0)
        _, owners = followed([near, far], seconds=3, rate_hz=30, rng=np.random.default_rng(seed), dropout=0.1)
        assert sorted(owners, key=min) == [{0}, {1}]


def test_who_is_gone_for_two_seconds_is_known_again_by_the_clothes():
    def gone(t, path):
        return np.nan if 1.2 < t < 3.2 else path(t)

    walkers = [
        Walker(lambda t: gone(t, lambda t: 100 + 80 * t), shirt=RED),
        Walker(lambda t: gone(t, lambda t: 500 - 80 * t), shirt=BLUE, trousers=(90, 90, 90)),
    ]
    tracks, owners = followed(walkers, seconds=4, rate_hz=30, rng=np.random.default_rng(0))
    assert sorted(owners, key=min) == [{0}, {1}]
    for track in tracks:
        assert len(track) == 120
        assert np.isnan(track.keypoints_px[~track.detected]).all()
        assert (track.confidence[~track.detected] == 0).all()
        assert 55 <= (~track.detected).sum() <= 65


def test_what_was_read_of_people_stays_with_them_when_they_cross_and_when_they_were_gone():
    def gone(t, path):
        return np.nan if 1.2 < t < 3.2 else path(t)

    back = [
        Walker(lambda t: gone(t, lambda t: 100 + 80 * t), shirt=RED),
        Walker(lambda t: gone(t, lambda t: 500 - 80 * t), shirt=BLUE, trousers=(90, 90, 90)),
    ]
    for walkers, seconds in ((crossing(0)[1], 2.5), (back, 4)):
        tracker = Tracker()
        for frame, walker_of in filmed(walkers, seconds=seconds, rate_hz=30, rng=np.random.default_rng(0), dropout=0.1):
            follow_with_tokens(tracker, frame, walker_of)
        tracks = tracker.tracks()
        assert sorted(track.tokens[0, 0] for track in tracks) == [100, 101]
        for track in tracks:
            assert (track.tokens.dtype, track.tokens.shape) == (np.float16, (len(track), 3))
            assert (track.tokens[track.detected, 0] == track.tokens[0, 0]).all()
            assert (track.tokens[track.detected, 1] == track.frame_indices[track.detected]).all()
            assert (track.tokens[track.detected, 2] == np.float16(1 / 3)).all()
            assert (~track.detected).sum() > 0
            assert np.isnan(track.tokens[~track.detected]).all()


def test_nobody_reads_nothing_without_a_reader_and_frames_without_people_are_no_hindrance():
    walker = Walker(lambda t: 100 + 90 * t if not 0.3 < t < 0.5 else np.nan)
    film = {"seconds": 1, "rate_hz": 30, "images": False}
    tracks, _ = followed([walker], **film, rng=np.random.default_rng(0))
    assert [track.tokens for track in tracks] == [None]
    tracker = Tracker()
    for frame, walker_of in filmed([walker], **film, rng=np.random.default_rng(0)):
        follow_with_tokens(tracker, frame, walker_of)
    (track,) = tracker.tracks()
    assert (np.isnan(track.tokens[:, 0]) == ~track.detected).all()
    assert (~track.detected).sum() >= 5


def test_of_doubles_the_more_trusted_is_kept_and_its_number_known():
    tracker = Tracker()
    for frame, _ in filmed([Walker(lambda t: 100 + 90 * t)], seconds=1, rate_hz=30, rng=np.random.default_rng(0)):
        double = {name: np.repeat(frame[name], 2, axis=0) for name in ("boxes_px", "keypoints_px", "confidence")}
        (detection,) = tracker.add(**frame | double | {"scores": np.array([0.5, 0.8])})
        assert (detection.number, detection.score) == (1, 0.8)
        assert detection.appearance is not None


def test_numbers_follow_the_first_appearance():
    walkers = [Walker(lambda t: 700 - 200 * t), Walker(lambda t: 100 + 50 * t)]
    tracks, owners = followed(walkers, seconds=2, rate_hz=30, rng=np.random.default_rng(0))
    assert owners == [{1}, {0}]
    assert [t.person for t in tracks] == [0, 1]
    assert tracks[1].frame_indices[0] > 5
    assert (np.diff(tracks[1].frame_indices) == 1).all()
    assert np.allclose(tracks[1].time_s, tracks[1].frame_indices / 30)


def test_doubles_of_a_detection_are_one_person():
    tracker = Tracker()
    for frame, _ in filmed([Walker(lambda t: 100 + 90 * t)], seconds=1, rate_hz=30, rng=np.random.default_rng(0)):
        half = frame["boxes_px"] * [1, 1, 1, 0.7]
        tracker.add(
            **frame
            | {
                "boxes_px": np.concatenate([frame["boxes_px"], half]),
                "scores": np.array([0.8, 0.5]),
                "keypoints_px": np.repeat(frame["keypoints_px"], 2, axis=0) + np.array([[[0]], [[2]]]),
                "confidence": np.repeat(frame["confidence"], 2, axis=0) * [[1.0], [0.8]],
            }
        )
    (track,) = tracker.tracks()
    assert track.detected.all()


def test_false_detections_are_left_out_and_a_person_on_a_poster_is_tracked():
    rng = np.random.default_rng(0)
    tracker = Tracker()
    poster = Walker(lambda t: 560.0, 150.0, shirt=BLUE).keypoints_px(0.0)
    for frame, _ in filmed([Walker(lambda t: 100 + 90 * t)], seconds=2, rate_hz=30, rng=rng, images=False):
        extra = [poster + rng.normal(0, 0.5, poster.shape)]
        if frame["frame_index"] % 20 == 3:  # a bush, for a frame now and then
            extra.append(poster + np.array([rng.uniform(-400, -100), 0]))
        points = np.concatenate([frame["keypoints_px"], extra])
        boxes = np.concatenate([points.min(1), points.max(1)], axis=1)
        scores, confidence = np.full(len(points), 0.7), np.full(points.shape[:2], 0.7)
        tracker.add(**frame | {"boxes_px": boxes, "keypoints_px": points, "scores": scores, "confidence": confidence})
    tracks = tracker.tracks()
    assert [len(t) for t in tracks] == [60, 60]


def test_a_clip_of_one_frame_has_its_people_and_an_empty_one_nobody():
    walkers = [Walker(lambda t: 100.0), Walker(lambda t: 400.0)]
    tracks, _ = followed(walkers, seconds=0.03, rate_hz=30, rng=np.random.default_rng(0))
    assert [len(t) for t in tracks] == [1, 1]
    assert Tracker().tracks() == []
    nobody, _ = followed([], seconds=1, rate_hz=30, rng=np.random.default_rng(0))
    assert nobody == []


def test_frames_that_come_unevenly_or_densely_lead_to_the_same_people():
    for rate_hz in (30, 240):
        rng, walkers = crossing(3)
        tracks, owners = followed(walkers, seconds=2.5, rate_hz=rate_hz, rng=rng, images=False)
        assert sorted(owners, key=min) == [{0}, {1}]
        for track in tracks:
            inside = [
                t for t in np.arange(0, 2.5, 1 / rate_hz) if 0 < walkers[min(owners[track.person])].x_px(t) < WIDTH_PX
            ]
            assert len(track) / rate_hz == pytest.approx(len(inside) / rate_hz, abs=0.1)


def test_who_is_half_out_of_view_throughout_is_one_person():
    tracks, _ = followed(
        [Walker(lambda t: 8.0 + np.sin(3 * t))], seconds=2, rate_hz=30, rng=np.random.default_rng(0), dropout=0.3
    )
    assert len(tracks) == 1


def test_where_a_person_is_expected_and_not_detected():
    tracker = Tracker()
    for frame, _ in filmed([Walker(lambda t: 100 + 90 * t)], seconds=1, rate_hz=30, rng=np.random.default_rng(0)):
        tracker.add(**frame)
    truth = Walker(lambda t: 100 + 90 * t).keypoints_px(1.1)
    ((box,), _) = tracker.expected_people(1.1, boxes_px=np.empty((0, 4)))
    assert np.allclose((box[:2] + box[2:])[0] / 2, (truth.min(0) + truth.max(0))[0] / 2, atol=20)
    assert len(tracker.expected_people(1.1, boxes_px=box[None])[0]) == 0
    assert len(tracker.expected_people(4.0, boxes_px=np.empty((0, 4)))[0]) == 0


def test_frames_out_of_order_are_refused():
    tracker = Tracker()
    frames = [frame for frame, _ in filmed([], seconds=0.2, rate_hz=30, rng=np.random.default_rng(0))]
    for frame, _ in pairwise(frames[:3]):
        tracker.add(**frame)
    with pytest.raises(ValueError, match="frame 5 after frame 1"):
        tracker.add(**frames[5])
    with pytest.raises(ValueError, match="not later"):
        tracker.add(**frames[2] | {"time_s": 0.0})
