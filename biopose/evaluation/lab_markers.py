"""The accuracy protocol: how far the joint angles are from an expert's, on recordings that nothing was fitted to.

Errors are mean absolute differences in degrees over coordinates, pelvis orientation excluded, for the lower limb, the
upper limb, the trunk and all. Coordinates that the recording's markers do not observe are left out. Angles of a joint
that rotates about three axes are compared in the representation nearest the expert's: a whole turn more, or
(a + 180, 180 - b, c + 180), is the same pose.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biopose.analysis.motion import Motion, motion_of_coordinates
from biopose.analysis.tables import Metric
from biopose.analysis.trial_analysis import analyse_motion
from biopose.errors import BioposeError
from biopose.evaluation.metric_errors import MetricErrors, activity_of_metrics
from biopose.io.ik_setup import read_ik_setup
from biopose.io.mot import read_mot
from biopose.io.trajectories import CoordinateTrajectories, MarkerTrajectories
from biopose.io.trc import read_trc
from biopose.neurik.network import load_neurik
from biopose.neurik.recording import RecordingPrediction, predict_recording
from biopose.neurik.static_trial import calibrate_from_static
from biopose.skeleton.angles import nearest_representation
from biopose.skeleton.constant_errors import constant_sd_rad
from biopose.skeleton.full_body import full_body_skeleton
from biopose.skeleton.ik.inverse_kinematics import IKSolution, inverse_kinematics
from biopose.skeleton.ik.opensim_ik import opensim_inverse_kinematics
from biopose.skeleton.limbs import LIMBS
from biopose.skeleton.model import Skeleton
from biopose.skeleton.reader import read_osim
from biopose.skeleton.scaled_model import write_scaled_osim
from biopose.skeleton.scaling import scale_to_static

LAB_MASS_KG = 62.6  # of the expert's model
# The laboratory's markers that lie where one of BioPose's does; clusters lie elsewhere, and the toe's on another bone.
OUR_NAMES = {"C7": "C7"} | {
    theirs.format(side=side, leg=leg): side + ours
    for side, leg in (("R", "r"), ("L", "L"))
    for theirs, ours in {
        "{leg}.ASIS": "ASI",
        "{leg}.PSIS": "PSI",
        "{leg}_knee": "KNE",
        "{leg}_ankle": "ANK",
        "{leg}_calc": "HEE",
        "{leg}_5meta": "MT5",
        "{side}_Shoulder": "SHO",
        "{side}_elbow_lat": "ELB",
        "{side}_elbow_med": "ELBIN",
        "{side}_wrist_radius": "IWR",
        "{side}_wrist_ulna": "OWR",
    }.items()
}


@dataclass
class AngleErrors:
    """Absolute differences from a reference, pooled over trials.

    Attributes:
        degrees: for each coordinate the differences of all its frames.
    """

    degrees: dict[str, list[NDArray[np.float64]]] = field(default_factory=dict)

    def add(self, coordinate: str, difference_deg: NDArray[np.float64]) -> None:
        """Add a trial's differences; NaN are left out."""
        known = np.abs(difference_deg[~np.isnan(difference_deg)])
        if len(known):
            self.degrees.setdefault(coordinate, []).append(known)

    @property
    def mae_deg(self) -> dict[str, float]:
        """Mean absolute error by coordinate."""
        return {name: float(np.concatenate(parts).mean()) for name, parts in self.degrees.items()}

    @property
    def group_mae_deg(self) -> dict[str, float]:
        """Mean over the coordinates of each group, and over all coordinates."""
        mae = self.mae_deg
        groups = {g: [v for n, v in mae.items() if n.startswith(prefixes)] for g, prefixes in LIMBS.items()}
        groups["all"] = list(mae.values())
        return {group: float(np.mean(values)) for group, values in groups.items() if values}


def lab_trials(lab: Path) -> list[str]:
    """Names of the trials that have an expert's solution.

    Raises:
        BioposeError: if there is none.
    """
    suffix = "_expert_ik.mot"
    trials = sorted(path.name.removesuffix(suffix) for path in lab.glob(f"*{suffix}"))
    if not trials:
        raise BioposeError(f"{lab}: no *{suffix} here; --data names the folder that holds mocap/lab")
    return trials


