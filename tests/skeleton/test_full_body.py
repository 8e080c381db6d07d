"""The default skeleton is Rajagopal's in its motion, de Leva's in its masses, and the mirror image of itself."""

import os
import re
import subprocess
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import opensim
import pytest

from biopose.skeleton.full_body import build_full_body, full_body_skeleton
from biopose.skeleton.full_body_inertia import DE_LEVA_PERCENT, TOTAL_MASS_KG, mass_properties
from biopose.skeleton.reader import read_osim

opensim.Logger.removeFileSink()  # or its first message leaves an opensim.log where the tests run

ASSETS = Path(os.environ.get("BIOPOSE_ASSETS", Path.home() / ".cache" / "biopose"))
RAJAGOPAL = ASSETS / "models" / "Rajagopal2015.osim"
needs_rajagopal = pytest.mark.skipif(not RAJAGOPAL.exists(), reason=f"no {RAJAGOPAL} to compare with")

MIDLINE_BODIES = {"pelvis", "abdomen", "torso", "head"}
RIGHT_BODIES = {
    *("femur_r", "patella_r", "tibia_r", "talus_r", "calcn_r", "toes_r"),
    *("humerus_r", "ulna_r", "radius_r", "hand_r"),
}
LEG = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle", "subtalar_angle", "mtp_angle")
ARM = ("arm_flex", "arm_add", "arm_rot", "elbow_flex", "pro_sup", "wrist_flex", "wrist_dev")
PELVIS = ("pelvis_tilt", "pelvis_list", "pelvis_rotation", "pelvis_tx", "pelvis_ty", "pelvis_tz")
LUMBAR = ("lumbar_extension", "lumbar_bending", "lumbar_rotation")
NECK = ("neck_flexion", "neck_bending", "neck_rotation")
TURNS_OVER_IN_A_MIRROR = {
    *("pelvis_list", "pelvis_rotation", "pelvis_tz", "lumbar_bending", "lumbar_rotation"),
    *("neck_bending", "neck_rotation"),
}
PAIRED_MARKERS = {
    *("ASI", "PSI", "SHO", "ELB", "ELBIN", "OWR", "IWR", "KNE", "KNI", "ANK", "ANI", "HEE"),  # bony landmarks
    *("TOE", "MT1", "MT5", "FHD", "BHD", "FIN"),
}
MIDLINE_MARKERS = {"C7", "T10", "STRN", "CLAV", "T1", "T8", "T12", "TOPH"}


def left(name: str) -> str:
    return re.sub("_r(?=_|$)", "_l", name)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_full_body(tmp_path_factory.mktemp("skeleton") / "full_body.osim")


@pytest.fixture(scope="module")
def skeleton(path: Path) -> "Posable":
    return Posable(path)


class Posable:
    """A model that is put into poses given by coordinate name (the rest at zero)."""

    def __init__(self, path: Path) -> None:
        self.model = opensim.Model(str(path))
        self.state = self.model.initSystem()
        self.coordinates = {c.getName(): c for c in self.model.getCoordinateSet()}
        for coordinate in self.coordinates.values():
            coordinate.setLocked(self.state, False)

    def pose(self, values: dict[str, float]) -> None:
        values = values | {f"{knee}_beta": values[knee] for knee in ("knee_angle_r", "knee_angle_l") if knee in values}
        for name, coordinate in self.coordinates.items():
            coordinate.setValue(self.state, values.get(name, 0.0), False)
        self.model.realizePosition(self.state)

    def markers(self) -> dict[str, np.ndarray]:
        return {m.getName(): m.getLocationInGround(self.state).to_numpy() for m in self.model.getMarkerSet()}

    def frame(self, body: str) -> tuple[np.ndarray, np.ndarray]:
        T_ground_body = self.model.getBodySet().get(body).getTransformInGround(self.state)
        R = T_ground_body.R().asMat33()
        return np.array([[R.get(i, j) for j in range(3)] for i in range(3)]), T_ground_body.p().to_numpy()

    def random_pose(self, rng: np.random.Generator, names: list[str]) -> dict[str, float]:
        ranges = {name: self.coordinates[name] for name in names}
        return {name: rng.uniform(c.getRangeMin(), c.getRangeMax()) for name, c in ranges.items()}


def independent(skeleton: Posable) -> list[str]:
    return [name for name in skeleton.coordinates if not name.endswith("_beta")]


