"""Boxes between two detections: on the straight line where it is clear who is who, refused where it is not."""

import numpy as np

from biopose.perception.detector import PersonBoxes
from biopose.tracking.interpolated_boxes import interpolated_boxes


def person(left: float, *, top: float = 100.0, height: float = 300.0) -> list[float]:
    return [left, top, left + 0.4 * height, top + height]


def boxes(*people: list[float], scores: list[float] | None = None) -> PersonBoxes:
    return PersonBoxes(np.array(people).reshape(-1, 4), np.array(scores or [0.9] * len(people)))


def between(before: PersonBoxes, after: PersonBoxes, *, interval_s: float = 0.2) -> list[PersonBoxes] | None:
    return interpolated_boxes(before, after, interval_s=interval_s, shares=[0.25, 0.5])


def test_boxes_move_evenly_and_have_the_lower_score() -> None:
    first, middle = between(boxes(person(100), person(900)), boxes(person(940), person(120), scores=[0.5, 0.8]))
    assert np.allclose(first.boxes_px, [person(105), person(910)])
    assert np.allclose(middle.boxes_px, [person(110), person(920)])
    assert first.scores.tolist() == [0.8, 0.5]


def test_a_sprinter_is_followed_and_nobody_is_faster() -> None:
    assert between(boxes(person(100)), boxes(person(100 + 1.2 * 300))) is not None  # 6 lengths a second
    assert between(boxes(person(100)), boxes(person(100 + 1.7 * 300))) is None
    assert between(boxes(person(100)), boxes(person(100 + 1.2 * 300)), interval_s=0.1) is None


def test_who_appears_or_leaves_is_left_to_the_detector() -> None:
    assert between(boxes(person(100)), boxes(person(100), person(700))) is None
    assert between(boxes(person(100), person(700)), boxes(person(100))) is None
    assert between(boxes(), boxes(person(100))) is None


def test_two_people_near_each_other_are_left_to_the_detector() -> None:
    assert between(boxes(person(100), person(160)), boxes(person(135), person(125))) is None
    assert between(boxes(person(100), person(160)), boxes(person(102), person(161))) is not None


def test_a_box_of_low_score_is_kept_where_it_stays_and_left_out_where_it_does_not() -> None:
    before = boxes(person(100), person(500), scores=[0.9, 0.2])
    (stays, _), (leaves, _) = (
        between(before, boxes(person(100), person(x), scores=[0.9, 0.3])) for x in (510.0, 900.0)
    )
    assert stays.scores.tolist() == [0.9, 0.2]
    assert leaves.scores.tolist() == [0.9]


def test_who_is_confidently_detected_once_is_matched_by_a_box_of_low_score_upon_theirs() -> None:
    faint = boxes(person(110), person(500), scores=[0.2, 0.9])
    for pair in ((boxes(person(100), person(500)), faint), (faint, boxes(person(100), person(500)))):
        first, _ = between(*pair)
        assert first.scores.tolist() == [0.4, 0.9] or first.scores.tolist() == [0.9, 0.4]
    assert between(boxes(person(100)), boxes(person(300), scores=[0.2])) is None
    doubles = boxes(person(100), person(105), scores=[0.9, 0.3])  # the faint one is no second person
    assert [each.scores.tolist() for each in between(doubles, boxes(person(104)))] == [[0.9], [0.9]]


def test_of_nobody_there_are_no_boxes() -> None:
    assert [len(each) for each in between(boxes(), boxes())] == [0, 0]
