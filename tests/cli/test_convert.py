"""`biopose convert`: the same motion in another format, axis or rate, its gaps filled or kept."""

import json
from pathlib import Path

import numpy as np
import pytest

from biopose.io.c3d import read_c3d
from biopose.io.mot import read_storage, write_mot
from biopose.io.parquet import read_coordinates_parquet, write_markers_parquet
from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.io.trc import read_trc, write_trc
from biopose.skeleton.full_body import build_full_body
from tests.commands import run
from tests.io.c3d_files import pose_transforms, written_poses
from tests.swinging_person import full_body, synthetic_motion

GAP = slice(10, 14)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_full_body(tmp_path_factory.mktemp("model") / "full_body.osim")


def smooth_markers(*, rate_hz: float = 100.0, gap: bool = False) -> MarkerTrajectories:
    time_s = np.arange(50) / rate_hz
    phase = 2 * np.pi * time_s[:, None, None] + np.arange(6).reshape(1, 2, 3)
    positions_m = 1.0 + 0.2 * np.sin(phase)
    if gap:
        positions_m[GAP, 1] = np.nan
    return MarkerTrajectories(time_s, ("LKNE", "RKNE"), positions_m)


def coordinates() -> CoordinateTrajectories:
    motion = synthetic_motion(frames=30, rate_hz=60.0)
    return CoordinateTrajectories(np.arange(30) / 60, motion.names, motion.values)


def summary_of(*arguments: object) -> dict[str, object]:
    result = run("convert", *arguments, "--json")
    assert result.exit_code == 0, result.output
    summary: dict[str, object] = json.loads(result.output)
    return summary


def test_markers_survive_the_way_through_every_format(tmp_path: Path) -> None:
    recorded = smooth_markers(gap=True)
    write_trc(tmp_path / "a.trc", recorded)
    for source, out in (("a.trc", "b.parquet"), ("b.parquet", "c.c3d"), ("c.c3d", "d.trc")):
        summary_of(tmp_path / source, tmp_path / out)
    back = read_trc(tmp_path / "d.trc")
    assert back.names == recorded.names
    np.testing.assert_allclose(back.time_s, recorded.time_s, atol=1e-9)
    np.testing.assert_allclose(back.positions_m, recorded.positions_m, atol=1e-6)


def test_the_upward_axis_becomes_y(tmp_path: Path) -> None:
    write_trc(tmp_path / "a.trc", smooth_markers())
    summary_of(tmp_path / "a.trc", tmp_path / "b.trc", "--up", "z")
    np.testing.assert_array_equal(
        read_trc(tmp_path / "b.trc").positions_m[..., 1], smooth_markers().positions_m[..., 2]
    )


def test_variable_times_are_resampled_for_a_c3d_and_refused_without_a_rate(tmp_path: Path) -> None:
    whole = smooth_markers(rate_hz=200.0)
    kept = np.delete(np.arange(50), [3, 4, 20])
    write_markers_parquet(
        tmp_path / "a.parquet", MarkerTrajectories(whole.time_s[kept], whole.names, whole.positions_m[kept])
    )
    result = run("convert", tmp_path / "a.parquet", tmp_path / "a.c3d")
    assert result.exit_code == 1
    assert "uniform times" in result.output
    summary_of(tmp_path / "a.parquet", tmp_path / "a.c3d", "--rate-hz", 200, "--fill-gaps-s", 0.1)
    np.testing.assert_allclose(read_c3d(tmp_path / "a.c3d").positions_m, whole.positions_m, atol=1e-4)


def test_gaps_are_kept_or_filled_as_asked_and_counted(tmp_path: Path) -> None:
    write_trc(tmp_path / "a.trc", smooth_markers(gap=True))
    kept = summary_of(tmp_path / "a.trc", tmp_path / "b.trc", "--fill-gaps-s", 0.04)
    filled = summary_of(tmp_path / "a.trc", tmp_path / "c.trc", "--fill-gaps-s", 0.05)
    assert (kept["gap_frames_before"], kept["gap_frames"], filled["gap_frames"]) == (4, 4, 0)
    found, expected = read_trc(tmp_path / "c.trc").positions_m, smooth_markers().positions_m
    np.testing.assert_allclose(found[GAP], expected[GAP], atol=2e-4)
    np.testing.assert_array_equal(found[:10], expected[:10])


