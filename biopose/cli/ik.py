"""`biopose ik`: joint angles from markers, by our solver, OpenSim's, or the network NeurIK."""

# ruff: noqa: D301 - in a help text \b is the character that keeps click from filling the lines after it
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from biopose.cli.command_line import (
    EXISTING,
    NewFile,
    as_json,
    progress_bar,
    refuse_overwriting,
    show,
    with_quiet,
    with_subject,
    with_threads,
    with_units,
    with_up,
)

if TYPE_CHECKING:
    from biopose.cli.marker_summaries import IKSummary, NeurikSummary
    from biopose.io.units import LengthUnit
    from biopose.io.up_axis import UpAxis
    from biopose.skeleton.ik.recording_solver import Limits

SOME_FRAMES_UNSOLVED = 3  # the exit code for "part of the input could not be processed, the rest is stored"


@click.command()
@click.option("--markers", type=EXISTING, help="The trial: .trc, .c3d or .parquet; or .npz, a motion of SMPL.")
@click.option(
    "--keypoints", type=EXISTING, help="In place of --markers: 3D keypoints of a markerless system, .trc or .c3d."
)
@click.option("--names", type=EXISTING, help='Of keypoints of other names: a file, TheirName = "right_hip" a line.')
@click.option(
    "--body-model", type=EXISTING, help="Of a motion of SMPL or SMPL-X: the body model's file (.npz), which you bring."
)
@click.option(
    "--model", type=EXISTING, help="The person's scaled .osim; not used by NeurIK, not needed for segment poses."
)
@click.option("--out", type=NewFile(".mot"), help="The .mot to write, in degrees.")
@click.option(
    "--weights",
    "--setup",
    "weights",
    type=EXISTING,
    help="An OpenSim IK set-up file (.xml): tasks of markers and coordinates with weights, time range, and files that "
    "no option names; not used by NeurIK.",
)
@click.option(
    "--solver",
    type=click.Choice(["biopose", "opensim", "neurik"]),
    default="biopose",
    show_default=True,
    help="How the angles are found.",
)
@click.option(
    "--limits",
    type=click.Choice(["clamped", "all", "none"]),
    show_default="clamped",
    help="Coordinates held in their ranges: those that the model clamps, all, or none.",
)
@click.option(
    "--outliers",
    type=click.Choice(["left-out", "kept"]),
    default="left-out",
    show_default=True,
    help="Markers that do not fit: left out, or exchanged back, in those frames; or kept. Named either way.",
)
@click.option("--static", type=EXISTING, help="NeurIK: the same person standing still. Segment poses: in neutral.")
@click.option("--model-out", type=NewFile(".osim"), help="NeurIK or segment poses: the scaled default model.")
@click.option(
    "--sd",
    type=NewFile(".mot"),
    help="A .mot of each coordinate's standard deviation; not by OpenSim's solver, nor of segment poses.",
)
@with_up
@with_units
@with_subject
@with_threads
@with_quiet
@as_json
def ik(
    markers: Path | None,
    keypoints: Path | None,
    names: Path | None,
    body_model: Path | None,
    model: Path | None,
    out: Path | None,
    weights: Path | None,
    solver: str,
    limits: Limits | None,
    outliers: str,
    static: Path | None,
    model_out: Path | None,
    sd: Path | None,
    up: UpAxis,
    units: LengthUnit | None,
    subject: str | None,
    threads: int,
    json_: bool,
) -> None:
    """From markers to joint angles: of a scaled model, or by the network NeurIK.

    Frames with fewer than three markers, and coordinates that a frame's markers do not determine, are nan in the .mot
    and named in the report; the exit code is then 3. OpenSim's solver does not report undetermined coordinates: it
    keeps the previous frame's value. At its default accuracy of 1e-5 it also stops before the best fit, sooner where
    coordinates are clamped: by tens of degrees where markers tell little, as of forearms, shoulders and toes. The
    report names the coordinates that are then more than a degree away from it.

    An OpenSim set-up file is applied by both solvers: time_range, tasks of markers and coordinates with weights (value,
    default or coordinate_file), accuracy, report_errors; constraint_weight by OpenSim's alone. It names the files for
    which no option is given; an option overrules it. What it asks for and is not done is named.

    The fit is judged by frame and marker. A marker that is far off where the others are not is left out of those
    frames; markers that lie in each other's places are exchanged back; frames that do not fit at all are nan. The
    report names markers and frames, counted from 0, and the exit code is then 3, as with a poor fit as a whole; a
    marker that is left out for a frame or two is like a gap, and changes no exit code. Frames in which nothing is found
    are the plain least squares of all markers. A marker that is displaced throughout is found by its distance from the
    solution without it. Where joints jump and no marker does, the stretch is solved on the branch of the frames beside
    it; jumps that remain are reported by frame. NeurIK's prediction is judged but left as it is.

    Standard deviations (--sd) follow from how far the markers lie from the model, or are NeurIK's; in both is what is
    the same error in every frame, such as the tilt of the pelvis's anatomical frame.

    NeurIK needs no model, but markers that it knows by name: 20 or more of BioPose's 68, three of them on the pelvis
    (RASI, LASI, RPSI, LPSI). Its angles are those of BioPose's full-body model, within their ranges, each with a
    standard deviation. It also estimates coordinates that a frame's markers do not determine, with a larger deviation.
    A static trial gives it the person's proportions and marker locations, which reduces its errors; without one it
    assumes the population's.

    A motion of SMPL or SMPL-X (poses, trans, betas and mocap_framerate, as AMASS has them; z is up there) is solved
    from the virtual markers of its body model, which bears no clusters. BioPose brings no such model: their licences
    forbid commercial use without an agreement.

    A .c3d with poses of segments (ROTATION group), as markerless systems export, needs no model either: the default
    model is scaled to the distances of the segments' origins, which are joint centres. A convention of the segments'
    axes is taken where the joint centres bear it out, and stated; else --static gives their axes: a trial in the
    neutral posture, upright, arms hanging and palms forward.

    Keypoints (--keypoints) of Pose2Sim (HALPE_26, BODY_25B, COCO), OpenCap or MediaPipe need no model: the default one
    is scaled to the distances between them. What they do not show is held at its default and named: the trunk's bending
    on the pelvis in the sagittal plane, toes, and forearms and hands or feet without keypoints. Markers that OpenCap's
    network added to keypoints are markers.

    \b
    Examples:
      biopose ik --markers jump.trc --model scaled.osim --out jump.mot
      biopose ik --markers jump.c3d --up z --model scaled.osim --out jump.mot
      biopose ik --markers duel.c3d --up z --subject Ann --units mm --model scaled.osim --out ann.mot
      biopose ik --markers jump.trc --model scaled.osim --weights ik_setup.xml --solver opensim --out jump.mot
      biopose ik --setup ik_setup.xml
      biopose ik --markers jump.trc --solver neurik --out jump.mot --sd jump_sd.mot --model-out jump.osim
      biopose ik --markers jump.trc --solver neurik --static standing.trc --out jump.mot
      biopose ik --keypoints jump_halpe26.trc --out jump.mot --model-out jump.osim
      biopose ik --keypoints jump.c3d --names names.toml --up z --out jump.mot
      biopose ik --markers poses.c3d --up z --out jump.mot --model-out jump.osim
      biopose ik --markers jump.npz --body-model SMPLX_NEUTRAL.npz --up z --solver neurik --out jump.mot
    """
    from biopose.io.c3d_rotations import holds_poses_alone

    if keypoints is not None:
        neurik = {"--solver": None if solver == "biopose" else Path(solver), "--static": static}
        others = {"--markers": markers, "--model": model, "--weights": weights, "--body-model": body_model}
        _check_keypoint_options(others | neurik)
        markers, limits = keypoints, limits or "all"
    elif names is not None:
        raise click.UsageError("--names goes with --keypoints: names of markers are those of the model")
    optional = {"--static": static, "--model-out": model_out, "--sd": sd}
    if weights is not None and solver != "neurik":
        from biopose.cli.ik_setup_files import files_of_setup

        markers, model, out = files_of_setup(weights, markers=markers, model=model, out=out)
    if markers is None:
        raise click.UsageError("Missing option '--markers': the trial; an OpenSim set-up file may name it instead")
    if out is None:
        raise click.UsageError("Missing option '--out': the .mot to write; an OpenSim set-up file may name it instead")
    if keypoints is not None:
        pass  # checked above
    elif solver != "neurik" and holds_poses_alone(markers):
        _check_segment_options(solver, model=model, model_out=model_out, sd=sd, subject=subject)
    else:
        _check_options(solver, out, model=model, weights=weights, limits=limits, optional=optional)
    _check_body_model(markers, body_model, of_markers={"--units": units, "--subject": subject})
    refuse_overwriting(out, markers=markers, model=model, weights=weights, static=static)
    summary: IKSummary | NeurikSummary
    if solver == "neurik":
        from biopose.cli.neurik_files import predict_files

        with progress_bar(0, label="Solving", json_=json_) as bar:
            summary = predict_files(
                markers,
                out,
                up=up,
                units=units,
                subject=subject,
                body_model=body_model,
                static=static,
                model_out=model_out,
                sd_out=sd,
                threads=threads,
                progress=bar,
            )
    else:
        from biopose.cli.keypoint_files import KeypointNames
        from biopose.cli.marker_files import solve_files

        with progress_bar(0, label="Solving", json_=json_) as bar:
            summary = solve_files(
                markers,
                model,
                out,
                up=up,
                units=units,
                subject=subject,
                body_model=body_model,
                static=static,
                model_out=model_out,
                sd_out=sd,
                keypoints=KeypointNames(names) if keypoints is not None else None,
                weights=weights,
                solver=solver,
                limits=limits or "clamped",
                outliers="kept" if outliers == "kept" else "left out",
                threads=threads,
                progress=bar,
            )
    show(summary.as_dict(), json_=json_, lines=summary.lines)
    if summary.incomplete:
        raise click.exceptions.Exit(SOME_FRAMES_UNSOLVED)


