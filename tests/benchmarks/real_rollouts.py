"""Rollouts of real methods by the commands, on film whose joint angles are known and on the demonstration's clips.

    python -m tests.benchmarks.real_rollouts inbox FOLDER --data ../shared/data   # film and references: 2 minutes
    python -m tests.benchmarks.real_rollouts first FOLDER       # the first release, keypoint_fit, and the golden set
    python -m tests.benchmarks.real_rollouts rollout FOLDER mqhmr_solver          # the next, to its promotion
    python -m tests.benchmarks.real_rollouts rollout FOLDER mqhmr                 # and the one after that
    python -m tests.benchmarks.real_rollouts disturbed FOLDER   # weights of MQ-HMR with noise as large as their spread

Three athletes are those of the demonstration's clips. The laboratory's person is filmed with the expert's angles, which
are their reference, as they lie there; six drawn bodies are filmed with stretches of CMU's motions that no network was
trained on. So ten athletes are sampled, of whom seven have a measured reference: enough for the gate to decide. Each
rollout is started, reported, shown as a canary, promoted, rolled back, promoted again and finished; what the commands
print and the pages are kept in FOLDER/reports.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch

from biopose.analysis.criterion_text import value_text
from biopose.body.anny import Body
from biopose.body.shape import draw_shapes, measurements
from biopose.body.subject import skeleton_of_body
from biopose.evaluation.lab_rendering import STEP, ExpertMotion, motion_on_body, person_like, render
from biopose.hmr.mqhmr import MQHMR_WEIGHTS
from biopose.io.mot import read_mot, write_mot
from biopose.io.trajectories import CoordinateTrajectories
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.reader import read_osim
from biopose.training.data.motion import cmu_motions
from flows.demo import fill
from tasks.models import register_trained
from tasks.settings import Settings
from tasks.shipped_models import trained_model
from tests.reconstruction.test_disturbed_weights import disturbed as disturbed_weights
from warehouse.content import content_hash

FRAMES = 30  # of each film
PARTS = {  # of the demonstration's clips, so that a rollout takes minutes
    "street": {"end_s = 5.4": "start_s = 2.4\nend_s = 5.4", "end_s = 6.3": "end_s = 3.2"},
    "beam": {'athlete = "balancer"\n': 'athlete = "balancer"\nend_s = 0.7\n'},
}
LAB = {"DJ1": "drop_jump", "STS1": "other", "squats1": "squat", "walking1": "walk"}
LAB_VIEWS = ("oblique", "front", "side", "oblique")
# CMU's held-out motions: the middle of each stretch as a share of the motion, and the activity.
STRETCHES = (
    ("01_09", 0.25, "other"),
    ("01_09", 0.75, "other"),
    ("02_03", 0.5, "run"),
    ("02_09", 0.25, "other"),
    ("02_09", 0.75, "other"),
    ("03_02", 0.5, "walk"),
)
CMU_VIEWS = ("oblique", "side")
# Of what the watch compares between trials: its bounds rest on these spreads.
SPREAD = """
SELECT name, count(*) AS trials, avg(value) AS mean, stddev(value) AS sd FROM quality
WHERE name IN ('mean_quality', 'refinement_mirror_disagreement_deg', 'refinement_prediction_sd_mm') GROUP BY name
"""
HEAD = 'team = "film"\nsession = "{session}"\ndate = 2025-03-01\n'
ATHLETE = '\n[[athlete]]\nid = "{name}"\nheight_m = {height_m:.3f}\nconsent = true\n'
TRIAL = '\n[[trial]]\nid = "{name}"\nfile = "{name}.mp4"\nathlete = "{athlete}"\nactivity = "{activity}"\n'


@dataclass(frozen=True)
class Filmed:
    """A film to be made.

    Attributes:
        session: of the team film.
        name: of the trial.
        athlete: in it.
        height_m: theirs.
        activity: of the manifest.
        view: of `lab_rendering.VIEWS`.
        motion: on their body.
        reference: joint angles, .mot; None: those of the motion, which are written.
    """

    session: str
    name: str
    athlete: str
    height_m: float
    activity: str
    view: str
    motion: ExpertMotion
    reference: Path | None = None


def films(data: Path) -> Iterator[Filmed]:
    """Of the laboratory's and CMU's motions."""
    lab = data / "mocap" / "lab"
    expert = read_osim(lab / "hand_scaled.osim")
    person, height_m = person_like(expert)
    for (name, activity), view in zip(LAB.items(), LAB_VIEWS, strict=True):
        angles = lab / f"{name}_expert_ik.mot"
        solved = _stretch(read_mot(angles, rotational=expert.rotational_names), 0.5)
        motion = motion_on_body(name, solved, expert, person)
        yield Filmed("lab", name, "subject4", height_m, activity, view, motion, angles)
    skeleton, body = full_body_skeleton(), Body.load(dtype=torch.float64)
    recorded = cmu_motions(data / "mocap" / "cmu", subjects=tuple({name for name, *_ in STRETCHES}))
    for seed, (name, at, activity) in enumerate(STRETCHES):
        longest = max((one for one in recorded if one.name.startswith(f"cmu_{name}")), key=lambda one: len(one.values))
        whole = CoordinateTrajectories(np.arange(len(longest.values)) / longest.rate_hz, longest.names, longest.values)
        shaped = body.with_shape(draw_shapes(body, 1, seed=seed)[0].double())
        person = skeleton_of_body(body, shaped, skeleton)
        of_person = float(measurements(shaped)["height_m"])
        rate_hz = round(longest.rate_hz / STEP)
        motion = motion_on_body(f"cmu{name}", _stretch(whole, at), skeleton, person, rate_hz=rate_hz)
        for view in CMU_VIEWS:
            yield Filmed("cmu", f"{name}_{seed}_{view}", f"person{seed}", of_person, activity, view, motion)


def _stretch(solved: CoordinateTrajectories, middle: float) -> CoordinateTrajectories:
    """So many frames as a film has, around a moment that is given as a share."""
    count = min(FRAMES * STEP, len(solved.time_s))
    first = min(max(round(middle * len(solved.time_s)) - count // 2, 0), len(solved.time_s) - count)
    part = slice(first, first + count)
    return CoordinateTrajectories(solved.time_s[part], solved.names, solved.values[part])


@click.group()
def main() -> None:
    """Rollouts of real methods by the commands."""


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path), help="The reference recordings.")
def inbox(folder: Path, data: Path) -> None:
    """Make FOLDER/inbox: films with their manifests, the demonstration's clips, and FOLDER/golden.json."""
    fill(folder / "inbox")
    for session, changes in PARTS.items():
        manifest = folder / "inbox" / "demo" / session / "session.toml"
        text = manifest.read_text(encoding="utf-8")
        for whole, part in changes.items():
            text = text.replace(whole, part)
        manifest.write_text(text, encoding="utf-8")
    manifests: dict[str, str] = {}
    golden = []
    people = set[str]()
    for film in films(data):
        session = folder / "inbox" / "film" / film.session
        session.mkdir(parents=True, exist_ok=True)
        render(film.motion, film.view, session / f"{film.name}.mp4")
        manifest = manifests.get(film.session, HEAD.format(session=film.session))
        if film.athlete not in people:
            people.add(film.athlete)
            manifest += ATHLETE.format(name=film.athlete, height_m=film.height_m)
        manifests[film.session] = manifest + TRIAL.format(name=film.name, athlete=film.athlete, activity=film.activity)
        golden.append(_reference(film, folder / "references"))
        click.echo(f"{film.session}/{film.name}: {len(film.motion.q)} frames of {film.athlete}")
    for session, manifest in manifests.items():
        (folder / "inbox" / "film" / session / "session.toml").write_text(manifest, encoding="utf-8")
    (folder / "golden.json").write_text(json.dumps(golden, indent=2), encoding="utf-8")