def mirrored(pose: dict[str, float]) -> dict[str, float]:
    other = {"r": "l", "l": "r"}
    return {
        (name[:-1] + other[name[-1]] if name[-2:] in ("_r", "_l") else name): (
            -value if name in TURNS_OVER_IN_A_MIRROR else value
        )
        for name, value in pose.items()
    }


def test_opens_without_a_warning(path: Path, tmp_path: Path) -> None:
    script = f"import opensim; m = opensim.Model({str(path)!r}); m.initSystem(); m.updDisplayHints(); print('opened')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    log = (done.stdout + done.stderr).lower()
    assert "opened" in log
    assert "warning" not in log
    assert "error" not in log


def test_has_24_segments(skeleton: Posable) -> None:
    bodies = {body.getName() for body in skeleton.model.getBodySet()}
    assert len(bodies) == 24
    assert bodies == MIDLINE_BODIES | RIGHT_BODIES | {left(body) for body in RIGHT_BODIES}


def test_coordinates_are_rajagopals_then_the_necks(skeleton: Posable) -> None:
    leg_r = [f"{name}_r" for name in LEG]
    leg_r.insert(4, "knee_angle_r_beta")
    arm_r = [f"{name}_r" for name in ARM]
    expected = [*PELVIS, *leg_r, *map(left, leg_r), *LUMBAR, *arm_r, *map(left, arm_r), *NECK]
    assert list(skeleton.coordinates) == expected
    assert len(expected) == 42


def test_only_the_pelvis_and_the_coupled_kneecap_are_unclamped_and_nothing_is_locked(skeleton: Posable) -> None:
    unclamped = {name for name, c in skeleton.coordinates.items() if not c.getDefaultClamped()}
    assert unclamped == {*PELVIS, "knee_angle_r_beta", "knee_angle_l_beta"}
    assert not any(c.getDefaultLocked() for c in skeleton.coordinates.values())


def test_kneecap_follows_the_knee(path: Path) -> None:
    model = opensim.Model(str(path))
    state = model.initSystem()
    model.getCoordinateSet().get("knee_angle_l").setValue(state, 1.0)
    model.assemble(state)
    assert model.getCoordinateSet().get("knee_angle_l_beta").getValue(state) == pytest.approx(1.0, abs=1e-6)


def test_masses_add_up(skeleton: Posable) -> None:
    masses = [body.getMass() for body in skeleton.model.getBodySet()]
    assert sum(masses) == pytest.approx(TOTAL_MASS_KG, abs=1e-9)
    assert min(masses) > 0.05


def test_de_levas_whole_body_is_one() -> None:
    paired = {"upper_arm", "forearm", "hand", "thigh", "shank", "foot"}
    whole = sum((2 if name in paired else 1) * np.array(row.mass) for name, row in DE_LEVA_PERCENT.items())
    np.testing.assert_allclose(whole, 100.0, atol=0.02)


def test_every_inertia_is_physical(skeleton: Posable) -> None:
    for body in skeleton.model.getBodySet():
        moments = np.sort(body.getInertia().getMoments().to_numpy())
        assert moments[0] > 0, body.getName()
        assert moments[0] + moments[1] >= moments[2], body.getName()


def test_foot_bodies_together_have_de_levas_foot(skeleton: Posable) -> None:
    skeleton.pose({})
    parts = [(mass_properties()[body], skeleton.frame(body)[1]) for body in ("talus_r", "calcn_r", "toes_r")]
    mass = sum(part.mass_kg for part, _ in parts)
    centre = sum(part.mass_kg * (np.array(part.centre_m) + origin) for part, origin in parts) / mass
    heel_x = skeleton.frame("calcn_r")[1][0] - 0.020
    row = DE_LEVA_PERCENT["foot"]
    assert mass / TOTAL_MASS_KG == pytest.approx(np.mean(row.mass) / 100, rel=1e-3)
    assert (centre[0] - heel_x) / 0.284 == pytest.approx(np.mean(row.centre) / 100, abs=1e-6)
    offsets = [np.array(part.centre_m) + origin - centre for part, origin in parts]
    about_z = sum(
        part.moments_kg_m2[2] + part.mass_kg * (d[0] ** 2 + d[1] ** 2)
        for (part, _), d in zip(parts, offsets, strict=True)
    )
    assert np.sqrt(about_z / mass) / 0.284 == pytest.approx(np.mean(row.transverse) / 100, abs=1e-6)


def test_has_every_virtual_marker_of_the_body(skeleton: Posable) -> None:
    skeleton.pose({})
    assert set(skeleton.markers()) == {side + name for side in "LR" for name in PAIRED_MARKERS} | MIDLINE_MARKERS


