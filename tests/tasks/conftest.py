"""What tests of tasks share."""

from collections.abc import Iterator

import pytest


@pytest.fixture
def prefect_api(server: str) -> Iterator[None]:
    """Flows of this process report to the session's Prefect server."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: server}):
        yield
