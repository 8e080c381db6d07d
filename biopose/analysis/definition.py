"""What a metric is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["left", "right", "none"]
WHOLE_BODY: tuple[Side, ...] = ("none",)
EACH_SIDE: tuple[Side, ...] = ("left", "right")


@dataclass(frozen=True)
class Definition:
    """What a number means.

    Attributes:
        unit: of the value and its standard deviation; "1" for a count.
        meaning: in one sentence.
        source: publication that defines it so; empty where none is needed.
        better: which direction is an improvement; empty where that depends on the person, the task or the speed.
        events: names of those that it rests on, as `events` has them.
        sides: of which it is known, none being the whole body; a throw or kick has that of its own limb alone.
    """

    unit: str
    meaning: str
    source: str = ""
    better: Literal["higher", "lower", ""] = ""
    events: tuple[str, ...] = ()
    sides: tuple[Side, ...] = WHOLE_BODY
