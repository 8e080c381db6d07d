"""The sample of stored videos that a candidate release measures: spread over activities, teams, cameras and quality."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

QUALITY_CLASSES = 3  # of equal size

CANDIDATES = """
SELECT
    trial.trial_id, trial.team_id, trial.athlete_id, trial.activity, trial.camera, trial.frames,
    coalesce(quality.value, 0)
FROM trial
LEFT JOIN quality ON quality.trial_id = trial.trial_id AND quality.name = 'mean_quality'
JOIN release_run ON release_run.trial_id = trial.trial_id AND release_run.release_id = ?
WHERE trial.recording = 'video'
ORDER BY trial.trial_id
"""


@dataclass(frozen=True)
class StoredTrial:
    """A trial that shows the promoted release's numbers, with what the sample is spread over."""

    trial_id: str
    team: str
    athlete: str
    activity: str
    camera: str
    frames: int
    quality: float


def stored_trials(connection: duckdb.DuckDBPyConnection, release_id: str) -> list[StoredTrial]:
    """The trials that a release measured and that are current."""
    return [StoredTrial(*row) for row in connection.execute(CANDIDATES, [release_id]).fetchall()]


def draw_sample(
    trials: Sequence[StoredTrial], *, most_trials: int, most_frames: int | None = None, seed: int = 0
) -> list[StoredTrial]:
    """Draw trials, one from each stratum in turn, of the athlete of whom the fewest are drawn yet.

    A stratum is a team, activity, camera and class of quality. What is drawn depends on the trials and the seed alone,
    and a larger budget draws the same trials first.

    Args:
        trials: to draw from.
        most_trials: budget.
        most_frames: budget of video; a trial that would exceed it is passed over.
        seed: of the order in each stratum.
    """
    shares = np.arange(1, QUALITY_CLASSES) / QUALITY_CLASSES
    edges = np.quantile([one.quality for one in trials] or [0.0], shares)
    strata: dict[tuple[str, str, str, int], list[StoredTrial]] = defaultdict(list)
    for one in sorted(trials, key=lambda one: _shuffled(one.trial_id, seed)):
        strata[one.team, one.activity, one.camera, int(np.searchsorted(edges, one.quality))].append(one)
    of_athlete: Counter[str] = Counter()
    drawn: list[StoredTrial] = []
    left = math.inf if most_frames is None else most_frames
    while any(strata.values()) and len(drawn) < most_trials:
        for name in sorted(strata, key=lambda name: _shuffled("/".join(map(str, name)), seed)):
            fitting = [one for one in strata[name] if one.frames <= left]
            if not fitting:
                strata[name] = []
                continue
            chosen = min(fitting, key=lambda one: of_athlete[one.athlete])
            strata[name].remove(chosen)
            of_athlete[chosen.athlete] += 1
            left -= chosen.frames
            drawn.append(chosen)
            if len(drawn) == most_trials:
                break
    return drawn


def _shuffled(name: str, seed: int) -> str:
    """Orders names as if at random, the same on every machine."""
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()
