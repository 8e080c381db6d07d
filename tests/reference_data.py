"""Where the reference recordings lie: beside the checkout, never committed."""

import os
from pathlib import Path

import pytest

SHARED_DATA = Path(os.environ.get("BIOPOSE_REFERENCE_DATA", Path(__file__).parents[2] / "shared" / "data"))
LAB = SHARED_DATA / "mocap" / "lab"
needs_shared_data = pytest.mark.skipif(not LAB.exists(), reason="reference recordings (shared/data) are not here")
