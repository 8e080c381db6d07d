"""Force plates among the analogue channels of a .c3d, by its group FORCE_PLATFORM (https://www.c3d.org, user guide).

Types 1 (forces, centre of pressure, free moment), 2 (forces and moments), 3 (eight forces) and 4 (2 with a matrix) are
read. A plate's axes follow from its corners: x from the second to the first, y from the fourth to the first.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from biopose.io.c3d_layout import first_frame, rate_hz, read_layout
from biopose.io.c3d_parameters import C3DContent, read_content
from biopose.io.c3d_units import c3d_units_per_metre
from biopose.io.files import malformed
from biopose.io.trajectories import FloatArray
from biopose.io.units import LengthUnit

CHANNELS = {1: 6, 2: 6, 3: 8, 4: 6}  # of each type of plate
LEAST_VERTICAL_N = 10.0  # below it, the centre of pressure is not defined

Plates = tuple[FloatArray, tuple[str, ...], FloatArray, FloatArray, FloatArray, tuple[str, ...]]


def plates_of_c3d(path: Path, *, units: LengthUnit | None = None) -> Plates | None:
    """Time (N,), names (P,), force (N, P, 3), centre of pressure (N, P, 3), free moment (N, P, 3), notes; in m and N.

    Axes stay as in the file. None where there is no plate; of those that cannot be read, a note each.

    Raises:
        FileFormatError: the file is missing, broken, or its plates' parameters contradict each other.
    """
    content = read_content(path)
    used = content.count("FORCE_PLATFORM:USED")
    if not used:
        return None
    per_metre, _ = c3d_units_per_metre(content, units)
    samples, time_s = _analog(content)
    types = [int(kind) for kind in _of_plates(content, "TYPE", used, 1)[:, 0]]
    unread = {i: why for i, kind in enumerate(types) if (why := _why_unread(content, i, kind, used))}
    read = [i for i in range(used) if i not in unread]
    parts = np.zeros((3, len(samples), len(read), 3))
    for number, i in enumerate(read):
        parts[:, :, number] = _plate(content, i, types[i], used, samples, per_metre)
    notes = (f"force plate {i + 1} {why}: not read" for i, why in unread.items())
    return time_s, tuple(f"ground_force_{i + 1}" for i in read), *parts, tuple(notes)


def _why_unread(content: C3DContent, plate: int, kind: int, plates: int) -> str | None:
    if kind not in CHANNELS:
        return f"is of type {kind}"
    corners = _corners(content, plate, plates)
    surface = np.linalg.norm(np.cross(corners[0] - corners[1], corners[0] - corners[3]))
    return None if surface > 0 else "has no corners (FORCE_PLATFORM:CORNERS)"


def _corners(content: C3DContent, plate: int, plates: int) -> FloatArray:
    """(4, 3) in the file's units."""
    return _of_plates(content, "CORNERS", plates, 12)[plate][:12].reshape(4, 3)


def _analog(content: C3DContent) -> tuple[FloatArray, FloatArray]:
    """(N, C) analogue samples in their channels' units, and their times (N,)."""
    layout, _ = read_layout(content)
    channels = content.count("ANALOG:USED")
    if not channels or layout.analog_values % channels:
        found = f"{layout.analog_values} analogue values a frame of {channels} channels"
        raise malformed(content.path, found=found, expected="whole samples of every channel; export the file again")
    count = layout.frames * layout.frame_values
    stored = content.stored
    values = (stored.floats if layout.in_floats else stored.integers)(content.raw, count=count, offset=layout.begin)
    analog = values.reshape(layout.frames, layout.frame_values)[:, 4 * layout.points :]
    raw = analog.reshape(-1, channels).astype(np.float64)
    if not layout.in_floats and "UNSIGNED" in content.texts("ANALOG:FORMAT"):
        raw = np.where(raw < 0, raw + 65_536, raw)
    scale, offset = (_of_channels(content, f"ANALOG:{name}", channels) for name in ("SCALE", "OFFSET"))
    general = content.number("ANALOG:GEN_SCALE")
    rate, _ = rate_hz(content)
    first, _ = first_frame(content)
    per_frame = layout.analog_values // channels
    time_s = first / rate + np.arange(len(raw)) / (rate * per_frame)
    return (raw - offset) * scale * (1.0 if general is None else general), time_s


def _of_channels(content: C3DContent, name: str, channels: int) -> FloatArray:
    values = content.numbers(name)
    if name in content.parameters and len(values) < channels:
        found = f"{len(values)} values of {name} for {channels} channels"
        raise malformed(content.path, found=found, expected="one a channel; export the file again")
    default = 1.0 if name.endswith("SCALE") else 0.0
    signed = np.array(values[:channels] or [default] * channels)
    return np.where(signed >= 32_768, signed - 65_536, signed) if name.endswith("OFFSET") else signed


