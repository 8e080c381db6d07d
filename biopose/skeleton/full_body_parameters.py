"""Figures of the default full-body skeleton: published numbers only, no code that uses them.

Frames are OpenSim's: x forward, y up, z right, metres, radians unless a name says degrees. Only the right side and the
midline are listed; ``full_body`` mirrors the right side through the sagittal plane (z -> -z). The trunk above the
lumbar joint is given in Rajagopal's torso frame, whose origin is that joint.

Sources, by the short names used below:

- *Rajagopal*: Rajagopal et al. 2016, IEEE Trans Biomed Eng 63(10):2068, as in its published model file of 2015.
- *Lai*: Lai, Arnold and Wakeling 2017, Ann Biomed Eng 45:2762 (hip flexion to 120, knee flexion to 140 degrees).
- *Lab*: the model of the reference recordings (LaiArnoldModified2017, arms added), its marker set and ranges.
- *SKEL*: the 105 skin markers that pose2sim 0.10.49 ships for a Rajagopal-type skeleton.
- *bone*: the prominence of Rajagopal's bone geometry, moved outward by the 8 to 16 mm of skin over it.
- *AAOS*: American Academy of Orthopaedic Surgeons, normal ranges, as tabulated by Norkin and White, Measurement of
  Joint Motion. *Boone*: Boone and Azen 1979, J Bone Joint Surg 61-A:756.
"""

from dataclasses import dataclass
from math import pi
from typing import Literal, NamedTuple

Vector = tuple[float, float, float]
X: Vector = (1.0, 0.0, 0.0)
Y: Vector = (0.0, 1.0, 0.0)
Z: Vector = (0.0, 0.0, 1.0)
ORIGIN: Vector = (0.0, 0.0, 0.0)

GRAVITY_M_S2: Vector = (0.0, -9.80665, 0.0)


class Motion(NamedTuple):
    """One axis of a custom joint: ``scale * coordinate`` along it, or a natural cubic spline, or a constant."""

    axis: Vector
    coordinate: str = ""
    spline: tuple[float, ...] = ()
    constant: float = 0.0


@dataclass(frozen=True)
class JointParameters:
    """A joint: where its frame lies on both bodies, and how it moves. Both frames have the same orientation.

    A pin turns about its z axis by ``coordinate``; a custom joint turns about the three ``rotations`` in turn.
    """

    name: str
    kind: Literal["custom", "pin", "weld"]
    parent: str
    child: str
    location_in_parent_m: Vector
    location_in_child_m: Vector = ORIGIN
    orientation_rad: Vector = ORIGIN  # body-fixed x, y, z
    rotations: tuple[Motion, ...] = ()
    translations: tuple[Motion, ...] = (Motion(X), Motion(Y), Motion(Z))
    coordinate: str = ""


class Range(NamedTuple):
    """Range of a coordinate in degrees, or metres for a translation."""

    low: float
    high: float
    clamped: bool = True
    default: float = 0.0


