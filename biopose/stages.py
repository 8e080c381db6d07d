"""The stages of a measurement: their versions, and what each needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Stage:
    """A stage of a measurement.

    Attributes:
        name: of its function.
        version: raised whenever the same input gives another result; part of every key.
        needs: what it keeps busy: networks on whole images, or the processor alone.
        unit: of its work.
        networks: names of the models whose weights and configuration its result depends on.
        heads: those of them that read what the others made of people: of these the weights alone count, and what they
            make is kept apart, so that another one needs nobody located again.
    """

    name: str
    version: int
    needs: Literal["network", "processor"]
    unit: Literal["shard", "trial"]
    networks: tuple[str, ...] = ()
    heads: tuple[str, ...] = ()


PERCEIVE = Stage(
    "perceive",
    7,
    needs="network",
    unit="shard",
    networks=("detector", "keypoints", "mqhmr"),
    heads=("mqhmr",),  # whose configuration is of the refinement
)
RECONSTRUCT = Stage("reconstruct", 9, needs="processor", unit="trial", networks=("keypoint_fit", "mqhmr"))
SOLVE = Stage("solve", 9, needs="processor", unit="trial", networks=("neurik",))
ANALYSE = Stage("analyse", 10, needs="processor", unit="trial")
MEASURE_MARKERS = Stage("measure_markers", 4, needs="processor", unit="trial", networks=("neurik",))
STAGES = (PERCEIVE, RECONSTRUCT, SOLVE, ANALYSE, MEASURE_MARKERS)  # of markers, the last and `analyse` alone
