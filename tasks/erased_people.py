"""Who was erased from a home: recorded so that the next night does not measure them again, and without their names.

Ids are kept as HMAC-SHA256 under a key of the home: whoever has an id can tell whether it was erased, and nobody reads
the ids from the record. A home that is restored from an older backup needs this record beside it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from biopose.errors import BioposeError
from biopose.io.files import written_whole

NAME = "erased.json"


class ErasedPeople:
    """The record of a home.

    Args:
        home: that holds it; without one, nobody was erased.

    Raises:
        BioposeError: the record cannot be read: nobody may be measured before it is restored.
    """

    def __init__(self, home: Path) -> None:
        self._file = home / NAME
        self._key, self._people = secrets.token_hex(32), dict[str, dict[str, str | list[str]]]()
        try:
            if self._file.exists():
                record = json.loads(self._file.read_text(encoding="ascii"))
                self._key = str(record["key"])
                self._people = {
                    str(person): {
                        "erased_at": str(one["erased_at"]),
                        "trials": [str(trial) for trial in one["trials"]],
                        "team": str(one.get("team", "")),  # `note_team` adds it
                    }
                    for person, one in record["people"].items()
                }
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BioposeError(
                f"{self._file}: cannot be read ({error}); restore it from a backup: without it, people who were erased "
                "would be measured again"
            ) from error
        self._trials = {trial for one in self._people.values() for trial in one["trials"]}

    def add(self, athlete_id: str, trial_ids: Iterable[str]) -> None:
        """Record somebody, with their trials.

        Args:
            athlete_id: team/athlete.
            trial_ids: team/session/trial of each trial of theirs.
        """
        trials = sorted(self._hash(trial) for trial in trial_ids)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        team = self._hash(athlete_id.partition("/")[0])
        self._people[self._hash(athlete_id)] = {"erased_at": now, "trials": trials, "team": team}
        self._trials.update(trials)
        self._save()

    def readmit(self, athlete_id: str) -> bool:
        """Remove somebody from the record; returns whether they were in it."""
        one = self._people.pop(self._hash(athlete_id), None)
        if one is not None:
            self._trials.difference_update(one["trials"])
            self._save()
        return one is not None

    def note_team(self, athlete_id: str) -> None:
        """Record the team of somebody who was erased by an earlier version, which did not."""
        one = self._people.get(self._hash(athlete_id))
        if one is not None and not one["team"]:
            one["team"] = self._hash(athlete_id.partition("/")[0])
            self._save()

    def is_of_team(self, team: str) -> bool:
        """Whether somebody of a team was erased."""
        hashed = self._hash(team)
        return any(one["team"] == hashed for one in self._people.values())

    def erased_at(self, athlete_id: str) -> str | None:
        """When somebody was erased, UTC; None where they were not."""
        one = self._people.get(self._hash(athlete_id))
        return None if one is None else str(one["erased_at"])

    def has_trial(self, trial_id: str) -> bool:
        """Whether a trial is one of somebody who was erased."""
        return bool(self._trials) and self._hash(trial_id) in self._trials

    def _hash(self, identity: str) -> str:
        return hmac.new(self._key.encode(), identity.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()

    def _save(self) -> None:
        with written_whole(self._file, durable=True) as partial:
            partial.write_text(json.dumps({"key": self._key, "people": self._people}, indent=1), encoding="ascii")
