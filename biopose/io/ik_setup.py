"""Marker weights from an OpenSim inverse kinematics set-up file (InverseKinematicsTool or IKTaskSet, .xml)."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

from biopose.io.files import existing_file, malformed


def read_marker_weights(path: Path | str) -> dict[str, float]:
    """Weights of the marker tasks that are applied.

    Raises:
        FileFormatError: if there is no such file, it is not XML, it has no marker task, or a weight is not a number
            of 0 or more.
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
        if task.findtext("apply", default="true").strip().lower() not in ("true", "1"):  # as OpenSim reads it
            continue
        weights[name] = _weight(text)
        if not 0 <= weights[name] < math.inf:
            raise malformed(path, found=f"weight {text!r} of marker {name}", expected="a number of 0 or more")
    return weights


def _weight(text: str) -> float:
    """NaN for what is no number."""
    try:
        return float(text)
    except ValueError:
        return math.nan