def _of_plates(content: C3DContent, name: str, plates: int, size: int) -> FloatArray:
    """(plates, size) values of a parameter of the group.

    Raises:
        FileFormatError: there are fewer.
    """
    values = content.numbers(f"FORCE_PLATFORM:{name}")
    if len(values) < plates * size:
        found = f"{len(values)} values of FORCE_PLATFORM:{name}"
        raise malformed(content.path, found=found, expected=f"{plates * size} for {plates} plates")
    width = len(values) // plates if size > 1 else 1
    return np.array(values[: plates * width]).reshape(plates, width)


def _plate(
    content: C3DContent, plate: int, kind: int, plates: int, samples: FloatArray, per_metre: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Force, centre of pressure and free moment (N, 3) of one plate, in the room's axes."""
    numbers = _of_plates(content, "CHANNEL", plates, CHANNELS[kind])[plate][: CHANNELS[kind]].astype(int) - 1
    if numbers.min() < 0 or numbers.max() >= samples.shape[1]:
        found = f"channel {numbers.max() + 1} of force plate {plate + 1}, and {samples.shape[1]} channels"
        raise malformed(content.path, found=found, expected="channels from 1; export the file again")
    channels = samples[:, numbers]
    if kind == 4:
        matrix = _of_plates(content, "CAL_MATRIX", plates, 36)[plate][:36].reshape(6, 6, order="F")
        channels = channels @ matrix.T
    R, middle_m = _axes(_corners(content, plate, plates) / per_metre)
    origin_m = _of_plates(content, "ORIGIN", plates, 3)[plate][:3] / per_metre
    per_nm = 1.0 if _moments_in_nm(content, numbers[-1]) else per_metre
    force, moment = _force_and_moment(channels, kind, origin_m, per_nm=per_nm, per_metre=per_metre)
    place, free = _center_of_pressure(force, moment)
    return force @ R.T, place @ R.T + middle_m, free @ R.T


def _moments_in_nm(content: C3DContent, channel: int) -> bool:
    units = content.texts("ANALOG:UNITS")
    return len(units) > channel and units[channel].replace(" ", "").replace(".", "").lower() == "nm"


def _force_and_moment(
    channels: FloatArray, kind: int, origin_m: FloatArray, *, per_nm: float, per_metre: float
) -> tuple[FloatArray, FloatArray]:
    """Force and moment (N, 3) about the middle of the plate's surface, in the plate's axes; N and Nm."""
    if kind == 1:
        force, place_m = channels[:, :3], np.zeros((len(channels), 3))
        place_m[:, :2] = channels[:, 3:5] / per_metre
        free = np.zeros_like(force)
        free[:, 2] = channels[:, 5] / per_nm
        return force, np.cross(place_m, force) + free
    if kind == 3:
        x12, x34, y14, y23, z1, z2, z3, z4 = channels.T
        a, b = origin_m[:2]
        force = np.stack([x12 + x34, y14 + y23, z1 + z2 + z3 + z4], axis=1)
        moment = np.stack([b * (z1 + z2 - z3 - z4), a * (z2 + z3 - z1 - z4), b * (x34 - x12) + a * (y14 - y23)], axis=1)
        below = np.array([0.0, 0.0, -abs(origin_m[2])])
        return force, moment + np.cross(force, below)
    # From the sensor's origin to the surface's middle; z points down, so its component is negative.
    to_surface = origin_m if origin_m[2] <= 0 else -origin_m
    return channels[:, :3], channels[:, 3:] / per_nm + np.cross(channels[:, :3], to_surface)


def _center_of_pressure(force: FloatArray, moment: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where the force acts on the surface, and the moment about the vertical there; NaN and 0 of an unloaded plate."""
    loaded = np.abs(force[:, 2]) >= LEAST_VERTICAL_N
    place = np.full_like(force, np.nan)
    place[loaded, 0] = -moment[loaded, 1] / force[loaded, 2]
    place[loaded, 1] = moment[loaded, 0] / force[loaded, 2]
    place[loaded, 2] = 0.0
    free = np.zeros_like(force)
    free[loaded, 2] = (moment - np.cross(np.nan_to_num(place), force))[loaded, 2]
    return place, free


def _axes(corners_m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The plate's axes as columns (3, 3), and the middle (3,) of its surface."""
    x, towards_y = corners_m[0] - corners_m[1], corners_m[0] - corners_m[3]
    z = np.cross(x, towards_y)
    y = np.cross(z, x)
    return np.stack([axis / np.linalg.norm(axis) for axis in (x, y, z)], axis=1), corners_m.mean(axis=0)