def _reference(film: Filmed, folder: Path) -> list[str]:
    """What `biopose golden add` is given: the trial and its reference."""
    truth = film.motion.truth
    file = film.reference
    if file is None:
        folder.mkdir(exist_ok=True)
        file = folder / f"{film.name}.mot"
        write_mot(file, truth, rotational=film.motion.person.skeleton.rotational_names)
    at_first = ["--offset-s", f"{truth.time_s[0]:.4f}"]
    return [f"film/{film.session}/{film.name}", "--reference", str(file.resolve()), *at_first]


@main.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
def first(folder: Path) -> None:
    """Ingest FOLDER/inbox with keypoint_fit, which becomes the release in use, and add the golden set."""
    with _Reports(folder, "first") as reports:
        reports.command("ingest", str(folder / "inbox"), "--method", "keypoint_fit", allowed=(0, 3))
        for arguments in json.loads((folder / "golden.json").read_text(encoding="utf-8")):
            reports.command("golden", "add", *arguments)
        reports.command("golden", "list")


@main.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.argument("method")
@click.option("--policy", type=click.Path(exists=True, path_type=Path), help="Of the gate.")
def rollout(folder: Path, method: str, policy: Path | None) -> None:
    """Roll METHOD out: start, report, canary, promote, roll back, promote again, finish."""
    snapshot = folder / "home" / "warehouse.snapshot.duckdb"
    with _Reports(folder, method) as reports:
        judged = ["--policy", str(policy)] if policy else []
        choice = ["--method", method, "--name", method, *judged]
        there = json.loads(reports.command("rollout", "status", "--json"))["rollout"]
        is_open = there is not None and there["candidate"] == method and there["state"] in ("shadow", "compare", "gate")
        reports.command("rollout", "start", *([] if is_open else choice), allowed=(0, 3))
        reports.command("rollout", "report")
        status = json.loads(reports.command("rollout", "status", "--json"))
        verdict = status["rollout"]["verdict"]
        click.echo(f"verdict: {verdict}; {status['rollout']['comparison']['decision']['reason']}")
        against = [] if verdict == "pass" else ["--reason", f"rehearsal of the acts; the verdict is: {verdict}"]
        before = content_hash(snapshot)
        reports.command("rollout", "canary", "--share", "0.5", *against)
        reports.command("rollout", "promote", *against)
        reports.command("rollout", "rollback", "--reason", "rehearsal of the rollback")
        click.echo(f"after the rollback the same is shown as before: {content_hash(snapshot) == before}")
        reports.command("rollout", "promote", "--reason", "rehearsal of the acts, again")
        reports.command("rollout", "finish", "--reason", "rehearsal: no nights follow")
        reports.command("query", "release_offsets")
        reports.command("query", "--sql", SPREAD)


