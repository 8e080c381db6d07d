"""Random damage to the bytes of a file: what disks, networks, editors and spreadsheets do to it."""

import numpy as np

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
)


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """The content with one to three mutations."""
    for _ in range(rng.integers(1, 4)):
        content = MUTATIONS[rng.integers(len(MUTATIONS))](content, rng)
    return content


def _place(content: bytes, rng: np.random.Generator) -> int:
    """Any place; half of the time in the first kilobyte, where headers are."""
    end = len(content) if rng.random() < 0.5 else min(len(content), 1024)
    return int(rng.integers(end + 1))


def _byte_changed(content: bytes, rng: np.random.Generator) -> bytes:
    at = _place(content, rng)
    return content[:at] + bytes([rng.integers(256)]) + content[at + 1 :]


def _token_inserted(content: bytes, rng: np.random.Generator) -> bytes:
    at = _place(content, rng)
    return content[:at] + TOKENS[rng.integers(len(TOKENS))] + content[at:]


def _span_deleted(content: bytes, rng: np.random.Generator) -> bytes:
    at = _place(content, rng)
    return content[:at] + content[at + int(rng.integers(1, 200)) :]


def _span_repeated(content: bytes, rng: np.random.Generator) -> bytes:
    at, length = _place(content, rng), int(rng.integers(1, 200))
    return content[: at + length] + content[at:]


def _span_zeroed(content: bytes, rng: np.random.Generator) -> bytes:
    at, length = _place(content, rng), int(rng.integers(1, 64))
    return content[:at] + bytes(len(content[at : at + length])) + content[at + length :]


def _cut(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: _place(content, rng)]


def _line_deleted(content: bytes, rng: np.random.Generator) -> bytes:
    lines = content.splitlines(keepends=True)
    if lines:
        del lines[rng.integers(len(lines))]
    return b"".join(lines)


def _lines_exchanged(content: bytes, rng: np.random.Generator) -> bytes:
    lines = content.splitlines(keepends=True)
    if len(lines) > 1:
        a, b = rng.integers(len(lines), size=2)
        lines[a], lines[b] = lines[b], lines[a]
    return b"".join(lines)


def _digit_changed(content: bytes, rng: np.random.Generator) -> bytes:
    digits = [i for i, byte in enumerate(content[:20000]) if 48 <= byte <= 57]
    if not digits:
        return content
    at = digits[rng.integers(len(digits))]
    return content[:at] + bytes([48 + int(rng.integers(10))]) + content[at + 1 :]


MUTATIONS = (
    _byte_changed,
    _token_inserted,
    _span_deleted,
    _span_repeated,
    _span_zeroed,
    _cut,
    _line_deleted,
    _lines_exchanged,
    _digit_changed,
)