# Knots of the knee's and the kneecap's splines, every 10 degrees of flexion from 0 to 120 (Rajagopal, after Walker et
# al. 1988 and Arnold et al. 2010). OpenSim continues a spline in a straight line, which carries them to 140 degrees:
# at most 0.2 degrees and 0.4 mm further at the knee.
SPLINE_KNOTS_RAD = (
    *(0.0, 0.174533, 0.349066, 0.523599, 0.698132, 0.872665, 1.0472),
    *(1.22173, 1.39626, 1.5708, 1.74533, 1.91986, 2.0944),
)
KNEE_ADDUCTION_RAD = (
    *(0.0, 0.0126809, 0.0226969, 0.0296054, 0.0332049, 0.0335354, 0.0308779),
    *(0.0257548, 0.0189295, 0.011407, 0.00443314, -0.00050475, -0.0016782),
)
KNEE_ROTATION_RAD = (
    *(0.0, 0.059461, 0.109399, 0.150618, 0.18392, 0.210107, 0.229983),
    *(0.24435, 0.254012, 0.25977, 0.262428, 0.262788, 0.261654),
)
KNEE_Y_M = (
    *(0.0, 0.000479, 0.000835, 0.001086, 0.001251, 0.001346, 0.001391),
    *(0.001403, 0.0014, 0.0014, 0.001421, 0.001481, 0.001599),
)
KNEE_Z_M = (
    *(0.0, 0.000988, 0.001899, 0.002734, 0.003492, 0.004173, 0.004777),
    *(0.005305, 0.005756, 0.00613, 0.006427, 0.006648, 0.006792),
)
PATELLA_TILT_RAD = (
    *(0.00113686, -0.00629212, -0.105582, -0.253683, -0.414245, -0.579047, -0.747244),
    *(-0.91799, -1.09044, -1.26379, -1.43763, -1.61186, -1.78634),
)
PATELLA_X_M = (
    *(0.0524, 0.0488, 0.0437, 0.0371, 0.0296, 0.0216, 0.0136),
    *(0.0057, -0.0019, -0.0088, -0.0148, -0.0196, -0.0227),
)
PATELLA_Y_M = (
    *(-0.0108, -0.019, -0.0263, -0.0322, -0.0367, -0.0395, -0.0408),
    *(-0.0404, -0.0384, -0.0349, -0.0301, -0.0245, -0.0187),
)

HIP_IN_PELVIS_M: Vector = (-0.056276, -0.07849, 0.07726)
LUMBAR_IN_PELVIS_M: Vector = (-0.1007, 0.0815, 0.0)
KNEE_IN_FEMUR_M: Vector = (-0.00809, -0.40796, -0.00275)
KNEE_IN_TIBIA_M: Vector = (-0.00808954, -0.0035348, -0.00148474)
ANKLE_IN_TIBIA_M: Vector = (-0.01, -0.4, 0.0)
SUBTALAR_IN_TALUS_M: Vector = (-0.04877, -0.04195, 0.00792)
MTP_IN_CALCN_M: Vector = (0.1788, -0.002, 0.00108)
ELBOW_IN_HUMERUS_M: Vector = (0.013144, -0.286273, -0.009595)
RADIUS_IN_ULNA_M: Vector = (-0.006727, -0.013007, 0.026083)
WRIST_IN_RADIUS_M: Vector = (-0.008797, -0.235841, 0.01361)
# The weld between abdomen and thorax: the T12/L1 disc of Rajagopal's spine geometry. That is 72 % of the way up de
# Leva's middle trunk, from the omphalion (-0.005 m) to the xiphion (0.194 m); see TRUNK_LEVELS_M.
TORSO_IN_ABDOMEN_M: Vector = (0.0, 0.139, 0.0)
NECK_IN_RAJAGOPAL_TORSO_M: Vector = (-0.018, 0.403, 0.0)  # the C7/T1 disc of the same geometry
SHOULDER_IN_RAJAGOPAL_TORSO_M: Vector = (0.003155, 0.3715, 0.17)
# Where the frames of torso and head start in Rajagopal's torso frame, in which everything on them is given.
FRAME_ORIGINS_M = {"torso": TORSO_IN_ABDOMEN_M, "head": NECK_IN_RAJAGOPAL_TORSO_M}