def _check_options(
    solver: str,
    out: Path,
    *,
    model: Path | None,
    weights: Path | None,
    limits: Limits | None,
    optional: Mapping[str, Path | None],
) -> None:
    """Raise a usage error where options exclude each other; afterwards there is a model exactly where one is needed."""
    if solver == "neurik":
        _check_neurik_options(out, model=model, weights=weights, limits=limits, sd=optional["--sd"])
        return
    if solver == "opensim" and optional["--sd"] is not None:
        raise click.UsageError("--sd needs --solver biopose or neurik; OpenSim's gives no standard deviations")
    why_not = {"--static": "which take proportions or axes from it", "--model-out": "which scale the default model"}
    for option, reason in why_not.items():
        if optional[option] is not None:
            raise click.UsageError(
                f"{option} needs --solver neurik or poses of segments, {reason}; from markers other solvers take the "
                "person's scaled --model"
            )
    if model is None:
        raise click.UsageError(
            "Missing option '--model': the person's scaled .osim, which `biopose scale` makes from a static trial; "
            "only keypoints, poses of segments and --solver neurik need none"
        )
    if solver == "opensim" and limits == "all":
        raise click.UsageError("--limits all needs --solver biopose; OpenSim limits the clamped coordinates or none")


def _check_keypoint_options(others: Mapping[str, Path | None]) -> None:
    """Raise a usage error for an option that has no effect on keypoints."""
    for option, given in others.items():
        if given is not None:
            raise click.UsageError(
                f"{option} {given} cannot be used with --keypoints: the default model is scaled to them and solved by "
                "BioPose's solver; leave it out"
            )


