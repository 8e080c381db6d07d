#!/usr/bin/env bash
# OpenSim 4.6: InverseKinematicsTool takes a coordinate file in radians (inDegrees=no) for one in degrees.
#
# Expected: the header line inDegrees of a motion file gives the unit of its rotations; the files that OpenSim writes
#   explain it so in their own header. A target of 0.349 rad (20 degrees) in a coordinate_file with inDegrees=no and
#   the same target as 20 in a file with inDegrees=yes give the same solution.
# Observed: the values of both files are converted from degrees to radians: the target of the first is 0.349 degrees. No
#   error, no warning. OpenSim's own TableProcessor reads the same file by its header.
#
# Date: 2026-11-29. Run: bash findings/opensim-ik-coordinate-file-radians.sh (another interpreter: PYTHON=...)
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

FRAMES, STEP_S, TARGET_DEG = 10, 0.01, 20.0
MARKERS = {"A": (1, 0, 0), "B": (0, 1, 0), "C": (1, 1, 0)}

opensim.Logger.setLevelString("error")


def report(line):
    """Print to standard error: InverseKinematicsTool fills standard output with a summary of the model."""
    print(line, file=sys.stderr)


def write_model():
    """A body on a pin joint at the ground's origin, with three markers in its plane (m)."""
    model = opensim.Model()
    body = opensim.Body("body", 1.0, opensim.Vec3(0), opensim.Inertia(1, 1, 1, 0, 0, 0))
    joint = opensim.PinJoint("hinge", model.getGround(), body)
    joint.updCoordinate().setName("angle")
    model.addBody(body)
    model.addJoint(joint)
    for name, location in MARKERS.items():
        model.addMarker(opensim.Marker(name, body, opensim.Vec3(*location)))
    model.finalizeConnections()
    model.printToXML("model.osim")


def write_markers():
    """Markers of the neutral pose, in every frame."""
    table = opensim.TimeSeriesTableVec3()
    table.setColumnLabels(list(MARKERS))
    for index in range(FRAMES):
        row = opensim.RowVectorVec3(len(MARKERS))
        for column, location in enumerate(MARKERS.values()):
            row[column] = opensim.Vec3(*location)
        table.appendRow(index * STEP_S, row)
    table.addTableMetaDataString("DataRate", str(1 / STEP_S))
    table.addTableMetaDataString("Units", "m")
    opensim.TRCFileAdapter.write(table, "markers.trc")


def write_target(value, in_degrees):
    header = f"target\nversion=1\nnRows={FRAMES}\nnColumns=2\ninDegrees={in_degrees}\nendheader\ntime\tangle\n"
    rows = "".join(f"{index * STEP_S:.4f}\t{value!r}\n" for index in range(FRAMES))
    with open("target.mot", "w") as file:
        file.write(header + rows)


def solution_deg():
    """Angle of the first frame, the coordinate's target weighted a million times the markers."""
    tool = opensim.InverseKinematicsTool()
    tool.set_model_file("model.osim")
    tool.setMarkerDataFileName("markers.trc")
    tool.setCoordinateFileName("target.mot")
    tool.setOutputMotionFileName("solution.mot")
    tool.setStartTime(0)
    tool.setEndTime((FRAMES - 1) * STEP_S)
    for name in MARKERS:
        marker = opensim.IKMarkerTask()
        marker.setName(name)
        marker.setWeight(1.0)
        tool.getIKTaskSet().cloneAndAppend(marker)
    coordinate = opensim.IKCoordinateTask()
    coordinate.setName("angle")
    coordinate.setWeight(1e6)
    coordinate.setValueType(opensim.IKCoordinateTask.FromFile)
    tool.getIKTaskSet().cloneAndAppend(coordinate)
    tool.run()
    with open("solution.mot") as file:
        text = file.read()
    assert "inDegrees=yes" in text
    return float(text.split("endheader")[1].split()[3])


def by_header_deg():
    """Angle of the first frame of the target file, by OpenSim's reader of tables, which heeds inDegrees."""
    model = opensim.Model("model.osim")
    model.initSystem()
    table = opensim.TableProcessor("target.mot").processAndConvertToRadians(model)
    return math.degrees(table.getDependentColumn("angle")[0])


write_model()
write_markers()
found_deg = {}
for value, in_degrees in ((TARGET_DEG, "yes"), (math.radians(TARGET_DEG), "no")):
    write_target(value, in_degrees)
    found_deg[in_degrees] = solution_deg()
    report(f"target {value:.6f}, inDegrees={in_degrees}: solution {found_deg[in_degrees]:.6f} degrees")
    report(f"    the same file read by TableProcessor: {by_header_deg():.6f} degrees")
if abs(found_deg["yes"] - TARGET_DEG) > 0.01:
    sys.exit("The target in degrees is not followed: this script does not show what it should.")
if abs(found_deg["no"] - math.radians(TARGET_DEG)) > 0.01:
    sys.exit("No longer so: a coordinate file in radians is not converted from degrees.")
PYTHON
venv/bin/python check.py 2>&1 >/dev/null
