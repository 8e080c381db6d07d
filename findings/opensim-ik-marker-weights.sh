#!/usr/bin/env bash
# OpenSim 4.6: in inverse kinematics, scaling all marker weights does not change their balance with coordinate weights.
#
# Expected: the objective is the sum of marker weight times squared marker error and coordinate weight times squared
#   coordinate error, so that marker weights a hundred times larger draw the solution to the markers.
# Observed: marker errors are divided by the sum of the marker weights, coordinate errors are not: marker weights of
#   0.01 and of 100 give the same solution, and so does any number of markers that agree. The coordinate's weight alone
#   sets the balance: a coordinate task of weight 1 counts as much as all markers together, not as one marker.
#
# Date: 2026-11-29. Run: bash findings/opensim-ik-marker-weights.sh (another interpreter: PYTHON=...)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install --quiet opensim==4.6 numpy==2.4.6

cat >check.py <<'PYTHON'
import math
import sys

import opensim

TARGET_RAD = math.radians(20.0)

opensim.Logger.setLevelString("error")


def pendulum(marker_count):
    """A body on a pin joint at the ground's origin; all markers at the same place, 1 m along its x axis."""
    model = opensim.Model()
    body = opensim.Body("body", 1.0, opensim.Vec3(0), opensim.Inertia(1, 1, 1, 0, 0, 0))
    joint = opensim.PinJoint("hinge", model.getGround(), body)
    joint.updCoordinate().setName("angle")
    model.addBody(body)
    model.addJoint(joint)
    for index in range(marker_count):
        model.addMarker(opensim.Marker(f"M{index}", body, opensim.Vec3(1, 0, 0)))
    model.finalizeConnections()
    return model


def solution_deg(marker_weight, coordinate_weight, marker_count=3):
    """Angle when the markers ask for 0 degrees and the coordinate's reference for 20."""
    names = [f"M{index}" for index in range(marker_count)]
    table = opensim.TimeSeriesTableVec3()
    table.setColumnLabels(names)
    for time_s in (0.0, 0.01):
        row = opensim.RowVectorVec3(marker_count)
        for column in range(marker_count):
            row[column] = opensim.Vec3(1, 0, 0)
        table.appendRow(time_s, row)
    weights = opensim.SetMarkerWeights()
    for name in names:
        weights.cloneAndAppend(opensim.MarkerWeight(name, marker_weight))
    target = opensim.CoordinateReference("angle", opensim.Constant(TARGET_RAD))
    target.setWeight(coordinate_weight)
    targets = opensim.SimTKArrayCoordinateReference()
    targets.push_back(target)
    model = pendulum(marker_count)
    state = model.initSystem()
    solver = opensim.InverseKinematicsSolver(model, opensim.MarkersReference(table, weights), targets)
    solver.setAccuracy(1e-8)
    state.setTime(0.0)
    solver.assemble(state)
    angle_deg = math.degrees(model.getCoordinateSet().get(0).getValue(state))
    weights_used = f"{marker_count} markers of weight {marker_weight:g}, coordinate of weight {coordinate_weight:g}"
    print(f"{weights_used}: {angle_deg:.4f} degrees")
    return angle_deg


same = [solution_deg(0.01, 1.0), solution_deg(1.0, 1.0), solution_deg(100.0, 1.0), solution_deg(1.0, 1.0, marker_count=12)]
heavier = solution_deg(1.0, 10.0)
if heavier - same[1] < 1.0:
    sys.exit("The coordinate's weight has no effect: this script does not show what it should.")
if max(same) - min(same) > 0.01:
    sys.exit("No longer so: the scale of the marker weights changes the solution.")
PYTHON
venv/bin/python check.py
