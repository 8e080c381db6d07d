"""What `scale` and `ik` do with files, and what they tell a person and a program."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from biopose.cli.marker_files import scale_files, solve_files
from biopose.cli.marker_summaries import IKSummary
from biopose.errors import FileFormatError, ModelError
from biopose.io.c3d import write_c3d
from biopose.io.mot import read_mot, read_storage
from biopose.io.parquet import write_markers_parquet
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.trc import write_trc
from biopose.skeleton.constant_errors import OWN_SD_DEG
from biopose.skeleton.ik.inverse_kinematics import Outliers
from biopose.skeleton.ik.recording_solver import Limits
from biopose.skeleton.quiet_opensim import opensim
from biopose.skeleton.reader import read_osim
from tests.skeleton.models import markers_at, recording_of
from tests.synthetic_person import MASS_KG, SyntheticPerson


class Steps:
    """A progress bar that remembers."""

    def __init__(self) -> None:
        self.length: int | None = None
        self.done = 0

    def update(self, n_steps: int) -> None:
        self.done += n_steps


def solve(
    person: SyntheticPerson,
    out: Path,
    *,
    markers: Path | None = None,
    weights: Path | None = None,
    solver: str = "biopose",
    limits: Limits = "clamped",
    outliers: Outliers = "left out",
    sd_out: Path | None = None,
    progress: Steps | None = None,
) -> IKSummary:
    return solve_files(
        markers or person.trial,
        person.scaled,
        out,
        weights=weights,
        solver=solver,
        limits=limits,
        outliers=outliers,
        sd_out=sd_out,
        threads=1,
        progress=progress or Steps(),
    )


def changed(person: SyntheticPerson, path: Path, positions_m: np.ndarray) -> Path:
    write_trc(path, replace(person.recording, positions_m=positions_m))
    return path


# Scaling


def test_the_mass_is_the_models_where_none_is_given(person: SyntheticPerson, tmp_path: Path) -> None:
    out = tmp_path / "s.osim"
    summary = scale_files(person.static, person.generic, out, height_m=None, mass_kg=None)
    assert summary.mass_kg == pytest.approx(read_osim(person.generic).mass_kg)
    assert scale_files(person.static, None, out, height_m=None, mass_kg=81.5).mass_kg == pytest.approx(81.5)


def test_the_default_model_is_the_full_body(person: SyntheticPerson, tmp_path: Path) -> None:
    ours = scale_files(person.static, None, tmp_path / "a.osim", height_m=None, mass_kg=MASS_KG)
    given = scale_files(person.static, person.generic, tmp_path / "b.osim", height_m=None, mass_kg=MASS_KG)
    assert ours.body_scales == given.body_scales
    assert set(ours.body_scales) == set(person.skeleton.body_names) - {"ground"}


def test_factors_are_those_of_the_file(person: SyntheticPerson, tmp_path: Path) -> None:
    out = tmp_path / "s.osim"
    summary = scale_files(person.static, person.generic, out, height_m=None, mass_kg=None)
    generic, scaled = read_osim(person.generic), read_osim(out)
    fixed = {m.name for m in generic.markers if m.fixed}
    for before, after in zip(generic.markers, scaled.markers, strict=True):
        if before.name in fixed:
            factors = summary.body_scales[generic.body_names[before.body]]
            np.testing.assert_allclose(after.location_m, before.location_m * factors, atol=1e-4)


def test_height_counts_where_few_markers_are_observed(person: SyntheticPerson, tmp_path: Path) -> None:
    """From the pelvis alone, a taller person gets longer legs."""
    static = read_pelvis_only(person, tmp_path / "pelvis.trc")
    tall, short = (
        scale_files(static, person.generic, tmp_path / "s.osim", height_m=height_m, mass_kg=None)
        for height_m in (1.95, 1.60)
    )
    assert tall.height_used
    assert tall.body_scales["femur_r"][1] > short.body_scales["femur_r"][1] * 1.05


def read_pelvis_only(person: SyntheticPerson, path: Path) -> Path:
    names = [m.name for m in person.skeleton.markers if person.skeleton.body_names[m.body] == "pelvis"]
    few = person.recording.select(names)
    write_trc(path, MarkerTrajectories(few.time_s[:2], few.names, few.positions_m[:2]))
    return path


def test_markers_that_move_are_distinguished_from_landmarks(person: SyntheticPerson, tmp_path: Path) -> None:
    model = opensim.Model(str(person.generic))
    for name in ("RASI", "LASI", "C7"):
        model.updMarkerSet().get(name).set_fixed(True)
    model.printToXML(str(tmp_path / "three_fixed.osim"))
    summary = scale_files(
        person.static, tmp_path / "three_fixed.osim", tmp_path / "s.osim", height_m=None, mass_kg=None
    )
    assert set(summary.marker_residual_mm) - set(summary.moved_markers) == {"RASI", "LASI", "C7"}


# Inverse kinematics


@pytest.mark.parametrize("solver", ["biopose", "opensim"])
def test_progress_counts_every_frame(person: SyntheticPerson, tmp_path: Path, solver: str) -> None:
    steps = Steps()
    solve(person, tmp_path / "q.mot", solver=solver, progress=steps)
    assert steps.length == steps.done == len(person.truth)


@pytest.mark.parametrize("suffix", [".c3d", ".parquet"])
def test_markers_come_in_any_format(person: SyntheticPerson, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"trial{suffix}"
    (write_c3d if suffix == ".c3d" else write_markers_parquet)(path, person.recording)
    assert solve(person, tmp_path / "q.mot", markers=path).rms_mm < 0.01
    found = read_mot(tmp_path / "q.mot", rotational=person.skeleton.rotational_names)
    np.testing.assert_allclose(found.values, person.truth, atol=1e-3)


def test_both_solvers_report_the_same_errors(person: SyntheticPerson, tmp_path: Path) -> None:
    some = replace(person.recording, time_s=person.recording.time_s[:20], positions_m=person.recording.positions_m[:20])
    noise = np.random.default_rng(0).normal(0, 0.01, some.positions_m.shape)
    write_trc(trial := tmp_path / "noisy.trc", replace(some, positions_m=some.positions_m + noise))
    solvers = ("biopose", "opensim")
    ours, theirs = (solve(person, tmp_path / f"{solver}.mot", markers=trial, solver=solver) for solver in solvers)
    assert ours.rms_mm == pytest.approx(theirs.rms_mm, rel=0.03)
    assert ours.rms_mm <= theirs.rms_mm
    q, p = (read_mot(tmp_path / f"{solver}.mot", rotational=person.skeleton.rotational_names) for solver in solvers)
    off_deg = np.degrees(np.abs(q.values - p.values).max(axis=0))
    away = {
        name: off for name, off in zip(q.names, off_deg, strict=True) if off > 1 and not name.startswith("pelvis_t")
    }
    assert theirs.away_from_best_fit == pytest.approx(away, abs=0.06)
    assert away  # OpenSim's stops before the best fit
    assert ours.away_from_best_fit is None
    furthest = max(away, key=lambda name: away[name])
    assert any(f"so many degrees: {furthest} {away[furthest]:.0f}," in line for line in theirs.lines())


def test_standard_deviations_are_those_of_the_marker_error_and_what_is_constant(
    person: SyntheticPerson, tmp_path: Path
) -> None:
    noise_m = np.random.default_rng(0).normal(0, 0.01, person.recording.positions_m.shape)
    noisy = changed(person, tmp_path / "noisy.trc", person.recording.positions_m + noise_m)
    for markers in (None, noisy):
        solve(person, tmp_path / "q.mot", markers=markers, sd_out=tmp_path / f"sd{markers is noisy}.mot")
    exact, noise = (read_storage(tmp_path / f"sd{is_noisy}.mot") for is_noisy in (False, True))
    assert exact.columns == read_storage(tmp_path / "q.mot").columns
    knee = exact.columns.index("knee_angle_r")
    constant_deg = OWN_SD_DEG["knee_angle"]
    assert (exact.values[:, knee] >= constant_deg - 1e-6).all()
    assert np.median(noise.values[:, knee]) > 1.05 * np.median(exact.values[:, knee])


def test_weights_decide_which_markers_count(person: SyntheticPerson, tmp_path: Path) -> None:
    name = "RKNE"
    positions_m = person.recording.positions_m.copy()
    positions_m[:, person.recording.names.index(name)] += 0.1
    trial, weights = changed(person, tmp_path / "moved.trc", positions_m), tmp_path / "w.xml"
    assert solve(person, tmp_path / "q.mot", markers=trial, outliers="kept").rms_mm > 5
    tasks = "".join(f'<IKMarkerTask name="{n}"/>' for n in person.recording.names if n != name)
    weights.write_text(f"<OpenSimDocument>{tasks}</OpenSimDocument>")
    assert solve(person, tmp_path / "q.mot", markers=trial, weights=weights).rms_mm < 0.01


def test_a_file_that_was_there_stays_where_nothing_can_be_solved(person: SyntheticPerson, tmp_path: Path) -> None:
    out = tmp_path / "q.mot"
    out.write_text("before")
    trial = changed(person, tmp_path / "empty.trc", np.full_like(person.recording.positions_m, np.nan))
    with pytest.raises(ModelError, match=r"empty\.trc: no frame has 3 markers .* nothing was written"):
        solve(person, out, markers=trial)
    assert out.read_text() == "before"


def test_an_error_about_the_recording_names_it(person: SyntheticPerson, tmp_path: Path) -> None:
    trial = changed(person, tmp_path / "millimetres.trc", 1000 * person.recording.positions_m)
    for work in (
        lambda: solve(person, tmp_path / "q.mot", markers=trial),
        lambda: scale_files(trial, person.generic, tmp_path / "s.osim", height_m=1.8, mass_kg=None),
    ):
        with pytest.raises(ModelError, match=r"millimetres\.trc: the markers are spread .* is the file's unit right"):
            work()


def test_a_recording_with_z_up_is_noticed(person: SyntheticPerson, tmp_path: Path) -> None:
    upright = person.truth.copy()
    upright[:, :2] = 0  # tilt and list
    markers = markers_at(person.skeleton, upright)
    y_up = solve(person, tmp_path / "q.mot", markers=changed(person, tmp_path / "y.trc", markers))
    z_up = solve(person, tmp_path / "q.mot", markers=changed(person, tmp_path / "z.trc", markers[..., [2, 0, 1]]))
    assert not y_up.lies_on_its_side
    assert z_up.lies_on_its_side
    assert any(line.startswith("LYING") for line in z_up.lines())


def test_a_mirrored_recording_is_noticed(person: SyntheticPerson, tmp_path: Path) -> None:
    trial = changed(person, tmp_path / "mirrored.trc", person.recording.positions_m * [1, 1, -1])
    summary = solve(person, tmp_path / "q.mot", markers=trial)
    assert any(line.startswith("POOR FIT") for line in summary.lines())

    assert summary.handedness is not None
    assert summary.handedness["rms_mm"] < 1
    assert any(line.startswith("LEFT AND RIGHT") for line in summary.lines())


@pytest.mark.parametrize("solver", ["biopose", "opensim"])
def test_exchanged_markers_are_exchanged_back_for_either_solver(
    person: SyntheticPerson, tmp_path: Path, solver: str
) -> None:
    columns = [person.recording.names.index(name) for name in ("LKNE", "RKNE")]
    positions_m = person.recording.positions_m.copy()
    positions_m[20:26, columns] = positions_m[20:26, columns[::-1]]
    trial, out = changed(person, tmp_path / "exchanged.trc", positions_m), tmp_path / "q.mot"
    summary = solve(person, out, markers=trial, solver=solver)
    assert [(f["kind"], set(f["markers"]), f["frames"]) for f in summary.faults] == [
        ("exchanged", {"LKNE", "RKNE"}, [[20, 25]])
    ]
    assert summary.incomplete
    values = read_mot(out, rotational=person.skeleton.rotational_names).values
    hip = person.skeleton.coordinate_names.index("hip_flexion_r")
    np.testing.assert_allclose(values[:, hip], person.truth[:, hip], atol=np.radians(1.0))


def test_a_static_trial_is_judged(person: SyntheticPerson, tmp_path: Path) -> None:
    """A hand moves; somebody sits; a landmark is off; and a trial as it should be."""
    skeleton, q = person.skeleton, np.repeat(person.skeleton.default_pose[None], 20, axis=0)
    moving, sitting, off = q.copy(), q.copy(), markers_at(skeleton, q)
    moving[:, skeleton.coordinate_names.index("wrist_flex_r")] = np.linspace(0, 1.0, 20)
    for name in ("hip_flexion_r", "hip_flexion_l", "knee_angle_r", "knee_angle_l"):
        sitting[:, skeleton.coordinate_names.index(name)] = np.radians(90)
    off[:, skeleton.marker_names.index("RKNE")] += (0.1, 0, 0)
    trials = {
        "NOT STILL": markers_at(skeleton, moving),
        "NOT UPRIGHT": markers_at(skeleton, sitting),
        "OFF": off,
        None: markers_at(skeleton, q),
    }
    for word, positions_m in trials.items():
        write_trc(tmp_path / "static.trc", MarkerTrajectories(np.arange(20) / 100, skeleton.marker_names, positions_m))
        summary = scale_files(tmp_path / "static.trc", person.generic, tmp_path / "s.osim")
        assert summary.static_trial is not None
        assert [line.split(":")[0] for line in summary.static_trial.lines()] == ([word] if word else [])
        assert summary.doubtful == (word is not None)
    assert "RKNE" in summary.marker_residual_mm


def test_a_broken_file_is_refused_before_any_work(person: SyntheticPerson, tmp_path: Path) -> None:
    (tmp_path / "broken.trc").write_text("PathFileType\t4\n")
    steps = Steps()
    with pytest.raises(FileFormatError, match=r"broken\.trc"):
        solve(person, tmp_path / "q.mot", markers=tmp_path / "broken.trc", progress=steps)
    assert steps.done == 0


def test_a_run_is_refused_as_a_static_trial(person: SyntheticPerson, tmp_path: Path) -> None:
    q = np.repeat(person.skeleton.default_pose[None], 200, axis=0)
    q[:, person.skeleton.coordinate_names.index("pelvis_tx")] = 3.5 * np.arange(200) / 100
    write_trc(tmp_path / "run.trc", recording_of(person.skeleton, q))
    with pytest.raises(ModelError, match=r"run\.trc: nobody stands still"):
        scale_files(tmp_path / "run.trc", person.generic, tmp_path / "s.osim")
    assert not (tmp_path / "s.osim").exists()


def test_standing_still_is_found_in_a_longer_trial_and_noted(person: SyntheticPerson, tmp_path: Path) -> None:
    q = np.repeat(person.skeleton.default_pose[None], 300, axis=0)
    q[120:, person.skeleton.coordinate_names.index("pelvis_tx")] = 1.5 * np.arange(180) / 100
    write_trc(tmp_path / "walk.trc", recording_of(person.skeleton, q))
    summary = scale_files(tmp_path / "walk.trc", person.generic, tmp_path / "s.osim")
    assert not summary.doubtful
    assert any(note.startswith("stands still in frames ") for note in summary.notes)