def _check_segment_options(
    solver: str, *, model: Path | None, model_out: Path | None, sd: Path | None, subject: str | None
) -> None:
    """Raise a usage error for an option that has no effect on poses of segments."""
    if solver == "opensim":
        raise click.UsageError(
            "--solver opensim solves markers of the model's file: poses of segments need --solver biopose, or "
            "`biopose convert` and a model with markers at the ends of their axes"
        )
    if model is not None and model_out is not None:
        raise click.UsageError("--model-out is the default model, scaled to the segments; with --model none is scaled")
    for option, given in {"--sd": sd, "--subject": subject}.items():
        if given is not None:
            raise click.UsageError(f"{option} has no effect on poses of segments; leave it out")


def _check_body_model(markers: Path, body_model: Path | None, *, of_markers: Mapping[str, str | None]) -> None:
    is_motion = markers.suffix.lower() == ".npz"
    if is_motion and body_model is None:
        raise click.UsageError(f"--markers {markers} is a motion of SMPL or SMPL-X: give its body model, --body-model")
    if body_model is not None and not is_motion:
        raise click.UsageError(f"--body-model goes with a motion of SMPL or SMPL-X (.npz), not with {markers}")
    if is_motion and (given := [option for option, value in of_markers.items() if value is not None]):
        raise click.UsageError(
            f"{' and '.join(given)} cannot be used with {markers}: a motion of one person, in metres"
        )


def _check_neurik_options(
    out: Path, *, model: Path | None, weights: Path | None, limits: Limits | None, sd: Path | None
) -> None:
    why_not = {
        "--model": (
            model,
            "it predicts the angles of BioPose's full-body model at scales of its own, which --model-out writes",
        ),
        "--weights": (
            weights,
            "it weights markers itself, and has no coordinate tasks and no time range; remove markers and frames "
            "that should not count from the recording",
        ),
        "--limits": (limits, "its angles never leave the model's ranges"),
    }
    for option, (given, reason) in why_not.items():
        if given is not None:
            raise click.UsageError(f"{option} cannot be used with --solver neurik: {reason}")
    if sd is not None and sd.resolve() == out.resolve():
        raise click.UsageError(f"--sd {sd} is the file given as --out; one would be lost")
