"""What is read is what OpenSim says, and what cannot be represented is refused with its place and name."""

import re
from pathlib import Path

import numpy as np
import pytest

from biopose.errors import ModelError
from biopose.skeleton.model import Skeleton
from biopose.skeleton.quiet_opensim import opensim
from biopose.skeleton.reader import read_osim
from tests.skeleton import models
from tests.skeleton.builder import KEPT, ModelBuilder, linear
from tests.skeleton.models import EYE, OpenSimPoser, random_poses

MODELS = [*models.lab_models(), *models.asset_models()]
TURNS = (("rx", -1, 1), ("ry", -1, 1), ("rz", -1, 1))
SHIFTS = (("tx", -1, 1), ("ty", -1, 1), ("tz", -1, 1))


def assert_reads_as_opensim_says(path: Path) -> None:
    skeleton, poser = read_osim(path), OpenSimPoser(path)
    bodies = poser.model.getBodySet()
    assert skeleton.name == poser.model.getName()
    assert set(skeleton.body_names[1:]) == {bodies.get(i).getName() for i in range(bodies.getSize())}
    for body in skeleton.bodies[1:]:
        other = bodies.get(body.name)
        assert body.mass_kg == other.getMass()
        np.testing.assert_array_equal(body.mass_center_m, other.getMassCenter().to_numpy())
        xx_yy_zz_xy_xz_yz = [other.get_inertia().get(i) for i in range(6)]
        np.testing.assert_array_equal(body.inertia_kg_m2[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]], xx_yy_zz_xy_xz_yz)
        np.testing.assert_array_equal(body.inertia_kg_m2, body.inertia_kg_m2.T)
    assert skeleton.coordinate_names == tuple(c.getName() for c in poser.coordinates)
    for mine, other in zip(skeleton.coordinates, poser.coordinates, strict=True):
        assert (mine.range_min, mine.range_max) == (other.getRangeMin(), other.getRangeMax())
        assert (mine.locked, mine.clamped) == (other.getDefaultLocked(), other.getDefaultClamped())
        assert mine.default == other.getDefaultValue()
        assert mine.motion == ("rotational", "translational", "coupled")[other.getMotionType() - 1]
    assert skeleton.marker_names == tuple(m.getName() for m in poser.markers)
    assert [m.fixed for m in skeleton.markers] == [m.get_fixed() for m in poser.markers]
    assert skeleton.mass_kg == pytest.approx(poser.model.getTotalMass(poser.state))


def test_full_body_reads_as_opensim_says(full_body_osim: Path) -> None:
    assert_reads_as_opensim_says(full_body_osim)


def test_every_part_reads_as_opensim_says(every_part_osim: Path) -> None:
    assert_reads_as_opensim_says(every_part_osim)


@pytest.mark.skipif(not MODELS, reason="no other people's models are here")
@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_other_peoples_models_read_as_opensim_says(path: Path) -> None:
    assert_reads_as_opensim_says(path)


def test_couplings_are_those_that_opensim_enforces(every_part_osim: Path, every_part: Skeleton) -> None:
    poser = OpenSimPoser(every_part_osim)
    q = random_poses(every_part, count=10, seed=5)
    dependent = [coupling.dependent for coupling in every_part.couplings]
    assert [every_part.coordinate_names[c] for c in dependent] == ["follow", "last"]
    for values in q:
        start = values.copy()
        start[dependent] = 0.0
        poser.pose(start)
        roll = poser.coordinates[every_part.coordinate_names.index("roll")]
        roll.setLocked(poser.state, True)
        poser.model.assemble(poser.state)
        found = np.array([c.getValue(poser.state) for c in poser.coordinates])
        np.testing.assert_allclose(found[dependent], every_part.satisfy_couplings(found)[dependent], atol=1e-7)


