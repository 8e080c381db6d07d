from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.fuzz_readers import FORMATS, outcome
from tests.mutations import mutated


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_damaged_file_is_refused_by_our_errors_or_read(name: str, tmp_path: Path) -> None:
    one, rng = FORMATS[name], np.random.default_rng(1)
    path = tmp_path / f"m{one.suffix}"
    one.write(path)
    content, (notes, sound) = path.read_bytes(), one.read(path)
    assert notes == ()
    outcomes = []
    for _ in range(100):
        path.write_bytes(mutated(content, rng))
        outcomes.append(outcome(one, path, sound))
    assert not [text for text in outcomes if text.startswith("FAULT")]
    assert {"refused", "noted"} <= set(outcomes)
