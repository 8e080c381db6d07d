"""The stored trials that a candidate release measures anew, planned with its models.

A stage whose key is the champion's is not run again. Other weights of MQ-HMR change the key of the first one: the pass
of the keypoint network that gives the keypoints gives the maps that MQ-HMR decodes, and neither these (0.3 MB a person)
nor images of people are kept. The detector alone could be spared, a fifth of that stage's processor time, and then the
gate would compare the cost of a candidate that detects nobody with that of a champion that does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.plan import Planned, PlannedTrial
from tasks.releases import PinnedRelease
from tasks.settings import Settings
from tasks.stored_plan import plan_stored
from warehouse.run_costs import RunOptions

CHANGED = (
    "its manifest, recording, BioPose's version, or what runs the networks (BIOPOSE_DEVICE, BIOPOSE_CPU_BACKEND) "
    "changed since the champion measured it"
)


@dataclass(frozen=True)
class ShadowPlan:
    """What a candidate has to measure.

    Attributes:
        trials: planned with its models.
        left_out: by trial id, why the champion's run is no measure for it: the trial is not what it was.
    """

    trials: list[Planned]
    left_out: dict[str, str]

    @property
    def shared(self) -> dict[str, tuple[int, int]]:
        """By stage, how many results are there already, as the champion's or of an earlier start, and of how many."""
        videos = [trial for trial in self.trials if isinstance(trial, PlannedTrial)]
        files = [file for trial in videos for file in trial.perceived]
        counts = {
            "perceive": (_there(files), len(files)),
            "reconstruct": (_there([trial.motion for trial in videos]), len(videos)),
            "solve and analyse": (_finished(videos), len(videos)),
            "measure markers": (_finished(self.trials) - _finished(videos), len(self.trials) - len(videos)),
        }
        return {stage: count for stage, count in counts.items() if count[1]}


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
    planned = []
    for name, (ours, theirs) in plans.items():
        if loaded.get(name, ("", ""))[0] == theirs.run_id:
            planned.append(ours)
        else:
            left_out[name] = CHANGED
    return ShadowPlan(planned, left_out)


def _there(files: Sequence[Path]) -> int:
    return sum(file.exists() for file in files)


def _finished(trials: Sequence[Planned]) -> int:
    return sum(trial.is_finished for trial in trials)
