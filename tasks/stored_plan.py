"""Stored trials planned as their manifests describe them now: what a rollout's shadow and a backfill measure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from biopose.errors import BioposeError
from biopose.io.manifest import MANIFEST, TrialEntry, read_session
from biopose.reconstruction.method_names import MethodName
from tasks.plan import IngestOptions, Planned, plan_trial
from tasks.releases import PinnedRelease, neurik_of_markers
from tasks.session_owners import SessionOwners
from tasks.settings import Settings
from tasks.video_hash import VideoHashes
from warehouse.run_costs import RunOptions


def plan_stored(
    trials: Sequence[str],
    releases: Sequence[PinnedRelease],
    settings: Settings,
    options: Mapping[str, RunOptions],
) -> tuple[dict[str, list[Planned]], dict[str, str]]:
    """Plan stored trials with each of some releases.

    Args:
        trials: their ids.
        releases: whose models measure.
        settings: of the home.
        options: of the stored runs, by trial id, with which they are measured again; the default where they are not
            known.

    Returns:
        by trial id, the plan with each release, in their order; and by trial id, why others cannot be measured: the
        manifest is gone or does not describe it any more, or a recording cannot be read.
    """
    entries = _described_now(trials, SessionOwners(settings.home))
    left_out = {n: "its manifest is gone, or does not describe it any more" for n in trials if n not in entries}
    hashes = VideoHashes(settings.home / "video_hashes.json")
    planned: dict[str, list[Planned]] = {}
    for name, entry in entries.items():
        try:
            planned[name] = [
                plan_trial(
                    entry,
                    models=release.models,
                    options=_options_of(release.method, options.get(name)),
                    settings=settings,
                    hashes=hashes,
                    neurik=None if entry.kind == "video" else neurik_of_markers(settings, release),
                )
                for release in releases
            ]
        except (BioposeError, OSError) as error:
            left_out[name] = str(error)
    hashes.save()
    return planned, left_out


def by_options(trials: Sequence[Planned], method: MethodName) -> dict[IngestOptions, list[Planned]]:
    """Planned trials by the options that all of them are measured with at once."""
    found: dict[IngestOptions, list[Planned]] = defaultdict(list)
    for trial in trials:
        recorded = trial.record.get("options")
        found[_options_of(method, RunOptions(**recorded) if recorded else None)].append(trial)
    return found


def _options_of(method: MethodName, recorded: RunOptions | None) -> IngestOptions:
    return IngestOptions(method=method) if recorded is None else IngestOptions(**asdict(recorded), method=method)


def _described_now(trials: Sequence[str], owners: SessionOwners) -> dict[str, TrialEntry]:
    by_session = defaultdict(list)
    for name in trials:
        by_session[name.rpartition("/")[0]].append(name)
    return {
        entry.trial_id: entry
        for session, names in by_session.items()
        for entry in _session(owners.folder_of(session))
        if entry.trial_id in names
    }


def _session(folder: Path | None) -> Sequence[TrialEntry]:
    try:
        return read_session(folder / MANIFEST).trials if folder else ()
    except (BioposeError, OSError):
        return ()
