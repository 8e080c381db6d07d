"""Which tracklets are of the same person, known from both their ends: solved exactly, as an assignment."""

from __future__ import annotations

import numpy as np
import scipy

from biopose.perception import appearance
from biopose.tracking.assignment import least_cost_pairs
from biopose.tracking.interpolated_boxes import TOP_SPEED
from biopose.tracking.tracklets import DETECTION_SD, Tracklet

LONGEST_GAP_S = 6.0
LONGEST_BLIND_GAP_S = 1.5  # where the colours of the clothes are not known
SIZE_SD = 0.25  # of the logarithm of the body's length: crouching and being cut by the image's edge
LINK_GATE = 12.0
DIFFUSION = 6.0  # of people out of sight: behind others they turn, stop and set off
DRIFT_SD = 0.3  # body lengths in a second: how people's paths spread when they are out of sight ...
LONG_DRIFT_SD = 1.0  # ... and by how much more in each second after so long a gap that they may have turned back
APPEARANCE_SD = 0.15


def linked(tracklets: list[Tracklet]) -> list[list[Tracklet]]:
    """Chains of tracklets, each chain one person, in order of time."""
    ordered = sorted(tracklets, key=lambda t: (t.first.frame_index, t.last.frame_index))
    following = dict(_links(ordered))
    starts = set(range(len(ordered))) - set(following.values())
    chains = []
    for index in sorted(starts):
        chain = [index]
        while chain[-1] in following:
            chain.append(following[chain[-1]])
        chains.append([ordered[i] for i in chain])
    return chains


def _links(ordered: list[Tracklet]) -> list[tuple[int, int]]:
    """Pairs (earlier, later) of least total cost."""
    candidates = _candidates(ordered)
    if not candidates:
        return []
    count = len(ordered)
    before, after, costs = (np.array(column) for column in zip(*candidates, strict=True))
    graph = scipy.sparse.coo_array((np.ones(len(before)), (before, count + after)), shape=(2 * count, 2 * count))
    group = scipy.sparse.csgraph.connected_components(graph, directed=False)[1][before]
    links = []
    for label in np.unique(group):
        of_group = group == label
        rows, columns = np.unique(before[of_group]), np.unique(after[of_group])
        table = np.full((len(rows), len(columns)), LINK_GATE)
        table[np.searchsorted(rows, before[of_group]), np.searchsorted(columns, after[of_group])] = costs[of_group]
        for i, j in least_cost_pairs(table):
            if table[i, j] < LINK_GATE:
                links.append((int(rows[i]), int(columns[j])))
    return links


def _candidates(ordered: list[Tracklet]) -> list[tuple[int, int, float]]:
    """Every (earlier, later, cost) that is possible at all."""
    found = []
    starts_s = np.array([t.first.time_s for t in ordered])
    for i, earlier in enumerate(ordered):
        end_s = earlier.last.time_s
        for j in range(*np.searchsorted(starts_s, (np.nextafter(end_s, np.inf), end_s + LONGEST_GAP_S))):
            cost = _cost(earlier, ordered[j])
            if cost < LINK_GATE:
                found.append((i, j, cost))
    return found


def _cost(earlier: Tracklet, later: Tracklet) -> float:
    """How unlikely it is that the later tracklet continues the earlier: motion from both ends, size and colours."""
    gap_s = later.first.time_s - earlier.last.time_s
    size_px = (earlier.size_px + later.first.size_px) / 2
    colours = _colours(earlier, later)
    distance = float(np.linalg.norm(later.first.centre_px - earlier.last.centre_px)) / size_px
    if (colours is None and gap_s > LONGEST_BLIND_GAP_S) or distance > 1 + TOP_SPEED * gap_s:
        return np.inf
    resized = np.log(later.first.size_px / earlier.size_px) / SIZE_SD
    return _motion(earlier, later, gap_s=gap_s, size_px=size_px) + 0.5 * resized**2 + (colours or 0.0)


def _motion(earlier: Tracklet, later: Tracklet, *, gap_s: float, size_px: float) -> float:
    """Both ends, carried to the middle of the gap, should meet at one velocity; a long gap determines less."""
    half_s = min(gap_s, LONGEST_BLIND_GAP_S) / 2
    forward = earlier.motion.after(half_s, diffusion=DIFFUSION * earlier.size_px**2)
    backward = later.start_motion().after(half_s, diffusion=DIFFUSION * later.first.size_px**2)
    noise = 2 * (DETECTION_SD * size_px) ** 2
    drift = (DRIFT_SD * gap_s + LONG_DRIFT_SD * max(0.0, gap_s - LONGEST_BLIND_GAP_S)) * size_px
    variance = float(forward.position_variance + backward.position_variance) + noise + drift**2
    distance = float(((forward.position - backward.position) ** 2).sum()) / variance
    velocity_variance = float(forward.velocity_variance + backward.velocity_variance)
    faster = float(((forward.velocity + backward.velocity) ** 2).sum()) / velocity_variance
    return 0.5 * (distance + faster) + 0.5 * float(np.log(variance / noise))


def _colours(earlier: Tracklet, later: Tracklet) -> float | None:
    if earlier.appearance is None or later.start_appearance is None:
        return None
    distance = appearance.distance(earlier.appearance, later.start_appearance) / APPEARANCE_SD
    return 0.5 * distance**2