def test_bodies_come_after_their_parents_and_every_joint_type_is_read(every_part: Skeleton) -> None:
    assert all(joint.parent < joint.child == i + 1 for i, joint in enumerate(every_part.joints))
    assert {joint.name: len({a.coordinate for a in joint.axes} - {None}) for joint in every_part.joints} == {
        "ground_base": 6,
        "base_pin": 1,
        "pin_slider": 1,
        "base_universal": 2,
        "universal_gimbal": 3,
        "gimbal_ball": 3,
        "base_planar": 3,
        "planar_weld": 0,
        "weld_rolling": 2,
        "rolling_following": 2,
        "following_last": 1,
    }


def test_a_skeleton_selects_markers_and_drops_bare_branches(full_body: Skeleton) -> None:
    names = ("RASI", "C7", "RKNE", "RFIN")
    chosen = full_body.select_markers(names)
    assert chosen.marker_names == names
    with pytest.raises(ValueError, match="no marker NOSE"):
        full_body.select_markers(["NOSE"])
    pruned = chosen.without_bare_branches()
    assert "tibia_l" not in pruned.body_names
    assert pruned.coordinate_names == full_body.coordinate_names
    q = random_poses(full_body, count=3)
    np.testing.assert_array_equal(models.markers_at(pruned, q), models.markers_at(chosen, q))


def test_the_default_pose_satisfies_couplings(every_part: Skeleton) -> None:
    np.testing.assert_array_equal(every_part.satisfy_couplings(every_part.default_pose), every_part.default_pose)
    free = [c.name for i, c in enumerate(every_part.coordinates) if i in every_part.free_coordinates]
    assert not {"universal_y", "follow", "last"} & set(free)
    assert len(free) == len(every_part.coordinates) - 3


def edited(source: Path, folder: Path, pattern: str, replacement: str, *, count: int = 1) -> Path:
    """A copy of a model file with a piece of its text replaced."""
    text, found = re.subn(pattern, replacement, source.read_text(encoding="utf-8"), count=count)
    assert found == count
    path = folder / "edited.osim"
    path.write_text(text, encoding="utf-8")
    return path


def line_of(path: Path, text: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(i for i, line in enumerate(lines, start=1) if text in line)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.osim: no such model file"):
        read_osim(tmp_path / "absent.osim")
    with pytest.raises(ModelError, match="no such model file"):
        read_osim(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"m\.osim:1: not an OpenSim model: no element found"),
        ("<OpenSimDocument>\n<Model>\n</OpenSimDocument>", r"m\.osim:3: not an OpenSim model: mismatched tag"),
        ("time,x\n0,1\n", r"m\.osim:1: not an OpenSim model"),
        ("<html><body/></html>", r"m\.osim:1: not an OpenSim model: the document is a <html>"),
    ],
)
def test_what_is_not_a_model_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "m.osim"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=message):
        read_osim(path)


@pytest.mark.parametrize("kind", ["FooJoint", "LowerExtremityJoint"])
def test_an_unknown_joint_type_is_refused_with_its_line(every_part_osim: Path, tmp_path: Path, kind: str) -> None:
    path = edited(every_part_osim, tmp_path, r"(?s)<PinJoint (.*?)</PinJoint>", rf"<{kind} \1</{kind}>")
    expected = rf"edited\.osim:{line_of(path, f'<{kind} ')}: joint type {kind} is not supported; known are BallJoint"
    with pytest.raises(ModelError, match=expected):
        read_osim(path)


