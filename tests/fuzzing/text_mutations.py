"""Random damage to the bytes of a text file: what disks, networks, editors and spreadsheets do to it."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

Mutation = Callable[[bytes, np.random.Generator], bytes]

TOKENS = (
    b"\t",
    b"\n",
    b",",
    b" ",
    b"0",
    b"nan",
    b"-",
    b"9999999",
    b"1e308",
    b"inf",
    b"\x00",
    b"\xff\xfe",
    b"\r\n",
    b"_",
    b"x",
    b'"',
    b"=",
    b"#",
    b"]",
    b"\xc3\xa9",
)
NUMBER = rb"(?<![\w.+-])-?\d+(\.\d+)?(?![\w.])"
NO_NUMBERS = ("0,5", "abc", "1e", "0x1", "--1", "1.2.3", "−1", "1;2", "1 2", "1_5", "-1e400", "1.5D0", "5m")


def byte_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """Any byte instead of one."""
    at = _place(content, rng)
    return content[:at] + bytes([rng.integers(256)]) + content[at + 1 :]


def token_inserted(content: bytes, rng: np.random.Generator) -> bytes:
    """A separator, a sentinel or another character that means something."""
    at = _place(content, rng)
    return content[:at] + TOKENS[rng.integers(len(TOKENS))] + content[at:]


def span_deleted(content: bytes, rng: np.random.Generator) -> bytes:
    """Up to 200 bytes fewer."""
    at = _place(content, rng)
    return content[:at] + content[at + int(rng.integers(1, 200)) :]


def span_repeated(content: bytes, rng: np.random.Generator) -> bytes:
    """Up to 200 bytes twice."""
    at, length = _place(content, rng), int(rng.integers(1, 200))
    return content[: at + length] + content[at:]


def span_zeroed(content: bytes, rng: np.random.Generator) -> bytes:
    """Up to 64 zero bytes."""
    at, length = _place(content, rng), int(rng.integers(1, 64))
    return content[:at] + bytes(len(content[at : at + length])) + content[at + length :]


def cut(content: bytes, rng: np.random.Generator) -> bytes:
    """Nothing from some place on."""
    return content[: _place(content, rng)]


def line_deleted(content: bytes, rng: np.random.Generator) -> bytes:
    """A line fewer."""
    lines = content.splitlines(keepends=True)
    if lines:
        del lines[rng.integers(len(lines))]
    return b"".join(lines)


def line_repeated(content: bytes, rng: np.random.Generator) -> bytes:
    """A line twice."""
    lines = content.splitlines(keepends=True)
    if lines:
        at = int(rng.integers(len(lines)))
        lines.insert(at, lines[at])
    return b"".join(lines)


def lines_exchanged(content: bytes, rng: np.random.Generator) -> bytes:
    """Two lines in each other's place."""
    lines = content.splitlines(keepends=True)
    if len(lines) > 1:
        a, b = rng.integers(len(lines), size=2)
        lines[a], lines[b] = lines[b], lines[a]
    return b"".join(lines)


def digit_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """Another digit, which makes another number that may be right."""
    digits = [i for i, byte in enumerate(content[:20000]) if 48 <= byte <= 57]
    if not digits:
        return content
    at = digits[rng.integers(len(digits))]
    return content[:at] + bytes([48 + int(rng.integers(10))]) + content[at + 1 :]


def no_number(content: bytes, rng: np.random.Generator) -> bytes:
    """What is no number in the place of one: no reader may take it for one."""
    return replaced(content, NUMBER, rng, NO_NUMBERS[rng.integers(len(NO_NUMBERS))].encode())


def another_number(content: bytes, rng: np.random.Generator) -> bytes:
    """Another number of any size."""
    return replaced(content, NUMBER, rng, repr(rng.normal(scale=10 ** rng.uniform(-3, 6))).encode())


def replaced(content: bytes, pattern: bytes, rng: np.random.Generator, new: bytes) -> bytes:
    """One of the places that a pattern matches, replaced."""
    found = list(re.finditer(pattern, content))
    if not found:
        return content
    place = found[rng.integers(len(found))]
    return content[: place.start()] + new + content[place.end() :]


def _place(content: bytes, rng: np.random.Generator) -> int:
    """Any place; half of the time in the first kilobyte, where headers are."""
    end = len(content) if rng.random() < 0.5 else min(len(content), 1024)
    return int(rng.integers(end + 1))


BYTE_MUTATIONS: tuple[Mutation, ...] = (byte_changed, token_inserted, span_deleted, span_repeated, span_zeroed, cut)
TEXT_MUTATIONS: tuple[Mutation, ...] = (
    *BYTE_MUTATIONS,
    line_deleted,
    line_repeated,
    lines_exchanged,
    digit_changed,
    no_number,
    another_number,
)
