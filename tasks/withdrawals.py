"""Erasing those who withdrew consent, once their time of grace is over. Nights hide them at once (`tasks.consent`)."""

from __future__ import annotations

from contextlib import suppress

from tasks.consent_record import ConsentRecord
from tasks.erased_people import ErasedPeople
from tasks.erasure import erase, interrupted_erasure, plan_erasure
from tasks.settings import Settings
from warehouse.errors import QueryError


def who_is_to_be_erased(settings: Settings) -> list[str]:
    """Those whose grace is over, and first somebody whose erasure was interrupted, as team/athlete.

    Raises:
        BioposeError: the record of consent, or the list of an interrupted erasure, cannot be read.
    """
    interrupted = interrupted_erasure(settings)
    due = ConsentRecord(settings.home).due(after_days=settings.withdrawn_days)
    return [*([interrupted] if interrupted else []), *(athlete for athlete in due if athlete != interrupted)]


def erase_withdrawn(settings: Settings) -> list[str]:
    """Erase them; hold the locks `ingest` and `up` of the home meanwhile.

    Returns:
        Who was erased, as team/athlete.

    Raises:
        BioposeError: as `who_is_to_be_erased` does.
        WarehouseError: another process has the database open.
        OSError: something cannot be removed; the next time ends it.
    """
    people = who_is_to_be_erased(settings)
    for athlete in people:
        with suppress(QueryError):  # nothing of them was ever stored
            if settings.warehouse.is_file():
                erase(settings, plan_erasure(settings, athlete))
        record = ConsentRecord(settings.home)
        if athlete in record.withdrawn:
            ErasedPeople(settings.home).add(athlete, ())
            record.forget(athlete)
    return people
