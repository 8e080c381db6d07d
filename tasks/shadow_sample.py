"""The sample of stored trials that a candidate release measures: spread over activities, teams, cameras and quality."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

from warehouse.errors import ReleaseError
from warehouse.run_costs import REPEATED

QUALITY_CLASSES = 3  # of equal size

CANDIDATES = """
SELECT
    trial.trial_id, trial.team_id, trial.athlete_id, trial.activity,
    if(trial.recording = 'video', trial.camera, trial.recording), trial.frames, coalesce(quality.value, 0),
    stages_s, trial.artifacts
FROM trial
LEFT JOIN quality ON quality.trial_id = trial.trial_id AND quality.name = 'mean_quality'
LEFT JOIN (
    SELECT run_number, map(list(stage), list(processor_s)) AS stages_s
    FROM run_cost
    WHERE stage <> $repeated
    GROUP BY run_number
) AS cost
    ON cost.run_number = trial.run_number
JOIN release_run ON release_run.trial_id = trial.trial_id AND release_run.release_id = $release
WHERE trial.recording = 'video' OR ($neurik AND trial.method = 'marker_neurik')
ORDER BY trial.trial_id
"""


@dataclass(frozen=True)
class StoredTrial:
    """A trial that shows the promoted release's numbers, with what the sample is spread over.

    Attributes:
        trial_id: its id.
        team: whose it is.
        athlete: likewise.
        activity: of the manifest.
        camera: of the manifest; of a recording of markers "markers".
        frames: that were measured.
        quality: mean, 0 to 1.
        stages_s: by stage, processor seconds that measuring it took; None where they were not recorded.
        artifacts: folder of its run, relative to home.
    """

    trial_id: str
    team: str
    athlete: str
    activity: str
    camera: str
    frames: int
    quality: float
    stages_s: Mapping[str, float] | None = None
    artifacts: str = ""


@dataclass(frozen=True)
class Budget:
    """Bounds of a sample.

    Attributes:
        trials: at most.
        frames: of video, at most; None: no bound.
        minutes: of processor time at most, that is spent; None: no bound.
    """

    trials: int = 40
    frames: int | None = None
    minutes: float | None = None


def stored_trials(connection: duckdb.DuckDBPyConnection, release_id: str, *, neurik: bool = False) -> list[StoredTrial]:
    """The videos that a release measured and that are current.

    Args:
        connection: of the warehouse.
        release_id: that measured them.
        neurik: whether recordings of markers that NeurIK solved are among them, since a candidate changes it.
    """
    found = connection.execute(CANDIDATES, {"release": release_id, "neurik": neurik, "repeated": REPEATED}).fetchall()
    return [StoredTrial(*row) for row in found]


def draw_sample(
    trials: Sequence[StoredTrial],
    budget: Budget,
    *,
    first: Collection[str] = (),
    shared: Callable[[StoredTrial], Collection[str]] = lambda _: (),
    seed: int = 0,
) -> list[StoredTrial]:
    """Draw trials, one from each stratum in turn, of the athlete of whom the fewest are drawn yet.

    A stratum is a team, activity, camera and class of quality. What is drawn depends on the trials and the seed alone,
    and a larger budget draws the same trials first.

    Args:
        trials: to draw from.
        budget: of the sample; a trial that would exceed it is passed over.
        first: ids of those that are drawn before any other, such as the golden set.
        shared: a trial's stages that are not made again, and so cost nothing; what the others cost the promoted
            release, they are expected to cost.
        seed: of the order in each stratum.

    Raises:
        ReleaseError: the budget has minutes, and of no trial the processor time is known.
    """
    shares = np.arange(1, QUALITY_CLASSES) / QUALITY_CLASSES
    edges = np.quantile([one.quality for one in trials] or [0.0], shares)
    spent = _Spent(budget, _seconds(trials, shared) if budget.minutes is not None else {})
    drawn = [one for one in trials if one.trial_id in first and spent.take(one)]
    of_athlete = Counter(one.athlete for one in drawn)
    strata: dict[tuple[str, str, str, int], list[StoredTrial]] = defaultdict(list)
    for one in sorted(trials, key=lambda one: _shuffled(one.trial_id, seed)):
        if one.trial_id not in first:
            strata[one.team, one.activity, one.camera, int(np.searchsorted(edges, one.quality))].append(one)
    while any(strata.values()):
        for name in sorted(strata, key=lambda name: _shuffled("/".join(map(str, name)), seed)):
            strata[name] = [one for one in strata[name] if spent.fits(one)]
            if strata[name]:
                chosen = min(strata[name], key=lambda one: of_athlete[one.athlete])
                strata[name].remove(chosen)
                of_athlete[chosen.athlete] += spent.take(chosen)
                drawn.append(chosen)
    return drawn


class _Spent:
    """What is left of a budget.

    Args:
        budget: in all.
        seconds: of processor time by trial.
    """

    def __init__(self, budget: Budget, seconds: Mapping[str, float]) -> None:
        self._trials: float = budget.trials
        self._frames = math.inf if budget.frames is None else budget.frames
        self._seconds = math.inf if budget.minutes is None else 60 * budget.minutes
        self._of_trial = seconds

    def fits(self, one: StoredTrial) -> bool:
        """Whether a trial does not exceed what is left."""
        seconds = self._of_trial.get(one.trial_id, 0.0)
        return self._trials >= 1 and one.frames <= self._frames and seconds <= self._seconds

    def take(self, one: StoredTrial) -> bool:
        """Spend on a trial, if it fits."""
        if not self.fits(one):
            return False
        self._trials -= 1
        self._frames -= one.frames
        self._seconds -= self._of_trial.get(one.trial_id, 0.0)
        return True


def _seconds(trials: Sequence[StoredTrial], shared: Callable[[StoredTrial], Collection[str]]) -> dict[str, float]:
    """By trial, processor seconds of what is not shared: recorded, else by its frames as the others took."""
    known = {}
    for one in trials:
        if one.stages_s is not None:
            kept = shared(one)
            known[one.trial_id] = sum(seconds for stage, seconds in one.stages_s.items() if stage not in kept)
    if not known:
        raise ReleaseError(
            "a budget in minutes needs the processor time of stored trials, and none was recorded: they were measured "
            "by an earlier version; give the budget in frames"
        )
    per_frame = sum(known.values()) / max(sum(one.frames for one in trials if one.trial_id in known), 1)
    return {one.trial_id: known.get(one.trial_id, one.frames * per_frame) for one in trials}


def _shuffled(name: str, seed: int) -> str:
    """Orders names as if at random, the same on every machine."""
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()