OLD_FORMAT = """<?xml version="1.0" encoding="UTF-8"?>
<OpenSimDocument Version="30000">
  <Model name="old">
    <BodySet>
      <objects>
        <Body name="ground"><mass>0</mass><Joint /></Body>
        <Body name="block">
          <mass>2</mass>
          <mass_center>0 0.1 0</mass_center>
          <inertia_xx>1</inertia_xx><inertia_yy>1</inertia_yy><inertia_zz>1</inertia_zz>
          <inertia_xy>0</inertia_xy><inertia_xz>0</inertia_xz><inertia_yz>0</inertia_yz>
          <Joint>
            <KIND name="hinge">
              <parent_body>ground</parent_body>
              <location_in_parent>0 1 0</location_in_parent>
              <orientation_in_parent>0 0 0.5</orientation_in_parent>
              <location>0 0.2 0</location>
              <orientation>0 0 0</orientation>
              <CoordinateSet><objects>
                <Coordinate name="angle"><default_value>0.25</default_value><range>-1 2</range></Coordinate>
              </objects></CoordinateSet>
            </KIND>
          </Joint>
        </Body>
      </objects>
    </BodySet>
    <MarkerSet><objects>
      <Marker name="tip"><body>block</body><location>0.3 0 0</location><fixed>true</fixed></Marker>
    </objects></MarkerSet>
  </Model>
</OpenSimDocument>
"""


def test_files_of_opensim_3_are_read(tmp_path: Path) -> None:
    path = tmp_path / "old.osim"
    path.write_text(OLD_FORMAT.replace("KIND", "PinJoint"), encoding="utf-8")
    skeleton = read_osim(path)
    assert skeleton.body_names == ("ground", "block")
    assert (skeleton.coordinates[0].name, skeleton.coordinates[0].default) == ("angle", 0.25)
    assert skeleton.markers[0].fixed
    turn = 0.75
    expected = [0.3 * np.cos(turn) + 0.2 * np.sin(turn), 1 + 0.3 * np.sin(turn) - 0.2 * np.cos(turn), 0]
    np.testing.assert_allclose(models.markers_at(skeleton, skeleton.default_pose)[0], expected, atol=1e-12)


def test_an_unknown_joint_type_of_opensim_3_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "old.osim"
    path.write_text(OLD_FORMAT.replace("KIND", "FooJoint"), encoding="utf-8")
    with pytest.raises(ModelError, match=r"old\.osim:13: joint type FooJoint is not supported"):
        read_osim(path)


def two_bodies(name: str = "two") -> ModelBuilder:
    b = ModelBuilder(name)
    b.joint(opensim.FreeJoint, "ground", "base", *TURNS, *SHIFTS)
    b.joint(opensim.PinJoint, "base", "tip", ("bend", -1, 1))
    b.mark()
    return b


def test_a_body_without_a_joint_floats_as_in_opensim(tmp_path: Path) -> None:
    b = two_bodies()
    body = opensim.Body("floating", 1, opensim.Vec3(0), opensim.Inertia(1))
    b.model.addBody(body)
    b.marker("on_it", body, (0, 0, 0))
    path = b.write(tmp_path / "floating.osim")
    skeleton, poser = read_osim(path), OpenSimPoser(path)
    assert len(skeleton.coordinates) == 7 + 6
    q = np.random.default_rng(0).uniform(-1, 1, 13)
    poser.pose(q)
    np.testing.assert_allclose(models.markers_at(skeleton, q), poser.marker_positions(), atol=1e-12)


def test_a_prescribed_coordinate_is_read_with_a_note(tmp_path: Path) -> None:
    b = two_bodies()
    b.coordinate("bend").setPrescribedFunction(linear(1.0, 0.0))
    b.coordinate("bend").setDefaultIsPrescribed(True)
    skeleton = read_osim(b.write(tmp_path / "prescribed.osim"))
    assert skeleton.notes == ("coordinate bend is prescribed as a function of time; this is not held",)


def test_an_enforced_constraint_is_noted_and_a_disabled_one_is_not(tmp_path: Path) -> None:
    b = two_bodies()
    rod = opensim.ConstantDistanceConstraint(
        b.model.getGround(), opensim.Vec3(0), b.bodies["tip"], opensim.Vec3(0.1), 0.5
    )
    rod.setName("rod")
    b.model.addConstraint(rod)
    KEPT.append(rod)
    notes = read_osim(b.write(tmp_path / "rod.osim")).notes
    assert notes == ("constraint rod (ConstantDistanceConstraint) is not held: nothing ties its bodies together",)
    rod.set_isEnforced(False)
    skeleton = read_osim(b.write(tmp_path / "no_rod.osim"))
    assert (skeleton.couplings, skeleton.notes) == ((), ())


