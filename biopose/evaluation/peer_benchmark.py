"""Speed against Sports2D, which measures 2D angles: on the same clip, with the same weights, in turn.

Sports2D (BSD-3-Clause; Pagnon & Kim 2024, JOSS 9:6849) is the tool that teams run on a laptop today. It is installed
by pinned version into an environment of its own, beside the assets, and run with its demonstration's configuration:
YOLOX-tiny every fourth frame, RTMPose-s, its angles, files and video; without its windows, single images and graphs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from biopose.assets import asset, assets_folder
from biopose.errors import BioposeError
from biopose.io.files import written_whole

PEER = "sports2d==0.8.34"
SAME_RUNTIME = "onnxruntime==1.32.0"
ROUNDS = 3
OURS = "from biopose.cli.measure import measure; measure()"
# Its own demonstration's configuration, with what is given as JSON in its place.
PEERS = """
import json, sys, tomllib
from pathlib import Path
import Sports2D
from Sports2D import Sports2D as tool
config = tomllib.loads((Path(Sports2D.__file__).parent / "Demo" / "Config_demo.toml").read_text(encoding="utf-8"))
for section, values in json.loads(sys.argv[1]).items():
    config[section].update(values)
tool.process(config)
"""
HEADLESS = {"MPLBACKEND": "Agg", "QT_QPA_PLATFORM": "offscreen"}


def bench_against_sports2d(
    clip: Path, *, height_m: float, threads: int, rounds: int = ROUNDS, report: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Run Sports2D, and `biopose measure` with and without pictures, in turn, each in a process of its own.

    Args:
        clip: a video.
        height_m: of the first person.
        threads: of ours; Sports2D takes all cores.
        rounds: of the three.
        report: called with a line about each run.

    Returns:
        sports2d_s, biopose_s, biopose_without_pictures_s (medians), ratio, ratio_without_pictures and all runs.

    Raises:
        BioposeError: Sports2D cannot be installed, or a run fails.
    """
    python = _installed(report)
    measure = [sys.executable, "-c", OURS, str(clip), "--height-m", str(height_m), "--athlete", "all"]
    measure += ["--threads", str(threads)]
    commands: dict[str, Callable[[Path], Sequence[str]]] = {
        "sports2d": lambda out: [str(python), "-c", PEERS, _configuration(clip, height_m, out)],
        "biopose": lambda out: [*measure, "--out", str(out)],
        "biopose_without_pictures": lambda out: [*measure, "--no-overlay", "--out", str(out)],
    }
    runs: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            with tempfile.TemporaryDirectory() as folder:
                runs[name].append(_seconds(command(Path(folder) / "out"), HEADLESS))
            report(f"{name}: {runs[name][-1]:.1f} s")
    return summary(runs)


def summary(runs: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Medians of each command's seconds, and their ratios to Sports2D's."""
    medians = {name: median(seconds) for name, seconds in runs.items()}
    return {
        **{f"{name}_s": seconds for name, seconds in medians.items()},
        "ratio": medians["biopose"] / medians["sports2d"],
        "ratio_without_pictures": medians["biopose_without_pictures"] / medians["sports2d"],
        "runs_s": dict(runs),
    }


def against_lines(result: Mapping[str, Any]) -> list[str]:
    """The comparison as text."""
    names = {"sports2d": "Sports2D, 2D", "biopose": "BioPose, 3D", "biopose_without_pictures": "  without pictures"}
    lines = [f"against {PEER} on the same clip and weights, median of {len(result['runs_s']['sports2d'])}, in turn"]
    lines += [f"  {title:<20}{result[f'{name}_s']:8.1f} s" for name, title in names.items()]
    return [
        *lines,
        f"  ratio               {result['ratio']:8.2f}",
        f"    without pictures  {result['ratio_without_pictures']:8.2f}",
    ]


def _installed(report: Callable[[str], None]) -> Path:
    """The interpreter of an environment with Sports2D."""
    folder = assets_folder() / "peers" / PEER.replace("==", "-")
    done = folder / "installed"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not done.exists():
        report(f"installing {PEER} into {folder} (2 GB)")
        venv.create(folder, with_pip=True, clear=True)
        _run([str(python), "-m", "pip", "install", "--quiet", PEER, SAME_RUNTIME])
        with written_whole(done) as unfinished:
            unfinished.write_text(PEER)
    return python


def _configuration(clip: Path, height_m: float, out: Path) -> str:
    """What differs from the demonstration's configuration, as JSON."""
    networks = {
        "det_class": "YOLOX",
        "det_model": str(asset("weights/yolox-tiny-humanart.onnx")),
        "det_input_size": [416, 416],
        "pose_class": "RTMPose",
        "pose_model": str(asset("weights/rtmpose-s-halpe26.onnx")),
        "pose_input_size": [192, 256],
    }
    base = {"video_input": str(clip), "first_person_height": height_m, "result_dir": str(out), "save_img": False}
    base |= {"show_realtime_results": False, "person_ordering_method": "highest_likelihood"}
    pose = {"mode": str(networks), "device": "CPU", "backend": "onnxruntime"}
    graphs = {"show_graphs": False, "save_graphs": False}
    return json.dumps({"base": base, "pose": pose, "post-processing": graphs})


def _seconds(command: Sequence[str], environment: Mapping[str, str]) -> float:
    began = perf_counter()
    _run(command, environment)
    return perf_counter() - began


def _run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    environment = {**os.environ, **(environment or {})}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)  # noqa: S603 - commands of this file
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise BioposeError(f"{command[0]} ended with exit code {done.returncode}: {' '.join(last)}")
