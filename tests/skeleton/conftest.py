"""Models that take a moment to build are built once."""

from pathlib import Path

import pytest

from biopose.skeleton.model import Skeleton
from biopose.skeleton.reader import read_osim
from tests.skeleton import models


@pytest.fixture(scope="session")
def full_body_osim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.full_body_path(tmp_path_factory.mktemp("full_body"))


@pytest.fixture(scope="session")
def full_body(full_body_osim: Path) -> Skeleton:
    return read_osim(full_body_osim)


@pytest.fixture(scope="session")
def every_part_osim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.every_part(tmp_path_factory.mktemp("every_part") / "every_part.osim")


@pytest.fixture(scope="session")
def every_part(every_part_osim: Path) -> Skeleton:
    return read_osim(every_part_osim)


@pytest.fixture(scope="session")
def arm(tmp_path_factory: pytest.TempPathFactory) -> Skeleton:
    return read_osim(models.arm(tmp_path_factory.mktemp("arm") / "arm.osim"))


@pytest.fixture(scope="session")
def coupled_spine(tmp_path_factory: pytest.TempPathFactory) -> Skeleton:
    return read_osim(models.coupled_spine(tmp_path_factory.mktemp("spine") / "coupled_spine.osim"))
