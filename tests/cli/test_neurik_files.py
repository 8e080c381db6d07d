"""`biopose ik --solver neurik`: what it writes, tells and refuses. How near the network comes is not its matter.

Markers are made by forward kinematics of the default skeleton, where the network takes them to lie.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from biopose.body.markers import BONY_LANDMARKS, MARKERS
from biopose.cli.marker_summaries import LEARNED_HZ, NeurikSummary
from biopose.cli.neurik_files import predict_files
from biopose.errors import ModelError
from biopose.io.c3d import write_c3d
from biopose.io.mot import read_mot, read_storage
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.trc import write_trc
from biopose.neurik.network import load_neurik
from biopose.neurik.output import SCALE_RANGE
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.model import Marker
from biopose.skeleton.quiet_opensim import opensim
from biopose.skeleton.reader import read_osim
from biopose.skeleton.scaling import scaled_geometry
from biopose.training.synthetic.marker_trajectories import RATE_HZ
from tests.cli.test_marker_files import Steps
from tests.commands import assert_refused, run
from tests.skeleton.models import motion, recording_of

FRAMES = 60
SKELETON = full_body_skeleton()
TURNING = [name in SKELETON.rotational_names for name in SKELETON.coordinate_names]


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return motion(SKELETON, frames=FRAMES, share=0.3)


@pytest.fixture(scope="module")
def recording(truth: np.ndarray) -> MarkerTrajectories:
    places = load_neurik().locations_m.double().numpy()
    bodies = [SKELETON.body_names.index(marker.segment) for marker in MARKERS.values()]
    markers = tuple(map(Marker, MARKERS, bodies, places))
    return recording_of(SKELETON.with_markers(markers), truth)


@pytest.fixture(scope="module")
def trial(recording: MarkerTrajectories, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(recording, tmp_path_factory.mktemp("trial") / "trial.trc")


def written(recording: MarkerTrajectories, path: Path) -> Path:
    write_trc(path, recording)
    return path


def with_gap(recording: MarkerTrajectories, frames: slice, markers: slice = slice(None)) -> MarkerTrajectories:
    positions_m = recording.positions_m.copy()
    positions_m[frames, markers] = np.nan
    return replace(recording, positions_m=positions_m)


def predicted(markers: Path, out: Path, **options: Any) -> tuple[NeurikSummary, np.ndarray]:
    summary = predict_files(markers, out, threads=1, progress=options.pop("progress", Steps()), **options)
    found = read_mot(out, rotational=SKELETON.rotational_names)
    assert found.names == SKELETON.coordinate_names
    return summary, found.values


def command(markers: Path, folder: Path, *options: object) -> Any:
    return run("ik", "--markers", markers, "--solver", "neurik", "--out", folder / "q.mot", *options)


# What comes out


def test_angles_are_near_and_inside_their_ranges(trial: Path, truth: np.ndarray, tmp_path: Path) -> None:
    _, q = predicted(trial, tmp_path / "q.mot")
    assert np.degrees(np.abs(q - truth))[:, TURNING].mean() < 12
    assert np.abs(q - truth)[:, 3:6].max() < 0.1
    for column, coordinate in enumerate(SKELETON.coordinates):
        if coordinate.clamped:
            assert coordinate.range_min <= q[:, column].min(), coordinate.name
            assert q[:, column].max() <= coordinate.range_max, coordinate.name


def test_standard_deviations_have_the_angles_columns(trial: Path, tmp_path: Path) -> None:
    summary, _ = predicted(trial, tmp_path / "q.mot", sd_out=tmp_path / "sd.mot")
    angles, sd = read_storage(tmp_path / "q.mot"), read_storage(tmp_path / "sd.mot")
    assert (sd.columns, sd.in_degrees) == (angles.columns, True)
    np.testing.assert_array_equal(sd.time_s, angles.time_s)
    assert (sd.values > 0).all()
    knee = sd.values[:, sd.columns.index("knee_angle_r")]
    assert knee == pytest.approx(np.degrees(sd.values[:, sd.columns.index("knee_angle_r_beta")]))  # OpenSim's is rad
    assert set(summary.sd_deg) == {"lower", "upper", "trunk"}
    assert min(summary.sd_deg.values()) > 0


def test_the_model_is_the_default_one_at_the_scales_found(trial: Path, tmp_path: Path) -> None:
    summary, _ = predicted(trial, tmp_path / "q.mot", model_out=tmp_path / "m.osim")
    model = read_osim(tmp_path / "m.osim")
    scales = np.array([[1.0] * 3, *summary.body_scales.values()])
    assert list(summary.body_scales) == list(SKELETON.body_names[1:])
    assert SCALE_RANGE[0] <= scales.min() <= scales.max() <= SCALE_RANGE[1]
    for ours, expected in zip(model.joints, scaled_geometry(SKELETON, scales).joints, strict=True):
        np.testing.assert_allclose(ours.T_parent_joint, expected.T_parent_joint, atol=1e-4)
    assert model.coordinate_names == SKELETON.coordinate_names
    assert summary.model_mass_kg == pytest.approx(model.mass_kg, abs=1e-3)
    assert opensim.Model(str(tmp_path / "m.osim")).getNumBodies() == len(SKELETON.bodies) - 1


def test_the_model_s_markers_lie_where_they_were_recorded(
    trial: Path, recording: MarkerTrajectories, tmp_path: Path
) -> None:
    """So the solvers that need a model can have this one."""
    summary, _ = predicted(trial, tmp_path / "q.mot", model_out=tmp_path / "m.osim")
    options = ("--markers", trial, "--model", tmp_path / "m.osim", "--out", tmp_path / "again.mot", "--json")
    solved = run("ik", *options)
    assert solved.exit_code == 0, solved.output
    assert json.loads(solved.stdout)["rms_mm"] < summary.rms_mm


def test_a_standing_trial_tells_where_the_markers_sit(
    recording: MarkerTrajectories, truth: np.ndarray, tmp_path: Path
) -> None:
    """Of somebody whose clusters sit some centimetres from where they usually do; scaling trusts the bony landmarks."""
    bodies = [SKELETON.body_names.index(marker.segment) for marker in MARKERS.values()]
    moved = np.array([[name not in SKELETON.marker_names] for name in MARKERS])
    elsewhere = load_neurik().locations_m.double().numpy()
    elsewhere = elsewhere + moved * np.random.default_rng(0).normal(0, 0.03, elsewhere.shape)
    own = SKELETON.with_markers(tuple(map(Marker, MARKERS, bodies, elsewhere)))
    markers = written(recording_of(own, truth), tmp_path / "t.trc")
    still = recording_of(own, np.tile(SKELETON.default_pose, (3, 1)))
    static = written(still, tmp_path / "static.trc")
    errors = [
        np.degrees(np.abs(predicted(markers, tmp_path / "q.mot", static=given)[1] - truth))[:, TURNING].mean()
        for given in (static, None)
    ]
    assert errors[0] < 0.7 * errors[1]


def test_a_standing_trial_of_other_markers_is_named(recording: MarkerTrajectories, trial: Path, tmp_path: Path) -> None:
    for kept, found in (((), "none"), (("C7",), "C7")):
        names = tuple(name if name in kept else f"his_{name}" for name in recording.names)
        static = written(replace(recording, names=names), tmp_path / "static.trc")
        with pytest.raises(
            ModelError, match=rf"static\.trc: has {found} of the markers that BioPose names.*rename yours"
        ):
            predicted(trial, tmp_path / "q.mot", static=static)


def test_the_json_has_everything(trial: Path, tmp_path: Path) -> None:
    result = command(trial, tmp_path, "--json", "--model-out", tmp_path / "m.osim", "--sd", tmp_path / "sd.mot")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout, parse_constant=pytest.fail)
    assert set(report) == {*NeurikSummary.__dataclass_fields__, "poor_fit"}
    assert report["solver"] == "neurik"
    assert report["out"].endswith("q.mot")
    assert report["model_out"].endswith("m.osim")
    assert report["sd_out"].endswith("sd.mot")
    assert report["frames"] == FRAMES
    assert report["rate_hz"] == pytest.approx(100)
    assert report["markers_used"] == list(MARKERS)
    assert report["coordinates_unobserved"] == report["unused_markers"] == report["frames_unsolved"] == []


def test_the_summary_has_a_few_lines(trial: Path, tmp_path: Path) -> None:
    result = command(trial, tmp_path, "--model-out", tmp_path / "m.osim")
    assert result.exit_code == 0, result.output
    for part in ("frames/s, neurik)", "mm RMS; worst", "standard deviations, median: lower", "body scales", "kg as it"):
        assert part in result.stdout


def test_progress_counts_every_frame(recording: MarkerTrajectories, tmp_path: Path) -> None:
    steps = Steps()
    gap = with_gap(with_gap(recording, slice(10, 15)), slice(50, None))
    predicted(written(gap, tmp_path / "t.trc"), tmp_path / "q.mot", progress=steps)
    assert steps.length == steps.done == FRAMES


# Recordings of many kinds


def test_frames_without_markers_are_nan_and_end_in_three(recording: MarkerTrajectories, tmp_path: Path) -> None:
    markers = written(with_gap(recording, slice(20, 25)), tmp_path / "gap.trc")
    result = command(markers, tmp_path, "--sd", tmp_path / "sd.mot")
    assert result.exit_code == 3
    assert "NOT SOLVED: 5 frames (from 20 to 24" in result.stdout
    for path in (tmp_path / "q.mot", tmp_path / "sd.mot"):
        missing = np.isnan(read_storage(path).values)
        assert np.flatnonzero(missing.all(axis=1)).tolist() == np.flatnonzero(missing.any(axis=1)).tolist()
        assert np.flatnonzero(missing.any(axis=1)).tolist() == [20, 21, 22, 23, 24]


def test_an_empty_stretch_disturbs_nothing_else(recording: MarkerTrajectories, tmp_path: Path) -> None:
    gap = written(with_gap(recording, slice(20, 25)), tmp_path / "gap.trc")
    part = MarkerTrajectories(recording.time_s[25:], recording.names, recording.positions_m[25:])
    alone = predicted(written(part, tmp_path / "part.trc"), tmp_path / "p.mot")[1]
    np.testing.assert_allclose(predicted(gap, tmp_path / "q.mot")[1][25:], alone, atol=1e-4)


def test_a_marker_that_is_missing_does_not_count(recording: MarkerTrajectories, tmp_path: Path) -> None:
    """Whether it is missing for a while or from the file, every coordinate is estimated."""
    gap = with_gap(recording, slice(None), slice(40, 44))
    fewer = recording.select([name for i, name in enumerate(recording.names) if not 40 <= i < 44])
    summary, q = predicted(written(gap, tmp_path / "gap.trc"), tmp_path / "q.mot")
    np.testing.assert_allclose(q, predicted(written(fewer, tmp_path / "fewer.trc"), tmp_path / "f.mot")[1], atol=1e-6)
    assert list(fewer.names) == summary.markers_used
    some = written(with_gap(recording, slice(10, 30), slice(40, 44)), tmp_path / "some.trc")
    summary, q = predicted(some, tmp_path / "s.mot")
    assert not np.isnan(q).any()
    assert not summary.incomplete


def test_frames_without_pelvis_markers_are_reported(recording: MarkerTrajectories, tmp_path: Path) -> None:
    markers = written(with_gap(recording, slice(30, 33), slice(0, 4)), tmp_path / "t.trc")
    summary, q = predicted(markers, tmp_path / "q.mot")
    assert summary.frames_pelvis_unobserved == [30, 31, 32]
    assert not np.isnan(q).any()
    assert any(line.startswith("PELVIS UNOBSERVED in 3 frames (from 30 to 32") for line in summary.lines())


def test_the_bony_landmarks_are_enough(recording: MarkerTrajectories, tmp_path: Path) -> None:
    names = (*BONY_LANDMARKS[::-1], "XYZ1")
    few = recording.select([*names[:-1], "TOPH"])
    summary, _ = predicted(written(replace(few, names=names), tmp_path / "bony.trc"), tmp_path / "q.mot")
    assert set(summary.markers_used) == set(BONY_LANDMARKS)
    assert summary.unused_markers == ["XYZ1"]
    guessed = {f"{name}_{side}" for name in ("mtp_angle", "wrist_flex", "wrist_dev") for side in "rl"}
    assert {name for name in summary.coordinates_unobserved if not name.startswith("neck")} == guessed
    assert "markers that NeurIK does not know: XYZ1" in summary.lines()


def test_millimetres_and_c3d_are_the_same(
    trial: Path, recording: MarkerTrajectories, truth: np.ndarray, tmp_path: Path
) -> None:
    _, expected = predicted(trial, tmp_path / "q.mot")
    mm = written(replace(recording, positions_m=1000 * recording.positions_m), tmp_path / "mm.trc")
    mm.write_text(mm.read_text().replace("\tm\t", "\tmm\t", 1))
    write_c3d(tmp_path / "t.c3d", recording)
    for markers in (mm, tmp_path / "t.c3d"):
        np.testing.assert_allclose(predicted(markers, tmp_path / "q.mot")[1], expected, atol=1e-3)


def test_a_recording_with_z_up_is_noticed_and_turned(recording: MarkerTrajectories, tmp_path: Path) -> None:
    z_up = written(replace(recording, positions_m=recording.positions_m[..., [2, 0, 1]]), tmp_path / "z.trc")
    lying, _ = predicted(z_up, tmp_path / "q.mot")
    assert any(line.startswith("LYING") for line in lying.lines())
    assert not predicted(z_up, tmp_path / "q.mot", up="z")[0].lies_on_its_side


@pytest.mark.parametrize("frames", [1, 2])
def test_one_or_two_frames_are_solved(recording: MarkerTrajectories, tmp_path: Path, frames: int) -> None:
    part = MarkerTrajectories(recording.time_s[:frames], recording.names, recording.positions_m[:frames])
    summary, q = predicted(written(part, tmp_path / "t.trc"), tmp_path / "q.mot")
    assert not np.isnan(q).any()
    assert (summary.rate_hz is None) == (frames == 1)
    assert summary.lines()


def test_times_in_whole_milliseconds_are_even(recording: MarkerTrajectories, tmp_path: Path) -> None:
    rounded = replace(recording, time_s=np.round(np.arange(FRAMES) / 120, 3))
    summary, _ = predicted(written(rounded, tmp_path / "t.trc"), tmp_path / "q.mot")
    assert summary.rate_hz == pytest.approx(120, rel=2e-3)


@pytest.mark.parametrize(("rate_hz", "told"), [(10, True), (20, False), (120, False), (250, True)])
def test_a_rate_that_was_not_learned_is_told(
    recording: MarkerTrajectories, tmp_path: Path, rate_hz: float, told: bool
) -> None:
    faster = replace(recording, time_s=np.arange(FRAMES) / rate_hz)
    summary, _ = predicted(written(faster, tmp_path / "t.trc"), tmp_path / "q.mot")
    assert any(line.startswith("RATE") for line in summary.lines()) == told


def test_the_rates_stated_are_those_trained_on() -> None:
    assert LEARNED_HZ == RATE_HZ


# What is refused


def refused(recording: MarkerTrajectories, folder: Path, message: str) -> None:
    markers = written(recording, folder / "t.trc")
    with pytest.raises(ModelError, match=message):
        predicted(markers, folder / "q.mot", model_out=folder / "m.osim", sd_out=folder / "sd.mot")
    assert sorted(path.name for path in folder.iterdir()) == ["t.trc"]


def test_too_few_markers_and_which_are_wanted(recording: MarkerTrajectories, tmp_path: Path) -> None:
    arms = [name for name, marker in MARKERS.items() if marker.segment[:4] in ("hume", "ulna", "radi")][:20]
    message = r"t\.trc: has 22 of the 68 .* 2 of them on the pelvis \(RASI, .* Most wanted: LPSI, RPSI, C7, T10, STRN"
    refused(recording.select(["RASI", "LASI", *arms]), tmp_path, message)


def test_many_markers_without_a_pelvis(recording: MarkerTrajectories, tmp_path: Path) -> None:
    message = r"has 64 of the 68 .* 0 of them on the pelvis .* Most wanted: LPSI, RPSI, LASI, RASI\. "
    refused(recording.select(recording.names[4:]), tmp_path, message)


def test_markers_of_other_names(recording: MarkerTrajectories, tmp_path: Path) -> None:
    names = tuple(f"his_{name}" for name in recording.names)
    refused(replace(recording, names=names), tmp_path, r"has 0 of the 68 .* \(none\)")


def test_no_frame_with_markers(recording: MarkerTrajectories, tmp_path: Path) -> None:
    refused(with_gap(recording, slice(None), slice(2, None)), tmp_path, r"t\.trc: no frame has 3 of the markers")


def test_uneven_times(recording: MarkerTrajectories, tmp_path: Path) -> None:
    lost = np.delete(np.arange(FRAMES + 1) / 100, 30)
    message = r"t\.trc: uneven times: frame 30 .* 20\.0 ms .* 10\.0 ms"
    refused(replace(recording, time_s=lost), tmp_path, message)


def test_a_wrong_unit(recording: MarkerTrajectories, tmp_path: Path) -> None:
    message = r"t\.trc: the markers are spread .* is the file's unit right"
    refused(replace(recording, positions_m=1000 * recording.positions_m), tmp_path, message)


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("--model", "full-body model at scales of its own, which --model-out writes"),
        ("--weights", "it weights markers itself"),
        ("--limits", "never leave the model's ranges"),
    ],
)
def test_options_that_do_not_apply(trial: Path, tmp_path: Path, option: str, reason: str) -> None:
    value = "clamped" if option == "--limits" else __file__
    result = command(trial, tmp_path, option, value)
    assert_refused(result, f"{option} cannot be used with --solver neurik: ", exit_code=2)
    assert reason in result.stderr
    assert not (tmp_path / "q.mot").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "Missing option '--model': the person's scaled .osim"),
        (("--solver", "opensim"), "Missing option '--model'"),
        (("--model", __file__, "--model-out", "m.osim"), "--model-out needs --solver neurik"),
        (("--solver", "opensim", "--model", __file__, "--sd", "sd.mot"), "--sd needs --solver biopose or neurik"),
        (("--model", __file__, "--static", __file__), "--static needs --solver neurik"),
    ],
)
def test_what_only_neurik_does_or_only_it_can_do_without(
    trial: Path, tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    result = run("ik", "--markers", trial, "--out", tmp_path / "q.mot", *options)
    assert_refused(result, message, exit_code=2)


def test_one_file_for_two_things(trial: Path, tmp_path: Path) -> None:
    result = command(trial, tmp_path, "--sd", tmp_path / "." / "q.mot")
    assert_refused(result, "is the file given as --out", exit_code=2)
