"""The demonstration: a person's markers become a scaled model, joint angles and a picture.

    python -m biopose.demo --out demo-output

With the reference recordings beside the checkout (or named by BIOPOSE_REFERENCE_DATA) it is a real drop jump; without
them a made-up jump of a body of known shape (`biopose.sample`).
"""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

import os
from pathlib import Path

import click
import numpy as np
import torch

from biopose.command_line import progress_bar
from biopose.evaluate import GROUPS
from biopose.io.mot import read_mot
from biopose.io.trajectories import CoordinateTrajectories
from biopose.io.trc import write_trc
from biopose.marker_commands import scale_files, solve_files
from biopose.sample import HEIGHT_M, MASS_KG, make_sample
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import GROUND, Skeleton
from biopose.skeleton.reader import read_osim

REFERENCE = Path(os.environ.get("BIOPOSE_REFERENCE_DATA", Path(__file__).parents[2] / "shared" / "data"))
CURVES = ("hip_flexion", "knee_angle", "ankle_angle")
FIGURES = 7


@click.command()
@click.option("--out", default="demo-output", show_default=True, type=click.Path(path_type=Path), help="Folder.")
def main(out: Path) -> None:
    """Scale a model to a person, solve a jump, draw it.

    \b
    Example:
      python -m biopose.demo --out demo-output
    """
    out.mkdir(parents=True, exist_ok=True)
    static, trial, generic, mass_kg, truth = _recording(out)
    scaled, motion, picture = out / "scaled.osim", out / "coordinates.mot", out / "jump.png"
    click.echo("\n".join(scale_files(static, generic, scaled, mass_kg=mass_kg).notes()))
    with progress_bar(0, label="Solving", json_=False) as bar:
        summary = solve_files(
            trial, scaled, motion, weights=None, solver="biopose", limits="clamped", threads=2, progress=bar
        )
    click.echo("\n".join(summary.lines()))
    skeleton = read_osim(scaled)
    if truth is not None:
        click.echo(_judged(skeleton, read_mot(motion, rotational=skeleton.rotational_names), truth))
    draw_jump(skeleton, read_mot(motion, rotational=skeleton.rotational_names), picture)
    click.echo(
        f"\nLook at:\n  {picture}   the jump and its angles\n  {motion}   for OpenSim\n  {scaled}   the person's model"
    )


def _judged(skeleton: Skeleton, motion: CoordinateTrajectories, truth: CoordinateTrajectories) -> str:
    names = [n for n in truth.names if n.startswith(GROUPS["lower"]) and n in skeleton.rotational_names]
    error_deg = np.degrees(np.abs(motion.select(names).values - truth.select(names).values))
    return f"against the made-up truth: {error_deg.mean():.1f} degrees on average over the lower limb"


def _recording(out: Path) -> tuple[Path, Path, Path | None, float | None, CoordinateTrajectories | None]:
    """Static trial, moving trial, generic model (None for ours), the person's mass, and the truth where it is known."""
    lab = REFERENCE / "mocap" / "lab"
    if lab.is_dir():
        click.echo(f"a real drop jump: {lab / 'DJ1.trc'}")
        return lab / "static1.trc", lab / "DJ1.trc", lab / "generic.osim", None, None
    click.echo(f"a made-up jump of a body of {HEIGHT_M} m and {MASS_KG} kg (no reference recordings here)")
    sample = make_sample(out)
    write_trc(out / "static.trc", sample.static)
    write_trc(out / "jump.trc", sample.jump)
    return out / "static.trc", out / "jump.trc", None, MASS_KG, sample.truth


def draw_jump(skeleton: Skeleton, motion: CoordinateTrajectories, path: Path) -> None:
    """Stick figures at a few moments above the leg's angles, as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    pose = Kinematics(skeleton).with_coordinates(torch.from_numpy(motion.values))
    centers = np.concatenate([np.zeros((len(motion.time_s), 1, 3)), pose.joint_centers.numpy()], axis=1)
    figure, (sticks, angles) = plt.subplots(2, 1, figsize=(11, 9), height_ratios=[3, 2], layout="constrained")
    frames = np.linspace(0, len(motion.time_s) - 1, FIGURES).round().astype(int)
    for place, frame in enumerate(frames):
        for child, joint in enumerate(skeleton.joints, start=1):
            if joint.parent != GROUND:
                ends = centers[frame, [joint.parent, child]] - centers[frame, 1] * [1, 0, 1]
                colour = {"r": "tab:red", "l": "tab:blue"}.get(skeleton.body_names[child][-2:].strip("_"), "black")
                sticks.plot(ends[:, 0] + place, ends[:, 1], color=colour, linewidth=2)
        sticks.annotate(f"{motion.time_s[frame]:.2f} s", (place, -0.08), ha="center")
    sticks.set(aspect="equal", ylabel="height (m)", xticks=[], title="seen from the right; right red, left blue")
    sticks.axhline(0, color="grey", linewidth=0.5)
    for name, colour in zip(CURVES, ("tab:green", "tab:orange", "tab:purple"), strict=True):
        for side, style in (("r", "-"), ("l", "--")):
            column = motion.values[:, motion.names.index(f"{name}_{side}")]
            angles.plot(motion.time_s, np.degrees(column), style, color=colour, label=f"{name}_{side}")
    angles.set(xlabel="time (s)", ylabel="angle (degrees)")
    angles.legend(ncols=3, fontsize="small")
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
