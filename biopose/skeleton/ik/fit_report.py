"""What does not fit in a marker recording, as lines and for JSON: frames, markers, millimetres."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biopose.skeleton.angles import nearest_representation
from biopose.skeleton.ik.branches import Jump
from biopose.skeleton.ik.inverse_kinematics import IKSolution
from biopose.skeleton.ik.marker_faults import MarkerFault, ranges_of
from biopose.skeleton.model import Skeleton

# OpenSim's guidance (Simulation with OpenSim - Best Practices) is an RMS below 20 mm and no error above 40 mm.
POOR_FIT_MM = 40.0
HANDEDNESS = {
    "sides exchanged": "left and right are exchanged in the markers' names (or the recording is mirrored): with the "
    "names of both sides exchanged",
    "mirrored": "the recording is mirrored (or left and right are exchanged in the markers' names): with z reversed",
}
FAR_MM = 40.0  # OpenSim's guidance for a single marker (Simulation with OpenSim - Best Practices)
# In the median: farther than people's angles differ in a posture. Keypoints of a foot tell subtalar angles to 16
# degrees, markers of a forearm its rotation to 23.
POORLY_DETERMINED_DEG = 15.0
LIKE_A_GAP = 2  # frames
STRETCHES_LISTED, MARKERS_LISTED, JUMPS_LISTED, COORDINATES_LISTED = 6, 6, 6, 6
AWAY_DEG = 1.0  # from the best fit, which is named


def doubt_lines(rms_mm: float, handedness: Mapping[str, Any] | None, *, lies_on_its_side: bool) -> list[str]:
    """A line for each doubt about a whole fit.

    Args:
        rms_mm: mean marker error.
        handedness: kind and rms_mm, as `examined_handedness` gives it.
        lies_on_its_side: most of the time.
    """
    lines = []
    if rms_mm > POOR_FIT_MM:
        lines.append(
            f"POOR FIT: above {POOR_FIT_MM:.0f} mm; is the model scaled to this person, its markers theirs, and "
            "the recording not mirrored?"
        )
    if handedness:
        left = f"{handedness['rms_mm']:.0f} mm instead of {rms_mm:.0f} mm"
        lines.append(f"LEFT AND RIGHT: {HANDEDNESS[handedness['kind']]}, {left} are left; nothing was changed")
    return lines + lying_lines(lies_on_its_side)


def lying_lines(on_its_side: bool) -> list[str]:
    """What to do where a model lies on its side most of the time."""
    if not on_its_side:
        return []
    return [
        "LYING: the model lies on its side most of the time; if the person stood, the recording's vertical axis is not "
        "y: name it with --up"
    ]


def faults_as_dicts(faults: Iterable[MarkerFault]) -> list[dict[str, Any]]:
    """For JSON, in order of time."""
    return [
        {
            "kind": fault.kind,
            "markers": list(fault.markers),
            "frames": [list(stretch) for stretch in fault.ranges],
            "error_mm": round(1e3 * fault.error_m, 1),
            "lies_at": fault.lies_at,
        }
        for fault in sorted(faults, key=lambda fault: fault.ranges)
    ]


def fault_lines(faults: Sequence[dict[str, Any]], *, outliers: str) -> list[str]:
    """A line for each fault, and where frames are counted from."""
    lines = [_fault_line(fault, outliers=outliers) for fault in faults]
    return [*lines, "frames are counted from 0"] if lines else []


def _fault_line(fault: dict[str, Any], *, outliers: str) -> str:
    where, off = frames_text(fault["frames"]), f"{fault['error_mm']:.0f} mm"
    names, kept = " and ".join(fault["markers"]), outliers == "kept"
    if fault["kind"] == "exchanged":
        verb = "are exchanged" if len(fault["markers"]) == 2 else "are exchanged in a circle"
        return f"EXCHANGED: {names} {verb} in {where} (up to {off} off); " + (
            "kept as recorded" if kept else "exchanged back there"
        )
    if fault["kind"] == "unexplained":
        return f"POOR FIT in {where}: up to {off} RMS, which no few markers explain; do not trust these frames"
    place = f", in the place of {fault['lies_at']}, which is missing" if fault["lies_at"] else ""
    done = "kept as recorded" if kept else "left out there"
    return f"OUTLYING: {', '.join(fault['markers'])} in {where} (up to {off} off{place}); {done}"


def calls_for_a_look(faults: Iterable[dict[str, Any]]) -> bool:
    """Whether there is more than markers left out for a frame or two, which are like gaps."""
    return any(
        fault["kind"] != "outlying" or any(last - first >= LIKE_A_GAP for first, last in fault["frames"])
        for fault in faults
    )


def error_without_faults_m(solution: IKSolution) -> NDArray[np.float64]:
    """(F, M) marker errors, NaN where a marker is outlying or exchanged."""
    error_m = solution.marker_error_m.copy()
    for fault in solution.faults:
        columns = [solution.marker_names.index(name) for name in fault.markers]
        for first, last in fault.ranges:
            error_m[first : last + 1, columns] = np.nan
    return error_m


def markers_far(solution: IKSolution) -> dict[str, dict[str, Any]]:
    """Markers above FAR_MM, and where, apart from those that are a fault there."""
    far = np.nan_to_num(1e3 * error_without_faults_m(solution)) > FAR_MM
    return {
        solution.marker_names[m]: {
            "frames": [list(stretch) for stretch in ranges_of(far[:, m])],
            "max_mm": round(1e3 * float(solution.marker_error_m[far[:, m], m].max()), 1),
        }
        for m in np.flatnonzero(far.any(axis=0))
    }


def far_line(far: dict[str, dict[str, Any]]) -> list[str]:
    """One line, the furthest first."""
    if not far:
        return []
    names = sorted(far, key=lambda name: -far[name]["max_mm"])
    parts = [f"{n} in {frames_text(far[n]['frames'])} (up to {far[n]['max_mm']:.0f} mm)" for n in names]
    rest = [f"and {len(parts) - MARKERS_LISTED} more markers"] if len(parts) > MARKERS_LISTED else []
    return [f"above {FAR_MM:.0f} mm, OpenSim's limit for a marker: {'; '.join([*parts[:MARKERS_LISTED], *rest])}"]


def poorly_determined(skeleton: Skeleton, solution: IKSolution) -> dict[str, float]:
    """Median standard deviations above POORLY_DETERMINED_DEG, degrees, by angle; none where none is known.

    Args:
        skeleton: of the solution.
        solution: with coordinate_sd.
    """
    if solution.coordinate_sd is None or not solution.solved.any():
        return {}
    sd_deg = np.degrees(np.median(solution.coordinate_sd[solution.solved], axis=0))
    by_name = zip(solution.coordinates.names, sd_deg.tolist(), strict=True)
    return {
        name: round(sd, 1) for name, sd in by_name if name in skeleton.rotational_names and sd > POORLY_DETERMINED_DEG
    }


def poorly_determined_line(sd_deg: Mapping[str, float]) -> list[str]:
    """One line; none where there is none."""
    named = ", ".join(f"{name} {sd:.0f}" for name, sd in sd_deg.items())
    return [f"poorly determined, standard deviation in degrees in the median: {named}"] if named else []


def away_from_best_fit(skeleton: Skeleton, found: IKSolution, best: IKSolution) -> dict[str, float]:
    """By coordinate, the furthest first, how far a solution is at most from a better one of the same markers, degrees.

    Args:
        skeleton: of both.
        found: the solution.
        best: that of the least squares; only frames count in which its marker error is less.
    """
    names = [name for name in found.coordinates.names if name in skeleton.rotational_names]
    better = np.flatnonzero(best.rms_m < found.rms_m)
    values, expected = (one.coordinates.select(names).values[better] for one in (found, best))
    expected = np.where(np.isnan(expected), values, expected)  # what is not determined is not better either
    off_rad = np.abs(nearest_representation(skeleton, names, values, expected) - expected)
    most = dict(zip(names, np.degrees(off_rad).max(axis=0, initial=0.0).tolist(), strict=True))
    far = {name: round(degrees, 1) for name, degrees in most.items() if degrees > AWAY_DEG}
    return dict(sorted(far.items(), key=lambda pair: -pair[1]))


def away_line(away: Mapping[str, float]) -> list[str]:
    """One line, the furthest first."""
    if not away:
        return []
    listed = ", ".join(f"{name} {degrees:.0f}" for name, degrees in list(away.items())[:COORDINATES_LISTED])
    rest = f" and {len(away) - COORDINATES_LISTED} more" if len(away) > COORDINATES_LISTED else ""
    return [
        f"NOT THE BEST FIT: OpenSim's solver stops before it, by up to so many degrees: {listed}{rest}; "
        "--solver biopose reaches it"
    ]


def jumps_as_dicts(jumps: Iterable[Jump]) -> list[dict[str, Any]]:
    """For JSON: the frames before and after, degrees by coordinate, and the markers' largest step."""
    return [
        {
            "frames": [jump.frame, jump.frame + 1],
            "degrees": {name: round(float(np.degrees(step)), 1) for name, step in jump.steps.items()},
            "markers_mm": round(1e3 * jump.markers_m, 1),
        }
        for jump in jumps
    ]


