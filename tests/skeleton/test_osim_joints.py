"""Joints beyond the usual ones, and reversed ones, move as OpenSim moves them, scaled or not."""

from pathlib import Path

import numpy as np
import pytest
import torch

from biopose.skeleton.ik.inverse_kinematics import inverse_kinematics
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import Skeleton
from biopose.skeleton.quiet_opensim import opensim
from biopose.skeleton.reader import read_osim
from biopose.skeleton.scaling import scaled_geometry
from tests.skeleton.builder import KEPT, Axis, ModelBuilder, linear, polynomial, spline, vec3
from tests.skeleton.models import EYE, OpenSimPoser, motion, random_poses, recording_of

TURNS = (("rx", -1, 1), ("ry", -1, 1), ("rz", -1, 1))
SHIFTS = (("tx", -1, 1), ("ty", -1, 1), ("tz", -1, 1))
RADII_M = (0.07, 0.15, 0.09)


def named(prefix: str, *ranges: tuple[str, float, float]) -> tuple[tuple[str, float, float], ...]:
    return tuple((prefix + name, low, high) for name, low, high in ranges)


def shoulder_and_spine(path: Path) -> Path:
    b = ModelBuilder("shoulder_and_spine")
    b.joint(opensim.FreeJoint, "ground", "base", *TURNS, *SHIFTS)
    b.joint(opensim.EllipsoidJoint, "base", "rib", *named("rib_", *TURNS), extra=(vec3((0.1, 0.2, 0.15)),))
    moves = (("abduction", -0.7, 0.7), ("elevation", -0.5, 0.6), ("upward", -0.5, 0.8), ("winging", -0.3, 0.4))
    winging = opensim.Vec2(0.03, -0.02)
    b.joint(opensim.ScapulothoracicJoint, "base", "scapula", *moves, extra=(vec3(RADII_M), winging, 0.4))
    neutral = vec3((0.1, -0.2, 0.3))
    b.joint(opensim.ConstantCurvatureJoint, "scapula", "neck", *named("neck_", *TURNS), extra=(neutral, 0.3))
    KEPT.extend([winging, neutral])
    b.mark()
    return b.write(path)


def reversed_joint(
    b: ModelBuilder, kind: type, near: str, far: str, *coordinates: tuple[str, float, float], extra: tuple = ()
) -> None:
    """A joint whose parent is the body further from ground."""
    on, near_location, near_turn, body, far_location, far_turn = b.frames(near, far)
    joint = kind(f"{far}_{near}", body, far_location, far_turn, on, near_location, near_turn, *extra)
    if kind is not opensim.CustomJoint:
        for i, (name, _, _) in enumerate(coordinates):
            joint.upd_coordinates(i).setName(name)
    b.ranges.update({name: (low, high) for name, low, high in coordinates})
    b.model.addJoint(joint)
    KEPT.append(joint)


def rolling() -> opensim.SpatialTransform:
    transform = opensim.SpatialTransform()
    axes: list[Axis] = [
        ((0.1, 0.2, 1.0), ["roll"], linear(-1.3, 0.1)),
        ((1.0, 0.1, 0.0), ["roll"], spline((-1.2, -0.3), (0.0, 0.1), (1.3, 0.5))),
        ((0.0, 1.0, 0.3), ["twist"], linear(0.5, 0.1)),
        ((0.8, 0.0, 0.6), ["roll"], spline((-1.0, 0.02), (-0.4, -0.03), (1.2, 0.08))),
        ((0.0, -1.0, 0.0), ["twist"], linear(1.0, 0.0)),
        ((0.0, 0.0, 1.0), [], opensim.Constant(0.1)),
    ]
    for i, (direction, names, function) in enumerate(axes):
        axis = transform.updTransformAxis(i)
        axis.setAxis(vec3(direction))
        if names:
            axis.setCoordinateNames(opensim.ArrayStr(names[0], 1))
        axis.set_function(function)
        KEPT.append(function)
    KEPT.append(transform)
    return transform


def every_joint_reversed(path: Path) -> Path:
    b = ModelBuilder("reversed", seed=4)
    b.joint(opensim.FreeJoint, "ground", "base", *TURNS, *SHIFTS)
    reversed_joint(b, opensim.PinJoint, "base", "pin", ("pin", -1, 1))
    reversed_joint(b, opensim.FreeJoint, "pin", "free", *named("free_", *TURNS, *SHIFTS))
    reversed_joint(b, opensim.GimbalJoint, "base", "gimbal", *named("gimbal_", *TURNS))
    reversed_joint(b, opensim.WeldJoint, "gimbal", "weld")
    reversed_joint(b, opensim.PlanarJoint, "weld", "planar", ("turn", -1, 1), ("x", -0.2, 0.3), ("y", -0.2, 0.4))
    radii = vec3((0.1, 0.2, 0.15))
    reversed_joint(b, opensim.EllipsoidJoint, "pin", "rib", *named("rib_", *TURNS), extra=(radii,))
    reversed_joint(
        b, opensim.CustomJoint, "base", "rolling", ("roll", -0.9, 0.9), ("twist", -0.5, 0.5), extra=(rolling(),)
    )
    KEPT.append(radii)
    b.mark()
    return b.write(path)


