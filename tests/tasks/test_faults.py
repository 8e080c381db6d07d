"""Whose fault an error is: what an input raises when it is worked on alone quarantines it, and no other."""

from __future__ import annotations

import errno
import pickle
from collections.abc import Sequence
from pathlib import Path

import pytest

from biopose.errors import BioposeError, VideoError
from tasks.faults import UnexpectedError, as_input_error, each_alone_if_need_be, with_one_repeat
from tasks.quarantine import quarantine_record
from tests.video.filming import film

VIDEO = Path("/inbox/blue/jumps/jump.mp4")


def durations(videos: Sequence[Path], work: Sequence[float]) -> list[BioposeError | None]:
    """Work on real files, whose names nobody foresaw: a video that is gone and a number that is none."""
    for video, divisor in zip(videos, work, strict=True):
        len(video.read_bytes()) / divisor
    return [None] * len(videos)


def test_an_input_that_fails_in_a_group_costs_no_other(tmp_path: Path) -> None:
    videos = [tmp_path / f"{name}.mp4" for name in ("good", "gone", "odd")]
    film(videos[0], frames=2)
    film(videos[2], frames=2)
    good, gone, odd = each_alone_if_need_be(durations, videos, [1.0, 1.0, 0.0])
    assert good is None
    assert isinstance(gone, VideoError)
    assert str(gone) == f"{videos[1]}: vanished while it was worked on; copy it there again"
    assert isinstance(odd, UnexpectedError)
    assert str(odd).startswith(f"{videos[2]}: ZeroDivisionError: float division by zero (test_faults.py:")


def test_what_fails_once_is_done_again_and_what_fails_twice_is_the_inputs_fault() -> None:
    calls: list[int] = []

    def fails(times: int) -> int:
        calls.append(times)
        if len(calls) <= times:
            raise ValueError("singular")
        return len(calls)

    assert with_one_repeat(lambda: fails(1), [VIDEO]) == 2
    calls.clear()
    with pytest.raises(UnexpectedError, match=r"jump\.mp4: ValueError: singular"):
        with_one_repeat(lambda: fails(9), [VIDEO])
    assert len(calls) == 2


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "/home/x"),
        OSError(errno.EMFILE, "Too many open files", str(VIDEO)),
        FileNotFoundError(errno.ENOENT, "No such file", "/home/model.bin"),
        *(MemoryError(), ImportError("libav")),
    ],
)
def test_a_fault_of_the_machine_is_no_inputs(error: Exception) -> None:
    assert as_input_error(error, [VIDEO]) is None

    def failing() -> None:
        raise error

    with pytest.raises(type(error)):
        with_one_repeat(failing, [VIDEO])


def test_the_record_of_an_unexpected_error_keeps_its_traceback_also_from_another_process() -> None:
    with pytest.raises(UnexpectedError) as raised:
        with_one_repeat(lambda: {}["key"], [VIDEO])
    error = pickle.loads(pickle.dumps(raised.value))
    record = quarantine_record("blue/jumps/jump", error, stage="solve and analyse", key="k", retry="again")
    assert record.kind == "unexpected"
    assert "Traceback" in record.details
    assert "Traceback" not in record.message
