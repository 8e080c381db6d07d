"""A synthetic laboratory in the reference recordings' layout: a model of its person, and an expert's angles."""

from pathlib import Path

import numpy as np

from biopose.io.mot import write_mot
from biopose.io.trajectories import CoordinateTrajectories
from biopose.skeleton.full_body import build_full_body
from tests.swinging_person import full_body, synthetic_motion

RATE_HZ = 100.0
DURATIONS_S = {"walking1": 1.3, "squats1": 13.4}
NOT_SOLVED = ("wrist_", "neck_")  # by the expert's model


def write_laboratory(data: Path) -> Path:
    """The folder mocap/lab with the trials of `DURATIONS_S`, in a folder of reference recordings."""
    lab = data / "mocap" / "lab"
    lab.mkdir(parents=True)
    build_full_body(lab / "hand_scaled.osim")
    for trial, duration_s in DURATIONS_S.items():
        motion = synthetic_motion(frames=round(duration_s * RATE_HZ) + 1, rate_hz=RATE_HZ)
        time_s = np.arange(len(motion.values)) / RATE_HZ
        solved = [name for name in motion.names if not name.startswith(NOT_SOLVED)]
        expert = CoordinateTrajectories(time_s, motion.names, motion.values).select(solved)
        write_mot(lab / f"{trial}_expert_ik.mot", expert, rotational=full_body().rotational_names)
    return lab
