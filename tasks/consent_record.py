"""Who of a home has withdrawn consent, or agreed to numbers alone, since when; full consent is not recorded.

The statements are those of manifests. The record outlasts them: neither a session that is gone nor another inbox gives
consent back, only a newer statement does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
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
    """

    scope: tuple[str, ...]
    stated_on: str
    since: datetime


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
    def withdrawn(self) -> dict[str, Restriction]:
        """By team/athlete, of whom nothing may be measured or shown."""
        return {athlete: one for athlete, one in self._people.items() if "numbers" not in one.scope}

    @property
    def without_pictures(self) -> frozenset[str]:
        """Who must not be shown in overlays and reports, as team/athlete."""
        return frozenset(athlete for athlete, one in self._people.items() if "pictures" not in one.scope)

    def due(self, *, after_days: float, now: datetime | None = None) -> list[str]:
        """Who withdrew so long ago that they are to be erased.

        Args:
            after_days: of grace.
            now: UTC; None: now.
        """
        latest = (now or datetime.now(UTC)) - timedelta(days=after_days)
        return sorted(athlete for athlete, one in self.withdrawn.items() if one.since <= latest)

    def update(self, statements: Mapping[str, Consent]) -> None:
        """Take over the newest statements, where none that is recorded is newer.

        Args:
            statements: by team/athlete.
        """
        before, now = dict(self._people), datetime.now(UTC)
        for athlete, consent in statements.items():
            known, scope, day = self._people.get(athlete), tuple(sorted(consent.scope)), consent.date.isoformat()
            if known and known.stated_on > day:
                continue
            if scope == tuple(sorted(SCOPES)):
                self._people.pop(athlete, None)
            else:
                since = known.since if known and known.scope == scope else now
                self._people[athlete] = Restriction(scope, day, since)
        if self._people != before:
            self._save()

    def forget(self, athlete: str) -> None:
        """Remove somebody who was erased."""
        if self._people.pop(athlete, None) is not None:
            self._save()

    def _save(self) -> None:
        people = {
            athlete: {"scope": one.scope, "stated_on": one.stated_on, "since": one.since.isoformat()}
            for athlete, one in sorted(self._people.items())
        }
        with written_whole(self._file, durable=True) as partial:
            partial.write_text(json.dumps(people, indent=1), encoding="utf-8")


def _restriction(found: Mapping[str, Any]) -> Restriction:
    since = datetime.fromisoformat(found["since"])
    return Restriction(tuple(map(str, found["scope"])), str(found["stated_on"]), since.astimezone(UTC))
