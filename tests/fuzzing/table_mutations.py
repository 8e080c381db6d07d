"""Mutations of a table in text, row by row and cell by cell: what spreadsheets and other programs make of one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.fuzzing.text_mutations import Mutation

EMPTY = (b"", b" ", b"nan", b"NaN", b"N/A", b"0", b"0.0", b"9999999", b"-9999", b"1e6")


def cell_emptied(content: bytes, rng: np.random.Generator) -> bytes:
    """A spelling of a gap in one cell."""
    return _row_changed(
        content, rng, lambda cells, at: [*cells[:at], EMPTY[rng.integers(len(EMPTY))], *cells[at + 1 :]]
    )


def cell_deleted(content: bytes, rng: np.random.Generator) -> bytes:
    """A cell fewer: those after it move to the left."""
    return _row_changed(content, rng, lambda cells, at: [*cells[:at], *cells[at + 1 :]])


def cell_inserted(content: bytes, rng: np.random.Generator) -> bytes:
    """A cell more: those after it move to the right."""
    return _row_changed(content, rng, lambda cells, at: [*cells[:at], b"0.5", *cells[at:]])


def cells_moved(content: bytes, rng: np.random.Generator) -> bytes:
    """A cell fewer and, at the row's end, an empty one more."""
    return _row_changed(content, rng, lambda cells, at: [*cells[:at], *cells[at + 1 :], b""])


def rows_deleted(content: bytes, rng: np.random.Generator) -> bytes:
    """Up to ten rows fewer."""
    lines = content.splitlines(keepends=True)
    at = int(rng.integers(len(lines) or 1))
    return b"".join(lines[:at] + lines[at + int(rng.integers(1, 11)) :])


def cut_after_a_row(content: bytes, rng: np.random.Generator) -> bytes:
    """Nothing after some row."""
    lines = content.splitlines(keepends=True)
    return b"".join(lines[: int(rng.integers(len(lines) + 1))])


def decimal_commas(content: bytes, rng: np.random.Generator) -> bytes:
    """Decimal commas in some rows."""
    lines = content.splitlines(keepends=True)
    first, last = sorted(rng.integers(len(lines) + 1, size=2).tolist())
    return b"".join([*lines[:first], *(line.replace(b".", b",") for line in lines[first:last]), *lines[last:]])


def other_separators(content: bytes, rng: np.random.Generator) -> bytes:
    """Commas, blanks or semicolons for all tabs, in all lines or in one."""
    new = (b",", b" ", b";", b"\t\t", b"  ")[rng.integers(5)]
    if rng.random() < 0.5:
        return content.replace(b"\t", new)
    return _line_changed(content, rng, lambda line: line.replace(b"\t", new))


def _row_changed(content: bytes, rng: np.random.Generator, change: Callable[[list[bytes], int], list[bytes]]) -> bytes:
    def changed(line: bytes) -> bytes:
        body = line.rstrip(b"\r\n")
        cells = body.split(b"\t")
        return b"\t".join(change(cells, int(rng.integers(len(cells))))) + line[len(body) :]

    return _line_changed(content, rng, changed)


def _line_changed(content: bytes, rng: np.random.Generator, change: Callable[[bytes], bytes]) -> bytes:
    lines = content.splitlines(keepends=True)
    if lines:
        at = int(rng.integers(len(lines)))
        lines[at] = change(lines[at])
    return b"".join(lines)


TABLE_MUTATIONS: tuple[Mutation, ...] = (
    cell_emptied,
    cell_deleted,
    cell_inserted,
    cells_moved,
    rows_deleted,
    cut_after_a_row,
    decimal_commas,
    other_separators,
)
