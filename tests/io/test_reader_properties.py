"""What holds for every recording that can be generated: however a file spells it, the same trajectories are read."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from biopose.io.c3d import read_c3d, write_c3d
from biopose.io.ik_setup import read_ik_setup
from biopose.io.ik_tasks import CoordinateTask
from biopose.io.mot import read_mot, read_storage, write_mot, write_storage
from biopose.io.parquet import read_markers_parquet, write_markers_parquet
from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories, Storage
from biopose.io.trc import read_trc, write_trc
from tests.io.c3d_files import DEC, INTEL, MIPS, c3d_bytes
from tests.io.samples import same_bits, written

T = TypeVar("T")

repeatable = settings(derandomize=True, deadline=None, database=None, max_examples=25)

# Labels of columns, without blanks around them.
LABEL = st.text("ABCXYZabc019_.:+-()/| äßÉ膝", min_size=1, max_size=12).filter(lambda text: text == text.strip())
ASCII_LABEL = st.text("ABCXYZabcxyz0123456789_.-+", min_size=1, max_size=12)
GAPS = ["", " ", "nan", "NaN", "N/A", "1.#QNAN", "-nan(ind)", "--"]
RATES_HZ = [24, 25, 29.97, 50, 60000 / 1001, 100, 120, 200, 240, 250, 300, 1000]


@st.composite
def recordings(draw: st.DrawFn, *, labels: st.SearchStrategy[str] = LABEL, decimals: int = 6) -> MarkerTrajectories:
    """Markers that move smoothly with noise, rounded; any of them may be missing in any frame."""
    names = draw(st.lists(labels, min_size=1, max_size=6, unique_by=str.casefold))
    frames = draw(st.integers(2, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    motion = rng.uniform(-2, 2, (1, len(names), 3)) + np.cumsum(rng.normal(scale=0.01, size=(frames, len(names), 3)), 0)
    positions_m = np.round(motion, decimals)
    share = draw(st.sampled_from([0.0, 0.1, 0.5]))
    positions_m[rng.random((frames, len(names))) < share] = np.nan
    time_s = (draw(st.integers(0, 1000)) + np.arange(frames)) / draw(st.sampled_from(RATES_HZ))
    return MarkerTrajectories(time_s, tuple(names), positions_m)


def read_back(write: Callable[[Path], object], read: Callable[[Path], T], *, name: str) -> T:
    """What a reader reads of what a writer wrote."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        return read(path)


def assert_same(found: MarkerTrajectories, expected: MarkerTrajectories) -> None:
    """To the last bit."""
    assert found.names == expected.names
    assert same_bits(found.time_s, expected.time_s)
    assert same_bits(found.positions_m, expected.positions_m)


def trc_text(markers: MarkerTrajectories, *, gap: str = "nan", units: str = "m", per_metre: float = 1) -> str:
    """A .trc file as other programs write it."""
    rows = [
        "\t".join([str(n), repr(float(t)), *(gap if np.isnan(v) else f"{v * per_metre:.6f}" for v in frame.ravel())])
        for n, (t, frame) in enumerate(zip(markers.time_s, markers.positions_m, strict=True), start=1)
    ]
    count = len(markers.names)
    header = (
        f"{markers.rate_hz!r}\t{markers.rate_hz!r}\t{len(rows)}\t{count}\t{units}\t{markers.rate_hz!r}\t1\t{len(rows)}"
    )
    keys = "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames"
    names = "Frame#\tTime\t" + "\t\t\t".join(markers.names) + "\t\t"
    axes = "\t\t" + "\t".join(f"{axis}{n}" for n in range(1, count + 1) for axis in "XYZ")
    return "\n".join(["PathFileType\t4\t(X/Y/Z)\tm.trc", keys, header, names, axes, "", *rows]) + "\n"


# What is written is read


