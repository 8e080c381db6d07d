"""NeurIK against batched inverse kinematics, on the same trials of people and motions held out from training.

On synthetic trials both are given what a laboratory has: a static trial with the session's markers, to which our
scaling fits the skeleton and the marker locations; and NeurIK once more without it. On recorded clips both have the
virtual markers of the body that MQ-HMR predicted, and that person's own skeleton.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from biopose.assets import assets_folder
from biopose.body.markers import MARKERS
from biopose.io.trajectories import FloatArray, MarkerTrajectories
from biopose.neurik.network import NEURIK_WEIGHTS, Neurik, load_neurik
from biopose.neurik.output import NeurikOutput, OutputDecoder
from biopose.neurik.static_trial import calibration_on, own_skeleton
from biopose.neurik.trial import predict_trial
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.ik.inverse_kinematics import inverse_kinematics
from biopose.skeleton.model import Skeleton
from biopose.training.data.marker_batch import MarkerBatch
from biopose.training.neurik import marker_source
from biopose.training.neurik_loss import Evaluator, Predict, neurik_metrics
from biopose.training.synthetic.clip_shards import ClipFolder, ClipShardMaker, RecordedClips
from biopose.training.synthetic.marker_trajectories import MarkerSource
from biopose.training.synthetic.recorded_windows import as_recorded, recorded_clips
from biopose.training.synthetic.shards import make_shards

TRIALS, FRAMES = 24, 96
CLIP_SHARDS = 3
METHOD_TITLES = {
    "neurik": "NeurIK",
    "neurik_without_static": "no static",
    "inverse_kinematics": "solver",
}
METRIC_TITLES = {
    "mae_deg": "angles, all, degrees",
    "mae_deg_lower": "  lower limb",
    "mae_deg_upper": "  upper limb",
    "mae_deg_trunk": "  trunk",
    "mpblpe_mm": "MPBLPE, mm",
    "mae_body": "body scale factors",
    "jitter_deg": "jitter, degrees",
    "coverage95": "within 95 % intervals",
    "error_sd_rank_correlation": "rank correlation of error and sd",
}


def evaluate_neurik(
    data: Path,
    folder: Path | None = None,
    *,
    trials: int = TRIALS,
    frames: int = FRAMES,
    clip_shards: int = CLIP_SHARDS,
    weights: Path = NEURIK_WEIGHTS,
    processes: int = 2,
) -> dict[str, Any]:
    """Evaluate both; missing clips are recorded first.

    Args:
        data: the reference recordings; mocap/cmu is read.
        folder: that keeps the drawn people and the recorded clips; None: beside the assets.
        trials: number of synthetic ones, of the split `test`.
        frames: of each.
        clip_shards: shards of clips of that split, recorded through MQ-HMR.
        weights: of the network.
        processes: that record clips.

    Returns:
        under neurik, for clean and faulty markers and for recorded clips, for neurik and for inverse_kinematics, the
        metrics of `neurik_metrics`; neurik_mae_deg, mpblpe_mm and mae_body are NeurIK's on clean markers.

    Raises:
        BioposeError: no motions there, or no weights.
    """
    where = ClipFolder(folder or assets_folder() / "training", data / "mocap" / "cmu")
    make_shards(where, "test", clip_shards, maker=ClipShardMaker, processes=processes)
    found = compare(marker_source(where, "test", shards=0), trials=trials, frames=frames, weights=weights)
    if clip_shards:
        found["recorded"] = compare_recorded(recorded_clips(where, "test", range(clip_shards)), weights=weights)
    on_clean = found["clean"]["neurik"]
    main = {"neurik_mae_deg": "mae_deg", "mpblpe_mm": "mpblpe_mm", "mae_body": "mae_body"}
    return {"neurik": found, **{name: on_clean[metric] for name, metric in main.items()}}


def compare(source: MarkerSource, *, trials: int, frames: int, weights: Path) -> dict[str, Any]:
    """On synthetic trials, clean and faulty."""
    evaluator = Evaluator(OutputDecoder(full_body_skeleton()))
    network = load_neurik(weights)
    neurik = by_neurik(network)
    found: dict[str, Any] = {}
    for kind in ("clean", "faulty"):
        drawn = [source.draw(1, frames=frames, clean=kind == "clean") for _ in range(trials)]
        own = [scaled_to(trial) for trial in drawn]
        with_static = [
            replace(trial, windows=replace(trial.windows, subject=calibration_on(*skeleton, network.locations_m)))
            for trial, skeleton in zip(drawn, own, strict=True)
        ]
        solver = [solved(trial, *skeleton) for trial, skeleton in zip(drawn, own, strict=True)]
        found[kind] = {
            "neurik": neurik_metrics(neurik, with_static, evaluator),
            "neurik_without_static": neurik_metrics(neurik, drawn, evaluator),
            "inverse_kinematics": neurik_metrics(_in_order(solver), drawn, evaluator),
        }
    return found


def compare_recorded(clips: RecordedClips, *, weights: Path) -> dict[str, Any]:
    """On the pipeline's results of recorded clips."""
    evaluator, batch = Evaluator(OutputDecoder(full_body_skeleton())), as_recorded(clips)
    neurik = by_neurik(load_neurik(weights))
    trials = [batch[k : k + 1] for k in range(len(clips.person))]
    solver = [_as_output(q, scales) for q, scales in zip(clips.solved_q, clips.solved_scales, strict=True)]
    return {
        "neurik": neurik_metrics(neurik, trials, evaluator),
        "inverse_kinematics": neurik_metrics(_in_order(solver), trials, evaluator),
    }


