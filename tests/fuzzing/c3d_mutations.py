"""Mutations of the bytes of a .c3d file: three in four in the header and parameters, the rest in the data."""

from __future__ import annotations

import numpy as np

from tests.fuzzing.text_mutations import Mutation
from tests.io.c3d_files import BLOCK, MIPS

WORDS = (b"\0\0", b"\xff\xff", b"\xff\x7f", b"\0\x80", b"\1\0")
FLOATS = (np.nan, np.inf, -1.0, 0.0, 1e30)


def bit_flipped(content: bytes, rng: np.random.Generator) -> bytes:
    """One bit."""
    at = _place(content, rng)
    return _overwritten(content, at, bytes([content[at] ^ 1 << int(rng.integers(8))]))


def byte_overwritten(content: bytes, rng: np.random.Generator) -> bytes:
    """Any byte, or one of those at the limits of its values."""
    new = rng.integers(256) if rng.random() < 0.5 else rng.choice([0, 1, 127, 128, 255])
    return _overwritten(content, _place(content, rng), bytes([new]))


def word_overwritten(content: bytes, rng: np.random.Generator) -> bytes:
    """A 16-bit number at the limits of its values."""
    return _overwritten(content, _place(content, rng), WORDS[rng.integers(len(WORDS))])


def float_overwritten(content: bytes, rng: np.random.Generator) -> bytes:
    """A float that is no measurement."""
    return _overwritten(content, _place(content, rng), np.float32(rng.choice(FLOATS)).tobytes())


def byte_removed(content: bytes, rng: np.random.Generator) -> bytes:
    """One byte fewer."""
    at = _place(content, rng)
    return content[:at] + content[at + 1 :]


def bytes_added(content: bytes, rng: np.random.Generator) -> bytes:
    """Up to eight bytes more."""
    at = _place(content, rng)
    return content[:at] + rng.bytes(int(rng.integers(1, 9))) + content[at:]


def block_removed(content: bytes, rng: np.random.Generator) -> bytes:
    """A block of 512 bytes fewer."""
    begin = _place(content, rng) // BLOCK * BLOCK
    return content[:begin] + content[begin + BLOCK :]


def cut(content: bytes, rng: np.random.Generator) -> bytes:
    """Nothing from some place on."""
    return content[: _place(content, rng)]


def _overwritten(content: bytes, at: int, new: bytes) -> bytes:
    return content[:at] + new[: len(content) - at] + content[at + len(new) :]


def _place(content: bytes, rng: np.random.Generator) -> int:
    if len(content) < 2 * BLOCK:
        return int(rng.integers(len(content) or 1))
    order = "big" if content[BLOCK + 3] == MIPS else "little"
    data = (int.from_bytes(content[16:18], order) - 1) * BLOCK
    data = min(max(data, BLOCK), len(content) - 1)
    begin, end = (data, len(content)) if rng.random() < 0.25 else (0, data)
    return int(rng.integers(begin, end))


C3D_MUTATIONS: tuple[Mutation, ...] = (
    bit_flipped,
    bit_flipped,
    byte_overwritten,
    byte_overwritten,
    word_overwritten,
    float_overwritten,
    byte_removed,
    bytes_added,
    block_removed,
    cut,
)
