"""Ablations: variants of a network, trained alike, and a table of their metrics.

A variant that is trained is not trained again: an interrupted ablation is resumed by running it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from biopose.io.files import written_whole

Variant = TypeVar("Variant")
VariantReport = Callable[[str, int, dict[str, float]], None]  # the variant's name, the step and its metrics


def ablation(
    variants: Mapping[str, Variant],
    train_variant: Callable[[str, Variant, Path], dict[str, Any]],
    *,
    out: Path,
    title: str,
    columns: Mapping[str, str],
    conditions: Mapping[str, Any],
) -> dict[str, Any]:
    """Train the missing variants; the table is written after each.

    Args:
        variants: by name.
        train_variant: trains a variant in a folder of its own and returns its metrics.
        out: folder of the run: a folder for each variant, ablation.json and ablation.md.
        title: of the table.
        columns: of the table: metrics and their format.
        conditions: common to all variants, as the seed.

    Returns:
        the conditions; title; columns; variants: the metrics of each.
    """
    out.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {**conditions, "title": title, "columns": dict(columns), "variants": {}}
    for name, variant in variants.items():
        folder = out / name.replace(",", "").replace(" ", "_")
        folder.mkdir(exist_ok=True)
        metrics = folder / "metrics.json"
        if not metrics.is_file():
            _write(metrics, json.dumps(train_variant(name, variant, folder), indent=1))
        result["variants"][name] = json.loads(metrics.read_text(encoding="utf-8"))
        _write(out / "ablation.json", json.dumps(result, indent=1))
        _write(out / "ablation.md", "\n".join(ablation_lines(result)) + "\n")
    return result


def ablation_lines(result: Mapping[str, Any]) -> list[str]:
    """A Markdown table with a row for each variant."""
    columns: Mapping[str, str] = result["columns"]
    lines = [result["title"], "", "| variant | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for name, row in result["variants"].items():
        lines.append(f"| {name} | " + " | ".join(form.format(row[column]) for column, form in columns.items()) + " |")
    return lines


def number_of_parameters(network: nn.Module) -> int:
    """Of all trained weights."""
    return sum(weights.numel() for weights in network.parameters())


def _write(path: Path, text: str) -> None:
    with written_whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")
