"""The stored trials that a candidate release measures anew, planned with its models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from biopose.errors import BioposeError
from biopose.io.manifest import MANIFEST, TrialEntry, read_session
from tasks.plan import IngestOptions, PlannedTrial, plan_video
from tasks.releases import PinnedRelease
from tasks.session_owners import SessionOwners
from tasks.settings import Settings
from tasks.video_hash import VideoHashes


@dataclass(frozen=True)
class ShadowPlan:
    """What a candidate has to measure.

    Attributes:
        trials: planned with its models.
        left_out: by trial id, why the champion's run is no measure for it: the trial is not what it was.
    """

    trials: list[PlannedTrial]
    left_out: dict[str, str]

    @property
    def shared(self) -> dict[str, tuple[int, int]]:
        """By stage, how many results are there already, as the champion's or of an earlier start, and of how many."""
        files = [file for trial in self.trials for file in trial.perceived]
        motions = [trial.motion for trial in self.trials]
        done = [trial.folder for trial in self.trials if trial.is_finished]
        return {
            "perceive": (_there(files), len(files)),
            "reconstruct": (_there(motions), len(motions)),
            "solve and analyse": (len(done), len(self.trials)),
        }


def plan_shadow(
    trials: Sequence[str],
    settings: Settings,
    *,
    champion: PinnedRelease,
    candidate: PinnedRelease,
    loaded: Mapping[str, tuple[str, str]],
) -> ShadowPlan:
    """Plan the measurement of stored trials with a candidate.

    Args:
        trials: their ids.
        settings: of the home.
        champion: with which each is planned, too: what it would measure today is what it measured.
        candidate: that measures.
        loaded: of the champion: trial_id -> (run_id, hash of its record).
    """
    entries, left_out = described_now(trials, SessionOwners(settings.home), kinds=("video",))
    hashes = VideoHashes(settings.home / "video_hashes.json")
    planned = []
    for name, entry in entries.items():
        try:
            ours, theirs = (
                plan_video(
                    entry,
                    models=release.models,
                    options=IngestOptions(method=release.method),
                    settings=settings,
                    hashes=hashes,
                )
                for release in (candidate, champion)
            )
        except (BioposeError, OSError) as error:
            left_out[name] = str(error)
            continue
        if loaded.get(name, ("", ""))[0] != theirs.run_id:
            left_out[name] = "its manifest, video or BioPose's version changed since the champion measured it"
            continue
        planned.append(ours)
    hashes.save()
    return ShadowPlan(planned, left_out)


def described_now(
    trials: Sequence[str], owners: SessionOwners, *, kinds: Collection[str] | None = None
) -> tuple[dict[str, TrialEntry], dict[str, str]]:
    """Stored trials as their manifests describe them now; and why others are not described.

    Args:
        trials: their ids.
        owners: know the folders of the sessions.
        kinds: of the recordings; None: all.
    """
    by_session = defaultdict(list)
    for name in trials:
        by_session[name.rpartition("/")[0]].append(name)
    found: dict[str, TrialEntry] = {}
    for session, names in by_session.items():
        folder = owners.folder_of(session)
        found |= {
            entry.trial_id: entry
            for entry in _session(folder)
            if entry.trial_id in names and (kinds is None or entry.kind in kinds)
        }
    missing = {name: "its manifest is gone, or does not describe it any more" for name in trials if name not in found}
    return found, missing


def _session(folder: Path | None) -> Sequence[TrialEntry]:
    try:
        return read_session(folder / MANIFEST).trials if folder else ()
    except (BioposeError, OSError):
        return ()


def _there(files: Sequence[Path]) -> int:
    return sum(file.exists() for file in files)
