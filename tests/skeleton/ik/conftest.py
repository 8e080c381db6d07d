"""The person whose markers the tests of inverse kinematics solve."""

import pytest

from biopose.skeleton.model import Skeleton
from tests.skeleton import models


@pytest.fixture(scope="session")
def person(full_body: Skeleton) -> Skeleton:
    """The default model with three more markers on every segment."""
    return models.with_random_markers(full_body)
