"""How people's segments differ from a model's: the prior knowledge that scaling adds to the markers.

The logarithm of a body's factor along an axis is a sum of independent normal terms: one for the whole person, one for
the segment, one for the segment along that axis, and one for the difference of left and right. Bodies that no landmark
distinguishes (both bones of the forearm, the parts of a foot) share their terms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from biopose.skeleton.model import Skeleton

# Standard deviations of log factors. ANSUR II (Gordon et al. 2014; 4,082 men, 1,986 women): lengths over stature vary
# by 2.8 to 4.6 % (trochanter and tibial height, upper arm, forearm, hand, foot), breadths by 4 to 8 % (biacromial,
# bicristal, hip, foot), so that a segment varies by about 3.5 % and each of its axes by 4 % more.
WHOLE_BODY_SD = 0.10
# A model's height is taken from its legs, which vary by 3 % in people of the same height.
WHOLE_BODY_SD_KNOWN_HEIGHT = 0.035
SEGMENT_SD = 0.035
AXIS_SD = 0.04
# Legs differ in length by 5 mm on average, 1 % of a femur or less (Knutson 2005, Chiropractic & Osteopathy 13:11).
SIDE_SD = 0.006

_SHARED = {"patella": "femur", "ulna": "forearm", "radius": "forearm", "talus": "foot", "calcn": "foot", "toes": "foot"}


@dataclass(frozen=True)
class ScalePrior:
    """log factors = design @ terms, terms being normal around `mean` with standard deviation `sd`.

    Attributes:
        design: (B * 3, T); ground's rows are zero, so its factors are 1.
        mean: (T,).
        sd: (T,).
    """

    design: NDArray[np.float64]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]

    def principal_components(self, *, least_sd: float) -> NDArray[np.float64]:
        """(B * 3, K) the principal components of the log factors, each times its standard deviation of at least this.

        Fewer than the terms, of which several change the same factors: a skeleton's factors are as likely either way.
        """
        components, sd, _ = np.linalg.svd(self.design * self.sd, full_matrices=False)
        return (components * sd)[:, sd >= least_sd]


def scale_prior(skeleton: Skeleton, *, height_ratio: float | None) -> ScalePrior:
    """The prior for a skeleton's bodies.

    Args:
        skeleton: bodies whose names end in _r and _l are the two sides of one segment.
        height_ratio: the person's height over the model's, if it is known.
    """
    columns: dict[tuple[str, str], tuple[int, float]] = {("person", ""): (0, WHOLE_BODY_SD)}
    if height_ratio is not None:
        columns["person", ""] = (0, WHOLE_BODY_SD_KNOWN_HEIGHT)
    entries: list[tuple[int, int, float]] = []

    def term(key: tuple[str, str], sd: float) -> int:
        return columns.setdefault(key, (len(columns), sd))[0]

    for body, name in enumerate(skeleton.body_names[1:], start=1):
        segment, side = _segment_and_side(name)
        for axis in range(3):
            row = 3 * body + axis
            entries += [(row, 0, 1.0), (row, term((segment, "size"), SEGMENT_SD), 1.0)]
            entries.append((row, term((segment, f"axis {axis}"), AXIS_SD), 1.0))
            if side:
                entries.append((row, term((segment, f"side {axis}"), SIDE_SD), side))
    design = np.zeros((3 * len(skeleton.bodies), len(columns)))
    for row, column, value in entries:
        design[row, column] = value
    mean = np.zeros(len(columns))
    mean[0] = 0.0 if height_ratio is None else np.log(height_ratio)
    return ScalePrior(design, mean, np.array([sd for _, sd in columns.values()]))


def _segment_and_side(body_name: str) -> tuple[str, float]:
    stem, _, suffix = body_name.rpartition("_")
    if suffix not in ("r", "l"):
        return body_name, 0.0
    return _SHARED.get(stem, stem), 1.0 if suffix == "r" else -1.0
