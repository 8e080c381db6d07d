"""A person drawn from the scaling's own prior, and their recordings, as files that the commands take."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from biopose.io.trajectories import MarkerTrajectories
from biopose.io.trc import write_trc
from biopose.skeleton.full_body import build_full_body
from biopose.skeleton.model import Skeleton
from biopose.skeleton.reader import read_osim
from biopose.skeleton.scaled_model import write_scaled_osim
from biopose.skeleton.scaling import Scaling, scaled_geometry
from biopose.skeleton.scaling_prior import scale_prior
from tests.skeleton.models import motion, recording_of

MASS_KG = 70.0
FRAMES = 60


@dataclass(frozen=True, eq=False)
class SyntheticPerson:
    """Files of one person; the recordings are without noise.

    `truth` (F, Q) are the coordinates of `trial`, radians and metres, in the order of `skeleton`.
    """

    generic: Path
    scaled: Path
    static: Path
    trial: Path
    skeleton: Skeleton
    recording: MarkerTrajectories
    truth: np.ndarray
    body_scales: np.ndarray


def make_person(folder: Path, *, seed: int = 0) -> SyntheticPerson:
    generic = build_full_body(folder / "generic.osim")
    unscaled = read_osim(generic)
    scales = drawn_scales(unscaled, np.random.default_rng(seed))
    scaled = scaled_geometry(unscaled, scales)
    scaling = Scaling(scales, unscaled.default_pose, np.zeros(len(scaled.markers)), scaled.marker_names, scaled)
    path = write_scaled_osim(generic, folder / "scaled.osim", scaling, mass_kg=MASS_KG)
    skeleton = read_osim(path)
    truth = motion(skeleton, frames=FRAMES, seed=seed)
    recording = recording_of(skeleton, truth)
    standing = recording_of(skeleton, np.repeat(skeleton.default_pose[None], 20, axis=0))
    write_trc(folder / "trial.trc", recording)
    write_trc(folder / "static.trc", standing)
    return SyntheticPerson(
        generic, path, folder / "static.trc", folder / "trial.trc", skeleton, recording, truth, scales
    )


def drawn_scales(skeleton: Skeleton, rng: np.random.Generator) -> np.ndarray:
    """(B, 3) factors of a person whom the prior thinks likely."""
    prior = scale_prior(skeleton, height_ratio=None)
    factors: np.ndarray = np.exp(prior.design @ (prior.mean + prior.sd * rng.normal(size=len(prior.sd))))
    return factors.reshape(-1, 3)
