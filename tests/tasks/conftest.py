"""What tests of tasks share."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="package")
def prefect_api() -> Iterator[None]:
    """Prefect's API on a database of its own; it takes some seconds to start."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield
