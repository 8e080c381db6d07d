"""Servers of the user's are asked for before an engine waits for them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tasks.reachable import connect, unreachable_engines
from tasks.settings import Settings


def test_engines_that_nothing_listens_for_are_named_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        there, closed = f"127.0.0.1:{server.getsockname()[1]}", "127.0.0.1:1"
        assert unreachable_engines(Settings(home=tmp_path)) == []
        assert unreachable_engines(Settings(home=tmp_path, ray_address=there, dask_address=f"tls://{there}")) == []
        lines = unreachable_engines(Settings(home=tmp_path, ray_address=closed, dask_address=f"tcp://{closed}"))
    assert [line.partition(":")[0] for line in lines] == [
        "BIOPOSE_RAY_ADDRESS is '127.0.0.1",
        "BIOPOSE_DASK_ADDRESS is 'tcp",
    ]
    assert all("nothing responds there" in line for line in lines)


def test_a_name_that_does_not_exist_is_an_error_of_the_network() -> None:
    connect("local")  # Ray's own word, without a port
    with pytest.raises(OSError):
        connect("no-such-machine.invalid:6379")
