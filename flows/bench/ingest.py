"""Benchmark of the ingestion on the sample clips: stages alone, end to end, start-up, growth, memory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from biopose.assets import asset
from biopose.io.manifest import read_session
from biopose.pipeline import ANALYSE, PERCEIVE, RECONSTRUCT, SOLVE, Models, analyse, reconstruct, solve
from biopose.reconstruction.motion_file import read_motion, write_motion
from biopose.tracking.people import join_shards
from biopose.tracking.shard import ShardFiles
from biopose.tracking.shard_file import read_shard
from biopose.tracking.shards import perceive_shards
from flows.bench.process_tree import ProcessTree
from tasks.models import pin_models, register_shipped
from tasks.plan import IngestOptions, PlannedTrial, plan_video
from tasks.settings import Settings
from tasks.video_hash import VideoHashes

CLIPS = tuple(f"clips/balance_cam0{camera}.mp4" for camera in (1, 2, 3, 4))
CLIP_RATE_HZ, CLIP_FRAMES = 60, 100
STEP_FRAMES = 3  # between the beginnings of trials of one clip

MANIFEST = """\
team = "bench"
session = "beam"
date = 2026-11-25

[[athlete]]
id = "balancer"
height_m = 1.70
consent = true
"""

TRIAL = """
[[trial]]
id = "trial{number:03d}"
file = "{file}"
athlete = "balancer"
start_s = {start_s:.4f}
end_s = {end_s:.4f}
"""


def fill_inbox(inbox: Path, *, trials: int, frames: int) -> Path:
    """Write a session whose trials are different parts of the four sample clips; returns its manifest."""
    folder = inbox / "bench" / "beam"
    folder.mkdir(parents=True)
    text = MANIFEST
    for number in range(trials):
        clip = asset(CLIPS[number % len(CLIPS)])
        first = number // len(CLIPS) * STEP_FRAMES % max(CLIP_FRAMES - frames, 1)
        start_s, end_s = first / CLIP_RATE_HZ, (first + frames - 0.5) / CLIP_RATE_HZ
        text += TRIAL.format(number=number, file=clip.name, start_s=start_s, end_s=end_s)
        if not (folder / clip.name).exists():
            shutil.copyfile(clip, folder / clip.name)
    manifest = folder / "session.toml"
    manifest.write_text(text, encoding="utf-8")
    return manifest


def measure_ingests(sizes: Sequence[int], cores: Sequence[int], *, frames: int) -> dict[str, Any]:
    """Measure the stages alone, then ingest runs of several sizes on several numbers of cores.

    Args:
        sizes: number of trials of each run.
        cores: that a run may keep busy.
        frames: of each trial.

    Returns:
        stage_seconds and stages_frames_per_s: of the smallest run's trials, one stage after the other in one process
        on the most cores, everything loaded; runs: for each number of cores and size `_ingest`'s measurements; ratio:
        the largest run's frames/s over the stages'; on the most cores also start_processor_s: of a run without a
        trial, and growth: from each size to the next the processor seconds of each further frame, which stay the same
        where work grows with the frames alone.
    """
    with tempfile.TemporaryDirectory(prefix="biopose-bench-") as scratch:
        alone = _stages_alone(Path(scratch) / "alone", trials=min(sizes), frames=frames, threads=max(cores))
        runs = [
            _ingest(Path(scratch) / f"run{size}on{number}", trials=size, frames=frames, cores=number)
            for number in sorted(cores)
            for size in sorted(sizes)
        ]
    largest = runs[-len(sizes) :]
    result = {**alone, "runs": runs, "ratio": largest[-1]["frames_per_s"] / alone["stages_frames_per_s"]}
    if len(largest) > 1:
        result |= _growth(largest)
    return result


def _growth(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What `measure_ingests` returns of runs of several sizes; the start is that of a straight line through them."""
    frames, processor_s = (np.array([run[name] for run in runs]) for name in ("frames", "processor_s"))
    growth = [
        {"from": one["trials"], "to": other["trials"], "s_per_frame": float(s)}
        for (one, other), s in zip(pairwise(runs), np.diff(processor_s) / np.diff(frames), strict=True)
    ]
    return {"growth": growth, "start_processor_s": float(np.polynomial.Polynomial.fit(frames, processor_s, 1)(0.0))}


def _stages_alone(folder: Path, *, trials: int, frames: int, threads: int) -> dict[str, Any]:
    settings = Settings.load(folder / "home")
    register_shipped(settings)
    planned = _planned(fill_inbox(folder / "inbox", trials=trials, frames=frames), settings)
    models = Models.load(threads=threads)
    _take_through(planned[0], models, folder / "warm-up", {})  # exclude what is built once from the times of the stages
    seconds: dict[str, float] = {}
    for trial in planned:
        _take_through(trial, models, folder / trial.run_id, seconds)
    total_frames = trials * frames
    return {
        "stage_frames": total_frames,
        "stage_seconds": seconds,
        "stages_frames_per_s": total_frames / sum(seconds.values()),
    }


