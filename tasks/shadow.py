"""The stored trials that a candidate release measures anew, planned with its models.

A stage whose key is the champion's is not run again. Nor is anybody located again for other weights of MQ-HMR: the
champion's crops are decoded once more (`biopose.tracking.token_pass`). The gate compares the costs that nights have:
of both, locating people, and the own decoding of each; the second pass over the crops is the shadow's alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from tasks.costs import spent_s
from tasks.dask_pool import DONE, made_from
from tasks.plan import Planned, PlannedTrial
from tasks.releases import PinnedRelease
from tasks.settings import Settings
from tasks.shadow_sample import StoredTrial
from tasks.stored_plan import plan_stored
from warehouse.run_costs import RunOptions

CHANGED = (
    "its manifest, recording, BioPose's version, or what runs the networks (BIOPOSE_DEVICE, BIOPOSE_CPU_BACKEND) "
    "changed since the champion measured it; the next ingest measures it anew"
)


@dataclass(frozen=True)
class ShadowPlan:
    """What a candidate has to measure.

    Attributes:
        trials: planned with its models.
        left_out: by trial id, why the champion's run is no measure for it: the trial is not what it was.
        champions_costs: files with the costs of the champion's results that are kept; what was pruned is made again.
    """

    trials: list[Planned]
    left_out: dict[str, str]
    champions_costs: set[Path]

    @property
    def shared(self) -> dict[str, tuple[int, int]]:
        """By stage, how many results are there already, as the champion's or of an earlier start, and of how many."""
        videos = [trial for trial in self.trials if isinstance(trial, PlannedTrial)]
        located = [files.located for trial in videos for files in trial.perceived]
        tokens = [files.tokens for trial in videos for files in trial.perceived if files.tokens is not None]
        counts = {
            "locate": (_there(located), len(located)),
            "decode": (_there(tokens), len(tokens)),
            "reconstruct": (_there([trial.motion for trial in videos]), len(videos)),
            "solve and analyse": (_finished(videos), len(videos)),
            "measure markers": (_finished(self.trials) - _finished(videos), len(self.trials) - len(videos)),
        }
        return {stage: count for stage, count in counts.items() if count[1]}

    @property
    def spent_s(self) -> float:
        """Processor seconds spent on the trials so far: what trials share counts once, the champion's results not."""
        return spent_s(_cost_files(self.trials) - self.champions_costs)


def plan_shadow(
    trials: Sequence[str],
    settings: Settings,
    *,
    champion: PinnedRelease,
    candidate: PinnedRelease,
    loaded: Mapping[str, tuple[str, str]],
    options: Mapping[str, RunOptions],
) -> ShadowPlan:
    """Plan the measurement of stored trials with a candidate.

    Args:
        trials: their ids.
        settings: of the home.
        champion: with which each is planned, too: what it would measure today is what it measured.
        candidate: that measures.
        loaded: of the champion: trial_id -> (run_id, hash of its record).
        options: of the champion's runs, with which the candidate measures, too; the default where they are not known.
    """
    plans, left_out = plan_stored(trials, (candidate, champion), settings, options)
    planned, champions = [], []
    for name, (ours, theirs) in plans.items():
        if loaded.get(name, ("", ""))[0] == theirs.run_id:
            planned.append(ours)
            champions.append(theirs)
        else:
            left_out[name] = CHANGED
    return ShadowPlan(planned, left_out, {file for file in _cost_files(champions) if file.exists()})


def kept_stages(trial: StoredTrial, shared: Set[str], settings: Settings) -> Set[str]:
    """Of the stages that a candidate shares, those of which a trial's results are there; what was pruned is made again.

    Args:
        trial: that the promoted release measured.
        shared: `tasks.video_keys.shared_stages`.
        settings: of the home.
    """
    done = settings.home / trial.artifacts / DONE
    names = made_from(done) if done.is_file() else []
    there = {Path(name).parent.name for name in names if (settings.artifacts / name).exists()}
    if "reconstruct" in shared and "motions" in there:
        return shared
    return shared - {"reconstruct"} if "perceived" in there else set()


def _cost_files(trials: Sequence[Planned]) -> set[Path]:
    return {file for trial in trials for files in trial.cost_files.values() for file in files}


def _there(files: Sequence[Path]) -> int:
    return sum(file.exists() for file in files)


def _finished(trials: Sequence[Planned]) -> int:
    return sum(trial.is_finished for trial in trials)
