"""What analysts see: the current runs only, in long form too, and curves that numpy confirms."""

from pathlib import Path

import numpy as np
import polars as pl

from biopose.analysis.kinematics import coordinate_units
from tests.warehouse.trials import COLUMNS, SyntheticTrial, load_trials
from warehouse.connection import opened_for_reading
from warehouse.load import load_trial
from warehouse.migrate import VIEWS

NUMBERED = ("current_run", "phase", "phase_to_derive", "trial", "trial_of_every_release")
UNEVEN_S = np.cumsum(np.random.default_rng(8).uniform(0.01, 0.06, size=60))


def loaded(database: Path, *trials: SyntheticTrial) -> Path:
    load_trials(database, ((one.record, one.write(database.parent / one.run_id)) for one in trials))
    return database


def answer(database: Path, sql: str) -> pl.DataFrame:
    with opened_for_reading(database) as connection:
        return connection.sql(sql).pl()


def test_views_show_only_the_current_run(tmp_path: Path) -> None:
    strikes = (("left", 0.2), ("left", 0.7))
    cycles = (("left", 1, 0.5, None),)
    new = SyntheticTrial(
        activity="run", strikes=strikes, cycles=cycles, code_version="0.2.0", seed=1, time_s=np.arange(50) / 50
    )
    old = SyntheticTrial(activity="run", strikes=(("right", 0.1), *strikes), cycles=(*cycles, ("right", 1, 0.6, None)))
    both = loaded(tmp_path / "both.duckdb", old, new)
    alone = loaded(tmp_path / "alone.duckdb", new)
    for view in set(VIEWS) - {
        "kinematics_of_every_run",
        "contradicted_run",
        "session_up_to_date",
    }:  # of all, or derived
        columns = "* EXCLUDE (run_number)" if view in NUMBERED else "*"
        seen, expected = (answer(file, f"SELECT {columns} FROM {view} ORDER BY ALL") for file in (both, alone))
        assert seen.height > 0, view
        assert seen.equals(expected), view


def test_the_curve_of_a_trial_is_what_numpy_interpolates(database: Path) -> None:
    trial = SyntheticTrial(activity="squat", time_s=UNEVEN_S)
    curve = answer(loaded(database, trial), "FROM curve ORDER BY percent")
    at_s = np.linspace(UNEVEN_S[0], UNEVEN_S[-1], 101)
    assert curve["percent"].to_list() == list(range(101))
    assert set(curve["phase"]) == {"trial"}
    expected = np.stack([np.interp(at_s, UNEVEN_S, values) for values in trial.coordinates().T], axis=1)
    np.testing.assert_allclose(curve.select(COLUMNS).to_numpy(), expected, atol=1e-4)


def test_the_curves_of_gait_are_its_strides_of_each_side(database: Path) -> None:
    strikes = (("left", 0.11), ("right", 0.43), ("left", 0.815), ("left", 1.3), ("right", float(UNEVEN_S[40])))
    trial = SyntheticTrial(activity="run", time_s=UNEVEN_S, strikes=strikes)
    curve = answer(loaded(database, trial), "FROM curve ORDER BY side, phase_number, percent")
    strides = {("left", 1): (0.11, 0.815), ("left", 2): (0.815, 1.3), ("right", 1): (0.43, UNEVEN_S[40])}
    assert {(side, number) for side, number in curve.select("side", "phase_number").iter_rows()} == set(strides)
    knee = trial.coordinates()[:, COLUMNS.index("knee_angle_r_deg")]
    for (side, number), (start_s, end_s) in strides.items():
        seen = curve.filter(side=side, phase_number=number)
        assert seen["percent"].to_list() == list(range(101))
        expected = np.interp(np.linspace(start_s, end_s, 101), UNEVEN_S, knee)
        np.testing.assert_allclose(seen["knee_angle_r_deg"].to_numpy(), expected, atol=1e-4)


def test_strikes_between_which_one_may_be_missing_make_no_stride(database: Path) -> None:
    """The analysis found strikes at 0.1, 0.5, 1.3 and 1.7 s; it does not know the foot about 0.9 s."""
    strikes = [("left", time_s) for time_s in (0.1, 0.5, 1.3, 1.7)]
    strides = [("left", 1, 0.4, 0.01), ("left", 3, 0.4, 0.01)]
    found = answer(loaded(database, SyntheticTrial(activity="run", strikes=strikes, cycles=strides)), "FROM phase")
    assert sorted(found.select("phase_number", "start_s", "end_s").rows()) == [(1, 0.0, 1.0), (3, 2.0, 3.0)]


def test_gait_of_an_earlier_version_which_has_no_cycles_has_no_strides(database: Path) -> None:
    trial = SyntheticTrial(activity="run", strikes=[("left", 0.1), ("left", 0.5)])
    folder = trial.write(database.parent / trial.run_id)
    (folder / "cycles.parquet").unlink()
    load_trial(database, trial.record, folder)
    assert answer(database, "FROM phase").height == 0


def test_a_curve_has_a_per_cent_once_where_there_are_few_frames(database: Path) -> None:
    trial = SyntheticTrial(activity="squat", time_s=np.array([0.0, 0.5, 2.0]))
    curve = answer(loaded(database, trial), "FROM curve ORDER BY percent")
    assert curve["percent"].to_list() == list(range(101))


def test_the_narrow_view_has_a_row_a_coordinate(database: Path) -> None:
    trial = SyntheticTrial()
    narrow = answer(loaded(database, trial), "FROM kinematics_narrow ORDER BY frame_index")
    coordinates = trial.coordinates()
    assert narrow.height == coordinates.size
    for place, (name, unit) in enumerate(coordinate_units()):
        seen = narrow.filter(coordinate=name)
        assert set(seen["unit"]) == {unit}
        assert seen["sd"].null_count() == seen.height
        np.testing.assert_array_equal(seen["value"].to_numpy(), coordinates[:, place])
