"""An ablation keeps a table as it goes and never trains a variant twice."""

import json
from pathlib import Path
from typing import Any

import pytest

from biopose.training.ablation import ablation, ablation_lines

VARIANTS = {"shipped": 3, "1, 2 layers": 2}
GIVEN = {"title": "600 steps.", "columns": {"layers": "{:.1f}"}, "conditions": {"seed": 7}}


class KilledError(Exception):
    """As a run ends whose machine is taken away."""


def test_an_interrupted_ablation_keeps_what_it_has_and_goes_on(tmp_path: Path) -> None:
    trained: list[str] = []

    def line_of(name: str, layers: int, folder: Path) -> dict[str, Any]:
        assert folder.is_dir()
        trained.append(name)
        if len(trained) == 2:
            raise KilledError
        return {"layers": layers, "besides": 1}

    with pytest.raises(KilledError):
        ablation(VARIANTS, line_of, out=tmp_path / "run", **GIVEN)  # type: ignore[arg-type]
    assert list(json.loads((tmp_path / "run" / "ablation.json").read_text())["variants"]) == ["shipped"]
    result = ablation(VARIANTS, line_of, out=tmp_path / "run", **GIVEN)  # type: ignore[arg-type]
    assert trained == ["shipped", "1, 2 layers", "1, 2 layers"]
    assert result["seed"] == 7
    assert result == json.loads((tmp_path / "run" / "ablation.json").read_text())
    written = (tmp_path / "run" / "ablation.md").read_text().splitlines()
    assert written == ablation_lines(result)
    assert written[0] == "600 steps."
    assert written[2:] == ["| variant | layers |", "|---|---:|", "| shipped | 3.0 |", "| 1, 2 layers | 2.0 |"]
