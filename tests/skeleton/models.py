"""Models that the skeleton's tests share: the default one, and a small one that holds every supported kind of part."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from biopose.io.trajectories import MarkerTrajectories
from biopose.skeleton.full_body import build_full_body
from biopose.skeleton.kinematics import Kinematics
from biopose.skeleton.model import GROUND, Marker, Skeleton
from biopose.skeleton.quiet_opensim import opensim
from tests.reference_data import LAB
from tests.skeleton.builder import KEPT, ModelBuilder, linear, piecewise_linear, polynomial, spline, times, vec3

ASSET_MODELS = Path(os.environ.get("BIOPOSE_ASSETS", Path.home() / ".cache" / "biopose")) / "models"

FloatArray = NDArray[np.float64]


def full_body_path(folder: Path) -> Path:
    """The default model's file, in a folder."""
    return build_full_body(folder / "full_body.osim")


def asset_models() -> list[Path]:
    """Other people's models, as far as they lie in the cache."""
    return sorted(ASSET_MODELS.glob("*.osim"))


def lab_models() -> list[Path]:
    """The laboratory's models, as far as the reference recordings are here."""
    return [path for path in (LAB / "generic.osim", LAB / "hand_scaled.osim") if path.exists()]


EYE = tuple(map(tuple, np.eye(3).tolist()))


def every_part(path: Path, *, plate: bool = True) -> Path:
    """Every joint type and function, turned offset frames, a coupler over a coupler, a locked coordinate.

    With a plate, a marker lies on a frame that is turned against its body.
    """
    b = ModelBuilder("every_part")
    angles = (("rx", -0.7, 0.9), ("ry", -0.6, 0.8), ("rz", -0.5, 1.2))
    b.joint(opensim.FreeJoint, "ground", "base", *angles, ("tx", -1, 1), ("ty", -1, 1.5), ("tz", -2, 1))
    b.joint(opensim.PinJoint, "base", "pin", ("pin", -1.0, 2.0))
    b.joint(opensim.SliderJoint, "pin", "slider", ("slide", -0.3, 0.4))
    b.joint(opensim.UniversalJoint, "base", "universal", ("universal_x", -0.9, 1.1), ("universal_y", -0.8, 1))
    b.joint(opensim.GimbalJoint, "universal", "gimbal", *((f"gimbal_{n}", lo, hi) for n, lo, hi in angles))
    b.joint(opensim.BallJoint, "gimbal", "ball", *((f"ball_{n}", lo, hi) for n, lo, hi in angles))
    b.joint(opensim.PlanarJoint, "base", "planar", ("turn", -1, 1), ("plane_x", -0.3, 0.2), ("plane_y", -0.2, 0.4))
    b.joint(opensim.WeldJoint, "planar", "weld")
    _add_custom_joints(b)
    b.coordinate("universal_y").setDefaultLocked(True)
    b.coordinate("pin").setDefaultClamped(True)
    b.mark()
    if plate:
        _add_plate(b)
    b.marker("on_ground", b.model.getGround(), (0.5, 0.1, -0.2))
    return b.write(path)


def _add_plate(b: ModelBuilder) -> None:
    offset = opensim.PhysicalOffsetFrame()
    offset.setName("plate")
    offset.setParentFrame(b.bodies["weld"])
    offset.set_translation(vec3((0.1, -0.05, 0.02)))
    offset.set_orientation(vec3((0.4, -0.2, 1.0)))
    b.bodies["weld"].addComponent(offset)
    b.marker("on_plate", offset, (0.03, 0.06, -0.02))
    KEPT.append(offset)


