"""The standard deviation of an angle, from trial.parquet to the answer of a query."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from biopose.analysis.kinematics import coordinate_units, kinematics_table
from biopose.analysis.measured_trial import MeasuredTrial
from biopose.outputs.file_names import TRIAL
from biopose.outputs.trial import write_trial_parquet
from biopose.reconstruction.measurement import PersonMeasurement
from tests.body.bodies import needs_body_asset
from tests.outputs.measured import SETTINGS, VERSIONS, measured, with_sd
from tests.warehouse.trials import SyntheticTrial
from warehouse.connection import opened_for_reading
from warehouse.load import load_trial
from warehouse.query import run_query
from warehouse.snapshot import publish_snapshot

pytestmark = needs_body_asset

SQUAT = SyntheticTrial(activity="squat")


def loaded(database: Path, one: PersonMeasurement, trial: SyntheticTrial = SQUAT) -> Path:
    """A database with the person's kinematics; all else is the synthetic trial's."""
    folder = trial.write(database.parent / "files")
    write_trial_parquet(one, folder / TRIAL, settings=SETTINGS, versions=VERSIONS)
    pq.write_table(kinematics_table(MeasuredTrial.read(folder)), folder / "kinematics.parquet")
    load_trial(database, trial.record, folder)
    return database


def answer(database: Path, sql: str) -> pl.DataFrame:
    with opened_for_reading(database) as connection:
        return connection.sql(sql).pl()


def sd_of(one: PersonMeasurement, coordinate: str) -> np.ndarray:
    """(T,) in the unit of the warehouse."""
    assert one.coordinate_sd is not None
    sd = one.coordinate_sd[:, one.coordinates.names.index(coordinate)]
    return sd if coordinate.startswith("pelvis_t") and coordinate[-1] in "xyz" else np.degrees(sd)


def test_every_view_of_frames_has_the_trials_own(database: Path) -> None:
    one = with_sd(measured(frames=20))
    wide = answer(loaded(database, one), "FROM kinematics ORDER BY frame_index")
    narrow = answer(database, "FROM kinematics_narrow ORDER BY frame_index")
    for name, unit in coordinate_units():
        for column in (wide[f"{name}_sd_{unit}"], narrow.filter(coordinate=name)["sd"]):
            assert column.is_null().arg_true().to_list() == [4, 5]
            np.testing.assert_allclose(column.to_numpy(), sd_of(one, name), rtol=1e-6)


def test_a_curve_has_them_interpolated_as_its_angles_are(database: Path) -> None:
    one = with_sd(measured(frames=20))
    curve = answer(loaded(database, one), "FROM curve ORDER BY percent")
    time_s = one.track.time_s
    at_s = np.linspace(time_s[0], time_s[-1], 101)
    for name in ("knee_angle_r", "pelvis_tx", "neck_rotation"):
        expected = np.interp(at_s, time_s, sd_of(one, name))
        found = curve[f"{name}_sd_{dict(coordinate_units())[name]}"]
        clear = (at_s < time_s[3]) | (at_s > time_s[6])
        np.testing.assert_allclose(found.to_numpy()[clear], expected[clear], rtol=1e-5)
        assert found.null_count() > 0


def test_a_method_without_leaves_null_everywhere(database: Path) -> None:
    file = loaded(database, measured(frames=20))
    assert answer(file, "SELECT count(*), count(value), count(sd) FROM kinematics_narrow").row(0) == (800, 800, 0)
    assert answer(file, "SELECT count(knee_angle_l_deg), count(knee_angle_l_sd_deg) FROM curve").row(0) == (101, 0)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_mean_curve_of_them_is_of_the_strides_of_their_own_side(database: Path, side: str) -> None:
    one = measured(frames=20)
    sd = np.full_like(one.coordinates.values, np.radians(2.0))
    walk = SyntheticTrial(
        activity="walk", strikes=(("left", 0.0), ("left", 0.2), ("left", 0.4), ("right", 0.0), ("right", 0.6))
    )
    snapshot = database.parent / "snapshot.duckdb"
    publish_snapshot(loaded(database, replace(one, coordinate_sd=sd), walk), snapshot)
    asked = {"team": "blue", "activity": "walk", "coordinate": f"knee_angle_{side[0]}_deg"}
    curve = run_query(snapshot, "mean_curve", asked)
    assert set(curve["phases"]) == {2 if side == "left" else 1}
    np.testing.assert_allclose(curve["measurement_sd"].to_numpy(), 2.0, rtol=1e-6)
