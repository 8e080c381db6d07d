"""A hundred damaged files of each format; `python -m tests.benchmarks.fuzz_readers` reads thousands."""

from pathlib import Path

import numpy as np
import pytest

from tests.fuzzing.formats import FORMATS
from tests.fuzzing.outcomes import FAULTS
from tests.fuzzing.reading_process import sound_files

SEEDS = range(100)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_damaged_file_is_refused_or_read_equally_or_noted(name: str, tmp_path: Path) -> None:
    """Or holds another number or name, which no reader can know; see `Outcome`."""
    one, paths = FORMATS[name], sound_files(name, tmp_path)
    contents, sound = [path.read_bytes() for path in paths], [one.read(path) for path in paths]
    damaged = tmp_path / one.file_name
    kinds = set()
    for seed in SEEDS:
        number = seed % len(paths)
        content, mutations = one.mutated(contents[number], np.random.default_rng(seed))
        damaged.write_bytes(content)
        outcome = one.outcome(damaged, mutations, *sound[number])
        assert outcome.kind not in FAULTS, f"seed {seed}, {mutations}: {outcome}"
        kinds.add(outcome.kind)
    assert "refused" in kinds
    assert "equal" in kinds or name == "parquet"  # whose checksums find nearly all
