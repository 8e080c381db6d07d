"""How the data section of a .c3d file is laid out: header and parameters, checked against each other and its length.

Header and parameters both state the number of trajectories, analogue values, frames and the data's first block. Where
they disagree, the one that the length of the data section supports is right; where that does not decide, the file is
refused. Frame counts above 65,535 do not fit into the header's 16 bits; newer files state them in POINT:LONG_FRAMES, in
TRIAL:ACTUAL_END_FIELD or as a float in POINT:FRAMES.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from biopose.io.c3d_parameters import BLOCK_BYTES, C3DContent, is_count
from biopose.io.files import malformed

FULL_COUNT = 65_535  # the largest number of 16 bits: this many, or more
RATE_TOLERANCE = 1e-4  # relative; float32 keeps seven digits
WHOLE_TOLERANCE = 0.01  # of a sample a frame, where rates were rounded


@dataclass(frozen=True)
class Layout:
    """Where what lies in the data section: of each frame first all points (x, y, z, residual), then analogue values.

    Attributes:
        data_block: first block of 512 bytes, from 1.
        points: trajectories.
        analog_values: analogue values a frame.
        frames: number of frames.
        in_floats: 1 where values are 32-bit floats, 0 where they are 16-bit integers.
    """

    data_block: int
    points: int
    analog_values: int
    frames: int
    in_floats: int

    @property
    def begin(self) -> int:
        """First byte of the data."""
        return (self.data_block - 1) * BLOCK_BYTES

    @property
    def frame_values(self) -> int:
        """Numbers a frame."""
        return 4 * self.points + self.analog_values

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame."""
        return self.frame_values * (4 if self.in_floats else 2)

    @property
    def end(self) -> int:
        """First byte after the data."""
        return self.begin + self.frames * self.frame_bytes


@dataclass(frozen=True)
class Statement:
    """A number that the file states, and where and how it does."""

    value: int
    text: str


def read_layout(content: C3DContent) -> tuple[Layout, list[str]]:
    """The data section's layout, and a note for each disagreement that its length resolved.

    Raises:
        FileFormatError: There is no frame, the file is cut off, or header and parameters disagree
            and the length of the data does not show which is right.
    """
    stated = {
        "data_block": _data_blocks(content),
        "points": _points(content),
        "analog_values": _analog_values(content),
        "frames": _frames(content),
        "in_floats": _in_floats(content),
    }
    choices = product(*(_different(statements) for statements in stated.values()))
    layouts = [Layout(**dict(zip(stated, values, strict=True))) for values in choices]
    limit, notes = _data_limit(content), _unusable_counts(content)
    if len(layouts) > 1:
        layout = _fitting(content, layouts, limit, stated)
        return layout, notes + [
            _disagreement(statements, getattr(layout, field), limit - layout.begin)
            for field, statements in stated.items()
            if len(_different(statements)) > 1
        ]
    if layouts[0].frames >= FULL_COUNT and stated["frames"][0].value == FULL_COUNT:
        layout, more = _counted_by_length(content, layouts[0], limit)
        return layout, notes + more
    return layouts[0], notes + _checked_length(content, layouts[0], limit)


def frame_counts(content: C3DContent) -> list[int]:
    """The different numbers of frames that the file states.

    Raises:
        FileFormatError: It states none of one or more.
    """
    return _different(_frames(content))


def first_frame(content: C3DContent) -> tuple[int, list[str]]:
    """Number of the first frame, from 0, and notes: the header's, or beyond its 16 bits TRIAL:ACTUAL_START_FIELD."""
    header = content.header
    actual = _wide_number(content, "TRIAL:ACTUAL_START_FIELD")
    if actual is not None and actual >= 1 and header.last_frame >= FULL_COUNT:
        return actual - 1, []
    if actual is not None and actual != header.first_frame:
        note = f"header and TRIAL:ACTUAL_START_FIELD disagree: frames start at {header.first_frame} and {actual}; time "
        return max(header.first_frame - 1, 0), [note + "starts as the header has it"]
    return max(header.first_frame - 1, 0), []