def jump_lines(jumps: Sequence[dict[str, Any]]) -> list[str]:
    """A line for each of the first jumps, and how many more there are."""
    lines = [
        f"JUMP from frame {jump['frames'][0]} to {jump['frames'][1]}: "
        + (", ".join(f"{name} by {abs(step):.0f} degrees" for name, step in jump["degrees"].items()) or "a joint")
        + f", while no marker beyond moves by more than {jump['markers_mm']:.0f} mm; two postures fit these markers"
        for jump in jumps[:JUMPS_LISTED]
    ]
    rest = [f"JUMP: {len(jumps) - JUMPS_LISTED} more"] if len(jumps) > JUMPS_LISTED else []
    return lines + rest


def frames_text(ranges: Sequence[Sequence[int]]) -> str:
    """``frame 3``, ``frames 3 to 12 and 20``."""
    listed = [str(first) if first == last else f"{first} to {last}" for first, last in ranges[:STRETCHES_LISTED]]
    rest = len(ranges) - STRETCHES_LISTED
    if rest > 0:
        count = sum(last - first + 1 for first, last in ranges)
        return f"{count} frames ({', '.join(listed)} and {rest} more stretches)"
    word = "frame" if len(ranges) == 1 and ranges[0][0] == ranges[0][1] else "frames"
    return f"{word} {', '.join(listed[:-1])} and {listed[-1]}" if len(listed) > 1 else f"{word} {listed[0]}"
