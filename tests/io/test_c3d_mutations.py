"""Mutated .c3d files: an error of ours, or the same markers, or others with a note."""

from pathlib import Path

import pytest

from tests.io.c3d_mutations import HARMLESS, mutated, outcome, valid_files

FILES = valid_files()


@pytest.mark.parametrize("seed", range(100))
def test_a_mutated_file_is_refused_or_read_right_or_noted(seed: int, tmp_path: Path) -> None:
    """Of the header and parameters; see HARMLESS for what no reader can know."""
    raw = FILES[seed % len(FILES)]
    assert outcome(raw, mutated(raw, seed), tmp_path / "m.c3d") in HARMLESS


@pytest.mark.parametrize("seed", range(20))
def test_mutated_data_raise_no_other_error(seed: int, tmp_path: Path) -> None:
    raw = FILES[seed % len(FILES)]
    assert outcome(raw, mutated(raw, seed, in_data=True), tmp_path / "m.c3d") in {*HARMLESS, "different in silence"}
