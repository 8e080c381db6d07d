"""The members of an OpenSim model's sets, and the names of its coordinates."""

from __future__ import annotations

from collections import Counter

from biopose.skeleton.quiet_opensim import opensim


def coordinate_names(model: opensim.Model) -> tuple[str, ...]:
    """Names of a model's coordinates in its order: joint/coordinate where two joints have one of the same name."""
    coordinates = items_of(model.getCoordinateSet())
    count = Counter(str(c.getName()) for c in coordinates)
    return tuple(
        f"{c.getJoint().getName()}/{c.getName()}" if count[str(c.getName())] > 1 else str(c.getName())
        for c in coordinates
    )


def items_of(objects: opensim.ModelComponentSetMarker) -> list:
    """The members of a set, in its order."""
    return [objects.get(i) for i in range(objects.getSize())]
