"""What an ingest run holds: the inbox's sessions, and for each trial the keys and files of every stage."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from biopose.errors import BioposeError
from biopose.io.inbox_contents import unmatched
from biopose.io.inbox_folders import Unmatched
from biopose.io.inbox_sessions import FoundSession, sessions_in
from biopose.io.manifest import MANIFEST, RefusedTrial, TrialEntry
from biopose.reconstruction.method_names import DEFAULT_METHOD, MethodName
from biopose.stages import ANALYSE, PERCEIVE, RECONSTRUCT
from biopose.tracking.shard import Shard, ShardFiles
from biopose.trial import Trial, check_against_video
from biopose.video.probe import probe_video
from tasks.costs import costs_of, motion_cost, second_pass_cost, shard_cost, trial_cost
from tasks.dask_pool import DONE
from tasks.keys import code_version, hash_of
from tasks.marker_plan import MARKER_STAGES, PlannedMarkers, plan_markers
from tasks.models import PinnedModel
from tasks.settings import Settings
from tasks.trial_record import trial_record, weights_key
from tasks.video_hash import VideoChangedError, VideoHashes, VideoState, check_inputs
from tasks.video_keys import LOCATED, video_keys
from warehouse.run_costs import REPEATED

VIDEO_STAGES = ("perceive", "reconstruct", "solve and analyse", "load")


@dataclass(frozen=True)
class IngestOptions:
    """A run's choices: they belong to its configuration, and so to what was measured.

    Attributes:
        shard_s: the longest shard of a video that one actor takes at a time.
        cross_check_frames: of each trial, that OpenSim's own solver solves, too.
        method: of `biopose.pipeline.METHODS`.
    """

    shard_s: float = 20.0
    cross_check_frames: int = 4
    method: MethodName = DEFAULT_METHOD


@dataclass(frozen=True)
class Discovered:
    """What lies in an inbox.

    Attributes:
        entries: trials whose manifest is in order.
        refused: trials whose entry is not.
        unreadable: by session folder, what is wrong with a whole manifest.
        unmatched: what belongs to no trial.
        sessions: whose manifest could be read, by their ids.
    """

    entries: list[TrialEntry]
    refused: list[RefusedTrial]
    unreadable: dict[str, BioposeError]
    unmatched: list[Unmatched]
    sessions: dict[str, FoundSession] = field(default_factory=dict)

    def refuse(self, session_id: str, error: BioposeError) -> None:
        """Refuse a session with all its trials."""
        found = self.sessions.pop(session_id)
        self.entries[:] = [entry for entry in self.entries if entry.session_id != session_id]
        names = set(found.session.trial_ids) if found.session else set()
        self.refused[:] = [trial for trial in self.refused if trial.trial_id not in names]
        self.unreadable[found.name] = error

    @property
    def is_empty(self) -> bool:
        """Whether not one manifest was found."""
        return not (self.entries or self.refused or self.unreadable)


@dataclass(frozen=True)
class PlannedTrial:
    """One trial of video and where each stage's result lies.

    Attributes:
        trial: what is asked for.
        shards: of its video.
        perceived: the files of each.
        motion: the reconstructed motion.
        folder: the results.
        run_id: key of the whole measurement.
        lengths_s: of the video that is decoded for each shard; infinite where the file does not state it.
        record: what the warehouse keeps beside the numbers.
        inputs: the files that are measured, with the state of each.
    """

    trial: Trial
    shards: tuple[Shard, ...]
    perceived: tuple[ShardFiles, ...]
    motion: Path
    folder: Path
    run_id: str
    lengths_s: tuple[float, ...]
    record: dict[str, Any]
    inputs: tuple[tuple[Path, VideoState], ...] = ()

    @property
    def trial_id(self) -> str:
        """team/session/trial."""
        return self.trial.trial_id

    @property
    def length_s(self) -> float:
        """Of its video."""
        return sum(self.lengths_s)

    @property
    def is_finished(self) -> bool:
        """Whether all files are there."""
        return (self.folder / DONE).exists()

    @property
    def intermediates(self) -> tuple[str, ...]:
        """The folder of the shards and the motion, relative to the folder of artifacts."""
        paths = {files.located.parent for files in self.perceived} | {self.motion}
        return tuple(sorted(f"{path.parent.name}/{path.name}" for path in paths))

    @property
    def missing_shards(self) -> tuple[tuple[Shard, ShardFiles], ...]:
        """The shards that are not on disk yet, each with its files; none where the motion is."""
        if self.motion.exists() or self.is_finished:
            return ()
        return tuple((s, f) for s, f in zip(self.shards, self.perceived, strict=True) if not f.are_there)

    def costs(self) -> list[dict[str, Any]]:
        """What measuring it cost, a row a stage; none where that is not known."""
        return costs_of(self.cost_files)

    @property
    def cost_files(self) -> dict[str, list[Path]]:
        """By stage, the files with the costs of its results."""
        tokens = [files.tokens for files in self.perceived if files.tokens is not None]
        again = [file for file in map(second_pass_cost, tokens) if file.exists()]
        stages = {
            "locate": [shard_cost(files.located) for files in self.perceived],
            "decode": list(map(shard_cost, tokens)),
            REPEATED: again,
            "reconstruct": [motion_cost(self.perceived, self.motion)],
            "solve and analyse": [trial_cost(self.folder)],
        }
        return {stage: files for stage, files in stages.items() if files}

    def check_inputs(self) -> None:
        """Check that every input still holds what was planned; else results are removed: they may be of either.

        Raises:
            VideoChangedError: one holds something else.
        """
        perceived = (path for files in self.perceived for path in files.paths)
        check_inputs(self.inputs, results=(self.folder / DONE, self.motion, *perceived))


Planned = PlannedTrial | PlannedMarkers


def discover(inbox: Path) -> Discovered:
    """Read every manifest below an inbox, and list what belongs to none.

    Raises:
        ValueError: the inbox is no folder.
    """
    if not inbox.is_dir():
        raise ValueError(f"{inbox}: no such folder; give the inbox that holds TEAM/SESSION/{MANIFEST}")
    found = Discovered([], [], {}, unmatched(inbox))
    for one in sessions_in(inbox):
        if one.session is None:
            found.unreadable[one.name] = one.error or BioposeError("cannot be read")
            continue
        found.sessions[one.session.session_id] = one
        found.entries.extend(one.session.trials)
        found.refused.extend(one.session.refused)
    return found


def has_new_video(inbox: Path, hashes: VideoHashes, *, quarantined: Collection[str] = ()) -> bool:
    """Whether an inbox names a video that no run has looked at yet, so that it will be measured, unless it is refused.

    Args:
        inbox: of sessions.
        hashes: of the videos that could be read.
        quarantined: trials in quarantine, which were looked at, too.

    Raises:
        ValueError: the inbox is no folder.
    """
    return any(
        entry.kind == "video" and entry.trial_id not in quarantined and not hashes.knows(entry.file)
        for entry in discover(inbox).entries
    )


def plan_trial(
    entry: TrialEntry,
    *,
    models: Sequence[PinnedModel],
    options: IngestOptions,
    settings: Settings,
    hashes: VideoHashes,
    neurik: PinnedModel | None = None,
) -> Planned:
    """Probe the recording and lay out the stages.

    Args:
        entry: of the manifest.
        models: of the release.
        options: of the run.
        settings: say where the home is, and what runs the networks.
        hashes: of the files.
        neurik: that solves markers where the release has no NeurIK of its own.

    Raises:
        VideoError: it is no video, or not one frame of it can be decoded.
        ManifestError: the recording contradicts the manifest.
        VideoChangedError: a file changes meanwhile.
        BioposeError: a file of markers is malformed, or no model is known for them.
    """
    if entry.kind != "video":
        return plan_markers(
            entry, models=models, release_method=options.method, settings=settings, hashes=hashes, neurik=neurik
        )
    return plan_video(entry, models=models, options=options, settings=settings, hashes=hashes)


def plan_video(
    entry: TrialEntry,
    *,
    models: Sequence[PinnedModel],
    options: IngestOptions,
    settings: Settings,
    hashes: VideoHashes,
) -> PlannedTrial:
    """Probe a video and lay out its stages.

    Raises:
        VideoError: it is no video, or not one frame of it can be decoded.
        ManifestError: the video contradicts the manifest.
        VideoChangedError: it changes meanwhile.
    """
    at_first = VideoState.of(entry.file)
    info = probe_video(entry.file)
    check_against_video(entry, info)
    trial = Trial.of(entry)
    state = hashes.state(entry.file)
    if at_first is None or at_first.differs(entry.file):
        raise VideoChangedError(entry.file)
    video_sha256 = state.sha256
    keys = video_keys(
        trial,
        video_sha256,
        models=models,
        method=options.method,
        shard_s=options.shard_s,
        cross_check_frames=options.cross_check_frames,
        run_by=_run_by(settings),
    )
    run_id = keys[ANALYSE.name]
    shards = trial.clip.shards(info, shard_s=options.shard_s)
    folder = settings.artifacts / "trials" / entry.trial_id / run_id
    located = settings.artifacts / "perceived" / keys[LOCATED]
    tokens = None if keys[PERCEIVE.name] == keys[LOCATED] else located / keys[PERCEIVE.name]
    return PlannedTrial(
        trial=trial,
        shards=tuple(shards),
        perceived=tuple(
            ShardFiles(located / name, tokens and tokens / name)
            for name in (f"{i:04d}.parquet" for i in range(len(shards)))
        ),
        motion=settings.artifacts / "motions" / f"{keys[RECONSTRUCT.name]}.safetensors",
        folder=folder,
        run_id=run_id,
        inputs=((entry.file, state),),
        lengths_s=tuple(_length_s(shard, info.duration_s) for shard in shards),
        record=trial_record(
            entry,
            run={
                "run_id": run_id,
                "video_sha256": video_sha256,
                "code_version": code_version(),
                "configuration_sha256": hash_of([asdict(options), weights_key(models)]),
                "artifacts": str(folder.relative_to(settings.home)),
            },
            models=models,
            method=options.method,
        )
        | {"options": {"shard_s": options.shard_s, "cross_check_frames": options.cross_check_frames}}
        | {"input_sha256": _input_sha256(trial)},
    )


def _input_sha256(trial: Trial) -> str:
    """Of what is measured of a video, whatever measures it."""
    clip, (subject,) = trial.clip, trial.subjects
    part = [clip.start_s, clip.end_s, clip.recorded_rate_hz, clip.keep_readable]
    camera = [clip.focal_px, clip.horizontal_fov_deg, clip.distortion]
    return hash_of({"part": part, "camera": camera, "subject": asdict(subject), "activity": trial.activity})


def _run_by(settings: Settings) -> dict[str, str]:
    """What runs the networks: it decides the last digits of what is perceived."""
    return {"cpu_backend": settings.cpu_backend} if settings.device == "cpu" else {"device": settings.device}


def stages_of(trial: Planned) -> tuple[str, ...]:
    """The stages that a trial passes in a run, in order."""
    return MARKER_STAGES if isinstance(trial, PlannedMarkers) else VIDEO_STAGES


def groups_of(trials: Iterable[Planned], *, group_s: float) -> list[list[tuple[Shard, ShardFiles]]]:
    """The shards that are still to be perceived, each once, in the trials' order; short ones share a group.

    Args:
        trials: in order.
        group_s: how many seconds of video fill a group.
    """
    groups: list[list[tuple[Shard, ShardFiles]]] = []
    room_s = 0.0
    missing = {files: shard for trial in trials for shard, files in trial.missing_shards}
    lengths_s = {files: s for trial in trials for files, s in zip(trial.perceived, trial.lengths_s, strict=True)}
    for files, shard in missing.items():
        length_s = lengths_s[files]
        if length_s > room_s:
            groups.append([])
            room_s = group_s
        groups[-1].append((shard, files))
        room_s -= length_s
    return groups


def _length_s(shard: Shard, duration_s: float | None) -> float:
    end_s = duration_s if shard.end_s is None else shard.end_s
    return math.inf if end_s is None else max(end_s - shard.start_s, 0.0) + shard.lead_in_s
