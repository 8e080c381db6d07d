import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import made_once
from tests.flows.pages.home import make_home, served


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For reading; a copy of its own for each process, which the pages keep their record of accesses in."""
    made = made_once(tmp_path_factory, "pages", make_home)
    return Path(shutil.copytree(made, tmp_path_factory.mktemp("pages") / "home", symlinks=True))


@pytest.fixture(scope="session")
def address(home: Path) -> Iterator[str]:
    with served(home) as address:
        yield address


@pytest.fixture(scope="session")
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        yield client
