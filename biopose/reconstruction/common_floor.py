"""Do people stand on the ground that was found, and do their heights agree with a common floor?

A person's height is the scale of their distance from the camera.

Somebody who is given too great a height is put too far away, on their own ray, so their feet rest lower than another's
where the camera looks down. With the camera h above a person's floor, a height H gives h in proportion to H: the height
that would put the person on another's floor follows from the two.

A tilted ground may put both on one plane in spite of wrong heights. So the vertical here is that of their bodies and of
each person's own contacts, and floors are apart where its error leaves no room for that.

The nearer the camera is to the floor, the less two heights show in it. Where exchanged ones would fit as well, a note
says so: they are given by an order of people that need not be the one meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from biopose.camera.ground import STANDS_S, Contacts, Ground, Vertical, ground_from_contacts
from biopose.camera.ground_levels import LEAST_STEP_M
from biopose.io.standing_height import LEAST_HEIGHT_M, MOST_HEIGHT_M

APART_SDS = 2.5  # of the difference between two floors' heights
FLOOR_SD_M = 0.04  # of a floor's height: the points on the feet
SCALE_SD = 0.03  # likewise, of the camera's height over it: the scale of a person of the right height
LEAST_CAMERA_HEIGHT_M = 0.3  # over both floors; below it a floor's height says nothing about a person's
UP_SD_DEG = 0.1  # up is known: it is that of all people
ALIKE = 0.05  # share by which two heights differ that may as well be exchanged: of the error of every length


@dataclass(frozen=True, eq=False)
class Footing:
    """Where one person's feet rest, in the camera's frame.

    Attributes:
        person: their number.
        height_m: that was given for them.
        contacts: of their feet.
    """

    person: int
    height_m: float
    contacts: Contacts


def floor_notes(people: Sequence[Footing], *, vertical: Vertical) -> dict[int, tuple[str, ...]]:
    """Sentences for each person whose feet do not rest on the floor of the first who has contacts, or would exchanged.

    Args:
        people: who was measured in one clip.
        vertical: by `vertical_of_each_alone`.

    Returns:
        By the person's number; nobody of whom there is nothing to say.
    """
    floors = [_Floor.of(one, vertical.up_camera) for one in people if one.contacts.there.any()]
    notes: dict[int, tuple[str, ...]] = {}
    for floor in floors[1:]:
        first = floors[0]
        if _are_apart(first, floor, vertical):
            notes[floor.person.person] = (_sentence(first, floor, vertical),)
        elif _may_be_exchanged(first, floor, vertical):
            notes[floor.person.person] = (_exchange_sentence(first.person, floor.person),)
    return notes


def unseen_ground_notes(people: Sequence[Footing], ground: Ground) -> dict[int, tuple[str, ...]]:
    """Sentences for each person who falls below the ground for STANDS_S, so that where they land is not seen.

    Args:
        people: who was measured in one clip.
        ground: the lowest level on which somebody stands.

    Returns:
        By the person's number; nobody whose feet stay above it, or rest: of other heights, see `floor_notes`.
    """
    notes: dict[int, tuple[str, ...]] = {}
    for person in people:
        contacts = person.contacts
        below_m = ground.height_m - (contacts.points_m @ ground.up_camera).max(axis=1)
        sinks = (below_m > LEAST_STEP_M) & ~contacts.there.any(axis=1)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], sinks, [False]]))).reshape(-1, 2)
        lasting = [slice(a, b) for a, b in edges if contacts.time_s[b - 1] - contacts.time_s[a] >= STANDS_S]
        if lasting:
            deepest_m = max(float(below_m[part].max()) for part in lasting)
            notes[person.person] = (
                f"From {contacts.time_s[lasting[0]][0]:.2f} s on both feet of person {person.person} are up to "
                f"{deepest_m:.2f} m below every level on which feet rest: the ground is not seen, and heights are over "
                "the lowest of these levels.",
            )
    return notes


@dataclass(frozen=True, eq=False)
class _Floor:
    """A person's floor: its height along up from the camera's centre, and the middle of their contacts on it."""

    person: Footing
    height_m: float
    centre_m: NDArray[np.float64]

    @classmethod
    def of(cls, person: Footing, up_camera: NDArray[np.float64]) -> _Floor:
        ground = ground_from_contacts(
            [person.contacts], up_camera=up_camera, pitch_sd_deg=UP_SD_DEG, roll_sd_deg=UP_SD_DEG
        )
        points_m, weights = person.contacts.points_m.reshape(-1, 3), person.contacts.weights.ravel()
        return cls(person, ground.height_m, np.average(points_m, axis=0, weights=weights))

    def scaled_to(self, height_m: float) -> _Floor:
        """That of the person with another height."""
        factor = height_m / self.person.height_m
        return replace(
            self,
            person=replace(self.person, height_m=height_m),
            height_m=factor * self.height_m,
            centre_m=factor * self.centre_m,
        )

    def height_on(self, other: _Floor) -> float:
        """The height of this person that would put them on another's floor."""
        return self.person.height_m * other.height_m / self.height_m