def _add_custom_joints(b: ModelBuilder) -> None:
    curve = spline((-1.0, 0.02), (-0.4, -0.03), (0.1, 0.05), (0.7, 0.01), (1.2, 0.08))
    turning = spline((-1.2, -0.3), (0.0, 0.1), (1.3, 0.5))
    b.custom_joint(
        "weld",
        "rolling",
        [
            ((0.1, 0.2, 1.0), ["roll"], linear(-1.3, 0.1)),
            ((1.0, 0.1, 0.0), ["roll"], turning),
            ((0.0, 1.0, 0.3), ["twist"], polynomial(0.2, -0.5, 0.8, 0.05)),
            ((0.8, 0.0, 0.6), ["roll"], curve),
            ((0.0, -1.0, 0.0), ["twist"], piecewise_linear((-0.8, 0.1), (0.0, -0.02), (0.5, 0.0), (0.9, 0.1))),
            ((0.0, 0.0, 1.0), ["roll"], times(0.7, curve.clone())),
        ],
        ("roll", -0.9, 1.1),
        ("twist", -0.7, 0.8),
    )
    b.custom_joint(
        "rolling",
        "following",
        [
            (EYE[2], ["follow"], linear(1.0, 0.0)),
            (EYE[1], [], opensim.Constant(0.4)),
            (EYE[0], [], opensim.Constant(0.0)),
            (EYE[0], [], opensim.Constant(0.15)),
            (EYE[1], ["shift"], linear(1.0, 0.0)),
            (EYE[2], ["shift"], linear(2.0, 0.01)),
        ],
        ("follow", -2.0, 2.0),
        ("shift", -0.1, 0.2),
    )
    b.joint(opensim.PinJoint, "following", "last", ("last", -2.0, 2.0))
    b.couple("follow", "roll", spline((-1.0, -0.6), (0.0, 0.0), (0.6, 0.5), (1.2, 0.6)), scale=1.5)
    b.couple("last", "follow", linear(0.5, 0.1))


def arm(path: Path, *, parts: int = 3) -> Path:
    """A trunk that moves freely and a limb of pins: joints without nonlinear functions and without couplings."""
    b = ModelBuilder("arm", seed=1)
    turns = (("rx", -0.7, 0.9), ("ry", -0.6, 0.8), ("rz", -0.5, 1.2))
    b.joint(opensim.FreeJoint, "ground", "trunk", *turns, ("tx", -1, 1), ("ty", -1, 1.5), ("tz", -2, 1))
    b.joint(opensim.GimbalJoint, "trunk", "part_0", *((f"shoulder_{n}", lo, hi) for n, lo, hi in turns))
    for i in range(1, parts):
        b.joint(opensim.PinJoint, f"part_{i - 1}", f"part_{i}", (f"elbow_{i}", -0.5, 1.5))
    b.joint(opensim.SliderJoint, f"part_{parts - 1}", "tip", ("slide", -0.1, 0.2))
    b.mark(each=4)
    return b.write(path)


def coupled_spine(path: Path) -> Path:
    """Vertebrae that share one bending, as lumbar models have it: columns of several joints merge."""
    b = ModelBuilder("coupled_spine", seed=2)
    turns = (("rx", -0.7, 0.9), ("ry", -0.6, 0.8), ("rz", -0.5, 1.2))
    b.joint(opensim.FreeJoint, "ground", "v0", *turns, ("tx", -1, 1), ("ty", -1, 1.5), ("tz", -2, 1))
    for i in range(1, 5):
        b.joint(opensim.PinJoint, f"v{i - 1}", f"v{i}", (f"bend_{i}", -0.6, 0.6))
    b.joint(opensim.PinJoint, "v4", "head", ("nod", -0.6, 0.6))
    b.couple("bend_2", "bend_1", linear(0.8, 0.0))
    b.couple("bend_3", "bend_1", linear(0.6, 0.05))
    b.couple("bend_4", "bend_3", linear(0.5, 0.0), scale=1.2)
    b.mark()
    return b.write(path)


def random_poses(skeleton: Skeleton, *, count: int, seed: int = 0, share: float = 1.0) -> FloatArray:
    """(count, Q) coordinates in the ranges' inner share, couplings satisfied, locked ones at their default."""
    rng = np.random.default_rng(seed)
    low = np.array([c.range_min for c in skeleton.coordinates])
    high = np.array([c.range_max for c in skeleton.coordinates])
    q = (low + high) / 2 + share * (high - low) / 2 * rng.uniform(-1, 1, (count, len(low)))
    locked = [i for i, c in enumerate(skeleton.coordinates) if c.locked]
    q[:, locked] = skeleton.default_pose[locked]
    return skeleton.satisfy_couplings(q)


def motion(skeleton: Skeleton, *, frames: int, seed: int = 0, share: float = 0.5) -> FloatArray:
    """(F, Q) every coordinate swinging smoothly in its range's inner share, the root's turns by half a radian."""
    rng = np.random.default_rng(seed)
    low = np.array([c.range_min for c in skeleton.coordinates])
    high = np.array([c.range_max for c in skeleton.coordinates])
    reach = share * (high - low) / 2
    reach[:6] = np.minimum(reach[:6], 0.5)
    turns_per_frame = rng.uniform(0.002, 0.008, len(low))
    phase = rng.uniform(0, 2 * np.pi, len(low))
    q = (low + high) / 2 + reach * np.sin(2 * np.pi * turns_per_frame * np.arange(frames)[:, None] + phase)
    locked = [i for i, c in enumerate(skeleton.coordinates) if c.locked]
    q[:, locked] = skeleton.default_pose[locked]
    return skeleton.satisfy_couplings(q)


