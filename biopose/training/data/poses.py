"""Statistics of posture: mirroring, and the pose prior that recorded motion gives.

python -m biopose.training.data.poses --motion ../shared/data/mocap/cmu     # fits the prior that ships
"""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray

from biopose.hmr.pose_prior import PosePrior
from biopose.io.weights_folder import WEIGHTS
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.model import Skeleton
from biopose.training.data.motion import Motion, cmu_motions

FloatArray = NDArray[np.float64]

# Coordinates that change sign in a mirror; those of limbs have the same sign on both sides.
ODD_IN_A_MIRROR = (
    *("pelvis_list", "pelvis_rotation", "pelvis_tz", "lumbar_bending", "lumbar_rotation"),
    *("neck_bending", "neck_rotation"),
)

LEARNING_RATE_HZ = 15.0  # neighbouring frames are nearly the same
# Chosen by the energy of subjects and trials held out (01, 03, 02's short trials, 02_10), among 1, 6, 12 and 24
# components and 0.06, 0.12 and 0.2 rad.
COMPONENTS = 6
WIDENING_RAD = 0.12
# Broad components of the mixture: all postures at twice their spread, and the anatomical ranges.
SPREAD_WEIGHT, SPREAD_FACTOR = 0.1, 2.0
ANATOMICAL_WEIGHT = 0.1
ITERATIONS = 60


def mirror(values: FloatArray, names: Sequence[str]) -> FloatArray:
    """The coordinates of the mirror image in the sagittal plane z = 0.

    Args:
        values: (..., Q) coordinates of a skeleton that is the same on both sides.
        names: their Q names.
    """
    columns = [list(names).index(opposite(name)) for name in names]
    signs = np.array([-1.0 if name in ODD_IN_A_MIRROR else 1.0 for name in names])
    return np.asarray(values[..., columns] * signs, dtype=np.float64)


def opposite(name: str) -> str:
    """The coordinate or body of the other side: tibia_l of tibia_r, knee_angle_l_beta of knee_angle_r_beta.

    A name in the middle is its own opposite.
    """
    return re.sub(r"_[rl](?=_beta$|$)", lambda side: "_l" if side[0] == "_r" else "_r", name)


def joint_angle_names(skeleton: Skeleton) -> tuple[str, ...]:
    """Names of the joint angles: without the root and coupled coordinates."""
    free = {skeleton.coordinate_names[i] for i in skeleton.free_coordinates}
    return tuple(n for n in skeleton.coordinate_names if n in free and not n.startswith("pelvis_"))


def fit_pose_prior(
    motions: Sequence[Motion],
    skeleton: Skeleton,
    *,
    components: int = COMPONENTS,
    widening_rad: float = WIDENING_RAD,
    seed: int = 0,
) -> PosePrior:
    """Fit the prior to motions and their mirror images.

    Args:
        motions: of the skeleton's coordinates.
        skeleton: with the anatomical ranges.
        components: number of Gaussians of the recorded postures.
        widening_rad: standard deviation that is added to each of them.
        seed: of the start.
    """
    names = joint_angle_names(skeleton)
    poses = postures(motions, names)
    means, covariances, weights = _mixture(poses, components=components, floor=widening_rad**2, seed=seed)
    ranges = np.array([(c.range_min, c.range_max) for n in names for c in skeleton.coordinates if c.name == n])
    anatomical = np.diag(np.ptp(ranges, axis=1) ** 2 / 12)  # of a uniform distribution over the range
    spread = np.cov(poses.T) * SPREAD_FACTOR**2 + np.eye(len(names)) * widening_rad**2
    recorded = 1 - SPREAD_WEIGHT - ANATOMICAL_WEIGHT
    return PosePrior(
        skeleton.coordinate_names,
        names,
        torch.from_numpy(np.concatenate([means, poses.mean(axis=0)[None], ranges.mean(axis=1)[None]])),
        torch.from_numpy(np.concatenate([covariances, spread[None], anatomical[None]])),
        weights=torch.from_numpy(np.concatenate([weights * recorded, [SPREAD_WEIGHT, ANATOMICAL_WEIGHT]])),
    )


def postures(motions: Sequence[Motion], names: Sequence[str]) -> FloatArray:
    """(N, D) the named coordinates of all motions and of their mirror images, subsampled."""
    found = []
    for motion in motions:
        subsampled = motion.values[:: max(1, round(motion.rate_hz / LEARNING_RATE_HZ))]
        columns = [motion.names.index(name) for name in names]
        found += [side[:, columns] for side in (subsampled, mirror(subsampled, motion.names))]
    return np.concatenate(found)


def _mixture(
    poses: FloatArray, *, components: int, floor: float, seed: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Means (K, D), covariances (K, D, D) and weights (K,) by expectation maximisation (Dempster et al. 1977)."""
    share = _nearest(poses, components=components, seed=seed)
    for _ in range(ITERATIONS):
        count = share.sum(axis=0) + 1e-9
        means = share.T @ poses / count[:, None]
        away = poses - means[:, None]
        covariances = np.einsum("nk,kni,knj->kij", share, away, away, optimize=True) / count[:, None, None]
        covariances = covariances + floor * np.eye(poses.shape[1])
        weights = count / count.sum()
        share = _responsibilities(poses, means, covariances, weights)
    return means, covariances, weights


def _nearest(poses: FloatArray, *, components: int, seed: int) -> FloatArray:
    """(N, K) one-hot nearest of K postures that are far from each other (k-means++, Arthur and Vassilvitskii)."""
    rng = np.random.default_rng(seed)
    centres = [poses[rng.integers(len(poses))]]
    for _ in range(components - 1):
        square = np.min([np.square(poses - c).sum(axis=1) for c in centres], axis=0)
        centres.append(poses[rng.choice(len(poses), p=square / square.sum())])
    nearest = np.argmin([np.square(poses - c).sum(axis=1) for c in centres], axis=0)
    return np.eye(components)[nearest]


def _responsibilities(poses: FloatArray, means: FloatArray, covariances: FloatArray, weights: FloatArray) -> FloatArray:
    whitening = np.linalg.cholesky(np.linalg.inv(covariances))
    white = (poses - means[:, None]) @ whitening  # (K, N, D)
    log_determinant = np.log(np.diagonal(whitening, axis1=1, axis2=2)).sum(axis=1)
    log_density = (np.log(weights) + log_determinant)[:, None] - np.square(white).sum(axis=2) / 2
    density = np.exp(log_density - log_density.max(axis=0))
    return np.asarray((density / density.sum(axis=0)).T, dtype=np.float64)


@click.command()
@click.option(
    "--motion",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="CMU's motion capture: .asf and .amc files.",
)
@click.option(
    "--out",
    default=WEIGHTS / "pose_prior.safetensors",
    type=click.Path(path_type=Path),
    help="The .safetensors to write.",
)
def main(motion: Path, out: Path) -> None:
    """Fit the pose prior and write it.

    \b
    Example:
      python -m biopose.training.data.poses --motion ../shared/data/mocap/cmu
    """
    motions, skeleton = cmu_motions(motion), full_body_skeleton()
    frames = sum(len(m.values) for m in motions)
    out.parent.mkdir(parents=True, exist_ok=True)
    made = f"fit_pose_prior on {len(motions)} motions, {frames} frames of CMU's subjects 01, 02 and 03, and mirrored"
    fit_pose_prior(motions, skeleton).save(out, made=made)
    click.echo(f"{out}: {made}")


if __name__ == "__main__":
    main()
