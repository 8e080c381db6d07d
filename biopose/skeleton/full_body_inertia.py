"""Mass, centre of mass and inertia of the default full-body skeleton's segments.

From de Leva 1996, "Adjustments to Zatsiorsky-Seluyanov's segment inertia parameters", J Biomech 29:1223, Table 4: the
mean of his women and men, because a squad is either, laid on this skeleton's own segment lengths. Rajagopal et al. 2016
gives the total mass and what de Leva does not have: the kneecap, the three bodies of the foot, the depth of the trunk.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from biopose.skeleton.full_body_parameters import (
    ANKLE_IN_TIBIA_M,
    ELBOW_IN_HUMERUS_M,
    HIP_IN_PELVIS_M,
    KNEE_IN_FEMUR_M,
    KNEE_IN_TIBIA_M,
    MTP_IN_CALCN_M,
    ORIGIN,
    SUBTALAR_IN_TALUS_M,
    WRIST_IN_RADIUS_M,
    Vector,
)

TOTAL_MASS_KG = 75.337  # Rajagopal


class SegmentInertia(NamedTuple):
    """A row of de Leva's Table 4, each entry (female, male), in per cent.

    Mass: of the body. Centre of mass: of the segment's length, from its first landmark. Radii of gyration: of the same
    length, about the sagittal (forward), transverse (sideways) and longitudinal axis through the centre of mass.
    """

    mass: tuple[float, float]
    centre: tuple[float, float]
    sagittal: tuple[float, float]
    transverse: tuple[float, float]
    longitudinal: tuple[float, float]


DE_LEVA_PERCENT = {
    # vertex to cervicale
    "head": SegmentInertia((6.68, 6.94), (48.41, 50.02), (27.1, 30.3), (29.5, 31.5), (26.1, 26.1)),
    # cervicale to xiphion
    "upper_trunk": SegmentInertia((15.45, 15.96), (50.50, 50.66), (46.6, 50.5), (31.4, 32.0), (44.9, 46.5)),
    # xiphion to omphalion
    "middle_trunk": SegmentInertia((14.65, 16.33), (45.12, 45.02), (43.3, 48.2), (35.4, 38.3), (41.5, 46.8)),
    # omphalion to the middle of the hip centres
    "lower_trunk": SegmentInertia((12.47, 11.17), (49.20, 61.15), (43.3, 61.5), (40.2, 55.1), (44.4, 58.7)),
    # joint centre to joint centre
    "upper_arm": SegmentInertia((2.55, 2.71), (57.54, 57.72), (27.8, 28.5), (26.0, 26.9), (14.8, 15.8)),
    "forearm": SegmentInertia((1.38, 1.62), (45.59, 45.74), (26.1, 27.6), (25.7, 26.5), (9.4, 12.1)),
    "thigh": SegmentInertia((14.78, 14.16), (36.12, 40.95), (36.9, 32.9), (36.4, 32.9), (16.2, 14.9)),
    "shank": SegmentInertia((4.81, 4.33), (43.52, 43.95), (26.7, 25.1), (26.3, 24.6), (9.2, 10.2)),
    # wrist centre to the head of the third metacarpal
    "hand": SegmentInertia((0.56, 0.61), (74.74, 79.00), (53.1, 62.8), (45.4, 51.3), (33.5, 40.1)),
    # heel to the tip of the longest toe
    "foot": SegmentInertia((1.29, 1.37), (40.14, 44.15), (29.9, 25.7), (27.9, 24.5), (13.9, 12.4)),
}

# De Leva's levels of the trunk on this skeleton. The mean of both sexes puts omphalion and xiphion at 26.8 % and 61.4 %
# of the way from the hip centres (y = -0.160 here) up to the cervicale; Rajagopal's sternum ends at 0.200.
TRUNK_LEVELS_M = {"cervicale": 0.416, "xiphion": 0.194, "omphalion": -0.005}


class SegmentSpan(NamedTuple):
    """Which row of de Leva a body takes, what share of its mass, and where the row's two landmarks lie on the body."""

    row: str
    share: float
    first_m: Vector
    last_m: Vector


# The trunk's and the head's centres keep Rajagopal's depth (x); the abdomen's, which he has not, is midway.
MIDLINE_SPANS = {
    "pelvis": SegmentSpan("lower_trunk", 1.0, (-0.0707, 0.0765, 0.0), (-0.0707, HIP_IN_PELVIS_M[1], 0.0)),
    "abdomen": SegmentSpan(
        *("middle_trunk", 1.0, (0.0, TRUNK_LEVELS_M["xiphion"], 0.0), (0.0, TRUNK_LEVELS_M["omphalion"], 0.0))
    ),
    "torso": SegmentSpan(
        *("upper_trunk", 1.0, (-0.03, TRUNK_LEVELS_M["cervicale"], 0.0), (-0.03, TRUNK_LEVELS_M["xiphion"], 0.0))
    ),
    "head": SegmentSpan("head", 1.0, (0.005, 0.658, 0.0), (0.005, TRUNK_LEVELS_M["cervicale"], 0.0)),
}
# Ulna and radius share the forearm in halves, as Rajagopal's do; both lie on its axis in supination.
RIGHT_SPANS = {
    "femur_r": SegmentSpan("thigh", 1.0, ORIGIN, KNEE_IN_FEMUR_M),
    "tibia_r": SegmentSpan("shank", 1.0, KNEE_IN_TIBIA_M, ANKLE_IN_TIBIA_M),
    "humerus_r": SegmentSpan("upper_arm", 1.0, ORIGIN, ELBOW_IN_HUMERUS_M),
    "ulna_r": SegmentSpan("forearm", 0.5, ORIGIN, (-0.015524, -0.248848, 0.039693)),
    "radius_r": SegmentSpan("forearm", 0.5, (0.006727, 0.013007, -0.026083), WRIST_IN_RADIUS_M),
    "hand_r": SegmentSpan("hand", 1.0, ORIGIN, (0.0, -0.082, 0.0)),
}
# The kneecap is taken out of the shank: mass (of the body), centre and radii of gyration are Rajagopal's.
PATELLA_MASS_FRACTION = 0.0862 / TOTAL_MASS_KG
PATELLA_CENTRE_M: Vector = (0.0018, 0.0264, 0.0)
PATELLA_GYRATION_M: Vector = (0.0058, 0.0123, 0.0123)
# The foot's three bodies share its mass as Rajagopal's do (0.1, 1.25, 0.2166 kg). Heel and toe tip in the frame of the
# calcaneus; centres of talus and toes are Rajagopal's, the calcaneus' follows from de Leva's centre of the whole foot.
FOOT_MASS_SHARES = {"talus_r": 0.1 / 1.5666, "calcn_r": 1.25 / 1.5666, "toes_r": 0.2166 / 1.5666}
HEEL_IN_CALCN_M: Vector = (-0.0200, 0.0200, 0.0)
TOE_TIP_IN_CALCN_M: Vector = (0.2640, 0.0200, 0.0)
TOES_CENTRE_M: Vector = (0.0346, 0.0060, -0.0175)


