"""The audit log of a home: who read, exported, erased, deleted and promoted what, a line of JSON each.

Each line holds the hash of the one before and its own, so that a line that was changed, or left out, is found. Athletes
and trials stand there under pseudonyms (HMAC-SHA256 with a key of the home): who has an id finds its lines, and nobody
reads an id of somebody who was erased. A line is one write under the file's lock, so that processes do not mix theirs;
what a killed process left of one is removed by the next, which notes that.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from biopose.errors import BioposeError

NAME, KEY = "audit.jsonl", "audit.key"
OWNER_ALONE = 0o600
FIRST = "0" * 64  # in place of the hash before the first line
TAIL_BYTES = 1 << 16  # in which the last line is looked for first
PSEUDONYM_DIGITS = 24  # hexadecimal: 96 bits
EVERY_TEAM = "*"
REPEATED_S = 600.0
MOST_REMEMBERED = 10_000
MOST_NAMED = 50  # people and trials of one line; beyond, their teams stand for them

Act = Literal[
    "view", "query", "download", "export", "erase", "readmit", "delete", "restore", "promote", "roll back", "abort",
    "canary", "finish", "sign in", "refuse", "add user", "remove user", "repair",
]  # fmt: skip
PASSING = ("view", "query", "download", "sign in", "refuse")  # a power cut may take the last ones; of all others none


@dataclass(frozen=True)
class People:
    """Whom an act concerned.

    Attributes:
        athletes: ids team/athlete.
        trials: ids team/session/trial.
        teams: of which everybody was concerned; EVERY_TEAM for all.
    """

    athletes: tuple[str, ...] = ()
    trials: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()

    @classmethod
    def of_teams(cls, teams: Sequence[str] | None) -> People:
        """Everybody of some teams; None: of all."""
        return cls(teams=(EVERY_TEAM,) if teams is None else tuple(teams))

    def bounded(self) -> People:
        """The same; where too many to name each are concerned, by their teams."""
        if len(self.athletes) + len(self.trials) <= MOST_NAMED:
            return self
        named = {one.partition("/")[0] for one in (*self.athletes, *self.trials)}
        return People(teams=tuple(sorted(named.union(self.teams))))


NOBODY = People()


@dataclass(frozen=True)
class Entry:
    """A line of the log.

    Attributes:
        at: UTC.
        who: did it.
        act: what was done.
        what: to what, such as a page or a query; no person's name.
        athletes: pseudonyms.
        trials: pseudonyms.
        teams: of which everybody was concerned.
    """

    at: datetime
    who: str
    act: str
    what: str
    athletes: tuple[str, ...]
    trials: tuple[str, ...]
    teams: tuple[str, ...]


class AuditLog:
    """The log of a home.

    Args:
        home: the folder that holds all state.
    """

    def __init__(self, home: Path) -> None:
        self.file = home / NAME
        self._key_file = home / KEY
        self._key = b""
        self._lock = threading.Lock()
        self._last: OrderedDict[tuple[str, str, str, People], float] = OrderedDict()

    def append(self, who: str, act: Act, what: str, people: People = NOBODY) -> None:
        """Add a line; what changes or leaves the home is on the disk when this returns.

        Args:
            who: did it.
            act: what was done.
            what: to what; no person's name.
            people: whom it concerned.

        Raises:
            BioposeError: it cannot be written; then nothing must be shown.
        """
        people = people.bounded()
        content = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "who": who,
            "act": act,
            "what": what,
            "athletes": [self.pseudonym(one) for one in people.athletes],
            "trials": [self.pseudonym(one) for one in people.trials],
            "teams": list(people.teams),
        }
        try:
            with _locked(self.file) as descriptor:
                previous = self._previous(descriptor, who)
                _write(descriptor, content, previous)
                if act not in PASSING:
                    os.fsync(descriptor)
        except OSError as error:
            raise BioposeError(
                f"{self.file}: cannot be written ({error.strerror}), and nothing is shown that cannot be recorded"
            ) from error

    def append_once(self, who: str, act: Act, what: str, people: People = NOBODY) -> None:
        """The same, but not again within REPEATED_S by this object: a player asks for a video in many parts.

        Raises:
            BioposeError: as `append` does.
        """
        line, now_s = (who, act, what, people), time.monotonic()
        with self._lock:
            if now_s - self._last.get(line, -REPEATED_S) < REPEATED_S:
                return
        self.append(who, act, what, people)
        with self._lock:
            self._last[line] = now_s
            while len(self._last) > MOST_REMEMBERED:
                self._last.popitem(last=False)

    def pseudonym(self, identity: str) -> str:
        """What stands for an id of an athlete or a trial."""
        digest = hmac.new(self._known_key(), identity.encode("utf-8", "surrogateescape"), hashlib.sha256)
        return digest.hexdigest()[:PSEUDONYM_DIGITS]

    def entries(self) -> Iterator[Entry]:
        """Every line, in order; a line that is none is left out (`verify` names it)."""
        for line in self._lines():
            try:
                found = json.loads(line)
                who, act, what = (str(found[key]) for key in ("who", "act", "what"))
                athletes, trials, teams = (tuple(map(str, found[key])) for key in ("athletes", "trials", "teams"))
                yield Entry(datetime.fromisoformat(found["at"]), who, act, what, athletes, trials, teams)
            except (ValueError, KeyError, TypeError):
                continue

    def verify(self) -> tuple[int, str]:
        """Check every line against the one before.

        Returns:
            The number of lines, and the last one's hash: noted elsewhere, it proves later that no line was cut off.

        Raises:
            BioposeError: naming the first line that was changed, or before which one is missing.
        """
        previous, number = FIRST, 0
        for number, line in enumerate(self._lines(), start=1):
            found = _parsed(line)
            if not line.endswith(b"\n"):
                raise BioposeError(
                    f"{self.file}:{number}: is incomplete, as of a process that was killed; the next entry removes it"
                )
            own = found.pop("hash", None)
            if own != _hash(found):
                raise BioposeError(f"{self.file}:{number}: was changed after it was written")
            if found.get("previous") != previous:
                raise BioposeError(
                    f"{self.file}:{number}: does not follow the line before: lines were taken out there, or put in"
                )
            previous = str(own)
        return number, previous

    def _lines(self) -> Iterator[bytes]:
        if self.file.exists():
            with self.file.open("rb") as file:
                yield from file

    def _previous(self, descriptor: int, who: str) -> str:
        """The hash of the last line; what a killed process left of one is removed first."""
        length = os.fstat(descriptor).st_size
        tail = _tail(descriptor, length)
        complete, _, partial = tail.rpartition(b"\n")
        if partial:
            os.ftruncate(descriptor, length - len(partial))
        if not complete and not tail.startswith(b"\n"):
            previous = FIRST
        else:
            last = complete.rpartition(b"\n")[2] + b"\n"
            previous = str(_parsed(last).get("hash") or hashlib.sha256(last).hexdigest())
        if not partial:
            return previous
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        what = f"{len(partial)} bytes of a line that a killed process left incomplete"
        note = {"at": now, "who": who, "act": "repair", "what": what, "athletes": [], "trials": [], "teams": []}
        return _write(descriptor, note, previous)

    def _known_key(self) -> bytes:
        """The key of the home's pseudonyms, made with the first."""
        if not self._key:
            try:
                with _locked(self._key_file) as descriptor:
                    if os.fstat(descriptor).st_size == 0:
                        os.write(descriptor, secrets.token_hex(32).encode())
                        os.fsync(descriptor)
                    self._key = os.pread(descriptor, 64, 0)
            except OSError as error:
                raise BioposeError(f"{self._key_file}: cannot be read or written ({error.strerror})") from error
        return self._key


def names_of(log: AuditLog, identities: Iterable[str]) -> dict[str, str]:
    """By pseudonym, the id that it stands for, of these."""
    return {log.pseudonym(identity): identity for identity in identities}


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """A file, made for its owner alone if need be, locked until the block ends, however the process ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, OWNER_ALONE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _tail(descriptor: int, length: int) -> bytes:
    """The end of the file, with at least one whole line where there is one."""
    size = TAIL_BYTES
    while True:
        start = max(length - size, 0)
        tail = os.pread(descriptor, length - start, start)
        if start == 0 or tail.count(b"\n") > 1:
            return tail
        size *= 4


def _write(descriptor: int, content: dict[str, Any], previous: str) -> str:
    """Append a line; its hash."""
    chained = {**content, "previous": previous}
    own = _hash(chained)
    line = json.dumps({**chained, "hash": own}, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n"
    if os.write(descriptor, line) < len(line):
        raise OSError(28, "no space left on the device")
    return own


def _hash(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