@repeatable
@given(recordings())
def test_a_trc_file_reads_back_to_the_last_bit(markers: MarkerTrajectories) -> None:
    assert_same(read_back(lambda path: write_trc(path, markers), read_trc, name="m.trc"), markers)


@repeatable
@given(recordings())
def test_a_parquet_file_reads_back_to_the_last_bit(markers: MarkerTrajectories) -> None:
    found = read_back(lambda path: write_markers_parquet(path, markers), read_markers_parquet, name="m.parquet")
    assert_same(found, markers)


@repeatable
@given(recordings(labels=ASCII_LABEL))
def test_a_c3d_file_reads_back_as_float32(markers: MarkerTrajectories) -> None:
    found = read_back(lambda path: write_c3d(path, markers), read_c3d, name="m.c3d")
    assert found.names == markers.names
    np.testing.assert_allclose(found.time_s, markers.time_s, rtol=1e-6)
    np.testing.assert_array_equal(found.positions_m, markers.positions_m.astype(np.float32))


@repeatable
@given(recordings(), st.booleans())
def test_coordinates_read_back_from_radians_exactly_and_from_degrees_to_rounding(
    markers: MarkerTrajectories, in_degrees: bool
) -> None:
    coordinates = CoordinateTrajectories(markers.time_s, markers.names, markers.positions_m[..., 0])
    plain = [name for name in coordinates.names if "/" not in name and "=" not in name]
    if not plain:
        return
    coordinates = coordinates.select(plain)
    rotational = plain[::2]
    found = read_back(
        lambda path: write_mot(path, coordinates, rotational=rotational, in_degrees=in_degrees),
        lambda path: read_mot(path, rotational=rotational),
        name="m.mot",
    )
    assert found.names == coordinates.names
    np.testing.assert_allclose(found.values, coordinates.values, rtol=1e-15 if in_degrees else 0, atol=0)


# However it is spelt


@repeatable
@given(recordings(), st.sampled_from(GAPS), st.sampled_from([("m", 1), ("cm", 100), ("mm", 1000)]))
def test_any_spelling_of_gaps_and_any_unit_are_the_same_recording(
    markers: MarkerTrajectories, gap: str, unit: tuple[str, float]
) -> None:
    text = trc_text(markers, gap=gap, units=unit[0], per_metre=unit[1])
    found = read_back(lambda path: written(path, text), read_trc, name="m.trc")
    assert found.names == markers.names
    np.testing.assert_allclose(found.positions_m, markers.positions_m, atol=1e-6, rtol=0)
    gaps = np.isnan(markers.positions_m[..., 0])
    assert bool(gaps.any()) == any(
        note.startswith(f"gaps: {gaps.sum()} of {gaps.size} positions") for note in found.notes
    )


@repeatable
@given(recordings(), st.randoms(use_true_random=False))
def test_the_order_of_columns_does_not_matter(markers: MarkerTrajectories, random: object) -> None:
    order = list(markers.names)
    random.shuffle(order)  # type: ignore[attr-defined]
    found = read_back(lambda path: write_trc(path, markers.select(order)), read_trc, name="m.trc")
    assert_same(found.select(markers.names), markers)


@repeatable
@given(
    recordings(labels=ASCII_LABEL, decimals=3),
    st.sampled_from([INTEL, DEC, MIPS]),
    st.booleans(),
    st.sampled_from(["negative residual", "zeros", "both"]),
)
def test_all_kinds_of_numbers_and_of_gaps_in_a_c3d_file_are_the_same_recording(
    markers: MarkerTrajectories, processor: int, floats: bool, spelling: str
) -> None:
    gaps = np.isnan(markers.positions_m[..., 0])
    millimetres = np.where(
        gaps[..., None] & (spelling != "negative residual"), 0, np.nan_to_num(1000 * markers.positions_m)
    )
    content = c3d_bytes(
        np.rint(millimetres),
        processor=processor,
        floats=floats,
        residuals=np.where(gaps & (spelling != "zeros"), -1.0, 0.0),
        rate_hz=markers.rate_hz,
        parameters={"POINT:LABELS": list(markers.names)},
    )
    found = read_back(lambda path: path.write_bytes(content), read_c3d, name="m.c3d")
    assert found.names == markers.names
    np.testing.assert_allclose(found.positions_m, markers.positions_m, atol=1e-9, rtol=0)
    np.testing.assert_allclose(np.diff(found.time_s), np.diff(markers.time_s), rtol=1e-4)