class MassProperties(NamedTuple):
    """A body's mass, its centre, and its moments of inertia about that centre along the body's axes."""

    mass_kg: float
    centre_m: Vector
    moments_kg_m2: Vector


def mass_properties() -> dict[str, MassProperties]:
    """Mass properties of the midline and right bodies; those of both sides together weigh ``TOTAL_MASS_KG``.

    Products of inertia are taken as zero: de Leva's principal axes are the body's axes.
    """
    properties = {body: _of_span(span) for body, span in (MIDLINE_SPANS | RIGHT_SPANS).items()}
    shank, patella_mass = properties["tibia_r"], PATELLA_MASS_FRACTION
    properties["tibia_r"] = _rescaled(shank, 1.0 - patella_mass / shank.mass_kg)
    properties["patella_r"] = MassProperties(
        patella_mass, PATELLA_CENTRE_M, _vector(patella_mass * np.square(PATELLA_GYRATION_M))
    )
    properties |= _foot()
    sides = {body: 2 if body.endswith("_r") else 1 for body in properties}
    whole = sum(sides[body] * part.mass_kg for body, part in properties.items())
    return {body: _rescaled(part, TOTAL_MASS_KG / whole) for body, part in properties.items()}


def _of_span(span: SegmentSpan) -> MassProperties:
    """Mass properties (of a body of 1 kg) from a row of the table: mass share, centre on the line, radii squared."""
    row = DE_LEVA_PERCENT[span.row]
    first, last = np.array(span.first_m), np.array(span.last_m)
    mass = span.share * _mean_fraction(row.mass)
    gyration_m = np.linalg.norm(last - first) * _gyration_fractions(row)
    return MassProperties(
        mass, _vector(first + _mean_fraction(row.centre) * (last - first)), _vector(mass * gyration_m**2)
    )


def _foot() -> dict[str, MassProperties]:
    """Talus, calcaneus and toes, which together have de Leva's mass, centre and inertia of the foot.

    The three share one set of radii of gyration: what the parallel axes leave of the whole foot's.
    """
    row = DE_LEVA_PERCENT["foot"]
    mass = _mean_fraction(row.mass)
    heel, toe_tip = np.array(HEEL_IN_CALCN_M), np.array(TOE_TIP_IN_CALCN_M)
    centre = heel + _mean_fraction(row.centre) * (toe_tip - heel)
    # In the frame of the calcaneus: talus and toes where Rajagopal has them, the calcaneus where the sum demands it.
    offsets = {"talus_r": -np.array(SUBTALAR_IN_TALUS_M), "calcn_r": np.zeros(3), "toes_r": np.array(MTP_IN_CALCN_M)}
    centres = {"talus_r": offsets["talus_r"], "toes_r": offsets["toes_r"] + np.array(TOES_CENTRE_M)}
    rest = centre - sum(FOOT_MASS_SHARES[body] * at for body, at in centres.items())
    centres["calcn_r"] = rest / FOOT_MASS_SHARES["calcn_r"]
    # The foot lies down: its longitudinal axis is x, and its sagittal one (forward on an upright segment) points down.
    sagittal, longitudinal, transverse = _gyration_fractions(row)
    whole = (np.linalg.norm(toe_tip - heel) * np.array([longitudinal, sagittal, transverse])) ** 2
    spread = sum(FOOT_MASS_SHARES[body] * _squared_distances(at - centre) for body, at in centres.items())
    squared_gyration_m2 = whole - spread
    return {
        body: MassProperties(
            share * mass, _vector(centres[body] - offsets[body]), _vector(share * mass * squared_gyration_m2)
        )
        for body, share in FOOT_MASS_SHARES.items()
    }


def _gyration_fractions(row: SegmentInertia) -> NDArray[np.float64]:
    """Radii of gyration (3,) of an upright segment, as fractions of its length, about x, y, z."""
    return np.array([_mean_fraction(r) for r in (row.sagittal, row.longitudinal, row.transverse)])


def _mean_fraction(female_male_percent: tuple[float, float]) -> float:
    return sum(female_male_percent) / 200.0


def _squared_distances(offset: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances (3,) of a point from the x, y and z axes."""
    return np.sum(offset**2) - offset**2


def _rescaled(part: MassProperties, factor: float) -> MassProperties:
    return MassProperties(part.mass_kg * factor, part.centre_m, _vector(np.array(part.moments_kg_m2) * factor))


def _vector(values: NDArray[np.float64]) -> Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z
