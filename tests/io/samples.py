"""Trajectories to write and read back, drawn from a seed, with every awkward float64 among them."""

from pathlib import Path

import numpy as np

from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories

AWKWARD = np.array([5e-324, 1e-17, 0.1 + 0.2, 1 / 3, -0.0, 123456789.123456789, 1.7976931348623157e308, -1e-300])
NOT_TEXT = {
    "empty": b"",
    "binary": bytes(range(256)) * 8,
    "utf16": "PathFileType\t4\nCoordinates\nendheader\n".encode("utf-16"),
    "utf16 without a mark": "PathFileType\t4\nCoordinates\nendheader\n".encode("utf-16-le"),
    "garbage": b"\x93\xfa\x81\xff\xfe\xdd" * 50,
    "blank lines": b"\n\n\n\n\n\n\n\n",
}


def random_table(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Normal numbers, some awkward ones, one tenth NaN; all values are finite."""
    table = rng.normal(size=shape)
    table = np.where(rng.random(shape) < 0.1, rng.choice(AWKWARD, size=shape), table)
    return np.where(rng.random(shape) < 0.1, np.nan, table)


def random_times(rng: np.random.Generator, frames: int) -> np.ndarray:
    return rng.uniform(-1, 1) + np.cumsum(rng.uniform(1e-4, 0.1, frames))


def random_markers(seed: int) -> MarkerTrajectories:
    rng = np.random.default_rng(seed)
    frames, count = rng.integers(1, 12), rng.integers(1, 9)
    names = tuple(rng.permutation(["L.ASIS", "RKNE", "C7", "a b", "Athlete:LHEE", "Kniegelenk ä", "x_m", "1", "T10"]))
    positions_m = rng.normal(size=(frames, count, 3))
    small = AWKWARD[np.abs(AWKWARD) < 1]  # beyond a laboratory, or one of three components, NaN would mean a gap
    positions_m = np.where(rng.random(positions_m.shape) < 0.1, rng.choice(small, size=positions_m.shape), positions_m)
    positions_m[(positions_m == 0).all(axis=2)] = 1.0  # the origin means a gap in a .trc
    positions_m[rng.random((frames, count)) < 0.1] = np.nan
    return MarkerTrajectories(random_times(rng, frames), names[:count], positions_m)


def random_coordinates(seed: int) -> CoordinateTrajectories:
    rng = np.random.default_rng(seed)
    frames, count = rng.integers(1, 12), rng.integers(1, 6)
    names = ("knee_angle_r", "pelvis_tx", "knee_angle_r_beta", "a_m", "b_rad", "hip_flexion_l")
    return CoordinateTrajectories(random_times(rng, frames), names[:count], random_table(rng, frames, count))


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal shape, NaN in the same places, and every other value equal to the last bit (so -0.0 is not 0.0)."""
    gaps = np.isnan(a)
    return (
        a.shape == b.shape
        and np.array_equal(gaps, np.isnan(b))
        and np.array_equal(a[~gaps].view(np.uint64), b[~gaps].view(np.uint64))
    )


def lines_replaced(text: str, changes: dict[int, str | None]) -> str:
    """The text with some lines, counted from 1, replaced or (None) left out."""
    lines = text.splitlines()
    kept = [changes.get(number, line) for number, line in enumerate(lines, start=1)]
    return "\n".join(line for line in kept if line is not None) + "\n"


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