# Places, axes and signs: Rajagopal; the neck's axes and signs: pose2sim's Model_Pose2Sim_simple. Positive about z is
# extension in the trunk and the neck (for all its name, neck_flexion too), flexion in hip, shoulder, elbow and wrist.
PELVIS_JOINTS = (
    JointParameters(
        *("ground_pelvis", "custom", "ground", "pelvis", ORIGIN),
        rotations=(Motion(Z, "pelvis_tilt"), Motion(X, "pelvis_list"), Motion(Y, "pelvis_rotation")),
        translations=(Motion(X, "pelvis_tx"), Motion(Y, "pelvis_ty"), Motion(Z, "pelvis_tz")),
    ),
)
RIGHT_LEG_JOINTS = (
    JointParameters(
        *("hip_r", "custom", "pelvis", "femur_r", HIP_IN_PELVIS_M),
        rotations=(Motion(Z, "hip_flexion_r"), Motion(X, "hip_adduction_r"), Motion(Y, "hip_rotation_r")),
    ),
    JointParameters(
        *("walker_knee_r", "custom", "femur_r", "tibia_r", KNEE_IN_FEMUR_M, KNEE_IN_TIBIA_M),
        orientation_rad=(-1.64156849, 1.4461808, 1.57079633),
        rotations=(
            Motion(X, "knee_angle_r"),
            Motion(Z, "knee_angle_r", KNEE_ADDUCTION_RAD),
            Motion(Y, "knee_angle_r", KNEE_ROTATION_RAD),
        ),
        translations=(Motion(Y, "knee_angle_r", KNEE_Y_M), Motion(Z, "knee_angle_r", KNEE_Z_M), Motion(X)),
    ),
    JointParameters(
        *("patellofemoral_r", "custom", "femur_r", "patella_r", KNEE_IN_FEMUR_M),
        rotations=(Motion(Z, "knee_angle_r_beta", PATELLA_TILT_RAD), Motion(Y), Motion(X)),
        translations=(
            Motion(X, "knee_angle_r_beta", PATELLA_X_M),
            Motion(Y, "knee_angle_r_beta", PATELLA_Y_M),
            Motion(Z, constant=0.00275),
        ),
    ),
    JointParameters(
        *("ankle_r", "pin", "tibia_r", "talus_r", ANKLE_IN_TIBIA_M),
        orientation_rad=(0.17589522912764, -0.10520801930018, 0.0186621863143491),
        coordinate="ankle_angle_r",
    ),
    JointParameters(
        *("subtalar_r", "pin", "talus_r", "calcn_r", SUBTALAR_IN_TALUS_M),
        orientation_rad=(-1.76819124429091, 0.906223037055776, 1.81960249671312),
        coordinate="subtalar_angle_r",
    ),
    JointParameters(
        *("mtp_r", "pin", "calcn_r", "toes_r", MTP_IN_CALCN_M),
        orientation_rad=(-pi, 0.619900514052744, 0.0),
        coordinate="mtp_angle_r",
    ),
)
TRUNK_JOINTS = (
    JointParameters(
        *("back", "custom", "pelvis", "abdomen", LUMBAR_IN_PELVIS_M),
        rotations=(Motion(Z, "lumbar_extension"), Motion(X, "lumbar_bending"), Motion(Y, "lumbar_rotation")),
    ),
    JointParameters("abdomen_torso", "weld", "abdomen", "torso", TORSO_IN_ABDOMEN_M),
)
RIGHT_ARM_JOINTS = (
    JointParameters(
        *("acromial_r", "custom", "torso", "humerus_r", SHOULDER_IN_RAJAGOPAL_TORSO_M),
        rotations=(Motion(Z, "arm_flex_r"), Motion(X, "arm_add_r"), Motion(Y, "arm_rot_r")),
    ),
    JointParameters(
        *("elbow_r", "pin", "humerus_r", "ulna_r", ELBOW_IN_HUMERUS_M),
        orientation_rad=(-0.0228627092170849, 0.22801768148951, 0.00516890052104986),
        coordinate="elbow_flex_r",
    ),
    JointParameters(
        *("radioulnar_r", "pin", "ulna_r", "radius_r", RADIUS_IN_ULNA_M),
        orientation_rad=(-1.56884121373118, 0.0564279705551235, 1.53614382325004),
        coordinate="pro_sup_r",
    ),
    # Rajagopal's universal joint, whose tilted frame makes it turn about z, then x.
    JointParameters(
        *("radius_hand_r", "custom", "radius_r", "hand_r", WRIST_IN_RADIUS_M),
        rotations=(Motion(Z, "wrist_flex_r"), Motion(X, "wrist_dev_r"), Motion(Y)),
    ),
)
NECK_JOINTS = (
    JointParameters(
        *("neck", "custom", "torso", "head", NECK_IN_RAJAGOPAL_TORSO_M),
        rotations=(Motion(Z, "neck_flexion"), Motion(X, "neck_bending"), Motion(Y, "neck_rotation")),
    ),
)