def evaluate_lab_a(
    data: Path, *, threads: int = 2, trials: list[str] | None = None, progress: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Part (a) of the protocol, from real markers.

    Args:
        data: the reference recordings; mocap/lab is read.
        threads: for inverse kinematics.
        trials: names; all if None.
        progress: called with the name of each trial before it.

    Returns:
        mae_deg by group and mae_by_coordinate_deg of our own scaling and inverse kinematics; expert_model: the same for
        our and OpenSim's inverse kinematics on the expert's model with the expert's weights; neurik: from the markers
        that have a named counterpart, with the static trial; neurik_without_static: without it; rms_mm of our fits;
        metrics: by metric, those of our own scaling and inverse kinematics (markers) and the angles of NeurIK
        (markers_neurik) against those of the expert's motion, see `metric_errors`.
    """
    lab = data / "mocap" / "lab"
    expert = read_osim(lab / "hand_scaled.osim")
    with tempfile.TemporaryDirectory() as folder:
        ours = _scaled_by_us(lab, Path(folder))
    ours_error, on_expert_model, opensim_error = (AngleErrors() for _ in range(3))
    network, rms_m = load_neurik(), []
    metrics = {"markers": MetricErrors(), "markers_neurik": MetricErrors()}
    subject_calibration = calibrate_from_static(_under_our_names(read_trc(lab / "static1.trc")), network.locations_m)
    neurik_error = {"neurik": (subject_calibration, AngleErrors()), "neurik_without_static": (None, AngleErrors())}
    for trial in trials or lab_trials(lab):
        if progress:
            progress(trial)
        markers, reference, weights = _read_trial(lab, trial, expert)
        solution = inverse_kinematics(ours, markers, deviations=True, threads=threads)
        _compare(ours_error, ours, solution, reference)
        _add_metrics(metrics, trial, (expert, reference), ours, solution)
        same_model = inverse_kinematics(expert, markers, weights=weights, threads=threads)
        _compare(on_expert_model, expert, same_model, reference)
        theirs = opensim_inverse_kinematics(lab / "hand_scaled.osim", markers, weights=weights)
        _add(opensim_error, expert, theirs, reference, left_out=set(same_model.held))
        for subject, errors in neurik_error.values():
            prediction = predict_recording(network, _under_our_names(markers), subject=subject)
            _add(errors, full_body_skeleton(), prediction.coordinates, reference, left_out=set(prediction.unobserved))
            if subject is not None:
                _add_angle_metrics(metrics, trial, (expert, reference), prediction)
        rms_m.append(float(np.nanmean(solution.rms_m)))
    return {
        "mae_deg": ours_error.group_mae_deg,
        "mae_by_coordinate_deg": ours_error.mae_deg,
        "rms_mm": 1e3 * float(np.mean(rms_m)),
        "metrics": {method: errors.as_dict() for method, errors in metrics.items()},
        "expert_model": {
            "biopose": {"mae_deg": on_expert_model.group_mae_deg, "mae_by_coordinate_deg": on_expert_model.mae_deg},
            "opensim": {"mae_deg": opensim_error.group_mae_deg, "mae_by_coordinate_deg": opensim_error.mae_deg},
        },
        **{
            name: {"mae_deg": errors.group_mae_deg, "mae_by_coordinate_deg": errors.mae_deg}
            for name, (_, errors) in neurik_error.items()
        },
    }


def _under_our_names(markers: MarkerTrajectories) -> MarkerTrajectories:
    """The laboratory's markers that have a named counterpart."""
    names = [name for name in OUR_NAMES if name in markers.names]
    chosen = markers.select(names)
    return MarkerTrajectories(chosen.time_s, tuple(OUR_NAMES[name] for name in names), chosen.positions_m)


Moving = tuple[Skeleton, CoordinateTrajectories]


def moved(moving: Moving) -> Motion:
    """The motion of a skeleton and its coordinates; those that are not there stay at their defaults."""
    skeleton, coordinates = moving
    q = np.tile(skeleton.default_pose, (len(coordinates.time_s), 1))
    for column, name in enumerate(coordinates.names):
        q[:, skeleton.coordinate_names.index(name)] = coordinates.values[:, column]
    every = CoordinateTrajectories(coordinates.time_s, tuple(skeleton.coordinate_names), q)
    return motion_of_coordinates(skeleton, every)


def metrics_of(moving: Moving, trial: str, sd: CoordinateTrajectories | None = None) -> list[Metric]:
    """The metrics of a motion.

    Args:
        moving: a skeleton, and its coordinates; those that are not there stay at their defaults.
        trial: whose name tells the activity.
        sd: standard deviations of coordinates, where they are known, without the constant errors.
    """
    skeleton, _ = moving
    motion = moved(moving)
    if sd is not None:
        factors = [np.degrees(1.0) if name in skeleton.rotational_names else 1.0 for name in sd.names]
        constant = constant_sd_rad(sd.names) * factors
        both = np.hypot(sd.values * factors, constant)
        motion = replace(
            motion,
            coordinate_sd={**motion.coordinate_sd, **dict(zip(sd.names, both.T, strict=True))},
            constant_sd=dict(zip(sd.names, constant.tolist(), strict=True)),
        )
    return analyse_motion(motion, activity=activity_of_metrics(trial))[1]


def _add_metrics(
    errors: dict[str, MetricErrors], trial: str, reference: Moving, skeleton: Skeleton, solution: IKSolution
) -> None:
    sd = None
    if solution.coordinate_sd is not None:
        sd = replace(solution.coordinates, values=solution.coordinate_sd)
    errors["markers"].add(metrics_of((skeleton, solution.coordinates), trial, sd), metrics_of(reference, trial))


def _add_angle_metrics(
    errors: dict[str, MetricErrors], trial: str, reference: Moving, prediction: RecordingPrediction
) -> None:
    """Of angles alone: the skeleton of the prediction has not the person's size."""
    skeleton = full_body_skeleton()
    coordinates, sd = (of.select(skeleton.coordinate_names) for of in (prediction.coordinates, prediction.sd))
    found = (metrics_of((skeleton, coordinates), trial, sd), metrics_of(reference, trial))
    errors["markers_neurik"].add(*([metric for metric in metrics if metric.unit == "deg"] for metrics in found))


def lab_a_lines(result: dict[str, Any]) -> list[str]:
    """As text: groups, then every coordinate, of our pipeline and both solvers on the expert's model."""
    solvers = result["expert_model"]
    columns = [result, solvers["biopose"], solvers["opensim"], result["neurik"], result["neurik_without_static"]]
    lines = [
        f"Mean absolute error against the expert, degrees (our markers fit to {result['rms_mm']:.1f} mm RMS)",
        f"{'':18}{'our scaling':>14}{'expert model':>14}{'expert model':>14}{'named markers':>14}{'no static':>14}",
        f"{'':18}{'our IK':>14}{'our IK':>14}{'OpenSim IK':>14}{'NeurIK':>14}{'NeurIK':>14}",
    ]
    for key in ("mae_deg", "mae_by_coordinate_deg"):
        names = list(dict.fromkeys(name for column in columns for name in column[key]))
        lines += [f"{n:18}" + "".join(f"{c[key].get(n, float('nan')):14.2f}" for c in columns) for n in names]
    return lines


def _scaled_by_us(lab: Path, folder: Path) -> Skeleton:
    generic = read_osim(lab / "generic.osim")
    scaling = scale_to_static(generic, read_trc(lab / "static1.trc"))
    return read_osim(write_scaled_osim(lab / "generic.osim", folder / "scaled.osim", scaling, mass_kg=LAB_MASS_KG))


def _read_trial(
    lab: Path, trial: str, expert: Skeleton
) -> tuple[MarkerTrajectories, CoordinateTrajectories, dict[str, float]]:
    """Markers and the expert's coordinates at the times that both have, and the expert's marker weights."""
    markers = read_trc(lab / f"{trial}.trc")
    reference = read_mot(lab / f"{trial}_expert_ik.mot", rotational=expert.rotational_names)
    weights = read_ik_setup(lab / f"{trial}_expert_ik_setup.xml").marker_weights or {}
    nearest = np.abs(markers.time_s[:, None] - reference.time_s[None]).argmin(axis=1)
    same = np.abs(markers.time_s - reference.time_s[nearest]) < 1e-4
    both = MarkerTrajectories(markers.time_s[same], markers.names, markers.positions_m[same])
    expected = CoordinateTrajectories(both.time_s, reference.names, reference.values[nearest[same]])
    known = set(expert.marker_names) & set(markers.names)
    return both, expected, {name: weight for name, weight in weights.items() if name in known}


def _compare(errors: AngleErrors, skeleton: Skeleton, solution: IKSolution, reference: CoordinateTrajectories) -> None:
    _add(errors, skeleton, solution.coordinates, reference, left_out=set(solution.held))


def _add(
    errors: AngleErrors,
    skeleton: Skeleton,
    coordinates: CoordinateTrajectories,
    reference: CoordinateTrajectories,
    *,
    left_out: set[str],
) -> None:
    locked = {c.name for c in skeleton.coordinates if c.locked}
    rotational = skeleton.rotational_names - locked
    names = [n for n in coordinates.names if n in reference.names and n in rotational]
    truth = reference.select(names).values
    values = nearest_representation(skeleton, names, coordinates.select(names).values, truth)
    for column, name in enumerate(names):
        if not name.startswith("pelvis_") and name not in left_out:
            errors.add(name, np.degrees(values[:, column] - truth[:, column]))