def rate_hz(content: C3DContent) -> tuple[float, list[str]]:
    """Frames per second, and notes where the header's rate is another than POINT:RATE, which counts.

    Raises:
        FileFormatError: Neither is a rate.
    """
    stated, header = content.number("POINT:RATE"), content.header.rate_hz
    if stated is None or not 0 < stated < np.inf:
        if not 0 < header < np.inf:
            found = f"POINT:RATE {stated} and {header} in the header"
            raise malformed(content.path, found=found, expected="frames per second")
        return header, [
            f"POINT:RATE is {'absent' if stated is None else stated}: the header's rate, {header:g} Hz, is used"
        ]
    if 0 < header < np.inf and not math.isclose(header, stated, rel_tol=RATE_TOLERANCE):
        return stated, [f"POINT:RATE is {stated:g} Hz, the header's rate {header:g} Hz: POINT:RATE is used"]
    return stated, []


def integer_scale(content: C3DContent) -> float:
    """The file's units of one step of the integers that positions are stored in.

    Raises:
        FileFormatError: There is none, or header and POINT:SCALE disagree.
    """
    header, stated = content.header.scale, content.number("POINT:SCALE")
    scales = [abs(scale) for scale in (stated, header) if scale is not None and math.isfinite(scale) and scale]
    if not scales or not math.isclose(scales[0], scales[-1], rel_tol=RATE_TOLERANCE):
        found = f"positions in integers with POINT:SCALE {stated} and scale {header:g} in the header"
        raise malformed(content.path, found=found, expected="one scale, not 0, in both; export the file again")
    return scales[0]


def _data_blocks(content: C3DContent) -> list[Statement]:
    """Statements of the data's first block; those that point into the parameters or beyond the file do not count."""
    stated = _statements(
        ("data from block {} (header)", content.header.data_block),
        ("POINT:DATA_START {}", content.number("POINT:DATA_START")),
    )
    possible = [s for s in stated if content.parameters_end <= (s.value - 1) * BLOCK_BYTES <= len(content.raw)]
    if not possible:
        found = f"{' and '.join(s.text for s in stated)}, in blocks of {BLOCK_BYTES} bytes"
        expected = f"the block after the parameters, which end at byte {content.parameters_end} of {len(content.raw)}"
        raise malformed(content.path, found=found, expected=expected)
    return possible


def _points(content: C3DContent) -> list[Statement]:
    return _statements(
        ("{} points (header)", content.header.points),
        ("POINT:USED {}", content.number("POINT:USED")),
    )


def _analog_values(content: C3DContent) -> list[Statement]:
    """Analogue values a frame: the header's, and channels by samples a frame where the rates make a whole number."""
    channels, rate, points_rate = (content.number(name) for name in ("ANALOG:USED", "ANALOG:RATE", "POINT:RATE"))
    samples = rate / points_rate if rate and points_rate else 0.0
    whole = samples if math.isfinite(samples) and abs(samples - np.rint(samples)) < WHOLE_TOLERANCE else 0.0
    by_rates = channels * float(np.rint(whole)) if channels and whole else None
    return _statements(
        ("{} analogue values a frame (header)", content.header.analog_values),
        ("{} (ANALOG:USED by ANALOG:RATE / POINT:RATE)", 0.0 if channels == 0 else by_rates),
    )


def _frames(content: C3DContent) -> list[Statement]:
    """Frame counts from 1; those at the limit of 16 bits do not count where another is stated."""
    header = content.header
    first, last = (_wide_number(content, f"TRIAL:ACTUAL_{end}_FIELD") for end in ("START", "END"))
    by_header = FULL_COUNT if header.last_frame == FULL_COUNT else header.last_frame - header.first_frame + 1
    stated = _statements(
        (f"frames {header.first_frame} to {header.last_frame} (header)", by_header),
        ("POINT:FRAMES {}", content.number("POINT:FRAMES")),
        ("POINT:LONG_FRAMES {}", content.number("POINT:LONG_FRAMES")),
        (f"TRIAL:ACTUAL_START_FIELD {first} to ACTUAL_END_FIELD {last}", _count(first, last)),
    )
    counts = [s for s in stated if s.value >= 1]
    if not counts:
        found = ", ".join(s.text for s in stated) or f"frames {header.first_frame} to {header.last_frame}"
        raise malformed(content.path, found=found, expected="one frame or more")
    return [s for s in counts if s.value != FULL_COUNT] or counts


def _in_floats(content: C3DContent) -> list[Statement]:
    scales = [("scale {:g} (header)", content.header.scale), ("POINT:SCALE {:g}", content.number("POINT:SCALE"))]
    return [
        Statement(int(np.signbit(scale)), f"{text.format(scale)}: {'floats' if np.signbit(scale) else 'integers'}")
        for text, scale in scales
        if scale is not None
    ]