def _are_apart(first: _Floor, floor: _Floor, vertical: Vertical) -> bool:
    """Whether two floors differ by more than the errors of feet, scale and vertical explain."""
    of_scale_m = SCALE_SD * np.array([first.height_m, floor.height_m])
    of_vertical_m = vertical.height_sd_m(floor.centre_m - first.centre_m)
    sd_m = float(np.linalg.norm([FLOOR_SD_M, FLOOR_SD_M, *of_scale_m, of_vertical_m]))
    return abs(floor.height_m - first.height_m) > APART_SDS * sd_m


def _are_exchanged(first: _Floor, floor: _Floor, vertical: Vertical) -> bool:
    """Whether each with the other's height stands on one floor."""
    a, b = first.scaled_to(floor.person.height_m), floor.scaled_to(first.person.height_m)
    nearer = abs(b.height_m - a.height_m) < abs(floor.height_m - first.height_m) / 2
    return nearer and not _are_apart(a, b, vertical)


def _may_be_exchanged(first: _Floor, floor: _Floor, vertical: Vertical) -> bool:
    """Whether two heights differ, and each person with the other's would stand on one floor, too."""
    a_m, b_m = first.person.height_m, floor.person.height_m
    return abs(a_m - b_m) > ALIKE * min(a_m, b_m) and not _are_apart(
        first.scaled_to(b_m), floor.scaled_to(a_m), vertical
    )


def _exchange_sentence(a: Footing, b: Footing) -> str:
    return (
        f"The picture does not tell whether the heights {a.height_m:.2f} m (person {a.person}) and {b.height_m:.2f} m "
        f"(person {b.person}) are exchanged: the camera is too low, or they are too far apart. All lengths, speeds and "
        "distances of either rest on them."
    )


def _sentence(first: _Floor, floor: _Floor, vertical: Vertical) -> str:
    a, b, step_m = first.person, floor.person, floor.height_m - first.height_m
    what = (
        f"The feet of person {b.person} rest {abs(step_m):.2f} m {'above' if step_m > 0 else 'below'} the floor of "
        f"person {a.person}, with the heights {a.height_m:.2f} m (person {a.person}) and {b.height_m:.2f} m "
        f"(person {b.person})."
    )
    if max(first.height_m, floor.height_m) > -LEAST_CAMERA_HEIGHT_M:
        return f"{what} If it is one floor, a height is wrong, or the camera's tilt or focal length."
    fitting = [(b.person, floor.height_on(first)), (a.person, first.height_on(floor))]
    exchanged = _are_exchanged(first, floor, vertical)
    likely = [f"{m:.2f} m for person {n}" for n, m in fitting if LEAST_HEIGHT_M <= m <= MOST_HEIGHT_M]
    if not likely:
        return f"{what} No height puts both on one floor: they stand on different ones."
    return (
        f"{what} If it is one floor, {'these heights are exchanged, or ' if exchanged else ''}a height is wrong "
        f"({' or '.join(likely)} would put both on it), or the camera's tilt or focal length."
    )
