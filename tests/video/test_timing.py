"""Times increase strictly, whatever the timestamps do."""

from fractions import Fraction

import pytest

from biopose.video.timing import DEFAULT_RATE_HZ, FrameClock, nominal_rate_hz, rate_of_timestamps_hz

TICK = Fraction(1, 10)


def run(pts: list[int | None], *, first: int | None = 0) -> list[float]:
    clock = FrameClock(time_base=TICK, first_pts=first, nominal_rate_hz=10)
    return [pytest.approx(clock.time_s(p)) for p in pts]


def test_timestamps_are_taken_as_they_are() -> None:
    assert run([5, 6, 9, 10], first=5) == [0.0, 0.1, 0.4, 0.5]
    assert run([15, 16], first=5) == [1.0, 1.1]


def test_one_that_repeats_lies_between_its_neighbours() -> None:
    assert run([0, 1, 1, 2, 3]) == [0.0, 0.1, 0.15, 0.2, 0.3]


def test_one_that_steps_back_a_little_is_pushed_on() -> None:
    assert run([0, 3, 2, 4]) == [0.0, 0.3, 0.35, 0.4]


def test_missing_ones_are_a_nominal_interval_apart() -> None:
    assert run([None, None, None], first=None) == [0.0, 0.1, 0.2]
    assert run([0, None, 2]) == [0.0, 0.1, 0.2]


def test_ones_that_begin_anew_go_on() -> None:
    assert run([0, 10, 20, 0, 10]) == [0.0, 1.0, 2.0, 2.1, 3.1]


def test_a_rate_is_that_of_the_usual_interval() -> None:
    milliseconds = [0, 33, 67, 100, 133, 167, 500, 533]
    assert rate_of_timestamps_hz(milliseconds, Fraction(1, 1000)) == pytest.approx(30, rel=0.01)
    assert rate_of_timestamps_hz([4, 2, 0, 2], TICK) == pytest.approx(5)
    assert rate_of_timestamps_hz([7], TICK) is None
    assert rate_of_timestamps_hz([7, 7], TICK) is None


@pytest.mark.parametrize(
    ("header", "measured", "rate"),
    [
        ((Fraction(30), Fraction(25)), 29.5, 30.0),
        ((Fraction(0), Fraction(25)), 24.0, 25.0),
        ((Fraction(90000), None), 60.0, 60.0),
        ((None, None), 12.5, 12.5),
        ((Fraction(24), None), None, 24.0),
        ((None, Fraction(0)), None, DEFAULT_RATE_HZ),
    ],
)
def test_a_header_is_believed_where_the_timestamps_bear_it_out(
    header: tuple[Fraction | None, ...], measured: float | None, rate: float
) -> None:
    assert nominal_rate_hz(header, measured) == rate