def _planned(manifest: Path, settings: Settings) -> list[PlannedTrial]:
    hashes = VideoHashes(settings.home / "video_hashes.json")
    models = pin_models(settings)
    return [
        plan_video(entry, models=models, options=IngestOptions(), settings=settings, hashes=hashes)
        for entry in read_session(manifest).trials
    ]


def _take_through(planned: PlannedTrial, models: Models, folder: Path, seconds: dict[str, float]) -> None:
    folder.mkdir(parents=True)
    motion, trial = folder / "motion.safetensors", planned.trial
    shard = ShardFiles(folder / "people.parquet", folder / "tokens.parquet" if models.method.mesh else None)
    networks = models.perception
    with _timed(seconds, PERCEIVE.name):
        perceive_shards(planned.shards, [shard], detector=networks.detector, network=networks.keypoints)
    with _timed(seconds, RECONSTRUCT.name):
        (person,) = reconstruct(join_shards([read_shard(shard)]), trial, models=models.fit).people
        write_motion(person, motion)
    with _timed(seconds, SOLVE.name):
        people = solve([read_motion(motion)], activity=trial.activity, models=models.solve)
    with _timed(seconds, ANALYSE.name):
        analyse(
            people,
            trial,
            folder / "results",
            settings={},
            versions=models.files.versions(),
            cross_check_frames=models.method.cross_check_frames,
        )


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began_s = time.perf_counter()
    yield
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - began_s


def _ingest(folder: Path, *, trials: int, frames: int, cores: int) -> dict[str, Any]:
    """One run as a process of its own, start-up included.

    Returns:
        trials, cores, frames, seconds, frames_per_s, processor_s and that per frame, slots_busy (share), parts (seconds
        by part of the run), peak_mb of all processes together, and of each kind of process in that moment.
    """
    inbox = fill_inbox(folder / "inbox", trials=trials, frames=frames).parents[2]
    command = [sys.executable, "-m", "flows.cli.main", "ingest", str(inbox), "--home", str(folder / "home"), "--json"]
    began_s = time.perf_counter()
    environment = os.environ | {"BIOPOSE_CORES": str(cores)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)  # noqa: S603 - fixed
    with ProcessTree(process.pid) as tree:
        out, _ = process.communicate()
    total_s = time.perf_counter() - began_s
    if process.returncode:
        raise RuntimeError(f"the ingest of {trials} trials ended with exit code {process.returncode}")
    account = json.loads(out.splitlines()[-1])
    return {
        "trials": trials,
        "cores": cores,
        "frames": account["frames"],
        "seconds": total_s,
        "frames_per_s": account["frames"] / total_s,
        "processor_s": tree.processor_s,
        "processor_s_per_frame": tree.processor_s / account["frames"],
        "processor_s_by_process": tree.processor_s_by_process,
        "slots_busy": account["slots_busy"],
        "parts": {"before and after the flow": total_s - account["seconds"], **account["parts"]},
        "peak_mb": tree.peak_mb,
        "peak_mb_by_process": tree.peak_mb_by_process,
    }


def ingest_lines(result: dict[str, Any]) -> list[str]:
    """The result as text."""
    lines = [
        f"Stages alone, {result['stage_frames']} frames: {result['stages_frames_per_s']:.2f} frames/s",
        *(f"  {stage:<12}{seconds:7.1f} s" for stage, seconds in result["stage_seconds"].items()),
        "Ingest runs, start-up included:",
        "  cores trials frames seconds frames/s processor s/frame slots busy peak MB",
    ]
    for run in result["runs"]:
        lines.append(
            f"  {run['cores']:5d} {run['trials']:6d} {run['frames']:6.0f} {run['seconds']:7.1f} "
            f"{run['frames_per_s']:8.2f} {run['processor_s_per_frame']:17.3f} {run['slots_busy']:10.0%} "
            f"{run['peak_mb']:7.0f}"
        )
        lines.append("      " + ", ".join(f"{part} {seconds:.1f} s" for part, seconds in run["parts"].items()))
        lines.append("      " + ", ".join(f"{kind} {mb:.0f} MB" for kind, mb in run["peak_mb_by_process"].items()))
        used = run["processor_s_by_process"].items()
        lines.append("      processor: " + ", ".join(f"{kind} {seconds:.1f} s" for kind, seconds in used))
    lines.append(f"Largest run over stages alone: {result['ratio']:.2f}")
    lines += [
        f"From {step['from']} to {step['to']} trials: {step['s_per_frame']:.3f} processor s for each further frame"
        for step in result.get("growth", [])
    ]
    if "start_processor_s" in result:
        lines.append(f"Start and end take {result['start_processor_s']:.1f} s of processor time, whatever the size")
    return lines