def _in_order(predictions: list[NeurikOutput]) -> Predict:
    """Predictions of trials that are requested in their order."""
    remaining = iter(predictions)
    return lambda _: next(remaining)


def by_neurik(network: Neurik) -> Predict:
    """The network's prediction of a whole trial."""
    decoder = OutputDecoder(full_body_skeleton())
    return lambda trial: _batched(predict_trial(network, decoder, trial.windows))


def scaled_to(trial: MarkerBatch) -> tuple[Skeleton, FloatArray]:
    """The skeleton scaled to a static posture's markers that the trial observes in any frame, and the factors (B, 3).

    Raises:
        ValueError: there is no static posture.
    """
    if trial.static_m is None:
        raise ValueError("scaling needs a static posture, which recorded windows lack")
    observed = (trial.windows.weight[0] > 0).any(0)
    static_m = zip(MARKERS, trial.static_m[0].double().numpy(), observed, strict=True)
    return own_skeleton({name: position for name, position, is_observed in static_m if is_observed})


def solved(trial: MarkerBatch, own: Skeleton, body_scales: FloatArray) -> NeurikOutput:
    """The batched solver on one trial; undetermined coordinates stay at the default."""
    names = [marker.name for marker in own.markers]
    used = [list(MARKERS).index(name) for name in names]
    observed = trial.windows.weight[0] > 0
    positions = torch.where(observed[..., None], trial.windows.markers_m[0], torch.nan)[:, used].double().numpy()
    time_s = np.arange(len(positions), dtype=np.float64) * float(trial.windows.interval_s[0])
    solution = inverse_kinematics(own, MarkerTrajectories(time_s, tuple(names), positions))
    q = np.where(np.isnan(solution.coordinates.values), own.default_pose, solution.coordinates.values)
    return _as_output(torch.from_numpy(q).float(), torch.from_numpy(body_scales).float())


def _as_output(q: Tensor, body_scales: Tensor) -> NeurikOutput:
    """The solver's solution (T, Q) and scales (B, 3) as a batch of one; its standard deviations are 0."""
    return _batched(NeurikOutput(q, torch.zeros_like(q), body_scales, torch.zeros(len(q), 2)))


def _batched(output: NeurikOutput) -> NeurikOutput:
    return NeurikOutput(**{name: value[None] for name, value in vars(output).items()})


def comparison_lines(result: dict[str, Any]) -> list[str]:
    """As text: a row a metric, a column for each kind of markers and method."""
    columns = [metrics for kind in result.values() for metrics in kind.values()]
    lines = [
        f"{'':34}" + "".join(f"{kind:>{10 * len(methods)}}" for kind, methods in result.items()),
        f"{'':34}" + "".join(f"{METHOD_TITLES[method]:>10}" for methods in result.values() for method in methods),
    ]
    for name, title in METRIC_TITLES.items():
        values = (f"{column[name]:10.3f}" if name in column else f"{'':10}" for column in columns)
        lines.append(f"{title:34}" + "".join(values))
    return lines