RANGES = {
    # Rajagopal; the pelvis is free, its ranges only bound sliders in a viewer.
    "pelvis_tilt": Range(-180.0, 180.0, clamped=False),
    "pelvis_list": Range(-180.0, 180.0, clamped=False),
    "pelvis_rotation": Range(-180.0, 180.0, clamped=False),
    "pelvis_tx": Range(-5.0, 5.0, clamped=False),
    "pelvis_ty": Range(-1.0, 2.0, clamped=False, default=0.94),
    "pelvis_tz": Range(-3.0, 3.0, clamped=False),
    "hip_flexion_r": Range(-30.0, 130.0),  # Rajagopal; up to a deep squat's 130: Mulholland, Wyss 2001 IJRR 24:191
    "hip_adduction_r": Range(-50.0, 30.0),  # Rajagopal
    "hip_rotation_r": Range(-47.0, 47.0),  # Boone (Rajagopal: 40)
    "knee_angle_r": Range(0.0, 140.0),  # Lai
    "knee_angle_r_beta": Range(0.0, 140.0, clamped=False),  # follows knee_angle_r
    "ankle_angle_r": Range(-50.0, 50.0),  # Lab; AAOS: plantarflexion 50
    "subtalar_angle_r": Range(-35.0, 35.0),  # Lab; AAOS: inversion 35
    "mtp_angle_r": Range(-70.0, 45.0),  # AAOS: hallux extension 70 (negative), flexion 45
    "lumbar_extension": Range(-90.0, 90.0),  # Rajagopal
    "lumbar_bending": Range(-90.0, 90.0),  # Rajagopal
    "lumbar_rotation": Range(-90.0, 90.0),  # Rajagopal
    # The shoulder's are wide, for its three angles share one elevation in more than one way.
    "arm_flex_r": Range(-90.0, 180.0),  # Rajagopal; AAOS: flexion 180
    "arm_add_r": Range(-180.0, 90.0),  # Rajagopal; AAOS: abduction 180
    "arm_rot_r": Range(-120.0, 120.0),  # AAOS: 70 and 90, plus the turn that elevation brings with it (Codman)
    "elbow_flex_r": Range(0.0, 150.0),  # Rajagopal
    "pro_sup_r": Range(0.0, 160.0),  # from full supination; AAOS: 80 each way
    "wrist_flex_r": Range(-80.0, 80.0),  # AAOS: flexion 80, extension 70
    "wrist_dev_r": Range(-25.0, 35.0),  # Rajagopal
    "neck_flexion": Range(-65.0, 65.0),  # in-vivo studies pooled by Savlovskis (anatomystandard.com): 64, 63
    "neck_bending": Range(-50.0, 50.0),  # the same: 49
    "neck_rotation": Range(-80.0, 80.0),  # American Medical Association's Guides: 80
}


class Station(NamedTuple):
    """A place on a body, in the body's frame (torso and head: in Rajagopal's torso frame)."""

    body: str
    position_m: Vector