def with_random_markers(skeleton: Skeleton, *, each: int = 3, seed: int = 0, sides: float = 0.1) -> Skeleton:
    """The skeleton with so many more markers on every body, loosely attached."""
    rng = np.random.default_rng(seed)
    more = [
        Marker(f"{body.name}_extra_{i}", index, rng.uniform(-sides, sides, 3))
        for index, body in enumerate(skeleton.bodies)
        for i in range(each)
        if index != GROUND
    ]
    return skeleton.with_markers((*skeleton.markers, *more))


def angle_differences(first: FloatArray, second: FloatArray) -> FloatArray:
    """Absolute differences, whole turns left out."""
    return np.asarray(np.abs((first - second + np.pi) % (2 * np.pi) - np.pi))


def markers_at(skeleton: Skeleton, q: FloatArray) -> FloatArray:
    """(..., M, 3) where the skeleton's markers are."""
    return Kinematics(skeleton).with_coordinates(torch.from_numpy(np.asarray(q))).markers.numpy()


def recording_of(
    skeleton: Skeleton, q: FloatArray, *, rate_hz: float = 100.0, noise_m: float = 0.0, seed: int = 0
) -> MarkerTrajectories:
    """The skeleton's markers over a motion (F, Q), with noise."""
    positions = markers_at(skeleton, q)
    positions = positions + np.random.default_rng(seed).normal(0, 1, positions.shape) * noise_m
    return MarkerTrajectories(np.arange(len(q)) / rate_hz, skeleton.marker_names, positions)


def without_ground_markers(skeleton: Skeleton) -> Skeleton:
    return skeleton.with_markers(tuple(m for m in skeleton.markers if m.body != GROUND))


def renamed(skeleton: Skeleton, name: str, new_name: str) -> Skeleton:
    """The skeleton with one marker under another name."""
    return skeleton.with_markers(tuple(replace(m, name=new_name) if m.name == name else m for m in skeleton.markers))


class OpenSimPoser:
    """OpenSim's own forward kinematics of a model file."""

    def __init__(self, path: Path, body_scales: dict[str, FloatArray] | None = None) -> None:
        self.model = opensim.Model(str(path))
        self.state = self.model.initSystem()
        if body_scales is not None:
            self._scale(body_scales)
        self.coordinates = [self.model.getCoordinateSet().get(i) for i in range(self.model.getNumCoordinates())]
        self.markers = [self.model.getMarkerSet().get(i) for i in range(self.model.getNumMarkers())]
        self.joints = {
            str(joint.getName()): joint
            for joint in (self.model.getJointSet().get(i) for i in range(self.model.getJointSet().getSize()))
        }

    def _scale(self, body_scales: dict[str, FloatArray]) -> None:
        self.scales = opensim.ScaleSet()
        for name, factors in body_scales.items():
            scale = opensim.Scale()
            scale.setSegmentName(name)
            scale.setScaleFactors(vec3(factors))
            scale.setApply(True)
            self.scales.cloneAndAppend(scale)
        assert self.model.scale(self.state, self.scales, True, -1.0)
        self.state = self.model.initSystem()

    def pose(self, q: FloatArray) -> None:
        for coordinate, value in zip(self.coordinates, q, strict=True):
            coordinate.setLocked(self.state, False)
            coordinate.setClamped(self.state, False)
            coordinate.setValue(self.state, float(value), False)
        self.model.realizePosition(self.state)

    def transform(self, body: str) -> FloatArray:
        X = self.model.getBodySet().get(body).getTransformInGround(self.state)
        T = np.eye(4)
        T[:3, :3] = [[X.R().asMat33().get(i, j) for j in range(3)] for i in range(3)]
        T[:3, 3] = X.p().to_numpy()
        return T

    def marker_positions(self) -> FloatArray:
        return np.array([m.getLocationInGround(self.state).to_numpy() for m in self.markers]).reshape(-1, 3)

    def joint_center(self, joint: str) -> FloatArray:
        return self.joints[joint].getChildFrame().getPositionInGround(self.state).to_numpy()