def test_a_joint_that_closes_a_loop_is_noted(tmp_path: Path) -> None:
    b = two_bodies()
    b.joint(opensim.PinJoint, "base", "side", ("other", -1, 1))
    b.mark()
    closing = (
        '<PinJoint name="closing"><socket_parent_frame>/bodyset/tip</socket_parent_frame>'
        "<socket_child_frame>/bodyset/side</socket_child_frame>"
        '<coordinates><Coordinate name="last"><range>-1 1</range></Coordinate></coordinates></PinJoint>'
    )
    path = b.write(tmp_path / "loop.osim")
    path = edited(path, tmp_path, r"(?s)(<JointSet.*?)(</objects>\s*(?:<groups */>\s*)?</JointSet>)", rf"\1{closing}\2")
    skeleton, poser = read_osim(path), OpenSimPoser(path)
    assert skeleton.notes[-1] == (
        "joint closing closes a loop at body side; the loop is not held: the joint's coordinates move nothing"
    )
    q = random_poses(skeleton, count=1)[0]
    poser.pose(q)
    np.testing.assert_allclose(models.markers_at(skeleton, q), poser.marker_positions(), atol=1e-12)


def test_several_bodies_on_ground_are_read(tmp_path: Path) -> None:
    b = ModelBuilder("roots")
    b.joint(opensim.FreeJoint, "ground", "ball", *TURNS, *SHIFTS)
    b.joint(opensim.PinJoint, "ground", "door", ("hinge", -1, 1))
    b.joint(opensim.WeldJoint, "ground", "wall")
    b.mark()
    path = b.write(tmp_path / "roots.osim")
    skeleton, poser = read_osim(path), OpenSimPoser(path)
    q = random_poses(skeleton, count=1)[0]
    poser.pose(q)
    np.testing.assert_allclose(models.markers_at(skeleton, q), poser.marker_positions(), atol=1e-12)


def test_a_disabled_coupler_couples_nothing(tmp_path: Path) -> None:
    b = two_bodies()
    b.couple("bend", "rx", linear(1.0, 0.0)).set_isEnforced(False)
    assert read_osim(b.write(tmp_path / "disabled.osim")).couplings == ()


def test_couplers_in_a_circle_are_refused(tmp_path: Path) -> None:
    b = ModelBuilder("circle")
    b.joint(opensim.PinJoint, "ground", "a", ("first", -1, 1))
    b.joint(opensim.PinJoint, "a", "b", ("second", -1, 1))
    b.couple("first", "second", linear(1.0, 0.0))
    b.couple("second", "first", linear(1.0, 0.0))
    with pytest.raises(ModelError, match="circle"):
        read_osim(b.write(tmp_path / "circle.osim"))


def custom_joint_model(tmp_path: Path, function: opensim.Function) -> Path:
    b = ModelBuilder("custom")
    still = opensim.Constant(0.0)
    axes = [(EYE[0], ["u"], linear(1.0, 0.0)), (EYE[1], ["v"], linear(1.0, 0.0)), (EYE[2], ["u"], function)]
    b.custom_joint("ground", "a", [*axes, *((e, [], still) for e in EYE)], ("u", -1, 1), ("v", -1, 1))
    b.mark()
    return b.write(tmp_path / "custom.osim")


def test_an_unknown_function_type_is_refused(tmp_path: Path) -> None:
    path = custom_joint_model(tmp_path, opensim.StepFunction(0.0, 1.0, 0.0, 1.0))
    with pytest.raises(ModelError, match="joint ground_a, rotation3: function type StepFunction is not supported"):
        read_osim(path)
