from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from biopose.skeleton.threads import in_threads, one_torch_thread


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_one_thread_inside_and_as_many_as_before_after(threads: int) -> None:
    with one_torch_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == threads


def test_as_many_as_before_after_an_error(threads: int) -> None:
    with pytest.raises(KeyError), one_torch_thread():
        raise KeyError
    assert torch.get_num_threads() == threads


def test_blocks_within_each_other(threads: int) -> None:
    with one_torch_thread():
        with one_torch_thread():
            pass
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == threads


def test_each_part_has_one_thread_of_torch_and_none_is_left_behind(threads: int) -> None:
    """torch keeps the number of a thread that it has run in, and a new thread takes the number that was set last."""
    assert set(in_threads(lambda _: torch.get_num_threads(), range(6), threads=3)) == {1}
    assert torch.get_num_threads() == threads
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == threads