def test_a_mirrored_pose_gives_mirrored_markers(skeleton: Posable) -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        pose = skeleton.random_pose(rng, independent(skeleton))
        skeleton.pose(pose)
        here = skeleton.markers()
        skeleton.pose(mirrored(pose))
        there = skeleton.markers()
        for name, position in here.items():
            twin = {"R": "L", "L": "R"}.get(name[0], name[0]) + name[1:]
            np.testing.assert_allclose(there[twin], position * [1, 1, -1], atol=1e-9, err_msg=name)


def test_markers_lie_on_their_side_of_the_body(skeleton: Posable) -> None:
    skeleton.pose({"pro_sup_r": 0.0})
    at = skeleton.markers()
    x, y, z = 0, 1, 2
    assert at["RASI"][x] > at["RPSI"][x] + 0.1
    assert at["CLAV"][x] > at["C7"][x] + 0.1
    assert at["STRN"][x] > at["T10"][x] + 0.1
    assert at["RFHD"][x] > at["RBHD"][x] + 0.1
    assert at["RTOE"][x] > at["RMT1"][x] > at["RMT5"][x] > at["RHEE"][x]
    for outer, inner in (("RELB", "RELBIN"), ("RIWR", "ROWR"), ("RKNE", "RKNI"), ("RANK", "RANI"), ("RMT5", "RMT1")):
        assert at[outer][z] > at[inner][z] + 0.05, outer  # palms forward: the thumb's side is the outer one
    spine = ["TOPH", "C7", "T1", "T8", "T10", "T12", "RPSI", "RKNE", "RANK", "RHEE"]
    assert all(at[above][y] > at[below][y] for above, below in pairwise(spine))


def test_stands_as_tall_as_rajagopals_generic_man(skeleton: Posable) -> None:
    skeleton.pose({})
    at = skeleton.markers()
    sole = skeleton.frame("calcn_r")[1][1] - 0.012  # skin under the heel bone
    assert at["TOPH"][1] - sole == pytest.approx(1.69, abs=0.02)
    assert at["RHEE"][1] - sole == pytest.approx(0.027, abs=0.01)
    assert at["RTOE"][1] - sole == pytest.approx(0.01, abs=0.01)


def test_weighs_on_the_ground(skeleton: Posable) -> None:
    np.testing.assert_allclose(skeleton.model.getGravity().to_numpy(), [0, -9.80665, 0])


def test_signs_are_those_of_the_field(skeleton: Posable) -> None:
    """A small positive value of each coordinate moves a marker as its definition says."""
    moves = {
        "hip_flexion_r": ("RKNE", [1, 0, 0]),
        "hip_adduction_r": ("RKNE", [0, 0, -1]),
        "hip_rotation_r": ("RTOE", [0, 0, -1]),  # inwards
        "knee_angle_r": ("RHEE", [-1, 0, 0]),
        "ankle_angle_r": ("RTOE", [0, 1, 0]),
        "subtalar_angle_r": ("RMT5", [0, -1, 0]),  # inversion lowers the outer edge
        "mtp_angle_r": ("RTOE", [0, -1, 0]),
        "lumbar_extension": ("C7", [-1, 0, 0]),
        "lumbar_bending": ("C7", [0, 0, 1]),
        "lumbar_rotation": ("RSHO", [1, 0, 0]),
        "arm_flex_r": ("RELB", [1, 0, 0]),
        "arm_add_r": ("RELB", [0, 0, -1]),
        "elbow_flex_r": ("RFIN", [1, 0, 0]),
        "pro_sup_r": ("RIWR", [1, 0, 0]),
        "wrist_flex_r": ("RFIN", [1, 0, 0]),
        "wrist_dev_r": ("RFIN", [0, 0, -1]),  # towards the ulna
        "neck_flexion": ("TOPH", [-1, 0, 0]),
        "neck_bending": ("TOPH", [0, 0, 1]),
        "neck_rotation": ("RFHD", [1, 0, 0]),
    }
    skeleton.pose({})
    rest = skeleton.markers()
    for coordinate, (marker, direction) in moves.items():
        skeleton.pose({coordinate: 0.1})
        moved = skeleton.markers()[marker] - rest[marker]
        assert moved @ direction > 0.002, coordinate


