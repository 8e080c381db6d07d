from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.flows.pages.home import make_home, served


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For reading."""
    return make_home(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="session")
def address(home: Path) -> Iterator[str]:
    with served(home) as address:
        yield address


@pytest.fixture(scope="session")
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        yield client
