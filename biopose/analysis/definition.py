"""What a metric is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Definition:
    """What a number means.

    Attributes:
        unit: of the value and its standard deviation; "1" for a count.
        meaning: in one sentence.
        source: publication that defines it so; empty where none is needed.
        better: which direction is an improvement; empty where that depends on the person, the task or the speed.
        events: names of those that it rests on, as `events` has them.
    """

    unit: str
    meaning: str
    source: str = ""
    better: Literal["higher", "lower", ""] = ""
    events: tuple[str, ...] = ()
