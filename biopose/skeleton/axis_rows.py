"""A skeleton's moving axes as rows of one coordinate each, and its constants as arrays, for `kinematics`."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biopose.skeleton.functions import PiecewisePolynomial
from biopose.skeleton.model import GROUND, JointAxis, Skeleton
from biopose.skeleton.multivariate import CoordinateFunction, Partial

Row = tuple[int, int, JointAxis]  # joint, number of the axis in it, axis


def moving_axes(skeleton: Skeleton) -> list[Row]:
    """The A rows of the axes that move, joint by joint; those of an axis add up."""
    return [
        (joint, number, row)
        for joint, description in enumerate(skeleton.joints)
        for number, axis in _displacements_first(description.axes)
        if not axis.is_fixed
        for row in _rows_of(axis)
    ]


def _displacements_first(axes: tuple[JointAxis, ...]) -> list[tuple[int, JointAxis]]:
    """A joint's numbered axes, each after those that rotate it: a joint's rotations do not rotate its displacements.

    The second derivatives in `least_squares` rely on that order of rows.
    """
    numbered = [*enumerate(axes)]
    return numbered[3:] + numbered[:3]


def _rows_of(axis: JointAxis) -> list[JointAxis]:
    """An axis as rows of one coordinate each; their displacements (or rotations, about one direction) add up."""
    if not isinstance(axis.function, CoordinateFunction):
        return [axis]
    return [
        replace(axis, function=Partial(axis.function, axis.coordinates, i), coordinate=c, further_coordinates=())
        for i, c in enumerate(axis.coordinates)
    ]


def functions(rows: list[Row]) -> list[tuple[PiecewisePolynomial | Partial, int]]:
    """Of each row its function and the coordinate that it is of (0 for a constant)."""
    pairs = []
    for _, _, axis in rows:
        assert not isinstance(axis.function, CoordinateFunction)
        pairs.append((axis.function, axis.coordinate or 0))
    return pairs


def row_tables(skeleton: Skeleton, rows: list[Row]) -> dict[str, NDArray[Any]]:
    """Per row (A): its direction in the parent body, where it belongs, and whether it grows with the parent."""
    joints = skeleton.joints
    directions = np.array([joints[j].T_parent_joint[:3, :3] @ axis.direction for j, _, axis in rows]).reshape(-1, 3)
    scaling = [joints[j].child if axis.grows_with_child else joints[j].parent for j, _, axis in rows]
    gains = [axis.gains * (body != GROUND) for (_, _, axis), body in zip(rows, scaling, strict=True)]
    rotational = [row for row, (_, number, _) in enumerate(rows) if number < 3]
    # matrix @ v = direction x v
    cross_matrices = np.cross(directions[rotational][:, None], np.eye(3)).transpose(0, 2, 1)
    return {
        "row_directions": directions,
        "cross_matrices": cross_matrices,
        "cross_matrices_squared": cross_matrices @ cross_matrices,
        "translation_gains": np.array(gains).reshape(-1, 3),
        "row_joints": np.array([joint for joint, _, _ in rows], dtype=np.int64),
        "row_scaling_bodies": np.array(scaling, dtype=np.int64),
        "row_parents": np.array([joints[joint].parent for joint, _, _ in rows], dtype=np.int64),
        "row_coordinates": np.array([axis.coordinate or 0 for _, _, axis in rows], dtype=np.int64),
        "rotational_rows": np.array(rotational, dtype=np.int64),
        "translational_rows": np.array([row for row in range(len(rows)) if row not in rotational], dtype=np.int64),
    }


def geometry(skeleton: Skeleton) -> dict[str, NDArray[Any]]:
    """Constants of the joints (J, ...) and markers (M, ...)."""
    joints, markers = skeleton.joints, skeleton.markers
    after = [j.T_parent_joint[:3, :3] @ j.T_child_joint[:3, :3].T for j in joints]
    return {
        "R_after_rotations": np.array(after).reshape(-1, 3, 3),
        "p_parent_joint": np.array([j.T_parent_joint[:3, 3] for j in joints]).reshape(-1, 3),
        "p_child_joint": np.array([j.T_child_joint[:3, 3] for j in joints]).reshape(-1, 3),
        "joint_parents": np.array([joint.parent for joint in joints], dtype=np.int64),
        "marker_bodies": np.array([marker.body for marker in markers], dtype=np.int64),
        "marker_locations": np.array([m.location_m for m in markers]).reshape(-1, 3),
    }


def unscaled_offsets(skeleton: Skeleton) -> NDArray[np.float64]:
    """(M, B, 3) the part fixed in each body of the way from ground to each marker, unscaled, in its axes."""
    offsets = np.zeros((len(skeleton.markers), len(skeleton.bodies), 3))
    for number, marker in enumerate(skeleton.markers):
        offsets[number, marker.body] += marker.location_m
        for body in skeleton.ancestors[marker.body]:
            if body != GROUND:
                joint = skeleton.joints[body - 1]
                offsets[number, joint.parent] += joint.T_parent_joint[:3, 3]
                offsets[number, body] -= joint.T_child_joint[:3, 3]
    return offsets
