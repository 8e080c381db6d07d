"""What a night holds: its sessions, and for each trial the content keys and files of every stage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from biopose.errors import BioposeError, ManifestError
from biopose.io.manifest import MANIFEST, RefusedTrial, TrialEntry, read_session
from biopose.reconstruction.fitted_person import Athlete
from biopose.reconstruction.method_names import DEFAULT_METHOD, MethodName
from biopose.tracking.shards import Shard, shards_of
from biopose.trial import TrialRequest
from biopose.video.probe import probe_video
from tasks.dask_pool import DONE
from tasks.keys import code_version, content_key, hash_of
from tasks.models import PinnedModel
from tasks.settings import Settings
from tasks.video_hash import VideoHashes


@dataclass(frozen=True)
class IngestOptions:
    """A run's choices: they belong to its configuration, and so to what was measured.

    Attributes:
        shard_s: the longest stretch of a video that one actor sees at a time.
        cross_check_frames: of each trial, that OpenSim's own solver takes, too.
        method: MQ-HMR with its refinement, or the keypoint fit.
    """

    shard_s: float = 20.0
    cross_check_frames: int = 12
    method: MethodName = DEFAULT_METHOD


@dataclass(frozen=True)
class Discovered:
    """What lies in an inbox.

    Attributes:
        entries: trials whose manifest is in order.
        refused: trials whose entry is not.
        unreadable: by session folder, what is wrong with a whole manifest.
    """

    entries: list[TrialEntry]
    refused: list[RefusedTrial]
    unreadable: dict[str, BioposeError]


@dataclass(frozen=True)
class PlannedTrial:
    """One trial and where each stage's result lies.

    Attributes:
        request: what is asked for.
        shards: stretches of its video.
        seen: a file for each.
        fitted: the fitted motion.
        folder: the results.
        run_id: content key of the whole measurement.
        record: what the warehouse is told.
    """

    request: TrialRequest
    shards: tuple[Shard, ...]
    seen: tuple[Path, ...]
    fitted: Path
    folder: Path
    run_id: str
    record: dict[str, Any]

    @property
    def trial_id(self) -> str:
        """team/session/trial."""
        return self.request.trial_id

    @property
    def is_finished(self) -> bool:
        """Whether all files are there."""
        return (self.folder / DONE).exists()

    @property
    def unseen(self) -> tuple[tuple[Shard, Path], ...]:
        """The stretches that are not on disk yet, each with its file; none where the fit is."""
        if self.fitted.exists() or self.is_finished:
            return ()
        return tuple((s, f) for s, f in zip(self.shards, self.seen, strict=True) if not f.exists())


def discover(inbox: Path) -> Discovered:
    """Read every manifest below an inbox.

    Raises:
        ValueError: the inbox is no folder.
    """
    if not inbox.is_dir():
        raise ValueError(f"{inbox}: no such folder; give the inbox that holds TEAM/SESSION/{MANIFEST}")
    found = Discovered([], [], {})
    manifest_of: dict[str, Path] = {}
    for manifest in sorted(inbox.rglob(MANIFEST)):
        try:
            session = read_session(manifest)
            names = [*(trial.trial_id for trial in session.trials), *(trial.trial_id for trial in session.refused)]
            _check_named_once(manifest, names, manifest_of)
        except BioposeError as error:
            found.unreadable[str(manifest.parent.relative_to(inbox))] = error
            continue
        manifest_of |= dict.fromkeys(names, manifest)
        found.entries.extend(session.trials)
        found.refused.extend(session.refused)
    return found


def _check_named_once(manifest: Path, names: Sequence[str], manifest_of: Mapping[str, Path]) -> None:
    for name in names:
        if name in manifest_of:
            raise ManifestError(
                f"{manifest}: team and session are those of {manifest_of[name]}, which has {name}, too; give this "
                "session another name"
            )


def plan_trial(
    entry: TrialEntry,
    *,
    models: Sequence[PinnedModel],
    options: IngestOptions,
    settings: Settings,
    hashes: VideoHashes,
) -> PlannedTrial:
    """Look at the video and lay out the stages.

    Raises:
        VideoError: it is no video, or not one frame of it can be decoded.
    """
    info = probe_video(entry.video)
    request = _request(entry)
    video_sha256 = hashes.sha256(entry.video)
    weights = {m.stage: [m.sha256, m.configuration_json] for m in models}
    part = {"start_s": request.start_s, "end_s": request.end_s, "recorded_rate_hz": request.recorded_rate_hz}
    see_key = content_key(
        "see and read" if "mqhmr" in weights else "see",
        video=video_sha256,
        **part,
        shard_s=options.shard_s,
        models=[weights[stage] for stage in ("detector", "keypoints", "mqhmr") if stage in weights],
    )
    fit_key = content_key(
        "fit",
        seen=see_key,
        athlete=asdict(request.athlete),
        person=request.person,
        camera=[request.focal_px, request.horizontal_fov_deg],
        models=[weights[stage] for stage in ("keypoint_fit", "mqhmr", "neurik") if stage in weights],
    )
    run_id = content_key(
        "finish", fitted=fit_key, trial=entry.trial_id, activity=entry.activity, checked=options.cross_check_frames
    )
    shards = shards_of(
        info,
        start_s=request.start_s,
        end_s=request.end_s,
        recorded_rate_hz=request.recorded_rate_hz,
        shard_s=options.shard_s,
    )
    folder = settings.artifacts / "trials" / entry.trial_id / run_id
    return PlannedTrial(
        request=request,
        shards=tuple(shards),
        seen=tuple(settings.artifacts / "seen" / see_key / f"{i:04d}.parquet" for i in range(len(shards))),
        fitted=settings.artifacts / "fitted" / f"{fit_key}.safetensors",
        folder=folder,
        run_id=run_id,
        record=_record(
            entry,
            run={
                "run_id": run_id,
                "video_sha256": video_sha256,
                "code_version": code_version("finish"),
                "configuration_sha256": hash_of([asdict(options), weights]),
                "artifacts": str(folder.relative_to(settings.home)),
            },
            models=models,
            method=options.method,
        ),
    )


def groups_of(trials: Iterable[PlannedTrial], *, group_s: float) -> list[list[tuple[Shard, Path]]]:
    """The stretches that are still to be seen, each once, in the trials' order; short ones share a group.

    Args:
        trials: in order.
        group_s: how many seconds of video fill a group.
    """
    groups: list[list[tuple[Shard, Path]]] = []
    room_s = 0.0
    unseen = {file: shard for trial in trials for shard, file in trial.unseen}
    for file, shard in unseen.items():
        length_s = _length_s(shard, otherwise_s=group_s)
        if length_s > room_s:
            groups.append([])
            room_s = group_s
        groups[-1].append((shard, file))
        room_s -= length_s
    return groups


def _length_s(shard: Shard, *, otherwise_s: float) -> float:
    end_s = shard.end_s if shard.end_s is not None else probe_video(shard.video).duration_s
    return otherwise_s if end_s is None else max(end_s - shard.start_s, 0.0) + shard.lead_in_s


def _request(entry: TrialEntry) -> TrialRequest:
    athlete = entry.athlete
    return TrialRequest(
        trial_id=entry.trial_id,
        video=entry.video,
        athlete=Athlete(height_m=athlete.height_m, mass_kg=athlete.mass_kg, sex=athlete.sex),
        person=entry.person,
        activity=entry.activity,
        start_s=entry.start_s,
        end_s=entry.end_s,
        recorded_rate_hz=entry.recorded_hz,
        focal_px=entry.focal_px,
        horizontal_fov_deg=entry.horizontal_fov_deg,
    )


def _record(
    entry: TrialEntry, *, run: Mapping[str, Any], models: Sequence[PinnedModel], method: MethodName
) -> dict[str, Any]:
    """What the warehouse keeps beside the numbers."""
    athlete, day = entry.athlete, entry.date.isoformat()
    athlete_id = f"{entry.team_id}/{athlete.id}"
    size = {"height_m": athlete.height_m, "mass_kg": athlete.mass_kg}
    return {
        "run": {**run, "trial_id": entry.trial_id, "method": method, **size},
        "team": {"team_id": entry.team_id},
        "athlete": {
            "athlete_id": athlete_id,
            "team_id": entry.team_id,
            **size,
            "sex": athlete.sex,
            "described_on": day,
        },
        "session": {"session_id": entry.session_id, "team_id": entry.team_id, "session_date": day},
        "trial": {
            "trial_id": entry.trial_id,
            "session_id": entry.session_id,
            "athlete_id": athlete_id,
            "activity": entry.activity,
            "video": entry.video.name,
            "start_s": entry.start_s,
            "end_s": entry.end_s,
        },
        "models": [{"stage": m.stage, "model": m.model, "version": m.version, "sha256": m.sha256} for m in models],
    }
