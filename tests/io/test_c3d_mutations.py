"""Mutated .c3d files: an error of ours, or the same markers, or others with a note; see also tests/fuzz_c3d.py."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.io.c3d_mutations import ALLOWED, mutated, outcome, valid_files

FILES = valid_files()


@settings(max_examples=100, deadline=2000, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_a_mutated_file_is_refused_or_read_as_it_is(seed: int, tmp_path: Path) -> None:
    """Bytes of the header and the parameters; a changed position is another position, which no reader can know."""
    raw, begin = FILES[seed % len(FILES)]
    assert outcome(raw, mutated(raw, begin, seed), tmp_path / "m.c3d") in ALLOWED
