"""Marker weights from an OpenSim inverse kinematics set-up file (InverseKinematicsTool or IKTaskSet, .xml)."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from biopose.io.files import existing_file, malformed


def read_marker_weights(path: Path | str) -> dict[str, float]:
    """Weights of the marker tasks that are applied.

    Raises:
        FileFormatError: if there is no such file, it is not XML, it has no marker task, or a weight is not a number.
    """
    path = existing_file(path)
    try:
        root = ElementTree.parse(path).getroot()  # noqa: S314 - a set-up file the user names, of no external entities
    except ElementTree.ParseError as error:
        raise malformed(path, found=str(error), expected="an OpenSim set-up file (XML)") from error
    tasks = list(root.iter("IKMarkerTask"))
    if not tasks:
        raise malformed(path, found="no IKMarkerTask", expected="an InverseKinematicsTool's marker tasks")
    weights = {}
    for task in tasks:
        name, text = task.get("name", ""), task.findtext("weight", default="1")
        if task.findtext("apply", default="true").strip() != "true":
            continue
        try:
            weights[name] = float(text)
        except ValueError:
            raise malformed(path, found=f"weight {text!r} of marker {name}", expected="a number") from None
    return weights
