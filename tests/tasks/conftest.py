"""What tests of tasks share."""

from collections.abc import Iterator

import pytest


@pytest.fixture
def prefect_api(server: dict[str, str]) -> Iterator[None]:
    """Flows of this process report to the session's Prefect server."""
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

    url, login = server["BIOPOSE_PREFECT_API_URL"], server["PREFECT_API_AUTH_STRING"]
    with temporary_settings({PREFECT_API_URL: url, PREFECT_API_AUTH_STRING: login}):
        yield
