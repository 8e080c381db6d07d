"""Recordings of a synthetic person's markers, who stands or swings arms and legs, as files of a laboratory."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from biopose.body.markers import MARKERS
from biopose.io.force_plates import ForcePlates, write_force_plates
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.trc import write_trc
from biopose.neurik.network import load_neurik
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.model import Marker, Skeleton
from tests.skeleton.models import recording_of
from tests.swinging_person import swinging

RATE_HZ = 100.0
SWINGING_FRAMES, STATIC_FRAMES = 60, 50


@cache
def marked() -> Skeleton:
    """The default skeleton with all markers that have a name."""
    skeleton = full_body_skeleton()
    places = load_neurik().locations_m.double().numpy()
    bodies = [skeleton.body_names.index(marker.segment) for marker in MARKERS.values()]
    return skeleton.with_markers(tuple(map(Marker, MARKERS, bodies, places)))


def upright(q: np.ndarray) -> np.ndarray:
    """The pelvis at standing height, facing along x."""
    names = full_body_skeleton().coordinate_names
    q = q.copy()
    q[:, [names.index(name) for name in ("pelvis_tilt", "pelvis_list", "pelvis_rotation")]] = 0.0
    q[:, [names.index(f"pelvis_t{axis}") for axis in "xyz"]] = [0.0, 0.95, 0.0]
    return q


@cache
def swinging_markers() -> MarkerTrajectories:
    """All named markers of somebody who swings arms and legs."""
    return recording_of(marked(), upright(swinging(np.arange(SWINGING_FRAMES) / RATE_HZ)), rate_hz=RATE_HZ)


@cache
def swinging_q() -> np.ndarray:
    """(T, Q) the coordinates behind `swinging_markers`."""
    return upright(swinging(np.arange(SWINGING_FRAMES) / RATE_HZ))


@cache
def static_markers() -> MarkerTrajectories:
    """All named markers of somebody who stands still."""
    still = np.repeat(full_body_skeleton().default_pose[None], STATIC_FRAMES, axis=0)
    return recording_of(marked(), upright(still), rate_hz=RATE_HZ)


def written_trc(path: Path, markers: MarkerTrajectories) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_trc(path, markers)
    return path


def written_forces(path: Path, *, force_n: float = 700.0) -> Path:
    """One plate that is loaded all the time, far from the feet."""
    count = SWINGING_FRAMES
    force, place = np.zeros((count, 1, 3)), np.tile([2.0, 0.0, 2.0], (count, 1, 1))
    force[:, 0, 1] = force_n
    plates = ForcePlates(np.arange(count) / RATE_HZ, ("ground_force_1",), force, place, np.zeros((count, 1, 3)))
    write_force_plates(path, plates)
    return path


HEAD = """\
team = "lab"
session = "day"
date = 2026-11-25

[[athlete]]
id = "ann"
height_m = 1.70
mass_kg = 60
consent = true
"""
STATIC = 'static = "static.trc"\n'
TRIAL = """
[[trial]]
markers = "{file}"
athlete = "ann"
activity = "walk"
"""


def laboratory(inbox: Path, *files: str, head: str = HEAD + STATIC, more: str = "") -> Path:
    """A session of recordings with a static trial; its manifest."""
    folder = inbox / "lab" / "day"
    for file in files:
        written_trc(folder / file, swinging_markers())
    written_trc(folder / "static.trc", static_markers())
    manifest = folder / "session.toml"
    manifest.write_text(head + "".join(TRIAL.format(file=file) for file in files) + more)
    return manifest
