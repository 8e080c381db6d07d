"""An ablation: variants of a network that are trained alike, and a table of what came of each.

A variant that is through is never trained again: an ablation that was interrupted goes on from where it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from biopose.io.files import written_whole

Variant = TypeVar("Variant")
VariantReport = Callable[[str, int, dict[str, float]], None]  # the variant's name, the step, figures


def ablation(
    variants: Mapping[str, Variant],
    line_of: Callable[[str, Variant, Path], dict[str, Any]],
    *,
    out: Path,
    title: str,
    columns: Mapping[str, str],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Train what is missing; the table is written after each variant.

    Args:
        variants: by name.
        line_of: trains a variant in a folder of its own, and tells its figures.
        out: folder of the run: a folder for each variant, ablation.json and ablation.md.
        title: what stands above the table.
        columns: of the table: figures and how they are written.
        about: all variants together: budget, seed.

    Returns:
        about; title; columns; variants: of each its figures.
    """
    out.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {**about, "title": title, "columns": dict(columns), "variants": {}}
    for name, variant in variants.items():
        folder = out / name.replace(",", "").replace(" ", "_")
        folder.mkdir(exist_ok=True)
        known = folder / "figures.json"
        if not known.is_file():
            _write(known, json.dumps(line_of(name, variant, folder), indent=1))
        result["variants"][name] = json.loads(known.read_text(encoding="utf-8"))
        _write(out / "ablation.json", json.dumps(result, indent=1))
        _write(out / "ablation.md", "\n".join(ablation_lines(result)) + "\n")
    return result


def ablation_lines(result: Mapping[str, Any]) -> list[str]:
    """A Markdown table, a line a variant."""
    columns: Mapping[str, str] = result["columns"]
    lines = [result["title"], "", "| variant | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for name, line in result["variants"].items():
        lines.append(f"| {name} | " + " | ".join(form.format(line[column]) for column, form in columns.items()) + " |")
    return lines


def _write(path: Path, text: str) -> None:
    with written_whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
