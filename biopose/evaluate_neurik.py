"""NeurIK against batched inverse kinematics, on the same made-up trials of people and motions that it never saw.

The batched solver is given what it would have in the product: a static posture with the markers as they sit in that
session, to which our scaling fits the skeleton and registers every marker. NeurIK is given the moving markers alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from biopose.body.markers import MARKERS
from biopose.body_skeleton import with_markers_of
from biopose.io.trajectories import MarkerTrajectories
from biopose.models.neurik import NEURIK_WEIGHTS, load_neurik
from biopose.models.neurik_answer import AnswerDecoder, NeurikAnswer
from biopose.models.neurik_trial import answer_trial
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.ik import inverse_kinematics
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.scaling import scale_to_markers
from biopose.training.marker_trajectories import MarkerBatch, MarkerSource
from biopose.training.neurik_run import marker_source
from biopose.training.neurik_training import Answering, Judge, neurik_figures

TRIALS, FRAMES = 24, 96
FIGURES = {
    "mae_deg": "angles, all, degrees",
    "mae_deg_lower": "  lower limb",
    "mae_deg_upper": "  upper limb",
    "mae_deg_trunk": "  trunk",
    "mpblpe_mm": "MPBLPE, mm",
    "mae_body": "body scale factors",
    "jitter_deg": "jitter, degrees",
    "coverage95": "held by 95 % intervals",
    "sureness_rank": "rank correlation of error and sd",
}


def evaluate_neurik(
    data: Path, people: Path, *, trials: int = TRIALS, frames: int = FRAMES, weights: Path = NEURIK_WEIGHTS
) -> dict[str, Any]:
    """Judge both.

    Args:
        data: the reference recordings; mocap/cmu is read.
        people: folder that keeps the drawn people.
        trials: how many, of the split `test`.
        frames: of each.
        weights: of the network.

    Returns:
        for clean and for faulty markers, for neurik and for inverse_kinematics, the figures of `neurik_figures`.

    Raises:
        BioposeError: no motions there, or no weights.
    """
    return compare(marker_source(data / "mocap" / "cmu", people, "test"), trials=trials, frames=frames, weights=weights)


def compare(source: MarkerSource, *, trials: int, frames: int, weights: Path) -> dict[str, Any]:
    """The same on trials of any source."""
    network, decoder = load_neurik(weights), AnswerDecoder(full_body_skeleton())
    judge = Judge(decoder)

    def by_neurik(trial: MarkerBatch) -> NeurikAnswer:
        return _batched(answer_trial(network, decoder, trial.windows))

    found: dict[str, Any] = {}
    for kind in ("clean", "faulty"):
        drawn = [source.draw(1, frames=frames, clean=kind == "clean") for _ in range(trials)]
        ways: dict[str, Answering] = {"neurik": by_neurik, "inverse_kinematics": solved}
        found[kind] = {way: neurik_figures(answering, drawn, judge) for way, answering in ways.items()}
    return found


def solved(trial: MarkerBatch) -> NeurikAnswer:
    """Scaling to the static posture, then the batched solver, on one trial; coordinates unseen stay at the default."""
    skeleton, names = full_body_skeleton(), list(MARKERS)
    seen = trial.windows.weight[0] > 0
    used = [i for i in range(len(names)) if seen[:, i].any()]
    static = {names[i]: trial.static_m[0, i].double().numpy() for i in used}
    landmarks = {name: place for name, place in static.items() if name in skeleton.marker_names}
    scaling = scale_to_markers(skeleton, landmarks, all_anatomical=True)
    own = with_markers_of(scaling.skeleton, scaling.static_pose, static)
    positions = torch.where(seen[..., None], trial.windows.markers_m[0], torch.nan)[:, used].double().numpy()
    time_s = np.arange(len(positions), dtype=np.float64) * float(trial.windows.interval_s[0])
    solution = inverse_kinematics(own, MarkerTrajectories(time_s, tuple(static), positions))
    q = np.where(np.isnan(solution.coordinates.values), skeleton.default_pose, solution.coordinates.values)
    return _answer(skeleton, torch.from_numpy(q).float(), torch.from_numpy(scaling.body_scales).float())


def _answer(skeleton: Skeleton, q: Tensor, body_scales: Tensor) -> NeurikAnswer:
    """The solver's word (T, Q) and (B, 3) as a batch of one; its standard deviations are 0."""
    pose = Kinematics(skeleton, dtype=torch.float32).with_coordinates(q)
    R_world_pelvis = pose.R_ground_body[:, skeleton.body_names.index("pelvis")]
    unknown = torch.zeros(len(q), 2)
    return _batched(NeurikAnswer(q, torch.zeros_like(q), R_world_pelvis, body_scales, unknown))


def _batched(answer: NeurikAnswer) -> NeurikAnswer:
    return NeurikAnswer(**{name: value[None] for name, value in vars(answer).items()})


def comparison_lines(result: dict[str, Any]) -> list[str]:
    """For a person: a line a figure; clean and faulty markers, NeurIK and the batched solver."""
    columns = [result[kind][way] for kind in ("clean", "faulty") for way in ("neurik", "inverse_kinematics")]
    lines = [
        f"{'':34}{'clean markers':>20}{'faulty markers':>20}",
        f"{'':34}" + f"{'NeurIK':>10}{'solver':>10}" * 2,
    ]
    for name, title in FIGURES.items():
        values = (f"{column[name]:10.3f}" if name in column else f"{'':10}" for column in columns)
        lines.append(f"{title:34}" + "".join(values))
    return lines
