"""Erasing those who withdrew consent, once their time of grace is over. Nights hide them at once (`tasks.consent`)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tasks.consent_record import ConsentRecord
from tasks.erasure import erase, interrupted_erasure, plan_erasure
from tasks.settings import Settings
from warehouse.connection import opened_for_reading
from warehouse.erase import ATHLETES


@dataclass(frozen=True)
class ErasedPerson:
    """Somebody who was erased.

    Attributes:
        athlete_id: team/athlete.
        certificate: its file.
        left: files of the home that hold an id of theirs still.
        others_trials: how many trials of others were measured from the same videos.
    """

    athlete_id: str
    certificate: str
    left: tuple[str, ...]
    others_trials: int

    @property
    def lines(self) -> list[str]:
        """What was done and what a person has to do, without a name."""
        others = (
            f"{self.others_trials} trials of others, of the same videos, lost their overlays and keep their numbers"
        )
        return [
            f"Who withdrew consent was erased; the certificate: {self.certificate}",
            *(f"{name} holds an id of theirs still; remove it by hand" for name in self.left),
            *([others] if self.others_trials else []),
            "Backups hold this person still: make another with `biopose backup`, which names those to remove",
        ]


def people_stored(settings: Settings, athletes: Collection[str]) -> list[str]:
    """Those of some people of whom readers' snapshot has anything, retired or deleted trials included.

    Raises:
        WarehouseError: it cannot be read.
    """
    if not (athletes and settings.snapshot.is_file()):
        return []
    with opened_for_reading(settings.snapshot) as connection:
        return sorted({str(one) for (one,) in connection.execute(ATHLETES).fetchall()}.intersection(athletes))


def who_is_to_be_erased(settings: Settings) -> list[str]:
    """Those whose grace is over, and first somebody whose erasure was interrupted, as team/athlete.

    Of whom nothing was ever stored, as of who has not consented yet, there is nothing to erase: once they consent, they
    are measured as anybody else is.

    Raises:
        BioposeError: the record of consent, or the list of an interrupted erasure, cannot be read.
        WarehouseError: the snapshot cannot be read.
    """
    interrupted = interrupted_erasure(settings)
    due = people_stored(settings, ConsentRecord(settings.home).due(after_days=settings.withdrawn_days))
    return [*([interrupted] if interrupted else []), *(athlete for athlete in due if athlete != interrupted)]


def erase_withdrawn(settings: Settings) -> list[ErasedPerson]:
    """Erase them; hold the locks `ingest` and `up` of the home meanwhile.

    Raises:
        BioposeError: as `who_is_to_be_erased` does.
        WarehouseError: as there, or another process has the database open.
        OSError: something cannot be removed; the next time ends it.
    """
    return [_erased(settings, athlete) for athlete in who_is_to_be_erased(settings)]


def _erased(settings: Settings, athlete: str) -> ErasedPerson:
    erasure = plan_erasure(settings, athlete)
    done = erase(settings, erasure)
    return ErasedPerson(athlete, done["certificate"], tuple(done["left"]), len(erasure.others_trials))
