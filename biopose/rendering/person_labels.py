"""How people are named in the overlay and on the command line."""

from __future__ import annotations

from collections.abc import Sequence

from biopose.reconstruction.measurement import PersonMeasurement


def person_labels(people: Sequence[PersonMeasurement], heights_m: Sequence[float] | None) -> list[str]:
    """Each person's number, and the height that was given for them where it is known."""
    numbers = [f"person {one.track.person}" for one in people]
    if heights_m is None:
        return numbers
    return [f"{number}: {height_m:.2f} m" for number, height_m in zip(numbers, heights_m, strict=True)]
