"""Names of markers in messages."""

from __future__ import annotations

from collections.abc import Sequence


def some(names: Sequence[str], *, shown: int = 12) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "") or "none"


def other_case(recorded: Sequence[str], of_model: Sequence[str]) -> str:
    """A sentence on recorded names that differ from a model's in upper and lower case alone; empty where none does."""
    known = {name.casefold(): name for name in of_model if name not in set(recorded)}
    pairs = [f"{name} for {known[name.casefold()]}" for name in recorded if known.get(name.casefold(), name) != name]
    return f"upper and lower case differ: {some(pairs)}; write them as the model does" if pairs else ""