@main.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
def disturbed(folder: Path) -> None:
    """Start a rollout of disturbed weights of MQ-HMR, and print why the gate stops it."""
    with tempfile.TemporaryDirectory() as scratch, _Reports(folder, "disturbed") as reports:
        model = trained_model("mqhmr", disturbed_weights(MQHMR_WEIGHTS, Path(scratch)), "# disturbed")
        version = register_trained(Settings.load(folder / "home"), model, training_run="none", metrics={})
        chosen = ("--model", f"mqhmr={version}", "--name", "disturbed")
        reports.command("rollout", "start", *chosen, allowed=(3,))
        status = json.loads(reports.command("rollout", "status", "--json"))
        decision = status["rollout"]["comparison"]["decision"]
        click.echo(f"verdict: {decision['line']}; {decision['reason']}")
        for one in decision["judged"]:
            if one["verdict"] == "fail":
                click.echo(f"  {one['name']}: {value_text(one['mean'], one['unit'])}")
        if status["rollout"]["state"] != "stopped":
            reports.command("rollout", "abort", "--reason", "disturbed weights")


class _Reports:
    """What commands on FOLDER/home print, kept in a folder of the reports.

    Args:
        folder: of the benchmark.
        name: of the reports' folder.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._home, self._folder = folder / "home", folder / "reports" / name
        self._number = 0

    def __enter__(self) -> _Reports:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        for page in sorted((self._home / "rollouts").glob("*/report.html")):
            (self._folder / f"rollout{page.parent.name}.html").write_bytes(page.read_bytes())

    def command(self, *arguments: str, allowed: tuple[int, ...] = (0,)) -> str:
        """What a command prints; it ends the benchmark with another exit code than is allowed."""
        began_s = time.monotonic()
        given = [sys.executable, "-m", "flows.cli.main", *arguments, "--home", str(self._home)]
        done = subprocess.run(given, capture_output=True, text=True, check=False)
        text = f"$ biopose {' '.join(arguments)}\n{done.stdout}{done.stderr}exit code {done.returncode}\n"
        self._number += 1
        name = "_".join(arguments[:2]).replace("/", "-")[-40:]
        (self._folder / f"{self._number:02d}_{name}.txt").write_text(text, encoding="utf-8")
        click.echo(f"{time.monotonic() - began_s:6.1f} s  exit code {done.returncode}  biopose {' '.join(arguments)}")
        if done.returncode not in allowed:
            sys.exit(text[-2000:])
        return done.stdout


if __name__ == "__main__":
    main()
