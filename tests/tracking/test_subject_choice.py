import numpy as np
import pytest

from biopose.errors import TrackingError
from biopose.tracking.subject_choice import choose_athletes
from biopose.tracking.tracks import PersonTrack

IMAGE = {"width_px": 1000, "height_px": 500}


def standing(person, box, *, frames=30, rate_hz=30.0):
    boxes = np.tile(np.array(box, dtype=float), (frames, 1))
    return PersonTrack(
        person, np.arange(frames), np.arange(frames) / rate_hz, boxes, np.zeros((frames, 26, 2)), np.ones((frames, 26))
    )


SMALL_CENTRAL = standing(0, (480, 200, 520, 300))
LARGE_ASIDE = standing(1, (0, 50, 200, 480))
LARGEST_BRIEF = standing(2, (400, 0, 800, 500), frames=4)
EVERYBODY = [SMALL_CENTRAL, LARGE_ASIDE, LARGEST_BRIEF]


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        ("largest", [LARGE_ASIDE]),
        ("central", [SMALL_CENTRAL]),
        ("all", [LARGE_ASIDE, LARGEST_BRIEF, SMALL_CENTRAL]),
        ((470.0, 190.0, 530.0, 310.0), [SMALL_CENTRAL]),
    ],
)
def test_the_athlete_is_who_was_asked_for_numbered_from_0(choice, chosen):
    athletes = choose_athletes(EVERYBODY, choices=[choice], **IMAGE)
    assert [a.boxes_px is c.boxes_px for a, c in zip(athletes, chosen, strict=True)] == [True] * len(chosen)
    assert [a.person for a in athletes] == list(range(len(chosen)))


def test_time_counts_and_not_frames():
    dense = standing(0, (0, 0, 100, 100), frames=240, rate_hz=240.0)
    longer = standing(1, (0, 0, 100, 100), frames=60, rate_hz=30.0)
    assert choose_athletes([dense, longer], choices=["largest"], **IMAGE)[0].boxes_px is longer.boxes_px


def test_frames_without_the_person_do_not_count():
    gap = standing(0, (0, 0, 100, 100))
    gap.boxes_px[5:25] = np.nan
    assert choose_athletes([gap, SMALL_CENTRAL], choices=["largest"], **IMAGE)[0].boxes_px is SMALL_CENTRAL.boxes_px


def test_a_clip_without_people_is_an_error_with_its_length_and_a_remedy():
    with pytest.raises(TrackingError, match=r"clip of 230 frames.*Begin and end where the athlete is in view"):
        choose_athletes([], choices=["largest"], **IMAGE, frame_count=230)
    with pytest.raises(TrackingError, match="clip of 1 frame:"):
        choose_athletes([], choices=["all"], **IMAGE, frame_count=1)


def test_a_box_without_anybody_is_an_error_that_says_where_people_are():
    with pytest.raises(TrackingError, match=r"person 0 about \(480, 200, 520, 300\).*Correct the box"):
        choose_athletes([SMALL_CENTRAL], choices=[(900.0, 0.0, 1000.0, 100.0)], **IMAGE)


def test_a_number_is_that_of_the_order_of_all():
    everybody = choose_athletes(EVERYBODY, choices=["all"], **IMAGE)
    for number, one in enumerate(everybody):
        (chosen,) = choose_athletes(EVERYBODY, choices=[number], **IMAGE)
        assert chosen.boxes_px is one.boxes_px
        assert chosen.person == 0


def test_a_point_means_whose_box_holds_it_at_that_time_and_the_smallest_of_several():
    for point, who in [
        ((500, 250, 0.9), SMALL_CENTRAL),
        ((500, 250, 0.1), SMALL_CENTRAL),
        ((450, 20, 0.1), LARGEST_BRIEF),
    ]:
        (chosen,) = choose_athletes(EVERYBODY, choices=[point], **IMAGE)
        assert chosen.boxes_px is who.boxes_px
    with pytest.raises(TrackingError, match=r"nobody's box holds the point \(450, 20\) at 0\.9 s; found: person 0"):
        choose_athletes(EVERYBODY, choices=[(450, 20, 0.9)], **IMAGE)


def test_several_people_are_numbered_in_the_order_in_which_they_are_chosen():
    chosen = choose_athletes(EVERYBODY, choices=["central", 0], **IMAGE)
    assert [one.boxes_px is c.boxes_px for one, c in zip(chosen, [SMALL_CENTRAL, LARGE_ASIDE], strict=True)] == [
        True
    ] * 2
    assert [one.person for one in chosen] == [0, 1]


def test_two_choices_of_one_person_are_an_error():
    with pytest.raises(
        TrackingError, match=r"athletes largest and 0 are both person 0 about .*choose each person once"
    ):
        choose_athletes(EVERYBODY, choices=["largest", 0], **IMAGE)
    with pytest.raises(ValueError, match='"all" stands for everybody'):
        choose_athletes(EVERYBODY, choices=["all", 0], **IMAGE)


def test_a_number_that_nobody_has_is_an_error_that_lists_who_is_there():
    with pytest.raises(TrackingError, match=r"there is no person 7; found: person 0 about .*Correct the number"):
        choose_athletes(EVERYBODY, choices=[7], **IMAGE)


@pytest.mark.parametrize("choice", ["smallest", (10.0, 0.0, 5.0, 20.0), (1.0, 2.0)])
def test_an_unknown_choice_is_refused(choice):
    with pytest.raises(ValueError, match="expected largest, central, all, a number, a point"):
        choose_athletes(EVERYBODY, choices=[choice], **IMAGE)


def test_one_frame_is_enough():
    only = standing(0, (0, 0, 100, 100), frames=1)
    for choice in ("largest", "central", "all", (0.0, 0.0, 50.0, 50.0)):
        assert len(choose_athletes([only], choices=[choice], **IMAGE)) == 1
