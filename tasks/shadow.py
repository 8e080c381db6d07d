"""The stored trials that a candidate release measures anew, planned with its models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from biopose.errors import BioposeError
from biopose.io.manifest import MANIFEST, TrialEntry, read_session
from biopose.reconstruction.method_names import MethodName
from tasks.plan import IngestOptions, Planned, PlannedTrial, plan_trial
from tasks.releases import PinnedRelease, neurik_of_markers
from tasks.session_owners import SessionOwners
from tasks.settings import Settings
from tasks.video_hash import VideoHashes
from warehouse.run_costs import RunOptions


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
    entries, left_out = described_now(trials, SessionOwners(settings.home))
    hashes = VideoHashes(settings.home / "video_hashes.json")
    planned = []
    for name, entry in entries.items():
        try:
            ours, theirs = (
                plan_trial(
                    entry,
                    models=release.models,
                    options=options_of(release.method, options.get(name)),
                    settings=settings,
                    hashes=hashes,
                    neurik=None if entry.kind == "video" else neurik_of_markers(settings, release),
                )
                for release in (candidate, champion)
            )
        except (BioposeError, OSError) as error:
            left_out[name] = str(error)
            continue
        if loaded.get(name, ("", ""))[0] != theirs.run_id:
            left_out[name] = "its manifest, recording or BioPose's version changed since the champion measured it"
            continue
        planned.append(ours)
    hashes.save()
    return ShadowPlan(planned, left_out)


def by_options(trials: Sequence[Planned], method: MethodName) -> dict[IngestOptions, list[Planned]]:
    """Planned trials by the options that all of them are measured with at once."""
    found: dict[IngestOptions, list[Planned]] = defaultdict(list)
    for trial in trials:
        recorded = trial.record.get("options")
        found[options_of(method, RunOptions(**recorded) if recorded else None)].append(trial)
    return found


def options_of(method: MethodName, recorded: RunOptions | None) -> IngestOptions:
    """Those of an earlier run, with a method; the default where they are not known."""
    return IngestOptions(method=method) if recorded is None else IngestOptions(**asdict(recorded), method=method)


def described_now(trials: Sequence[str], owners: SessionOwners) -> tuple[dict[str, TrialEntry], dict[str, str]]:
    """Stored trials as their manifests describe them now; and why others are not described."""
    by_session = defaultdict(list)
    for name in trials:
        by_session[name.rpartition("/")[0]].append(name)
    found: dict[str, TrialEntry] = {}
    for session, names in by_session.items():
        folder = owners.folder_of(session)
        found |= {entry.trial_id: entry for entry in _session(folder) if entry.trial_id in names}
    missing = {name: "its manifest is gone, or does not describe it any more" for name in trials if name not in found}
    return found, missing


def _session(folder: Path | None) -> Sequence[TrialEntry]:
    try:
        return read_session(folder / MANIFEST).trials if folder else ()
    except (BioposeError, OSError):
        return ()


def _there(files: Sequence[Path]) -> int:
    return sum(file.exists() for file in files)


def _finished(trials: Sequence[Planned]) -> int:
    return sum(trial.is_finished for trial in trials)
