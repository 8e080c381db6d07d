"""Small trials as the analysis leaves them: four Parquet files and the record that the flow hands to the loader."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from biopose.analysis.kinematics import coordinate_units
from biopose.analysis.metrics import GAIT
from biopose.analysis.tables import (
    CycleMetric,
    Event,
    Metric,
    QualityMetric,
    cycles_table,
    events_table,
    metrics_table,
    quality_table,
)
from biopose.io.arrow_arrays import nan_as_null
from warehouse.connection import opened_for_writing
from warehouse.load import load_trial_on

KEYPOINT_FIT = "keypoint_fit"
COLUMNS = [f"{name}_{unit}" for name, unit in coordinate_units()]


@dataclass
class SyntheticTrial:
    """One trial; its numbers follow from the seed.

    Attributes:
        name: of the trial in its session.
        seed: of the coordinates.
        time_s: of each frame.
        strikes: (side, time) of foot strikes.
        metrics: (name, side, value), or with more of a `Metric`: standard deviation, reason, constant part.
        events: (event, side, time) besides the strikes.
        cycles: (side, number, value, sd) of stride_time, each a second after the one before; without any in gait, the
            strides between the strikes of a side.
        likely: by activity, how probable it is that the motion is that.
        sex: of the athlete.
        birth_year: of the athlete.
        camera: as the manifest states it.
        method: of measuring; another than the keypoint fit's comes with a night that measures videos by that.
    """

    name: str = "jump1"
    seed: int = 0
    team: str = "blue"
    athlete: str = "ann"
    session: str = "2026-11-25-jumps"
    date: str = "2026-11-25"
    activity: str = "countermovement_jump"
    height_m: float = 1.7
    code_version: str = "0.1.0"
    time_s: np.ndarray = field(default_factory=lambda: np.arange(40) / 50)
    strikes: Sequence[tuple[str, float]] = ()
    metrics: Sequence[tuple[Any, ...]] = (
        ("knee_flexion_peak", "left", 80.0),
        ("knee_flexion_peak", "right", 90.0),
    )
    events: Sequence[tuple[str, str, float]] = ()
    cycles: Sequence[tuple[Any, ...]] = ()
    likely: Mapping[str, float] = field(default_factory=dict)
    contradicted: bool = False
    sex: str | None = None
    birth_year: int | None = None
    camera: str | None = None
    method: str = KEYPOINT_FIT

    @property
    def trial_id(self) -> str:
        return f"{self.team}/{self.session}/{self.name}"

    @property
    def run_id(self) -> str:
        return hashlib.sha256(repr(self).encode()).hexdigest()[:32]

    @property
    def record(self) -> dict[str, Any]:
        athlete_id, session_id = f"{self.team}/{self.athlete}", f"{self.team}/{self.session}"
        run = {"run_id": self.run_id, "trial_id": self.trial_id, "video_sha256": "a" * 64, "method": self.method}
        body = {"height_m": self.height_m, "mass_kg": None}
        versions = {"code_version": self.code_version, "configuration_sha256": "b" * 64}
        models = [{"stage": "keypoints", "model": "keypoints", "version": 1, "sha256": "c" * 64}]
        return {
            "run": {**run, **versions, **body, "artifacts": f"artifacts/trials/{self.trial_id}/{self.run_id}"},
            "team": {"team_id": self.team},
            "athlete": {"athlete_id": athlete_id, "team_id": self.team, **body, "described_on": self.date}
            | {"sex": self.sex, "birth_year": self.birth_year},
            "session": {"session_id": session_id, "team_id": self.team, "session_date": self.date},
            "trial": {"trial_id": self.trial_id, "session_id": session_id, "athlete_id": athlete_id}
            | {"activity": self.activity, "video": "clip.mp4", "start_s": 1.0, "end_s": None, "camera": self.camera},
            "models": models,
            "mlflow_run_id": None,
            **({} if self.method == KEYPOINT_FIT else {"release": {"method": KEYPOINT_FIT, "models": models}}),
        }

    def coordinates(self) -> np.ndarray:
        """(frames, 40) float32."""
        rng = np.random.default_rng(self.seed)
        return np.cumsum(rng.normal(size=(len(self.time_s), len(COLUMNS))), axis=0).astype(np.float32)

    def _strides(self) -> list[CycleMetric]:
        given = [(side, number, number - 1.0, float(number), value, sd) for side, number, value, sd in self.cycles]
        if not given and self.activity in GAIT:
            for side in ("left", "right"):
                pairs = pairwise(time_s for of, time_s in self.strikes if of == side)
                given += [(side, number, a, b, b - a, None) for number, (a, b) in enumerate(pairs, start=1)]
        return [
            CycleMetric("stride", side, number, start_s, end_s, "stride_time", value, "s", sd)
            for side, number, start_s, end_s, value, sd in given
        ]

    def write(self, folder: Path) -> Path:
        """The four files, and the record as JSON for a process that loads them; the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        frames = len(self.time_s)
        kinematics = {
            "frame_index": pa.array(np.arange(frames), pa.int32()),
            "time_s": pa.array(self.time_s, pa.float64()),
            "quality": pa.array(np.full(frames, 0.9), pa.float32()),
            **dict(zip(COLUMNS, map(nan_as_null, self.coordinates().T), strict=True)),
            **{f"{name}_sd_{unit}": pa.nulls(frames, pa.float32()) for name, unit in coordinate_units()},
        }
        named = [("foot_strike", side, time_s) for side, time_s in self.strikes] + list(self.events)
        events = [Event(event, side, time_s, round(time_s * 50), None) for event, side, time_s in named]
        tables = {
            "kinematics": pa.table(kinematics),
            "events": events_table(events),
            "metrics": metrics_table(
                [Metric(name, side, value, "deg", *sd) for name, side, value, *sd in self.metrics]
            ),
            "quality": quality_table(
                [
                    QualityMetric("mean_quality", 0.9, "1"),
                    QualityMetric("median_reprojection_px", None, "px"),
                    *(QualityMetric(f"activity_probability_{name}", one, "1") for name, one in self.likely.items()),
                    *([QualityMetric("activity_contradicted", 1.0, "1")] if self.contradicted else []),
                ]
            ),
        }
        if strides := self._strides():
            tables["cycles"] = cycles_table(strides)
        for name, table in tables.items():
            pq.write_table(table, folder / f"{name}.parquet")
        (folder / "record.json").write_text(json.dumps(self.record), encoding="utf-8")
        return folder


def load_trials(database: Path, trials: Iterable[tuple[Mapping[str, Any], Path]]) -> None:
    """Load runs of trials, records and folders; opening the database for each would take a third of the time."""
    with opened_for_writing(database) as connection:
        for record, folder in trials:
            load_trial_on(connection, record, folder)


def session_of(count: int) -> list[SyntheticTrial]:
    """Trials of two athletes, each trial of numbers of its own."""
    return [
        SyntheticTrial(
            f"jump{number}", seed=number, athlete=("ann", "bob")[number % 2], time_s=np.arange(30 + number) / 50
        )
        for number in range(count)
    ]
