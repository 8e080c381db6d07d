"""Metrics of jumps: flight time, heights, the countermovement, the knee after landing, a drop jump's contact."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from biopose.analysis.body_points import SIDES
from biopose.analysis.definitions import metric, unknown_metric
from biopose.analysis.derivatives import crossing_s, derivative, vertex_s, vertex_sd_s
from biopose.analysis.events import LEVEL_M, LOWEST_WITHIN_S
from biopose.analysis.extremes import Curve, peak
from biopose.analysis.flights import Flight, Flights
from biopose.analysis.foot_clearance import evidence_of
from biopose.analysis.free_fall import GRAVITY_M_S2, FreeFall
from biopose.analysis.motion import Motion
from biopose.analysis.sampled_extremes import SMOOTH_S
from biopose.analysis.tables import Event, Metric

LANDING_S = 1.0
HEIGHTS = ("jump_height", "jump_height_flight", "jump_height_com", "jump_height_difference")
NEED_WORLD = ("jump_count", "flight_time", *HEIGHTS)
# Of the height by flight time, since the centre of mass is not as high at landing as at take-off: a jumper bends the
# legs (Aragon-Vargas 2000, Meas Phys Educ Exerc Sci 4:215; Moir 2008, ibid. 12:207).
POSTURE_SD_M = 0.015


COUNTERMOVEMENT = (
    "countermovement_depth",
    "countermovement_time",
    "unweighting_time",
    "braking_time",
    "propulsion_time",
    "time_to_take_off",
    "reactive_strength_index_modified",
)
SINKS_M_S = 0.1  # of the centre of mass as the countermovement begins
SPEED_WINDOW_S = 0.05
DESCENT_S = 2.0  # before the lowest point, in which the countermovement begins
NO_COUNTERMOVEMENT = "Before the take-off, within the recording, no standing still and sinking from there was found."

NO_JUMP = "No flight of both feet that begins and ends within the recording, on one level, was found."


def jump_metrics(motion: Motion, events: Sequence[Event], search: Flights, *, activity: str) -> Iterator[Metric]:
    """Metrics of the longest jump that ends where it began; null with the reason where there is none to be measured.

    They are null, too, where somebody surely falls freely for longer, of which take-off or landing is not known.

    Args:
        motion: the trial.
        events: all of them, in order.
        search: its flights.
        activity: countermovement_jump, drop_jump or other.
    """
    own = {
        "drop_jump": ("contact_time", "reactive_strength_index"),
        "countermovement_jump": COUNTERMOVEMENT,
    }.get(activity, ())
    if motion.world_unknown:
        names = (*NEED_WORLD, *own)
        yield from (unknown_metric(name, reason=motion.world_unknown) for name in names)
        return
    flights = search.found
    jumps = [flight for flight in flights if abs(flight.level_change_m) <= LEVEL_M]
    if search.refused:
        yield unknown_metric("jump_count", reason=" ".join(search.refused))
    else:
        yield metric("jump_count", len(jumps))
    longest_s = max((jump.duration_s for jump in jumps), default=0.0)
    # A drop from a box, of which the rebound is measured, falls longer than the jump.
    unknown = [span for span in search.in_air_s if span[1] - span[0] > longest_s and activity != "drop_jump"]
    if unknown or not jumps:
        reason = " ".join(search.refused) or NO_JUMP
        names = ("flight_time", *HEIGHTS, *(COUNTERMOVEMENT if activity == "countermovement_jump" else ()))
        yield from (unknown_metric(name, reason=reason) for name in names)
        return
    jump = max(jumps, key=lambda flight: flight.duration_s)
    yield metric("flight_time", jump.duration_s, sd=jump.fall.duration_sd_s)
    yield from jump_heights(jump.fall)
    earlier = [flight for flight in flights if flight.landing_s < jump.take_off_s]
    if activity == "drop_jump" and earlier:
        yield from contact_metrics(earlier[-1], jump)
    if activity == "countermovement_jump":
        yield from countermovement_metrics(motion, events, jump)
    yield from landing_peaks(motion, jump, flights)


def countermovement_metrics(motion: Motion, events: Sequence[Event], jump: Flight) -> Iterator[Metric]:
    """Depth and phases of the countermovement before a jump, and the modified reactive strength index.

    It begins where the centre of mass, after it last stood still or rose, begins to sink faster than SINKS_M_S. Null
    with the reason where that, or the lowest point, is not in the recording or where markers are missing.

    Args:
        motion: the trial.
        events: all of them.
        jump: of it.
    """
    before = [e for e in events if e.event == "lowest_point" and 0 <= jump.take_off_s - e.time_s <= LOWEST_WITHIN_S]
    descent = _descent_s(motion, before[-1].time_s, noise_m=jump.fall.noise_m) if before else None
    if descent is None:
        yield from (unknown_metric(name, reason=NO_COUNTERMOVEMENT) for name in COUNTERMOVEMENT)
        return
    (begins_s, begins_sd_s), (fastest_s, fastest_sd_s) = descent
    lowest_s, take_off_s = before[-1].time_s, jump.take_off_s
    if gaps := motion.body_undetermined[(motion.time_s >= begins_s) & (motion.time_s <= take_off_s)].sum():
        reason = f"Not determined in {gaps} frames between its beginning and take-off: {motion.gaps_cause}."
        yield from (unknown_metric(name, reason=reason) for name in COUNTERMOVEMENT)
        return
    heights_m = np.interp([begins_s, lowest_s], motion.time_s, motion.center_of_mass_m[:, 1])
    depth_m = float(heights_m[0] - heights_m[1])
    scale_sd = evidence_of(motion).heights.scale_sd
    depth_parts = (np.sqrt(2) * jump.fall.noise_m, SINKS_M_S * begins_sd_s, scale_sd * depth_m)
    yield metric("countermovement_depth", depth_m, sd=float(np.linalg.norm(depth_parts)))
    lowest_sd_s, take_off_sd_s = before[-1].sd_s or 0.0, jump.fall.take_off_sd_s
    yield metric("countermovement_time", lowest_s - begins_s, sd=np.hypot(begins_sd_s, lowest_sd_s))
    yield metric("unweighting_time", fastest_s - begins_s, sd=np.hypot(begins_sd_s, fastest_sd_s))
    yield metric("braking_time", lowest_s - fastest_s, sd=np.hypot(fastest_sd_s, lowest_sd_s))
    yield metric("propulsion_time", take_off_s - lowest_s, sd=np.hypot(lowest_sd_s, take_off_sd_s))
    yield metric("time_to_take_off", take_off_s - begins_s, sd=np.hypot(begins_sd_s, take_off_sd_s))
    yield _modified_index(jump.fall, take_off_s - begins_s, begins_sd_s)


def _modified_index(fall: FreeFall, time_s: float, begins_sd_s: float) -> Metric:
    """An error of the take-off lengthens the time to it and shortens the flight, or the other way round."""
    index = GRAVITY_M_S2 * fall.duration_s**2 / 8 / time_s
    slope = GRAVITY_M_S2 * fall.duration_s / 4
    slopes = np.array([index, -slope - index, slope]) / time_s  # by beginning, take-off, landing
    sd = np.linalg.norm(slopes * [begins_sd_s, fall.take_off_sd_s, fall.landing_sd_s])
    return metric("reactive_strength_index_modified", index, sd=float(sd))


def _descent_s(
    motion: Motion, lowest_s: float, *, noise_m: float
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """When the centre of mass begins to sink towards its lowest point, and when it sinks fastest.

    Each with its standard deviation. Where it sinks fastest, the ground's force is the body's weight again (McMahon et
    al. 2018). The speed of an error of the height that is smooth over SMOOTH_S has the standard deviation noise_m /
    SMOOTH_S.
    """
    time_s = motion.time_s
    within = np.flatnonzero((time_s >= lowest_s - DESCENT_S) & (time_s <= lowest_s))
    rising_m_s = derivative(motion.center_of_mass_m[:, 1], time_s, order=1, degree=2, half_window_s=SPEED_WINDOW_S)
    fastest = int(within[rising_m_s[within].argmin()])
    slow = within[(rising_m_s[within] > -SINKS_M_S) & (within < fastest)]
    if not len(slow):
        return None
    frame = int(slow[-1]) + 1
    acceleration = (rising_m_s[frame] - rising_m_s[frame - 1]) / (time_s[frame] - time_s[frame - 1])
    sd_s = min(noise_m / SMOOTH_S / abs(acceleration), SPEED_WINDOW_S)
    begins_s = crossing_s(rising_m_s, time_s, -SINKS_M_S, frame=frame)
    fastest_sd_s = vertex_sd_s(rising_m_s, time_s, fastest, least_noise=noise_m / SMOOTH_S)
    return (
        (begins_s, float(np.hypot(sd_s, motion.interval_s / np.sqrt(12)))),
        (vertex_s(rising_m_s, time_s, fastest), fastest_sd_s),
    )


def contact_metrics(drop: Flight, jump: Flight) -> Iterator[Metric]:
    """The contact between a drop off a box and the jump after it, and the reactive strength index.

    An error of the take-off lengthens the contact and shortens the flight, or the other way round.
    """
    contact_s, flight_s = jump.take_off_s - drop.landing_s, jump.duration_s
    sds_s = np.array([drop.fall.landing_sd_s, jump.fall.take_off_sd_s, jump.fall.landing_sd_s])
    yield metric("contact_time", contact_s, sd=np.hypot(*sds_s[:2]))
    height_m, slope = GRAVITY_M_S2 * flight_s**2 / 8, GRAVITY_M_S2 * flight_s / 4
    index = height_m / contact_s
    slopes = np.array([index, -slope - index, slope]) / contact_s  # by landing off the box, take-off, landing
    yield metric("reactive_strength_index", index, sd=float(np.linalg.norm(slopes * sds_s)))


def jump_heights(fall: FreeFall) -> Iterator[Metric]:
    """The height by flight time, by the centre of mass's rise, of both together, and their difference.

    Deviations follow from those of take-off, landing and apex; the take-off's error moves both heights the same way.
    """
    rising_s = max(fall.peak_s - fall.take_off_s, 0.0)
    heights_m = np.array([GRAVITY_M_S2 * fall.duration_s**2 / 8, fall.rise_m])
    slopes = GRAVITY_M_S2 * np.array(  # of each height by take-off, landing and apex
        [[-fall.duration_s / 4, fall.duration_s / 4, 0.0], [-rising_s, 0.0, rising_s]]
    )
    scaled = slopes * [fall.take_off_sd_s, fall.landing_sd_s, fall.peak_sd_s]
    difference_sd_m = float(np.linalg.norm(scaled[1] - scaled[0]))
    covariance = scaled @ scaled.T + np.diag([POSTURE_SD_M**2, 0.0])
    disagreement = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    share = np.clip((covariance[1, 1] - covariance[0, 1]) / disagreement, 0, 1)  # of the flight time's height
    weights = np.array([share, 1 - share])
    difference_m = float(heights_m[1] - heights_m[0])
    unexplained = max(1.0, abs(difference_m) / np.sqrt(disagreement))  # Birge 1932, Phys Rev 40:207
    yield metric("jump_height", weights @ heights_m, sd=np.sqrt(weights @ covariance @ weights) * unexplained)
    yield metric("jump_height_flight", heights_m[0], sd=float(np.linalg.norm(scaled[0])))
    yield metric("jump_height_com", heights_m[1], sd=float(np.linalg.norm(scaled[1])))
    yield metric("jump_height_difference", difference_m, sd=difference_sd_m)


def landing_peaks(motion: Motion, jump: Flight, flights: Sequence[Flight]) -> Iterator[Metric]:
    """The greatest knee flexion of each side after a jump's landing.

    Args:
        motion: the trial.
        jump: of it.
        flights: all of them.
    """
    end_s = min([jump.landing_s + LANDING_S, *(f.take_off_s for f in flights if f.take_off_s > jump.landing_s)])
    frames = (motion.time_s >= jump.landing_s) & (motion.time_s <= end_s)
    for side in SIDES:
        knee = Curve.of(motion, (f"knee_angle_{side[0]}",))
        yield from peak(motion, frames, "knee_flexion_landing_peak", knee, side=side)
