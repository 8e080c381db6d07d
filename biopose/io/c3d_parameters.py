"""Header and parameter section of a .c3d file, as its bytes have them (https://www.c3d.org, user guide).

Nothing is interpreted here: what is read, and what is done where header and parameters disagree, is in `c3d_layout`.
The format of both is simple enough to be read directly, which `ezc3d` 1.7.2 cannot do safely: it ends the process on
some broken files and refuses valid numbers of another type.
"""

import math
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from biopose.errors import FileFormatError
from biopose.io.files import malformed, quoted

BLOCK_BYTES = 512
INTEL, DEC, MIPS = 84, 85, 86
TEXT, BYTES, INTEGERS, FLOATS = -1, 1, 2, 4  # types of a parameter's values; the size of one is its absolute value
SECTION_HEADER_BYTES = 4


@dataclass(frozen=True)
class Numbers:
    """How a processor stores numbers: byte order, and DEC's own floats."""

    processor: int

    @property
    def order(self) -> str:
        """Byte order as struct and numpy write it."""
        return ">" if self.processor == MIPS else "<"

    def integers(self, raw: bytes, *, count: int = -1, offset: int = 0) -> NDArray[np.int16]:
        """16-bit signed integers."""
        return np.frombuffer(raw, f"{self.order}i2", count, offset)

    def floats(self, raw: bytes, *, count: int = -1, offset: int = 0) -> NDArray[np.float32]:
        """32-bit floats. DEC's have their two 16-bit halves exchanged and an exponent larger by 2."""
        if self.processor != DEC:
            return np.frombuffer(raw, f"{self.order}f4", count, offset)
        words = np.frombuffer(raw, "<u4", count, offset)
        with np.errstate(all="ignore"):  # broken files hold any bits
            return ((words << 16) | (words >> 16)).view(np.float32) / np.float32(4)


@dataclass(frozen=True)
class Header:
    """The header's values; frames count from 1.

    Attributes:
        points: number of trajectories.
        analog_values: analogue values a frame: channels times samples.
        first_frame: of the data.
        last_frame: of the data, included.
        scale: of integers to the file's units; negative where positions are floats.
        data_block: first block of the data section, from 1.
        analog_samples: analogue samples of a channel a frame.
        rate_hz: frames per second.
    """

    points: int
    analog_values: int
    first_frame: int
    last_frame: int
    scale: float
    data_block: int
    analog_samples: int
    rate_hz: float


@dataclass(frozen=True)
class Parameter:
    """One parameter's values, not yet decoded."""

    path: Path
    name: str  # GROUP:NAME
    kind: int
    sizes: tuple[int, ...]
    raw: bytes
    stored: Numbers
    contradicted: bool = False  # given again with other values

    def texts(self) -> list[str]:
        """Texts, without blanks and NUL characters at their ends.

        Raises:
            FileFormatError: The values are no texts, or more than the record holds.
        """
        if self.kind != TEXT:
            raise self._unusable("numbers", expected="text")
        length = self.sizes[0] if self.sizes else 1
        count = math.prod(self.sizes[1:]) if length else 0
        raw = self._checked(length * count)
        return [_decoded(raw[i * length : (i + 1) * length]) for i in range(count)]

    def numbers(self) -> NDArray[np.float64]:
        """Numbers in one row; integers of 8 and 16 bits without sign, as the format counts with them.

        Raises:
            FileFormatError: The values are no numbers, or more than the record holds.
        """
        if self.kind not in (BYTES, INTEGERS, FLOATS):
            raise self._unusable(f"values of type {self.kind}", expected="numbers")
        raw = self._checked(math.prod(self.sizes) * self.kind)
        if self.kind == FLOATS:
            return self.stored.floats(raw).astype(np.float64)
        return np.frombuffer(raw, np.uint8 if self.kind == BYTES else f"{self.stored.order}u2").astype(np.float64)

    def _checked(self, length: int) -> bytes:
        if self.contradicted:
            raise self._unusable("two different values", expected="one; export the file again")
        if length > len(self.raw):
            raise self._unusable(f"{length} bytes by its dimensions", expected=f"{len(self.raw)} at most")
        return self.raw[:length]

    def _unusable(self, found: str, *, expected: str) -> FileFormatError:
        return malformed(self.path, found=f"{self.name} with {found}", expected=expected)


@dataclass(frozen=True)
class C3DContent:
    """A .c3d file's bytes with its header and parameters.

    Attributes:
        path: of the file.
        raw: all of its bytes.
        stored: how its numbers are stored.
        header: its header.
        parameters: by "GROUP:NAME", in capital letters.
        parameters_end: first byte after the last parameter.
    """

    path: Path
    raw: bytes
    stored: Numbers
    header: Header
    parameters: dict[str, Parameter]
    parameters_end: int

    def texts(self, name: str) -> list[str]:
        """A parameter's texts; of a list that goes on in NAME2, NAME3, ... all. Empty where there is none."""
        values: list[str] = []
        part = 1
        while (key := name if part == 1 else f"{name}{part}") in self.parameters:
            values += self.parameters[key].texts()
            part += 1
        return values

    def numbers(self, name: str) -> list[float]:
        """A parameter's numbers; empty where there is none."""
        return self.parameters[name].numbers().tolist() if name in self.parameters else []

    def number(self, name: str) -> float | None:
        """A parameter's first number; None where there is none."""
        values = self.numbers(name)
        return values[0] if values else None

    def count(self, name: str) -> int:
        """A parameter's first number where that is a whole number from 0; 0 where there is none."""
        value = self.number(name)
        return int(value) if is_count(value) else 0


