"""Small .c3d files with force plates of any type, made byte by byte."""

from pathlib import Path

import numpy as np

from tests.io.c3d_files import Value, written_c3d

CHANNELS = {1: 6, 2: 6, 3: 8, 4: 6}
ORIGINS = {1: (0.0, 0.0, 0.0), 2: (1.0, 2.0, -40.0), 3: (120.0, 200.0, -50.0), 4: (1.0, 2.0, -40.0)}
CORNERS_MM = np.array(
    [
        [[600, 400, 0], [0, 400, 0], [0, 0, 0], [600, 0, 0]],
        [[1210, 410, 0], [610, 410, 0], [610, 10, 0], [1210, 10, 0]],
    ],
    dtype=np.float64,
)
FRAMES, SAMPLES = 6, 4


def channels(kind: int, *, seed: int = 0) -> np.ndarray:
    """(N, C) of two plates of a type, standing loads of about 500 N among noise."""
    rng = np.random.default_rng(seed)
    values = rng.normal(scale=20, size=(FRAMES * SAMPLES, 2 * CHANNELS[kind]))
    vertical = [
        i for i in range(values.shape[1]) if (i % CHANNELS[kind] >= 4 if kind == 3 else i % CHANNELS[kind] == 2)
    ]
    values[:, vertical] -= 500.0 if kind != 3 else 125.0
    return values


def written_plates(
    path: Path, kind: int, values: np.ndarray, *, labels: tuple[str, ...] = ("A", "B", "C"), **changes: Value
) -> Path:
    """A file of markers that stand still, in millimetres with z up, and two force plates of a type.

    Parameters of the group FORCE_PLATFORM are replaced by those of `changes`.
    """
    count = values.shape[1]
    parameters: dict[str, Value] = {
        "POINT:LABELS": list(labels),
        "ANALOG:LABELS": [f"F{i}" for i in range(count)],
        "ANALOG:UNITS": ["N"] * count,
        "ANALOG:GEN_SCALE": 1.0,
        "ANALOG:SCALE": [1.0] * count,
        "ANALOG:OFFSET": [0] * count,
        "FORCE_PLATFORM:USED": 2,
        "FORCE_PLATFORM:TYPE": [kind, kind],
        "FORCE_PLATFORM:CORNERS": CORNERS_MM.transpose(2, 1, 0),
        "FORCE_PLATFORM:ORIGIN": np.array([ORIGINS[kind]] * 2).T,
        "FORCE_PLATFORM:CHANNEL": np.arange(1, 1 + count).reshape(2, -1).T,
        "FORCE_PLATFORM:ZERO": [0, 0],
    }
    if kind == 4:
        matrix = 2 * np.eye(6) + 0.01 * np.arange(36).reshape(6, 6)
        parameters["FORCE_PLATFORM:CAL_MATRIX"] = np.stack([matrix, matrix + 0.1], axis=2)
    still_mm = np.tile(100.0 * np.arange(1, 1 + len(labels))[:, None] + 1.0, (FRAMES, 1, 3))
    return written_c3d(
        path,
        still_mm,
        analog=values.reshape(FRAMES, -1),
        analog_samples=SAMPLES,
        parameters=parameters | {f"FORCE_PLATFORM:{name}": value for name, value in changes.items()},
    )
