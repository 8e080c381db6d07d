"""Mutations of small .c3d files, and what becomes of them; by hand: ``python -m tests.io.c3d_mutations 2000``."""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from biopose.errors import FileFormatError
from biopose.io.c3d import read_c3d
from biopose.io.trajectories import MarkerTrajectories
from tests.io.c3d_files import BLOCK, DEC, MIPS, c3d_bytes, walk

SAME_MM, SLOW_S = 1.0, 2.0
# A reader cannot know a label or a first frame to be wrong, and a position in the data is a position.
HARMLESS = {"refused", "equal", "equal, with a note", "different, with a note", "another label", "another first frame"}


def valid_files() -> list[bytes]:
    """Small files of all kinds of numbers, with and without analogue values."""
    positions, analog = walk(12, 5), np.arange(12 * 6.0).reshape(12, 6)
    labels = {"POINT:LABELS": ["LKNE", "RKNE", "*1", "C7", "LHipAngles"], "POINT:ANGLES": ["LHipAngles"]}
    return [
        c3d_bytes(positions),
        c3d_bytes(positions, floats=False, scale=0.1, analog=analog, analog_samples=3, rate_hz=60000 / 1001),
        c3d_bytes(positions, processor=MIPS, parameters={**labels, "TRIAL:ACTUAL_START_FIELD": [1, 0]}),
        c3d_bytes(positions, processor=DEC, floats=False, scale=0.05, parameters=labels),
    ]


def mutated(raw: bytes, seed: int, *, in_data: bool = False) -> bytes:
    """The file with some bytes changed, bits flipped, words set to extremes, cut, or with bytes added or removed."""
    rng = np.random.default_rng(seed)
    begin, end = (_data_begin(raw), len(raw)) if in_data else (0, _data_begin(raw))
    changed = bytearray(raw)
    for _ in range(rng.integers(1, 4)):
        at = int(rng.integers(begin, min(end, len(changed))))
        match rng.integers(0, 10):
            case 0:
                changed = changed[:at]
                return bytes(changed)
            case 1:
                changed[at : at + 1] = b""
            case 2:
                changed[at:at] = bytes(rng.integers(0, 256, size=rng.integers(1, 9), dtype=np.uint8))
            case 3 | 4:
                changed[at] ^= 1 << int(rng.integers(0, 8))
            case 5:
                changed[at] = int(rng.choice([0, 1, 127, 128, 255]))
            case 6:
                changed[at : at + 2] = rng.choice([b"\0\0", b"\xff\xff", b"\xff\x7f", b"\0\x80", b"\1\0"])
            case 7:
                changed[at : at + 4] = np.array(rng.choice([np.nan, np.inf, -1.0, 0.0, 1e30]), np.float32).tobytes()
            case _:
                changed[at] = int(rng.integers(0, 256))
    return bytes(changed)


def outcome(raw: bytes, mutation: bytes, path: Path) -> str:
    """What becomes of a mutated file: one of HARMLESS, "different in silence", or "slow"; no other error is caught."""
    path.write_bytes(raw)
    right = read_c3d(path)
    path.write_bytes(mutation)
    began = time.perf_counter()
    try:
        markers = read_c3d(path)
    except FileFormatError:
        return "refused"
    if time.perf_counter() - began > SLOW_S:
        return "slow"
    return _difference(right, markers, noted=bool(set(markers.notes) - set(right.notes)))


def _difference(right: MarkerTrajectories, markers: MarkerTrajectories, *, noted: bool) -> str:
    if len(right.time_s) == len(markers.time_s) and _same_positions(right, markers):
        if not np.allclose(np.diff(markers.time_s), np.diff(right.time_s), rtol=1e-4):
            return "different, with a note" if noted else "different in silence"
        if markers.names != right.names:
            return "another label"
        if not np.allclose(markers.time_s, right.time_s):
            return "another first frame"
        return "equal, with a note" if noted else "equal"
    return "different, with a note" if noted else "different in silence"


def _same_positions(right: MarkerTrajectories, markers: MarkerTrajectories) -> bool:
    """Of the markers of the same names: a reader cannot know a label to be wrong."""
    names = [name for name in right.names if name in markers.names]
    positions_m = markers.select(names).positions_m, right.select(names).positions_m
    same = np.isclose(*positions_m, rtol=0, atol=SAME_MM / 1000, equal_nan=True)
    return bool(same.all())


def _data_begin(raw: bytes) -> int:
    order = "big" if raw[BLOCK + 3] == MIPS else "little"
    return (int.from_bytes(raw[16:18], order) - 1) * BLOCK


def main(count: int) -> None:
    """Count the outcomes of mutations, of the header and parameters and of the data."""
    files = valid_files()
    for in_data in (False, True):
        outcomes: Counter[str] = Counter()
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(count):
                raw = files[seed % len(files)]
                try:
                    became = outcome(raw, mutated(raw, seed, in_data=in_data), Path(folder) / "m.c3d")
                except Exception as error:
                    became = f"TRACEBACK {type(error).__name__}: {error}"
                if became not in HARMLESS:
                    print(f"seed {seed}: {became}")
                outcomes[became] += 1
        print("data" if in_data else "header and parameters", dict(outcomes))


if __name__ == "__main__":
    main(int(sys.argv[1]))
