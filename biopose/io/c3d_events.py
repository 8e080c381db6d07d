"""Events in the EVENT group of a .c3d file, as the field's programs write them (https://www.c3d.org, user guide)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ezc3d
import numpy as np

CONTEXTS = {"left": "Left", "right": "Right"}
GENERAL = "General"


@dataclass(frozen=True)
class C3DEvent:
    """An event.

    Attributes:
        name: such as foot_strike, which is written as Foot Strike.
        side: left, right or another word for neither.
        time_s: of the recording.
    """

    name: str
    side: str
    time_s: float


def add_events(content: ezc3d.c3d, events: Sequence[C3DEvent]) -> None:
    """Add the group EVENT to what is to be written; times are minutes and seconds."""
    ordered = sorted(events, key=lambda event: event.time_s)
    minutes, seconds = np.divmod([event.time_s for event in ordered], 60.0)
    content.add_parameter("EVENT", "USED", [len(ordered)])
    content.add_parameter("EVENT", "CONTEXTS", [CONTEXTS.get(event.side, GENERAL) for event in ordered])
    content.add_parameter("EVENT", "LABELS", [event.name.replace("_", " ").title() for event in ordered])
    content.add_parameter("EVENT", "TIMES", np.stack([minutes, seconds]))
