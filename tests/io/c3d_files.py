"""Small .c3d files made byte by byte, with whatever header, parameters and data a test needs."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

INTEL, DEC, MIPS = 84, 85, 86
BLOCK = 512
GROUPS = ("POINT", "ANALOG", "TRIAL", "ROTATION", "FORCE_PLATFORM", "OTHER")

Value = int | float | str | list[int] | list[float] | list[str] | np.ndarray | None


def walk(frames: int = 6, count: int = 3, *, seed: int = 0) -> np.ndarray:
    """(F, M, 3) millimetres that are exact as multiples of 0.1 in 16 bits and no two frames of which are equal."""
    rng = np.random.default_rng(seed)
    return rng.integers(-9000, 9000, size=(frames, count, 3)).astype(np.float64)


def c3d_bytes(
    positions: np.ndarray,
    *,
    processor: int = INTEL,
    floats: bool = True,
    scale: float = 1.0,
    residuals: np.ndarray | float = 0.0,
    analog: np.ndarray | None = None,
    analog_samples: int = 1,
    rate_hz: float = 100.0,
    parameters: Mapping[str, Value] | None = None,
    header: Mapping[str, float] | None = None,
    tail: bytes = b"",
) -> bytes:
    """A file's bytes.

    Args:
        positions: (F, P, 3) as stored: units in floats, steps of the scale in integers.
        processor: how numbers are stored.
        floats: whether the data are floats.
        scale: of integers; its sign is set.
        residuals: the fourth values of all points.
        analog: (F, values) behind each frame's points.
        analog_samples: analogue samples a frame.
        rate_hz: frames per second.
        parameters: GROUP:NAME and value, beside or instead of the usual ones; None leaves one out.
        header: values instead of those that fit: points, analog, first, last, scale, block, rate.
        tail: bytes after the data.
    """
    frames, count = positions.shape[:2]
    analog = np.zeros((frames, 0)) if analog is None else analog
    signed = -abs(scale) if floats else abs(scale)
    usual: dict[str, Value] = {
        "POINT:USED": count,
        "POINT:FRAMES": min(frames, 65_535),
        "POINT:SCALE": float(signed),
        "POINT:RATE": float(rate_hz),
        "POINT:DATA_START": 0,
        "POINT:UNITS": "mm",
        "POINT:LABELS": [f"M{i}" for i in range(count)],
        "ANALOG:USED": analog.shape[1] // analog_samples,
        "ANALOG:RATE": float(np.float32(rate_hz * analog_samples)),
    }
    wanted = {name: value for name, value in (usual | dict(parameters or {})).items() if value is not None}
    blocks = -(-len(_section(wanted, processor)) // BLOCK)
    data_block = 2 + blocks
    if "POINT:DATA_START" not in (parameters or {}):
        wanted["POINT:DATA_START"] = data_block
    section = _section(wanted, processor).ljust(blocks * BLOCK, b"\0")
    h = {"points": count, "analog": analog.shape[1], "first": 1, "last": min(frames, 65_535), "scale": signed}
    h |= {"block": data_block, "rate": rate_hz, "samples": analog_samples, **(header or {})}
    e = _order(processor)
    head = struct.pack(f"{e}BBHHHHH", 2, 0x50, *(int(h[k]) for k in ("points", "analog", "first", "last")), 10)
    head += stored_floats([h["scale"]], processor) + struct.pack(f"{e}HH", int(h["block"]), int(h["samples"]))
    head += stored_floats([h["rate"]], processor)
    points = np.concatenate([positions, np.broadcast_to(residuals, (frames, count))[..., None]], axis=2)
    values = np.concatenate([points.reshape(frames, 4 * count), analog], axis=1)
    data = stored_floats(values, processor) if floats else values.astype(f"{e}i2").tobytes()
    return head.ljust(BLOCK, b"\0") + section + padded(data) + tail


def padded(raw: bytes) -> bytes:
    """Zeros to the end of the block."""
    return raw.ljust(-(-len(raw) // BLOCK) * BLOCK, b"\0")


def written_c3d(path: Path, positions: np.ndarray, **changes: object) -> Path:
    path.write_bytes(c3d_bytes(positions, **changes))  # type: ignore[arg-type]
    return path


def _order(processor: int) -> str:
    return ">" if processor == MIPS else "<"


def stored_floats(values: object, processor: int) -> bytes:
    array = np.asarray(values, dtype=np.float32)
    if processor != DEC:
        return array.astype(f"{_order(processor)}f4").tobytes()
    words = (array * np.float32(4)).view(np.uint32)
    return ((words << 16) | (words >> 16)).astype("<u4").tobytes()


def _section(parameters: Mapping[str, Value], processor: int) -> bytes:
    e = _order(processor)
    used = sorted({name.partition(":")[0] for name in parameters}, key=GROUPS.index)
    numbers = {group: number for number, group in enumerate(used, start=1)}
    raw = b""
    for group, number in numbers.items():
        name = group.encode()
        raw += struct.pack("bb", len(name), -number) + name + struct.pack(f"{e}H", 3) + b"\0"
    for key, value in parameters.items():
        group, _, text = key.partition(":")
        name, body = text.encode(), _values(value, processor) + b"\0"
        raw += struct.pack("bb", len(name), numbers[group]) + name + struct.pack(f"{e}H", 2 + len(body)) + body
    return bytes([1, 0x50, 1 + len(raw) // BLOCK, processor]) + raw + b"\0\0"


def _values(value: Value, processor: int) -> bytes:
    """Type, dimensions and values."""
    if isinstance(value, str):
        return struct.pack("bBB", -1, 1, len(value.encode())) + value.encode()
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        texts = [str(one).encode() for one in value]
        width = max([len(text) for text in texts], default=0)
        return struct.pack("bBBB", -1, 2, width, len(texts)) + b"".join(text.ljust(width) for text in texts)
    numbers = np.asarray(value)
    dimensions = bytes([numbers.ndim, *numbers.shape])
    numbers = numbers.reshape(-1, order="F")
    if numbers.dtype.kind == "f":
        return b"\x04" + dimensions + stored_floats(numbers, processor)
    return b"\x02" + dimensions + numbers.astype(f"{_order(processor)}u2").tobytes()


POSE_NAMES = ["worldbody_4X4", "pelvis_4X4", "l_thigh_4X4"]
POSE_FRAMES = 5


def pose_transforms(*, seed: int = 0) -> np.ndarray:
    """(F, 3, 4, 4) rotations and translations in millimetres; the first segment is the laboratory."""
    rng = np.random.default_rng(seed)
    T = np.tile(np.eye(4), (POSE_FRAMES, len(POSE_NAMES), 1, 1))
    for frame in range(POSE_FRAMES):
        for segment in (1, 2):
            R, _ = np.linalg.qr(rng.normal(size=(3, 3)))
            T[frame, segment, :3, :3] = R * np.sign(np.linalg.det(R))
            T[frame, segment, :3, 3] = rng.uniform(-900, 900, size=3)
    return T.astype(np.float32).astype(np.float64)


def written_poses(
    path: Path,
    T: np.ndarray,
    *,
    names: Sequence[str] = POSE_NAMES,
    processor: int = INTEL,
    cut: int = 0,
    **changes: object,
) -> Path:
    """A file without points, whose data are these poses, in millimetres."""
    frames, count = T.shape[:2]
    values = np.concatenate([T.swapaxes(2, 3).reshape(frames, -1, 16), np.ones((frames, count, 1))], axis=2)
    group = {
        "ROTATION:USED": len(names),
        "ROTATION:LABELS": list(names),
        "ROTATION:RATIO": 1,
        "ROTATION:RATE": 100.0,
    }
    parameters = {**group, "POINT:FRAMES": frames, "ROTATION:DATA_START": 0}
    while True:  # the size of the parameters does not depend on the value
        raw = c3d_bytes(
            np.zeros((0, 0, 3)), processor=processor, header={"last": frames}, parameters=parameters | changes
        )
        if parameters["ROTATION:DATA_START"]:
            break
        parameters["ROTATION:DATA_START"] = 1 + len(raw) // BLOCK
    data = padded(stored_floats(values, processor))
    path.write_bytes(raw + data[: len(data) - cut])
    return path