def is_count(value: float | None) -> TypeGuard[float]:
    """Whether there is a value and it is a whole number from 0."""
    return value is not None and math.isfinite(value) and value >= 0 and value == int(value)


def read_content(path: Path) -> C3DContent:
    """Read a file's bytes, header and parameters.

    Raises:
        FileFormatError: It is no C3D file, or ends before its parameters do.
    """
    raw = path.read_bytes()
    if len(raw) < BLOCK_BYTES or raw[1] != 0x50 or not raw[0]:
        raise malformed(
            path, found=quoted(raw[:8].decode("latin-1")), expected="a C3D header; export the trial again as .c3d"
        )
    start = (raw[0] - 1) * BLOCK_BYTES
    processor = (raw[start : start + SECTION_HEADER_BYTES] + bytes(SECTION_HEADER_BYTES))[3]
    if processor not in (INTEL, DEC, MIPS):
        expected = f"a C3D parameter section ({INTEL}, {DEC} or {MIPS})"
        raise malformed(path, found=f"processor type {processor}", expected=expected)
    stored = Numbers(processor)
    parameters, end = _parameters(path, raw, start + SECTION_HEADER_BYTES, stored)
    return C3DContent(path, raw, stored, _header(raw, stored), parameters, end)


def _header(raw: bytes, stored: Numbers) -> Header:
    words = struct.unpack(f"{stored.order}12H", raw[:24])
    return Header(
        points=words[1],
        analog_values=words[2],
        first_frame=words[3],
        last_frame=words[4],
        scale=float(stored.floats(raw, count=1, offset=12)[0]),
        data_block=words[8],
        analog_samples=words[9],
        rate_hz=float(stored.floats(raw, count=1, offset=20)[0]),
    )


def _parameters(path: Path, raw: bytes, at: int, stored: Numbers) -> tuple[dict[str, Parameter], int]:
    """Walk through the records of groups and parameters; returns the parameters and the byte after the last."""
    groups: dict[int, str] = {}
    found: list[tuple[int, str, int]] = []  # group's number, name, first byte of the values' description
    ends: list[int] = []
    data_begin = (struct.unpack_from(f"{stored.order}H", raw, 16)[0] - 1) * BLOCK_BYTES
    while at != data_begin:  # some files have no end mark where parameters fill their last block
        if at + 2 > len(raw):
            raise _broken(
                path,
                at,
                "the end of the file among the parameters",
                expected="more; the file is cut off, copy it again",
            )
        length, number = abs(struct.unpack_from("b", raw, at)[0]), struct.unpack_from("b", raw, at + 1)[0]
        if length == 0:
            break
        name, link = _decoded(raw[at + 2 : at + 2 + length]).upper(), at + 2 + length
        if link + 2 > len(raw):
            raise _broken(
                path,
                at,
                "the end of the file among the parameters",
                expected="more; the file is cut off, copy it again",
            )
        step = struct.unpack_from(f"{stored.order}H", raw, link)[0]
        at = link + step if step else link + 2
        if number < 0:
            groups[-number] = name
        elif number > 0:
            found.append((number, name, link + 2))
            ends.append(at if step else len(raw))
        if step == 0:
            break
        if step < 2 or at > len(raw):
            expected = "the next parameter after it and inside the file"
            raise _broken(path, link, f"{quoted(name)} followed by a step of {step} bytes", expected=expected)
    parameters: dict[str, Parameter] = {}
    for (group, name, first), end in zip(found, ends, strict=True):
        if group in groups:
            parameter = _parameter(path, f"{groups[group]}:{name}", raw[first:end], stored)
            other = parameters.get(parameter.name, parameter)
            parameters[parameter.name] = replace(parameter, contradicted=not _same(parameter, other))
    return parameters, at


def _parameter(path: Path, name: str, record: bytes, stored: Numbers) -> Parameter:
    """A parameter of the bytes between its link and the next record: type, dimensions, values, description."""
    kind = struct.unpack_from("b", record)[0] if record else 0
    dimensions = record[1] if len(record) > 1 else 0
    return Parameter(path, name, kind, tuple(record[2 : 2 + dimensions]), record[2 + dimensions :], stored)


def _same(parameter: Parameter, other: Parameter) -> bool:
    return (parameter.kind, parameter.sizes, parameter.raw) == (other.kind, other.sizes, other.raw)


def _decoded(raw: bytes) -> str:
    """Text in UTF-8, or else in Latin-1, up to its first NUL character and without blanks around it."""
    raw = raw.split(b"\0", 1)[0]
    try:
        return raw.decode().strip()
    except UnicodeDecodeError:
        return raw.decode("latin-1").strip()


def _broken(path: Path, at: int, found: str, *, expected: str) -> FileFormatError:
    return malformed(path, found=f"at byte {at} {found}", expected=expected)
