"""The plan of a recording of markers: one stage, which needs the processor alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biopose.io.manifest import TrialEntry
from biopose.markers.trial import MarkerTrial, check_against_recording
from biopose.reconstruction.method_names import MethodName
from biopose.stages import ANALYSE, MEASURE_MARKERS
from biopose.tracking.shard import Shard, ShardFiles
from tasks.costs import costs_of, trial_cost
from tasks.dask_pool import DONE
from tasks.keys import code_version, hash_of, stage_key
from tasks.models import PinnedModel
from tasks.settings import Settings
from tasks.trial_record import trial_record, weights_key
from tasks.video_hash import VideoChangedError, VideoHashes, VideoState, check_inputs

MARKER_STAGES = ("measure markers", "load")


@dataclass(frozen=True)
class PlannedMarkers:
    """One recording of markers and where its results lie.

    Attributes:
        trial: what is asked for.
        folder: the results.
        run_id: key of the whole measurement.
        record: what the warehouse keeps beside the numbers.
        inputs: the files that are measured, with the state of each.
        neurik: that the key has, and so has to solve it; None: its own model solves it.
    """

    trial: MarkerTrial
    folder: Path
    run_id: str
    record: dict[str, Any]
    inputs: tuple[tuple[Path, VideoState], ...]
    perceived: tuple[ShardFiles, ...] = ()  # nothing is perceived
    lengths_s: tuple[float, ...] = ()
    missing_shards: tuple[tuple[Shard, ShardFiles], ...] = ()
    length_s: float = 0.0
    neurik: PinnedModel | None = None

    @property
    def trial_id(self) -> str:
        """team/session/trial."""
        return self.trial.trial_id

    @property
    def is_finished(self) -> bool:
        """Whether all files are there."""
        return (self.folder / DONE).exists()

    def costs(self) -> list[dict[str, Any]]:
        """What measuring it cost, as of a video."""
        return costs_of(self.cost_files)

    @property
    def cost_files(self) -> dict[str, list[Path]]:
        """Likewise."""
        return {MARKER_STAGES[0]: [trial_cost(self.folder)]}

    def check_inputs(self) -> None:
        """Check that every input still holds what was planned; else the results are removed: they may be of either.

        Raises:
            VideoChangedError: one holds something else.
        """
        check_inputs(self.inputs, results=(self.folder / DONE,))


def plan_markers(
    entry: TrialEntry,
    *,
    models: Sequence[PinnedModel],
    release_method: MethodName,
    settings: Settings,
    hashes: VideoHashes,
    neurik: PinnedModel | None = None,
) -> PlannedMarkers:
    """Lay out the one stage of a recording of markers; its files are read unless the result is there.

    Args:
        entry: of the manifest.
        models: of the run's release, of which it needs few or none.
        release_method: of that release; the recording's own follows from its markers.
        settings: say where the home is.
        hashes: of the files.
        neurik: that solves markers where the release has no NeurIK of its own.

    Raises:
        ManifestError: the recording contradicts the manifest.
        VideoChangedError: a file changes meanwhile.
        BioposeError: a file is malformed, or no model is known for the markers.
    """
    at_first = {path: VideoState.of(path) for path in entry.inputs}
    trial = MarkerTrial.of(entry)
    recording = None if trial.model else check_against_recording(entry)
    method = trial.method(recording.names if recording else ())
    used = _networks(models, neurik) if method == "marker_neurik" else []
    states = {path: hashes.state(path) for path in entry.inputs}
    for path, state in at_first.items():
        if state is None or state.differs(path):
            raise VideoChangedError(path)
    weights = weights_key(used)
    given = {
        "inputs": [state.sha256 for state in states.values()],
        "roles": [path is not None for path in (trial.static, trial.model, trial.forces, trial.names)],
        "keypoints": trial.keypoints,
        "part": [trial.start_s, trial.end_s],
        "read_as": [trial.up, trial.units, trial.subject],
        "athlete": [trial.height_m, trial.mass_kg],
    }
    measured = stage_key(MEASURE_MARKERS, **given, networks=list(weights.values()))
    run_id = stage_key(ANALYSE, solved=measured, trial=trial.trial_id, activity=trial.activity)
    folder = settings.artifacts / "trials" / entry.trial_id / run_id
    planned = PlannedMarkers(
        trial=trial,
        folder=folder,
        run_id=run_id,
        inputs=tuple(states.items()),
        neurik=used[0] if used else None,
        record=trial_record(
            entry,
            run={
                "run_id": run_id,
                "video_sha256": states[entry.file].sha256,
                "code_version": code_version(),
                "configuration_sha256": hash_of([method, weights]),
                "artifacts": str(folder.relative_to(settings.home)),
            },
            models=used,
            method=method,
        )
        | {"release": {"method": release_method, "models": [model.identity for model in models]}}
        | {"input_sha256": hash_of({**given, "activity": trial.activity})},
    )
    if recording is None and not planned.is_finished:
        check_against_recording(entry)
    return planned


def _networks(models: Sequence[PinnedModel], neurik: PinnedModel | None) -> list[PinnedModel]:
    """Of the release where it has them; a release that measures videos without NeurIK has none."""
    of_release = [model for model in models if model.stage in MEASURE_MARKERS.networks]
    return of_release or ([neurik] if neurik else [])