MIDLINE_MARKERS = {
    "C7": Station("torso", (-0.080, 0.416, 0.0)),  # Lab, and the spinous processes of the bone geometry
    "T1": Station("torso", (-0.082, 0.386, 0.0)),  # bone
    "T8": Station("torso", (-0.102, 0.222, 0.0)),  # bone
    "T10": Station("torso", (-0.090, 0.166, 0.0)),  # bone
    "T12": Station("torso", (-0.074, 0.112, 0.0)),  # bone; its tip hangs below the weld
    "CLAV": Station("torso", (0.040, 0.380, 0.0)),  # Rajagopal
    "STRN": Station("torso", (0.090, 0.200, 0.0)),  # bone: tip of the xiphoid
    "TOPH": Station("head", (-0.008, 0.658, 0.0)),  # bone
}
RIGHT_MARKERS = {
    "RASI": Station("pelvis", (0.0090, 0.0145, 0.1290)),  # Rajagopal, 4 mm lower: level with the bone
    "RPSI": Station("pelvis", (-0.1530, 0.0220, 0.0440)),  # Lab, Rajagopal and bone agree to 13 mm
    "RSHO": Station("torso", (0.0, 0.418, 0.142)),  # Lab
    "RELB": Station("humerus_r", (0.0130, -0.2800, 0.0380)),  # Rajagopal and bone
    "RELBIN": Station("humerus_r", (0.0025, -0.2830, -0.0440)),  # Rajagopal and bone
    "ROWR": Station("radius_r", (-0.0220, -0.2280, -0.0180)),  # ulnar styloid: Rajagopal and bone
    "RIWR": Station("radius_r", (0.0, -0.2300, 0.0460)),  # radial styloid: Rajagopal and bone
    "RKNE": Station("femur_r", (0.0, -0.404, 0.050)),  # Rajagopal
    "RKNI": Station("femur_r", (0.0, -0.404, -0.050)),  # Rajagopal
    "RANK": Station("tibia_r", (-0.0170, -0.3830, 0.0470)),  # Lab and bone
    "RANI": Station("tibia_r", (0.0040, -0.3880, -0.0380)),  # Rajagopal and bone
    "RHEE": Station("calcn_r", (-0.0230, 0.0150, -0.0060)),  # Rajagopal and bone
    "RTOE": Station("toes_r", (0.0850, -0.0020, -0.0160)),  # bone: tip of the hallux
    "RMT1": Station("calcn_r", (0.1710, 0.0100, -0.0430)),  # SKEL and bone
    "RMT5": Station("calcn_r", (0.1380, 0.0050, 0.0550)),  # SKEL, Lab and bone
    "RFHD": Station("head", (0.069, 0.585, 0.055)),  # bone, at a headband's height, 40 degrees off the midline
    "RBHD": Station("head", (-0.062, 0.585, 0.055)),  # bone, as above
    "RFIN": Station("hand_r", (-0.0120, -0.0820, 0.0)),  # SKEL and bone: back of the third metacarpal's head
}


class Ellipsoid(NamedTuple):
    """What a viewer draws for a segment: centre in the body's frame (as for a station) and half-axes."""

    centre_m: Vector
    half_axes_m: Vector


MIDLINE_ELLIPSOIDS = {
    "pelvis": Ellipsoid((-0.070, 0.000, 0.0), (0.095, 0.105, 0.145)),
    "abdomen": Ellipsoid((0.000, 0.070, 0.0), (0.095, 0.105, 0.130)),
    "torso": Ellipsoid((-0.006, 0.270, 0.0), (0.096, 0.160, 0.155)),
    "head": Ellipsoid((0.003, 0.545, 0.0), (0.092, 0.113, 0.075)),
}
RIGHT_ELLIPSOIDS = {
    "femur_r": Ellipsoid((-0.003, -0.200, 0.0), (0.075, 0.235, 0.070)),
    "patella_r": Ellipsoid((0.002, 0.026, 0.0), (0.012, 0.022, 0.022)),
    "tibia_r": Ellipsoid((-0.010, -0.190, 0.0), (0.050, 0.220, 0.048)),
    "talus_r": Ellipsoid(ORIGIN, (0.030, 0.025, 0.025)),
    "calcn_r": Ellipsoid((0.080, 0.015, 0.004), (0.110, 0.028, 0.042)),
    "toes_r": Ellipsoid((0.020, -0.002, 0.005), (0.060, 0.012, 0.048)),
    "humerus_r": Ellipsoid((0.006, -0.140, -0.004), (0.042, 0.165, 0.042)),
    "ulna_r": Ellipsoid((-0.012, -0.115, 0.008), (0.025, 0.135, 0.025)),
    "radius_r": Ellipsoid((-0.003, -0.115, 0.012), (0.025, 0.125, 0.022)),
    "hand_r": Ellipsoid((0.004, -0.080, 0.002), (0.016, 0.090, 0.042)),
}