def test_reach_overhead_sprint_and_squat_lie_within_the_ranges(skeleton: Posable) -> None:
    for name, degrees in {
        "arm_flex_r": 170.0,
        "arm_add_r": -170.0,
        "hip_flexion_r": 125.0,
        "knee_angle_r": 138.0,
        "mtp_angle_r": -60.0,
        "ankle_angle_r": 45.0,
    }.items():
        coordinate = skeleton.coordinates[name]
        assert coordinate.getRangeMin() < np.radians(degrees) < coordinate.getRangeMax(), name


def test_every_segment_has_a_shape_to_see_and_no_file_to_miss(path: Path, skeleton: Posable) -> None:
    text = path.read_text()
    assert text.count("<Ellipsoid ") == 24
    assert "<Mesh " not in text
    assert "mesh_file" not in text


def test_is_the_same_to_the_byte_and_leaves_nothing_else_behind(path: Path, tmp_path: Path) -> None:
    again = build_full_body(tmp_path / "full_body.osim")
    assert again.read_bytes() == path.read_bytes()
    assert list(tmp_path.iterdir()) == [again]


def test_survives_being_saved_again(path: Path, tmp_path: Path) -> None:
    opensim.Model(str(path)).printToXML(str(tmp_path / "again.osim"))
    assert (tmp_path / "again.osim").read_bytes() == path.read_bytes()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        build_full_body(tmp_path / "nowhere" / "full_body.osim")


@cache
def rajagopal() -> Posable:
    opensim.Logger.setLevelString("Error")  # its bones' meshes are not shipped
    try:
        return Posable(RAJAGOPAL)
    finally:
        opensim.Logger.setLevelString("Info")


@needs_rajagopal
def test_moves_as_rajagopals_model_does(skeleton: Posable) -> None:
    rng = np.random.default_rng(11)
    names = [name for name in independent(skeleton) if name not in NECK]
    assert set(rajagopal().coordinates) >= set(names)
    for _ in range(20):
        pose = rajagopal().random_pose(rng, names)
        skeleton.pose(pose)
        rajagopal().pose(pose)
        for body in (b.getName() for b in rajagopal().model.getBodySet()):
            (R, p), (R_theirs, p_theirs) = skeleton.frame(body), rajagopal().frame(body)
            if body == "torso":  # ours starts at T12/L1
                p_theirs = p_theirs + R_theirs @ [0, 0.139, 0]
            np.testing.assert_allclose(R, R_theirs, atol=1e-5, err_msg=body)  # OpenSim rounds an old file
            np.testing.assert_allclose(p, p_theirs, atol=1e-5, err_msg=body)


@needs_rajagopal
def test_knee_splines_are_rajagopals(skeleton: Posable) -> None:
    ours, theirs = (
        opensim.CustomJoint.safeDownCast(posable.model.getJointSet().get("walker_knee_r"))
        for posable in (skeleton, rajagopal())
    )
    for index in range(6):
        for angle in np.linspace(0, np.radians(140), 29):
            here, there = (
                joint.getSpatialTransform().getTransformAxis(index).getFunction().calcValue(opensim.Vector(1, angle))
                for joint in (ours, theirs)
            )
            assert here == pytest.approx(there, abs=1e-12)


@needs_rajagopal
def test_landmarks_lie_within_25_mm_of_rajagopals(skeleton: Posable) -> None:
    same = {
        **{"RASI": "RASI", "RPSI": "RPSI", "RELB": "RLEL", "RELBIN": "RMEL", "RKNE": "RLFC", "RKNI": "RMFC"},
        **{"RANK": "RLMAL", "RANI": "RMMAL", "RHEE": "RCAL", "RMT5": "RMT5", "CLAV": "CLAV", "C7": "C7"},
        **{"RSHO": "RACR", "RIWR": "RFAradius", "ROWR": "RFAulna"},
    }
    skeleton.pose({})
    rajagopal().pose({})
    ours, theirs = skeleton.markers(), rajagopal().markers()
    for name, their_name in same.items():
        assert np.linalg.norm(ours[name] - theirs[their_name]) < 0.025, name


def test_the_default_skeleton_is_the_written_model_as_it_is_read(path: Path) -> None:
    ours, written = full_body_skeleton(), read_osim(path)
    assert ours.coordinate_names == written.coordinate_names
    assert ours.body_names == written.body_names
    assert ours.marker_names == written.marker_names
    np.testing.assert_array_equal(ours.default_pose, written.default_pose)
    for one, same in zip(ours.coordinates, written.coordinates, strict=True):
        assert (one.range_min, one.range_max, one.clamped) == (same.range_min, same.range_max, same.clamped)
    for marker, its in zip(ours.markers, written.markers, strict=True):
        np.testing.assert_array_equal(marker.location_m, its.location_m)
