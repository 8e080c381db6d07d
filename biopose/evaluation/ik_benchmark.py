"""Speed of inverse kinematics: frames per second, and ratios within one run on one machine."""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from biopose.body.markers import BONY_LANDMARKS
from biopose.errors import ModelError
from biopose.io.markers import read_markers
from biopose.io.trajectories import MarkerTrajectories
from biopose.neurik.network import load_neurik
from biopose.neurik.recording import predict_recording
from biopose.skeleton.full_body import build_full_body
from biopose.skeleton.ik.inverse_kinematics import inverse_kinematics
from biopose.skeleton.ik.opensim_tracker import OpenSimTracker
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.reader import read_osim
from biopose.skeleton.threads import torch_threads

# Long enough for start-up times to be negligible and for both cores to be busy to the end.
BENCH_FRAMES = 32_768
# Standard deviations of a marker's distance from its location on the model, constant and per frame.
MISPLACED_M, JITTER_M = 0.01, 0.001


def bench_ik(markers: Path | None, model: Path | None, *, opensim_frames: int) -> dict[str, Any]:
    """Inverse kinematics of the same model and frames by our solver and by OpenSim's track.

    Args:
        markers: a trial, repeated to BENCH_FRAMES; None takes a synthetic motion of the default model.
        model: its scaled .osim.
        opensim_frames: frames that OpenSim solves.

    Returns:
        frames_per_s on one core, opensim_frames_per_s on one core, their ratio; two_core_ratio; where the trial has
        the markers that NeurIK knows, neurik_frames_per_s on one core, neurik_ratio to OpenSim and
        neurik_two_core_frames_per_s; on a GPU, if there is one, gpu_frames_per_s.

    Raises:
        BioposeError: if a file is malformed, the two do not belong together, or the trial has a single frame.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = model or build_full_body(Path(folder) / "full_body.osim")
        skeleton = read_osim(path)
        trial = read_markers(markers) if markers else _synthetic_motion(skeleton)
        if len(trial.time_s) < 2:
            raise ModelError(f"{markers}: a single frame has no rate; give a trial of at least two")
        opensim_rate = _opensim_rate(path, trial, frames=opensim_frames)
    long = _repeated(trial, frames=BENCH_FRAMES)
    one = _rate(skeleton, long, threads=1)
    result: dict[str, Any] = {
        "frames": len(long.time_s),
        "markers": len(set(long.names) & set(skeleton.marker_names)),
        "frames_per_s": one,
        "opensim_frames_per_s": opensim_rate,
        "ratio": one / opensim_rate,
        "two_core_ratio": _rate(skeleton, long, threads=2) / one,
    }
    if all(name in long.names for name in BONY_LANDMARKS):
        neurik, on_two = (_neurik_rate(long, threads=threads) for threads in (1, 2))
        result |= {"neurik_frames_per_s": neurik, "neurik_ratio": neurik / opensim_rate}
        result["neurik_two_core_frames_per_s"] = on_two
    if torch.cuda.is_available():
        result["gpu_frames_per_s"] = _rate(skeleton, long, threads=1, device="cuda")
    return result


def ik_lines(result: dict[str, Any]) -> list[str]:
    """As text."""
    lines = [
        f"{result['frames']} frames, {result['markers']} markers, one core",
        f"  biopose   {result['frames_per_s']:9.0f} frames/s",
        f"  OpenSim   {result['opensim_frames_per_s']:9.0f} frames/s",
        f"  ratio     {result['ratio']:9.1f}",
        f"two cores over one: {result['two_core_ratio']:.2f}",
    ]
    if "neurik_frames_per_s" in result:
        lines.append(
            f"NeurIK on one core: {result['neurik_frames_per_s']:.0f} frames/s, ratio {result['neurik_ratio']:.1f}; "
            f"on two: {result['neurik_two_core_frames_per_s']:.0f} frames/s"
        )
    if "gpu_frames_per_s" in result:
        lines.append(f"GPU: {result['gpu_frames_per_s']:.0f} frames/s")
    return lines


def _rate(skeleton: Skeleton, trial: MarkerTrajectories, *, threads: int, device: str = "cpu") -> float:
    start = perf_counter()
    inverse_kinematics(skeleton, trial, threads=threads, device=device)
    return len(trial.time_s) / (perf_counter() - start)


def _neurik_rate(trial: MarkerTrajectories, *, threads: int) -> float:
    """Of the network and its input."""
    network = load_neurik()
    with torch_threads(threads):
        start = perf_counter()
        predict_recording(network, trial)
        return len(trial.time_s) / (perf_counter() - start)


def _opensim_rate(model: Path, trial: MarkerTrajectories, *, frames: int) -> float:
    """Of `track` alone: the first frame, which has to be assembled, is not timed."""
    tracker = OpenSimTracker(model, trial)
    frames = min(frames, len(trial.time_s) - 1)
    tracker.solve(0)
    start = perf_counter()
    for frame in range(1, frames + 1):
        tracker.solve(frame)
    return frames / (perf_counter() - start)


def _repeated(trial: MarkerTrajectories, *, frames: int) -> MarkerTrajectories:
    """The trial forwards and backwards alternately, so that it stays continuous."""
    there_and_back = np.concatenate([trial.positions_m, trial.positions_m[-2:0:-1]])
    index = np.arange(frames) % len(there_and_back)
    return MarkerTrajectories(np.arange(frames) / trial.rate_hz, trial.names, there_and_back[index])


def _synthetic_motion(skeleton: Skeleton, *, frames: int = 1000, rate_hz: float = 100.0) -> MarkerTrajectories:
    """Each coordinate swings by a third of its range, 0.6 rad at most, at its own frequency.

    Its markers are offset from their locations on the model, and have jitter.
    """
    rng = np.random.default_rng(0)
    time_s = np.arange(frames) / rate_hz
    low, high = (np.array([getattr(c, key) for c in skeleton.coordinates]) for key in ("range_min", "range_max"))
    swing = np.minimum((high - low) / 6, 0.6)
    middle = np.clip(skeleton.default_pose, low + swing, high - swing)
    phase = 2 * np.pi * (rng.uniform(0.3, 1.5, len(low)) * time_s[:, None] + rng.uniform(size=len(low)))
    q = torch.from_numpy(middle + swing * np.sin(phase))
    markers = Kinematics(skeleton).with_coordinates(q).markers.numpy()
    misplaced = rng.normal(scale=MISPLACED_M, size=markers.shape[1:])
    recorded = markers + misplaced + rng.normal(scale=JITTER_M, size=markers.shape)
    return MarkerTrajectories(time_s, skeleton.marker_names, recorded)