def _wide_number(content: C3DContent, name: str) -> int | None:
    """A whole number, which files hold as one value or as two of 16 bits, the lower first."""
    values = content.numbers(name)[:2]
    if not values or not all(math.isfinite(value) for value in values):
        return None
    return int(values[0]) + (FULL_COUNT + 1) * int(sum(values[1:]))


def _count(first: int | None, last: int | None) -> int | None:
    return None if first is None or last is None else last - first + 1


def _statements(*given: tuple[str, float | None]) -> list[Statement]:
    """Those that are whole numbers from 0."""
    return [Statement(int(value), text.format(int(value))) for text, value in given if is_count(value)]


def _unusable_counts(content: C3DContent) -> list[str]:
    """Notes of counts among the parameters that are no whole numbers."""
    names = ["POINT:USED", "POINT:FRAMES", "POINT:LONG_FRAMES", "POINT:DATA_START"]
    values = {name: content.number(name) for name in names}
    return [f"{name} is {v:g}, no count: not used" for name, v in values.items() if v is not None and not is_count(v)]


def _different(statements: Sequence[Statement]) -> list[int]:
    return list(dict.fromkeys(statement.value for statement in statements))


def _data_limit(content: C3DContent) -> int:
    """First byte that cannot be the points' data: where the rotations begin, or the end of the file."""
    begin = (content.count("ROTATION:DATA_START") - 1) * BLOCK_BYTES
    data_begin = (content.header.data_block - 1) * BLOCK_BYTES
    return begin if content.count("ROTATION:USED") and data_begin < begin < len(content.raw) else len(content.raw)


def _checked_length(content: C3DContent, layout: Layout, limit: int) -> list[str]:
    """Check that the file is long enough; a note where it holds more than the frames stated."""
    if layout.end > len(content.raw):
        found = f"{len(content.raw)} bytes"
        raise malformed(content.path, found=found, expected=f"{layout.end} or more; the file is cut off, copy it again")
    rest = content.raw[layout.end : limit]
    notes = []
    if len(rest) >= BLOCK_BYTES and not _zeros(rest):
        notes.append(f"{len(rest)} bytes follow the data of {layout.frames} frames: not read")
    if rest and len(content.raw) % BLOCK_BYTES and limit == len(content.raw):
        blocks = f"{len(content.raw)} bytes, no whole number of blocks of {BLOCK_BYTES}"
        notes.append(f"the file has {blocks}, of which the data are not the last: bytes may be lost or added")
    return notes


def _counted_by_length(content: C3DContent, layout: Layout, limit: int) -> tuple[Layout, list[str]]:
    """The layout with as many frames as the data section has room for, without zeros that fill its last block."""
    _checked_length(content, layout, limit)
    frames = (limit - layout.begin) // layout.frame_bytes
    while frames > layout.frames and not _ends_here(content, replace(layout, frames=frames), limit):
        frames -= 1
    note = f"header and parameters count {FULL_COUNT} frames, the limit of 16 bits: the data's length gives {frames}"
    return replace(layout, frames=frames), [note]


def _fitting(content: C3DContent, layouts: list[Layout], limit: int, stated: dict[str, list[Statement]]) -> Layout:
    """The one layout whose data fill the section up to its last block.

    Of frame counts that differ by less than a block holds, the one fits that only zeros follow.
    """
    fitting = [one for one in layouts if 0 <= limit - one.end < BLOCK_BYTES and one.points]
    if len(fitting) > 1:
        fitting = [one for one in fitting if _ends_here(content, one, limit)]
    if len(fitting) == 1:
        return fitting[0]
    differing = "; ".join(
        s.text for statements in stated.values() if len(_different(statements)) > 1 for s in statements
    )
    found = f"header and parameters that disagree: {differing}; and {limit - layouts[0].begin} bytes of data"
    raise malformed(content.path, found=found, expected="a length that decides which is right; export the file again")


def _ends_here(content: C3DContent, layout: Layout, limit: int) -> bool:
    """Whether the last frame holds something and nothing follows it."""
    last_frame = content.raw[layout.end - layout.frame_bytes : layout.end]
    return not _zeros(last_frame) and _zeros(content.raw[layout.end : limit])


def _zeros(raw: bytes) -> bool:
    return raw.count(0) == len(raw)


def _disagreement(statements: list[Statement], chosen: int, length: int) -> str:
    used = next(statement.text for statement in statements if statement.value == chosen)
    shown = " and ".join(statement.text for statement in statements)
    return f"header and parameters disagree: {shown}; the data's {length} bytes fit {used}, which is used"
