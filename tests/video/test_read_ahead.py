"""Reading ahead: the same items in order, errors at their place, and no thread left behind."""

import threading
from collections.abc import Iterator

import pytest

from biopose.video.read_ahead import read_ahead


def threads() -> int:
    return sum(thread.name == "read ahead" for thread in threading.enumerate())


def test_items_come_in_order_and_are_made_by_another_thread() -> None:
    makers = set()

    def items() -> Iterator[int]:
        for i in range(100):
            makers.add(threading.current_thread().name)
            yield i

    assert list(read_ahead(items(), depth=3)) == list(range(100))
    assert makers == {"read ahead"}
    assert threads() == 0


def test_an_error_comes_behind_what_was_made_before_it() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise ValueError("broken")

    ahead = read_ahead(items(), depth=8)
    assert [next(ahead) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="broken"):
        next(ahead)
    assert threads() == 0


def test_no_more_than_depth_items_are_made_ahead_and_a_consumer_that_leaves_ends_the_thread() -> None:
    made = []
    waits = threading.Event()

    def items() -> Iterator[int]:
        for i in range(1000):
            made.append(i)
            if i == 2:
                waits.set()
            yield i

    ahead = read_ahead(items(), depth=2)
    assert next(ahead) == 0
    assert waits.wait(10)
    assert len(made) <= 1 + 2
    ahead.close()
    assert threads() == 0
