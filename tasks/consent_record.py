"""Who of a home has withdrawn consent, or agreed to numbers alone, since when; full consent is not recorded.

The statements are those of manifests. The record outlasts them: neither a session that is gone nor another inbox gives
consent back, only a newer statement does.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from biopose.errors import BioposeError
from biopose.io.consent import SCOPES, Consent
from biopose.io.files import written_whole

NAME = "consent.json"


@dataclass(frozen=True)
class Restriction:
    """What somebody has not agreed to.

    Attributes:
        scope: what they have agreed to, of `SCOPES`.
        stated_on: the day of the statement, as in 2026-11-25.
        since: when an ingest first met that scope, UTC.
        confirmed: when an ingest last read the manifests and found it so, UTC.
    """

    scope: tuple[str, ...]
    stated_on: str
    since: datetime
    confirmed: datetime


class ConsentRecord:
    """The record of a home.

    Args:
        home: that holds it.

    Raises:
        BioposeError: it cannot be read.
    """

    def __init__(self, home: Path) -> None:
        self._file = home / NAME
        self._people: dict[str, Restriction] = {}
        try:
            if self._file.exists():
                found = json.loads(self._file.read_text(encoding="utf-8"))
                self._people = {str(athlete): _restriction(one) for athlete, one in found.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BioposeError(
                f"{self._file}: cannot be read ({error}); restore it from a backup, or delete it: the next ingest "
                "writes it anew from the manifests that are there, and who withdrew is then erased that much later"
            ) from error

    @property
    def people(self) -> frozenset[str]:
        """Everybody who is recorded, as team/athlete."""
        return frozenset(self._people)

    @property
    def withdrawn(self) -> dict[str, Restriction]:
        """By team/athlete, of whom nothing may be measured or shown."""
        return {athlete: one for athlete, one in self._people.items() if "numbers" not in one.scope}

    @property
    def without_pictures(self) -> frozenset[str]:
        """Who must not be shown in overlays and reports, as team/athlete."""
        return frozenset(athlete for athlete, one in self._people.items() if "pictures" not in one.scope)

    def due(self, *, after_days: float) -> list[str]:
        """Who withdrew, and had not consented anew when an ingest read the manifests after their time of grace.

        A manifest that was corrected since the last ingest is not known yet: the time that goes by alone erases nobody.

        Args:
            after_days: of grace.
        """
        return sorted(
            athlete for athlete, one in self.withdrawn.items() if _days(one.since, one.confirmed) >= after_days
        )

    def overdue(self, *, after_days: float, now: datetime | None = None) -> list[str]:
        """Who withdrew so long ago, whether an ingest confirmed it since or not.

        Args:
            after_days: of grace.
            now: UTC; None: now.
        """
        until = now or datetime.now(UTC)
        return sorted(athlete for athlete, one in self.withdrawn.items() if _days(one.since, until) >= after_days)

    def update(
        self, statements: Mapping[str, Consent], *, unclear: Collection[str] = (), now: datetime | None = None
    ) -> None:
        """Take over the newest statements, where none that is recorded is newer.

        Args:
            statements: by team/athlete.
            unclear: who may have said otherwise where it cannot be read: what is recorded of them is not confirmed.
            now: UTC; None: now.
        """
        before, now = dict(self._people), now or datetime.now(UTC)
        for athlete, consent in statements.items():
            known, scope, day = self._people.get(athlete), tuple(sorted(consent.scope)), consent.date.isoformat()
            if known and known.stated_on > day:
                continue
            if scope == tuple(sorted(SCOPES)):
                self._people.pop(athlete, None)
            else:
                since = known.since if known and known.scope == scope else now
                self._people[athlete] = Restriction(scope, day, since, since)
        for athlete, one in self._people.items():
            if athlete not in unclear:
                since = min(one.since, now)  # a clock that was ahead would put it off for as long
                self._people[athlete] = replace(one, since=since, confirmed=now)
        if self._people != before:
            self._save()

    def forget(self, athlete: str) -> None:
        """Remove somebody who was erased."""
        if self._people.pop(athlete, None) is not None:
            self._save()

    def _save(self) -> None:
        people = {
            athlete: {"scope": one.scope, "stated_on": one.stated_on, **_times(one)}
            for athlete, one in sorted(self._people.items())
        }
        with written_whole(self._file, durable=True) as partial:
            partial.write_text(json.dumps(people, indent=1), encoding="utf-8")


def _times(one: Restriction) -> dict[str, str]:
    return {"since": one.since.isoformat(), "confirmed": one.confirmed.isoformat()}


def _restriction(found: Mapping[str, Any]) -> Restriction:
    since, confirmed = (datetime.fromisoformat(found[name]).astimezone(UTC) for name in ("since", "confirmed"))
    return Restriction(tuple(map(str, found["scope"])), str(found["stated_on"]), since, confirmed)


def _days(begin: datetime, end: datetime) -> float:
    return (end - begin) / timedelta(days=1)