def several_coordinates(path: Path) -> Path:
    """A custom joint whose axes are functions of several coordinates, and one of a sine."""
    b = ModelBuilder("several")
    still = opensim.Constant(0.0)
    sine = opensim.Sine(0.2, 1.7, 0.3)
    axes = [(e, [n], linear(1.0, 0.0)) for e, n in zip(EYE, "uvw", strict=True)]
    slides = [(EYE[0], ["u"], polynomial(1.0, 0.0)), (EYE[1], ["w"], sine), (EYE[2], [], still)]
    b.custom_joint("ground", "a", [*axes, *slides], *((name, -1, 1) for name in "uvw"))
    b.mark()
    b.write(path)
    text = path.read_text(encoding="utf-8")
    coefficients = " ".join(str(c) for c in np.random.default_rng(2).uniform(-0.2, 0.2, 10).round(3))
    several = (
        "<MultivariatePolynomialFunction><dimension>2</dimension><order>3</order>"
        f"<coefficients>{coefficients}</coefficients></MultivariatePolynomialFunction>"
    )
    head, tail = text.split('<TransformAxis name="translation1">')
    tail = tail.replace("<coordinates>u</coordinates>", "<coordinates>u v</coordinates>", 1)
    start, end = tail.index("<PolynomialFunction"), tail.index("</PolynomialFunction>") + len("</PolynomialFunction>")
    head = head.replace("<coordinates>w</coordinates>", "<coordinates>u v w</coordinates>", 1)
    assert "<coordinates>u v w</coordinates>" in head
    where = head.index("<coordinates>u v w</coordinates>")
    head = head[:where] + head[where:].replace("1 0</coefficients>", "0.3 -0.2 0.9 0.05</coefficients>", 1)
    path.write_text(f'{head}<TransformAxis name="translation1">{tail[:start]}{several}{tail[end:]}', encoding="utf-8")
    return path


MODELS = [shoulder_and_spine, every_joint_reversed, several_coordinates]


@pytest.fixture(scope="module", params=MODELS, ids=lambda build: build.__name__)
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return request.param(tmp_path_factory.mktemp("joints") / "model.osim")


@pytest.fixture(scope="module")
def skeleton(path: Path) -> Skeleton:
    return read_osim(path)


def test_bodies_and_markers_lie_where_opensim_places_them(path: Path, skeleton: Skeleton) -> None:
    poser, q = OpenSimPoser(path), random_poses(skeleton, count=10)
    pose = Kinematics(skeleton).with_coordinates(torch.from_numpy(q))
    T, markers = pose.T_ground_body.numpy(), pose.markers.numpy()
    for frame, values in enumerate(q):
        poser.pose(values)
        np.testing.assert_allclose(markers[frame], poser.marker_positions(), atol=1e-12)
        for index, body in enumerate(skeleton.bodies[1:], start=1):
            if not body.within_joint:
                np.testing.assert_allclose(T[frame, index], poser.transform(body.name), atol=1e-12)
    assert skeleton.notes == ()


def test_bodies_scale_as_in_opensim(path: Path, skeleton: Skeleton) -> None:
    scales = np.ones((len(skeleton.bodies), 3))
    scales[1:] = np.random.default_rng(3).uniform(0.8, 1.3, (len(scales) - 1, 3))
    segments = {b.name: s for b, s in zip(skeleton.bodies[1:], scales[1:], strict=True) if not b.within_joint}
    poser, q = OpenSimPoser(path, segments), random_poses(skeleton, count=3)
    scaled = Kinematics(skeleton).with_scales(torch.from_numpy(scales)).with_coordinates(torch.from_numpy(q)).markers
    rebuilt = Kinematics(scaled_geometry(skeleton, scales)).with_coordinates(torch.from_numpy(q)).markers
    torch.testing.assert_close(scaled, rebuilt, atol=1e-12, rtol=0)
    for frame, values in enumerate(q):
        poser.pose(values)
        np.testing.assert_allclose(scaled[frame].numpy(), poser.marker_positions(), atol=1e-12)


def test_the_analytic_jacobian_is_the_derivative(skeleton: Skeleton) -> None:
    kinematics = Kinematics(skeleton)
    q = torch.from_numpy(random_poses(skeleton, count=1)[0])
    by_autograd = torch.autograd.functional.jacobian(lambda q: kinematics.with_coordinates(q).markers, q)
    torch.testing.assert_close(kinematics.with_coordinates(q).marker_jacobian(), by_autograd, atol=1e-12, rtol=0)


def test_inverse_kinematics_finds_the_motion(skeleton: Skeleton) -> None:
    q = motion(skeleton, frames=20)
    solution = inverse_kinematics(skeleton, recording_of(skeleton, q))
    assert solution.converged.all()
    np.testing.assert_allclose(solution.coordinates.values, q, atol=1e-4)


def test_a_straight_rod_bends_as_in_opensim(tmp_path: Path) -> None:
    b = ModelBuilder("rod")
    extra = (vec3((0.0, 0.0, 0.0)), 0.4)
    KEPT.append(extra)
    b.joint(opensim.ConstantCurvatureJoint, "ground", "rod", *named("rod_", *TURNS), extra=extra)
    b.mark()
    path = b.write(tmp_path / "rod.osim")
    skeleton, poser = read_osim(path), OpenSimPoser(path)
    for bend in (0.0, 5e-4, 2e-3, 1.55):
        q = np.array([bend, 0.0, 0.2])
        poser.pose(q)
        pose = Kinematics(skeleton).with_coordinates(torch.from_numpy(q))
        np.testing.assert_allclose(pose.markers.numpy(), poser.marker_positions(), atol=1e-12)
        assert pose.marker_jacobian().isfinite().all()
