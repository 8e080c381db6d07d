"""OpenSim's inverse kinematics solver, frame by frame; importing it loads OpenSim and numpy alone.

Pitfalls of the Python binding that are handled here: objects handed to a solver must stay referenced while it lives;
clamped coordinates stall the assembly solver, so clamping is a choice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from biopose.errors import ModelError
from biopose.io.trajectories import MarkerTrajectories
from biopose.skeleton.osim_coordinates import coordinate_names
from biopose.skeleton.quiet_opensim import opensim

if TYPE_CHECKING:
    from biopose.skeleton.ik.coordinate_targets import CoordinateTargets


class OpenSimTracker:
    """OpenSim's solver on one recording; frames are solved in order, each from the one before.

    Attributes:
        coordinate_names: in the model's order.
        markers_seen: (F,) how many of the used markers each frame has.
    """

    def __init__(
        self,
        model_path: Path,
        trajectories: MarkerTrajectories,
        *,
        weights: Mapping[str, float] | None = None,
        targets: CoordinateTargets | None = None,
        accuracy: float = 1e-5,
        constraint_weight: float = math.inf,
        clamped: bool = True,
    ) -> None:
        self._time_s = trajectories.time_s
        self._model = opensim.Model(str(model_path))
        coordinates = self._model.updCoordinateSet()
        self._coordinates = [coordinates.get(i) for i in range(coordinates.getSize())]
        if not clamped:
            for coordinate in self._coordinates:
                coordinate.setDefaultClamped(False)
        self._state = self._model.initSystem()
        self.coordinate_names = coordinate_names(self._model)
        known = {self._model.getMarkerSet().get(i).getName() for i in range(self._model.getMarkerSet().getSize())}
        used = [n for n in trajectories.names if n in known and (weights is None or weights.get(n, 0.0) > 0)]
        if not used:
            raise ModelError(f"{model_path}: the recording holds none of its markers that have a weight")
        self.markers_seen = (~np.isnan(trajectories.select(used).positions_m).any(axis=-1)).sum(axis=-1)
        # Everything that the solver points to is kept on self.
        self._table = _marker_table(trajectories.select(used))
        self._weights = opensim.SetMarkerWeights()
        for name in used:
            self._weights.cloneAndAppend(opensim.MarkerWeight(name, 1.0 if weights is None else weights[name]))
        self._reference = opensim.MarkersReference(self._table, self._weights)
        self._coordinate_references = opensim.SimTKArrayCoordinateReference()
        for reference in _coordinate_references(targets, trajectories.time_s):
            self._coordinate_references.push_back(reference)
        self._solver = opensim.InverseKinematicsSolver(
            self._model, self._reference, self._coordinate_references, constraint_weight
        )
        self._solver.setAccuracy(accuracy)
        self._assembled = False

    def solve(self, frame: int) -> NDArray[np.float64]:
        """(Q,) coordinates of a frame, radians and metres."""
        self._state.setTime(float(self._time_s[frame]))
        try:
            if self._assembled:
                self._solver.track(self._state)
            else:
                self._solver.assemble(self._state)
                self._assembled = True
        except RuntimeError as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"OpenSim cannot fit the frame at {self._time_s[frame]:.4f} s: {reason}") from error
        return np.array([c.getValue(self._state) for c in self._coordinates])


def _coordinate_references(
    targets: CoordinateTargets | None, time_s: NDArray[np.float64]
) -> Iterator[opensim.CoordinateReference]:
    """A reference for each target: a function of time through its value at each frame."""
    if targets is None:
        return
    for name, values, weight in zip(targets.names, targets.values.T, targets.weights, strict=True):
        function = opensim.PiecewiseLinearFunction()
        for time, value in zip(time_s, values, strict=True):
            function.addPoint(float(time), float(value))
        reference = opensim.CoordinateReference(name, function)
        reference.setWeight(float(weight))
        yield reference


def _marker_table(trajectories: MarkerTrajectories) -> opensim.TimeSeriesTableVec3:
    table = opensim.TimeSeriesTableVec3()
    table.setColumnLabels(list(trajectories.names))
    table.addTableMetaDataString("Units", "m")
    rate_hz = trajectories.rate_hz if len(trajectories.time_s) > 1 else 1.0
    table.addTableMetaDataString("DataRate", repr(rate_hz))
    for time_s, frame in zip(trajectories.time_s, trajectories.positions_m, strict=True):
        row = opensim.RowVectorVec3(len(frame))
        for i, point in enumerate(frame):
            row[i] = opensim.Vec3(*point.tolist())
        table.appendRow(float(time_s), row)
    return table
