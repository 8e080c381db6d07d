"""The model of an athlete's recordings of markers, scaled to the static trial.

All recordings of an athlete name the same static trial and model, and scaling takes longer than solving a short
recording: a process scales once for each content of these files.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from biopose.io.files import existing_file, prefixed_errors, sha256_of
from biopose.markers.trial import MarkerTrial
from biopose.skeleton.full_body import build_full_body
from biopose.skeleton.landmarks import landmarks
from biopose.skeleton.model import Skeleton
from biopose.skeleton.reader import read_osim
from biopose.skeleton.scaled_model import write_scaled_osim
from biopose.skeleton.scaling import scale_to_static, standing_in
from biopose.skeleton.static_trial import judge_static, scaling_notes
from biopose.skeleton.stature import model_height_m

ATHLETES_KEPT = 8  # of a process


@dataclass(frozen=True, eq=False)
class ScaledAthlete:
    """A model that was scaled to a static trial.

    Attributes:
        osim: the scaled model's file.
        skeleton: what it holds.
        body_scales: of each body but ground, the factors along its axes.
        notes: on the static trial.
    """

    osim: bytes
    skeleton: Skeleton
    body_scales: dict[str, list[float]]
    notes: tuple[str, ...]


def scaled_athlete(trial: MarkerTrial) -> ScaledAthlete:
    """The model of a trial with a static trial, scaled to that.

    Args:
        trial: what is asked for; without a model, the default one is scaled.

    Raises:
        BioposeError: a file is malformed, or nobody stands still in the static trial.
    """
    assert trial.static is not None
    contents = tuple(sha256_of(existing_file(path)) for path in (trial.static, trial.model) if path)
    of_athlete = replace(
        trial, markers=trial.static, activity="other", trial_id="", forces=None, names=None, start_s=None, end_s=None
    )
    return _scaled(of_athlete, contents)


@lru_cache(maxsize=ATHLETES_KEPT)
def _scaled(of_athlete: MarkerTrial, _contents: tuple[str, ...]) -> ScaledAthlete:
    """All that the model depends on is an argument: what describes the athlete, and the files' content."""
    static = of_athlete.read_static()
    assert static is not None
    with tempfile.TemporaryDirectory() as folder:
        source = of_athlete.model or build_full_body(Path(folder) / "full_body.osim")
        generic = read_osim(source)
        known_height_m = model_height_m(generic)
        with prefixed_errors(of_athlete.markers):
            scaling = scale_to_static(
                generic,
                static,
                height_m=of_athlete.height_m if known_height_m else None,
                model_height_m=known_height_m,
            )
            standing = standing_in(generic, static)
        scaled = write_scaled_osim(source, Path(folder) / "scaled.osim", scaling, mass_kg=of_athlete.mass_kg)
        osim, skeleton = scaled.read_bytes(), read_osim(scaled)
    doubts = judge_static(standing, scaling, landmarks=landmarks(generic), height_m=of_athlete.height_m).lines()
    factors = scaling.body_scales[1:].round(4).tolist()
    return ScaledAthlete(
        osim=osim,
        skeleton=skeleton,
        body_scales={body.name: own for body, own in zip(generic.bodies[1:], factors, strict=True)},
        notes=tuple(f"static trial: {note}" for note in (*static.notes, *scaling_notes(standing, scaling), *doubts)),
    )
