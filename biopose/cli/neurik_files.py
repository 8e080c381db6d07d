"""From a marker file to joint angles by the network NeurIK: the work of `biopose ik --solver neurik`.

NeurIK predicts the angles of the default full-body skeleton, at body scales that it predicts too or that a static trial
gives. So it needs no model; a model of those scales may be written beside the angles.
"""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import numpy as np

from biopose.cli.marker_files import ProgressBar, read_recording, write_deviations
from biopose.cli.marker_summaries import NeurikSummary
from biopose.io.files import prefixed_errors
from biopose.io.markers import read_markers
from biopose.io.mot import write_mot
from biopose.io.trajectories import MarkerTrajectories
from biopose.io.units import LengthUnit
from biopose.io.up_axis import UpAxis
from biopose.neurik.input import SubjectCalibration
from biopose.neurik.network import Neurik, load_neurik
from biopose.neurik.predicted_model import write_predicted_model
from biopose.neurik.recording import RecordingPrediction, predict_recording
from biopose.neurik.static_trial import static_scaling
from biopose.skeleton.constant_errors import constant_sd_rad
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.ik.fit_report import faults_as_dicts
from biopose.skeleton.ik.marker_faults import MarkerFault, outlying_faults, suspicion
from biopose.skeleton.limbs import LIMBS
from biopose.skeleton.lying import lies_on_its_side
from biopose.skeleton.static_trial import judge_static, scaling_notes
from biopose.skeleton.threads import torch_threads


def predict_files(
    markers: Path,
    out: Path,
    *,
    up: UpAxis = "y",
    units: LengthUnit | None = None,
    subject: str | None = None,
    body_model: Path | None = None,
    static: Path | None = None,
    model_out: Path | None = None,
    sd_out: Path | None = None,
    threads: int,
    progress: ProgressBar,
) -> NeurikSummary:
    """Joint angles from a marker file to a .mot file.

    Args:
        markers: the recording, with enough markers named as in `biopose.body.markers`.
        out: the .mot of the angles.
        up: the recordings' axis that is up.
        units: the recordings' unit of length, where the files state none or a wrong one.
        subject: whose markers, where labels are SUBJECT:MARKER.
        body_model: of SMPL or SMPL-X, whose motion (.npz) the recording is then.
        static: the same person standing still, with the same markers.
        model_out: an .osim to write, the default model at the predicted scales, its mass unchanged.
        sd_out: a .mot to write, of the standard deviations.
        threads: cores that torch uses.
        progress: advanced by the frames done.

    Raises:
        BioposeError: if the file is malformed, has too few of the named markers, or uneven times.
    """
    recording = read_recording(markers, up=up, units=units, subject=subject, body_model=body_model)
    network = load_neurik()
    progress.length = len(recording.time_s)
    standing = read_markers(static, up=up, units=units, subject=subject) if static else None
    calibration, calibration_notes = _calibration(standing, static, network)
    start = perf_counter()
    with prefixed_errors(markers), torch_threads(threads):
        prediction = predict_recording(network, recording, subject=calibration, progress=progress.update)
    seconds = perf_counter() - start
    rotational = full_body_skeleton().rotational_names
    if model_out:
        write_predicted_model(model_out, prediction)
    if sd_out:
        write_deviations(sd_out, prediction.sd, rotational=rotational)
    write_mot(out, prediction.coordinates, rotational=rotational)
    unused = [name for name in recording.names if name not in prediction.markers.names]
    of_static = [*(standing.notes if standing else ()), *calibration_notes]
    notes = [*recording.notes, *(f"{static}: {note}" for note in of_static)]
    return _summary(prediction, out, model_out, sd_out, unused, seconds, notes)


def _calibration(
    standing: MarkerTrajectories | None, static: Path | None, network: Neurik
) -> tuple[SubjectCalibration | None, list[str]]:
    """Of a static trial, if there is one, and what is doubtful about that."""
    if standing is None or static is None:
        return None, []
    with prefixed_errors(static):
        found = static_scaling(standing)
    doubts = judge_static(found.standing, found.scaling, landmarks=found.scaling.marker_names).lines()
    return found.calibration(network.locations_m), [*scaling_notes(found.standing, found.scaling), *doubts]


def _faults(prediction: RecordingPrediction) -> list[MarkerFault]:
    """Markers whose distance from the predicted body jumps, or is far above what it is otherwise."""
    judged = suspicion(prediction.error_m, prediction.coordinates.time_s)
    outlying = judged.frames | (judged.throughout & ~np.isnan(prediction.error_m))
    return outlying_faults(prediction.markers.names, outlying, np.nan_to_num(prediction.error_m))


def _summary(
    prediction: RecordingPrediction,
    out: Path,
    model_out: Path | None,
    sd_out: Path | None,
    unused: list[str],
    seconds: float,
    notes: list[str],
) -> NeurikSummary:
    skeleton, solved = full_body_skeleton(), prediction.solved
    mean_mm = 1e3 * np.nanmean(prediction.error_m, axis=0)
    worst = int(mean_mm.argmax())
    factors = zip(skeleton.body_names[1:], prediction.body_scales[1:].round(4).tolist(), strict=True)
    return NeurikSummary(
        out=str(out),
        model_out=str(model_out) if model_out else None,
        sd_out=str(sd_out) if sd_out else None,
        frames=len(solved),
        frames_unsolved=np.flatnonzero(~solved).tolist(),
        frames_pelvis_unobserved=np.flatnonzero(solved & ~prediction.pelvis_observed).tolist(),
        rate_hz=round(1 / prediction.interval_s, 3) if prediction.interval_s else None,
        rms_mm=round(1e3 * float(np.sqrt(np.nanmean(prediction.error_m[solved] ** 2, axis=1)).mean()), 3),
        worst_marker=prediction.markers.names[worst],
        worst_mm=round(float(mean_mm[worst]), 3),
        body_scales=dict(factors),
        model_mass_kg=round(skeleton.mass_kg, 3) if model_out else None,
        sd_deg=_sd_deg(prediction),
        coordinates_unobserved=prediction.unobserved,
        markers_used=list(prediction.markers.names),
        unused_markers=unused,
        lies_on_its_side=lies_on_its_side(skeleton, prediction.coordinates),
        faults=faults_as_dicts(_faults(prediction)),
        seconds=round(seconds, 3),
        notes=notes,
    )


def _sd_deg(prediction: RecordingPrediction) -> dict[str, float]:
    """Median standard deviation of each limb's angles over the solved frames, degrees."""
    rotational = full_body_skeleton().rotational_names
    found = {}
    for limb, beginnings in LIMBS.items():
        own = [name for name in prediction.sd.names if name.startswith(beginnings) and name in rotational]
        both = np.hypot(prediction.sd.select(own).values, constant_sd_rad(own))
        found[limb] = round(float(np.degrees(np.nanmedian(both))), 3)
    return found
