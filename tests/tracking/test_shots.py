"""A cut to another shot ends everybody's track, and nobody is seen in pictures that stand still."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from biopose.camera.motion import BackgroundSampler
from biopose.perception.detections import detections_of_frame
from biopose.tracking.frame_detections import FrameDetections, ShardDetections
from biopose.tracking.people import join_shards
from biopose.tracking.shots import cut_frames, split_at
from biopose.tracking.tracks import PersonTrack
from biopose.video.regularity import ImageChange
from tests.tracking.stick_figures import Walker

RATE_HZ, CUT = 30, 37
HEIGHT_PX, WIDTH_PX = 360, 640


def shot(seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(HEIGHT_PX, WIDTH_PX))
    smooth = gaussian_filter(noise, 4)
    grey = np.clip(128 + 50 * smooth / smooth.std(), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def edited_film(*, cut: int | None, frames: int = 80) -> ShardDetections:
    """Two drawn shots with somebody who walks on across the cut, as a tracker by positions alone would have it."""
    walker, sampler, changes = Walker(lambda t: 150 + 60 * t, 220.0), BackgroundSampler(), ImageChange()
    images, found = (shot(0), shot(1)), []
    for index in range(frames):
        image, time_s = images[cut is not None and index >= cut], index / RATE_HZ
        keypoints_px = walker.keypoints_px(time_s)
        box_px = np.concatenate([keypoints_px.min(0), keypoints_px.max(0)])
        detections = detections_of_frame(
            frame_index=index,
            time_s=time_s,
            image=None,
            boxes_px=box_px[None],
            scores=np.array([0.9]),
            keypoints_px=keypoints_px[None],
            confidence=np.full((1, 26), 0.8),
        )
        background = sampler.sample(image, time_s=time_s, boxes_px=box_px[None])
        found.append(FrameDetections(index, time_s, detections, background, True, changes.of(image)))
    return ShardDetections(found, WIDTH_PX, HEIGHT_PX)


def test_nobody_is_followed_across_a_cut_whose_frame_is_named() -> None:
    people, camera, notes = join_shards([edited_film(cut=CUT)])
    assert len(camera.cuts_s) == 1
    assert [(t.person, t.frame_indices[0], t.frame_indices[-1]) for t in people.tracks] == [(0, 0, 36), (1, 37, 79)]
    assert [note for note in notes if "another shot" in note] == [
        "Frame 37 (1.23 s) begins another shot: nobody is followed across it. Measure each shot by itself "
        "(--start-s, --end-s)."
    ]


def test_without_a_cut_tracks_stay_whole() -> None:
    people, camera, notes = join_shards([edited_film(cut=None)])
    assert (camera.cuts_s, [len(track) for track in people.tracks]) == ((), [80])
    assert not any("another shot" in note for note in notes)


def with_frozen(film: ShardDetections, first: int, last: int) -> ShardDetections:
    """The film, in which all is in motion but for some frames that repeat the picture before, coded anew."""
    return replace(
        film,
        frames=[replace(one, change=1.2 if first <= one.frame_index <= last else 25.0) for one in film.frames],
    )


@pytest.mark.parametrize(("first", "last", "seen"), [(50, 79, (0, 49)), (1, 20, (0, 79)), (30, 44, (0, 79))])
def test_nobody_is_seen_while_the_picture_stands_still(first: int, last: int, seen: tuple[int, int]) -> None:
    people, _, notes = join_shards([with_frozen(edited_film(cut=None), first, last)])
    (one,) = people.tracks
    assert (one.frame_indices[0], one.frame_indices[-1]) == seen
    hidden = (one.frame_indices >= first) & (one.frame_indices <= last)
    assert (one.detected == ~hidden).all()
    assert not one.confidence[hidden].any()
    assert [note for note in notes if "stands still" in note or "repeat" in note] == [
        f"The picture stands still in frames {first} to {last} ({first / RATE_HZ:.2f} to {last / RATE_HZ:.2f} s): "
        "nobody is measured in them."
    ]


def test_one_picture_that_is_shown_twice_hides_nobody() -> None:
    people, _, notes = join_shards([with_frozen(edited_film(cut=None), 30, 31)])
    assert people.tracks[0].detected.all()
    assert any("2 of 80 frames repeat the image before" in note for note in notes)


def track(found: list[bool]) -> PersonTrack:
    n = len(found)
    boxes = np.where(np.array(found)[:, None], np.ones((n, 4)), np.nan)
    frames = np.arange(10, 10 + n)
    return PersonTrack(0, frames, frames / RATE_HZ, boxes, np.ones((n, 26, 2)), np.ones((n, 26)))


def test_a_part_begins_and_ends_where_the_person_is_found_and_a_short_rest_is_left_out() -> None:
    parts = split_at([track([True] * 20 + [False] * 5 + [True] * 15), track([True] * 30)], [33])
    assert [(p.person, p.frame_indices[0], p.frame_indices[-1]) for p in parts] == [
        (0, 10, 29),
        (1, 10, 32),
        (2, 35, 49),
    ]
    assert len(split_at([track([True] * 3)], [50])) == 1  # a clip of three frames is no rest


@pytest.mark.parametrize("known", [True, False])
def test_a_cut_is_at_the_largest_change_or_else_where_it_was_noticed(known: bool) -> None:
    time_s = np.arange(60) / RATE_HZ
    change = np.full(60, 5.0 if known else np.nan)
    change[27] = 80.0 if known else np.nan
    assert cut_frames([30 / RATE_HZ], time_s, change) == [27 if known else 30]
