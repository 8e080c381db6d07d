"""A fitted person on disk: one safetensors file of exact arrays; what is no array is JSON in its header."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from biopose.camera.pinhole import Camera
from biopose.errors import FileFormatError
from biopose.io.files import written_whole
from biopose.reconstruction.fitted_person import Athlete, FittedPerson
from biopose.reconstruction.refinement import RefinementGain
from biopose.reconstruction.track_fit import FittedMotion
from biopose.tracking.tracks import PersonTrack

KIND = "fitted person 6"
TRACK_ARRAYS = ("frame_indices", "time_s", "boxes_px", "keypoints_px", "confidence")
PERSON_ARRAYS = ("contact", "T_camera_world", "keypoint_sd_m")
MOTION_ARRAYS = ("q", "body_scales", "R_camera_world")


def write_motion(fitted: FittedPerson, path: Path) -> None:
    """Write a fitted person, whole or not at all."""
    arrays = {name: getattr(fitted.track, name) for name in TRACK_ARRAYS}
    arrays |= {name: getattr(fitted.motion, name) for name in MOTION_ARRAYS}
    arrays |= {name: getattr(fitted, name) for name in PERSON_ARRAYS}
    refinement = fitted.motion.refinement
    facts = {
        "person": fitted.track.person,
        "athlete": asdict(fitted.athlete),
        "camera": asdict(fitted.camera),
        "focal_factor": fitted.motion.focal_factor,
        "starts": fitted.motion.starts,
        "height_sd_m": fitted.height_sd_m,
        "refinement": refinement and asdict(refinement),
        "notes": fitted.notes,
    }
    with written_whole(path, durable=True) as partial:
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        save_file(contiguous, partial, {"kind": KIND, "facts": json.dumps(facts)})


def read_motion(path: Path) -> FittedPerson:
    """Read a fitted person.

    Raises:
        FileFormatError: no such file, or another kind of file.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (OSError, SafetensorError) as error:
        raise FileFormatError(
            f"{path}: cannot be read as a fitted person ({error}); delete it and fit again"
        ) from error
    if metadata.get("kind") != KIND:
        raise FileFormatError(f"{path}: holds {metadata.get('kind', 'something else')}, not a {KIND}; delete it")
    facts = json.loads(metadata["facts"])
    camera = facts["camera"] | {name: tuple(facts["camera"][name]) for name in ("focal_px", "centre_px", "distortion")}
    refinement = facts["refinement"]
    motion = FittedMotion(
        **{name: arrays[name] for name in MOTION_ARRAYS},
        focal_factor=facts["focal_factor"],
        starts=tuple(facts["starts"]),
        refinement=refinement and RefinementGain(**refinement),
    )
    return FittedPerson(
        track=PersonTrack(facts["person"], **{name: arrays[name] for name in TRACK_ARRAYS}),
        athlete=Athlete(**facts["athlete"]),
        camera=Camera(**camera),
        motion=motion,
        **{name: arrays[name] for name in PERSON_ARRAYS},
        height_sd_m=facts["height_sd_m"],
        notes=tuple(facts["notes"]),
    )