def test_coordinates_reach_parquet_in_radians_and_come_back(tmp_path: Path, model: Path) -> None:
    q = coordinates()
    write_mot(tmp_path / "a.mot", q, rotational=full_body().rotational_names)
    summary_of(tmp_path / "a.mot", tmp_path / "b.parquet", "--model", model)
    np.testing.assert_allclose(read_coordinates_parquet(tmp_path / "b.parquet").values, q.values, atol=1e-12)
    summary_of(tmp_path / "b.parquet", tmp_path / "c.sto", "--model", model)
    np.testing.assert_allclose(
        read_storage(tmp_path / "c.sto").values, read_storage(tmp_path / "a.mot").values, atol=1e-9
    )


def test_angles_change_their_unit_and_translations_do_not(tmp_path: Path, model: Path) -> None:
    q = coordinates()
    write_mot(tmp_path / "a.mot", q, rotational=full_body().rotational_names)
    summary_of(tmp_path / "a.mot", tmp_path / "b.mot", "--model", model, "--angles", "radians")
    table = read_storage(tmp_path / "b.mot")
    assert not table.in_degrees
    np.testing.assert_allclose(table.values, q.values, atol=1e-12)


@pytest.mark.parametrize(
    ("source", "out", "message"),
    [
        ("m.trc", "x.mot", "holds markers: write them as .trc or .c3d or .parquet"),
        ("q.mot", "x.trc", "holds coordinates: write them as .mot, .sto or .parquet"),
        ("q.mot", "x.parquet", "give it, --model"),
    ],
)
def test_what_is_no_conversion_is_refused_with_what_is(tmp_path: Path, source: str, out: str, message: str) -> None:
    write_trc(tmp_path / "m.trc", smooth_markers())
    write_mot(tmp_path / "q.mot", coordinates(), rotational=full_body().rotational_names)
    result = run("convert", tmp_path / source, tmp_path / out)
    assert result.exit_code == 1
    assert message in result.output
    assert not (tmp_path / out).exists()


def test_a_file_is_not_converted_into_itself(tmp_path: Path) -> None:
    write_trc(tmp_path / "m.trc", smooth_markers())
    assert run("convert", tmp_path / "m.trc", tmp_path / "m.trc").exit_code == 2


def test_segment_poses_become_markers(tmp_path: Path) -> None:
    poses = written_poses(tmp_path / "poses.c3d", pose_transforms())
    summary = summary_of(poses, tmp_path / "m.trc")
    assert summary["columns"] == 8
    assert read_trc(tmp_path / "m.trc").names[:2] == ("pelvis_O", "pelvis_X")


def test_an_angle_that_passes_the_end_of_a_turn_is_interpolated_the_short_way(tmp_path: Path, model: Path) -> None:
    truth_deg = np.linspace(170, 190, 11)
    q = CoordinateTrajectories(
        np.arange(11) / 10, ("pelvis_rotation",), np.radians((truth_deg + 180) % 360 - 180)[:, None]
    )
    write_mot(tmp_path / "a.mot", q, rotational=full_body().rotational_names)
    summary = summary_of(tmp_path / "a.mot", tmp_path / "b.mot", "--rate-hz", 20)
    found = read_storage(tmp_path / "b.mot")
    np.testing.assert_allclose(found.values[:, 0], 170 + 20 * found.time_s, atol=1e-6)
    assert "pelvis_rotation passes the end of a turn" in str(summary["notes"])


@pytest.mark.parametrize(
    ("source", "option"),
    [
        ("q.mot", ("--up", "z")),
        ("q.mot", ("--units", "mm")),
        ("q.mot", ("--subject", "A")),
        ("m.trc", ("--angles", "degrees")),
    ],
)
def test_an_option_without_effect_is_refused(tmp_path: Path, source: str, option: tuple[str, str]) -> None:
    write_trc(tmp_path / "m.trc", smooth_markers())
    write_mot(tmp_path / "q.mot", coordinates(), rotational=full_body().rotational_names)
    result = run("convert", tmp_path / source, tmp_path / f"x{Path(source).suffix}", *option)
    assert result.exit_code == 2
    assert f"{option[0]} has no effect" in result.output


def test_a_table_without_the_unit_of_its_angles_is_noted(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "q.mot"
    path.write_text("q\nversion=1\nendheader\ntime\tknee_angle_r\n0\t30\n0.01\t31\n")
    (plain,) = summary_of(path, tmp_path / "a.sto")["notes"]  # type: ignore[misc]
    assert plain == "the header has no inDegrees: inDegrees=no is written, as OpenSim reads the input"
    (known,) = summary_of(path, tmp_path / "b.sto", "--model", model)["notes"]  # type: ignore[misc]
    assert known.startswith(
        "the header has no inDegrees: angles are read as radians, as OpenSim reads them; they reach 31"
    )