@repeatable
@given(recordings(labels=ASCII_LABEL), st.sampled_from(["OpenSim 3", "OpenSim 4", "paths", "SIMM"]))
def test_all_headers_of_a_storage_file_are_the_same_table(markers: MarkerTrajectories, dialect: str) -> None:
    degrees = 30 * markers.positions_m[..., 0]
    storage = Storage(markers.time_s, markers.names, degrees, in_degrees=True, name="walk")
    rows, columns = len(degrees), degrees.shape[1] + 1
    opensim_4 = "inDegrees=yes\nDataType=double\nversion=3\nOpenSimVersion=4.6\nendheader\n"
    header = {
        "OpenSim 3": f"walk\nversion=1\nnRows={rows}\nnColumns={columns}\ninDegrees=yes\nendheader\n",
        "OpenSim 4": opensim_4,
        "paths": opensim_4,
        "SIMM": f"name walk\ndatacolumns {columns}\ndatarows {rows}\nendheader\n",
    }[dialect]

    def write(path: Path) -> None:
        write_storage(path, storage)
        table = path.read_text(encoding="utf-8").partition("endheader\n")[2]
        if dialect == "paths":
            labels = "\t".join(f"/jointset/hip/{name}/value" for name in storage.columns)
            table = f"time\t{labels}\n" + table.partition("\n")[2]
        written(path, header + table)

    found = read_back(write, lambda path: read_mot(path, rotational=storage.columns), name="m.sto")
    assert found.names == storage.columns
    np.testing.assert_array_equal(found.values, np.deg2rad(degrees))
    assert same_bits(read_back(write, read_storage, name="m.sto").values, degrees)


# Set-up files


NUMBERS = st.floats(0, 1e6, allow_nan=False) | st.integers(0, 1000).map(float)
WEIGHTS = st.dictionaries(ASCII_LABEL, NUMBERS, min_size=1, max_size=6)


@repeatable
@given(WEIGHTS, WEIGHTS, st.tuples(NUMBERS, NUMBERS).map(sorted), st.sampled_from(["\n", " ", "\r\n\t"]))
def test_the_values_of_a_set_up_file_are_read_as_they_are_written(
    markers: dict[str, float], coordinates: dict[str, float], times_s: list[float], blank: str
) -> None:
    tasks = [
        f'<IKMarkerTask name="{name}"><weight>{blank}{value!r}</weight></IKMarkerTask>'
        for name, value in markers.items()
    ]
    tasks += [
        f'<IKCoordinateTask name="{name}"><weight>2</weight><value_type>manual_value</value_type>'
        f"<value>{value!r}{blank}</value></IKCoordinateTask>"
        for name, value in coordinates.items()
    ]
    text = (
        f"<OpenSimDocument><InverseKinematicsTool><time_range>{times_s[0]!r}{blank}{times_s[1]!r}</time_range>"
        f"<IKTaskSet><objects>{blank.join(tasks)}</objects></IKTaskSet></InverseKinematicsTool></OpenSimDocument>"
    )
    setup = read_back(lambda path: written(path, text), read_ik_setup, name="setup.xml")
    assert setup.marker_weights == markers
    assert setup.time_range_s == tuple(times_s)
    assert {task.name: task.value for task in setup.coordinate_tasks} == coordinates
    assert all(isinstance(task, CoordinateTask) and task.weight == 2 for task in setup.coordinate_tasks)
