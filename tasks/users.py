"""The users of a home's pages: each has a token, of which a hash is kept, and the teams whose rows they may read.

A token is 256 random bits, so nobody finds it by trying; its hash by scrypt is for who can read the file.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from biopose.errors import BioposeError
from biopose.io.files import written_whole
from biopose.io.manifest import is_name
from tasks.locks import exclusive

NAME = "users.json"
USER_NAME = re.compile(r"[\w.@+-]{1,64}")
COST = {"n": 2**14, "r": 8, "p": 1}  # of scrypt: 16 MB and a twentieth of a second
LONGEST_WAIT_S = 5.0


@dataclass(frozen=True)
class User:
    """Somebody who may read pages.

    Attributes:
        name: theirs.
        teams: whose rows they read; None: all.
        token_id: the first part of their token, which finds the user.
        salt: of the hash, hexadecimal.
        token_scrypt: hash of the whole token, hexadecimal.
        added_at: UTC.
    """

    name: str
    teams: tuple[str, ...] | None
    token_id: str
    salt: str
    token_scrypt: str
    added_at: str


class Users:
    """The users of a home; each call reads the file anew where it has changed.

    Args:
        home: the folder that holds all state.
    """

    def __init__(self, home: Path) -> None:
        self._file = home / NAME
        self._read: tuple[tuple[int, int, int], dict[str, User]] | None = None

    def all(self) -> dict[str, User]:
        """By name.

        Raises:
            BioposeError: the file cannot be read.
        """
        try:
            status = self._file.stat()
        except FileNotFoundError:
            return {}
        version = (status.st_ino, status.st_mtime_ns, status.st_size)
        if self._read is None or self._read[0] != version:
            self._read = (version, self._load())
        return self._read[1]

    def add(self, name: str, teams: Sequence[str] | None) -> str:
        """Add a user.

        Args:
            name: of 1 to 64 letters, digits and . _ @ + -.
            teams: ids, at least one; None: all teams.

        Returns:
            The token, which is kept nowhere.

        Raises:
            BioposeError: there is such a user, or a name is none.
        """
        if not USER_NAME.fullmatch(name):
            raise BioposeError(f"{name!r} is no name of a user; expected 1 to 64 letters, digits and . _ @ + -")
        if wrong := [team for team in teams or () if not is_name(team)]:
            raise BioposeError(f"{wrong[0]!r} is no name of a team; expected that of the team's folder in the inbox")
        with exclusive(self._file.parent, "users", wait_s=LONGEST_WAIT_S):
            users = self.all()
            if name in users:
                raise BioposeError(f"there is a user {name} already; `biopose user remove {name}` first")
            token_id, salt = secrets.token_hex(4), secrets.token_hex(16)
            token = f"{token_id}.{secrets.token_urlsafe(32)}"
            now = datetime.now(UTC).isoformat(timespec="seconds")
            granted = None if teams is None else tuple(sorted(set(teams)))
            self._save({**users, name: User(name, granted, token_id, salt, _scrypt(token, salt), now)})
        return token

    def remove(self, name: str) -> None:
        """Remove a user; their token and their sessions end at once.

        Raises:
            BioposeError: there is none of that name.
        """
        with exclusive(self._file.parent, "users", wait_s=LONGEST_WAIT_S):
            users = dict(self.all())
            if name not in users:
                raise BioposeError(f"there is no user {name}; there are {', '.join(users) or 'none'}")
            del users[name]
            self._save(users)

    def of_token(self, token: str) -> User | None:
        """The user whose token it is; None for any other text."""
        token_id = token.partition(".")[0]
        user = next((one for one in self.all().values() if one.token_id == token_id), None)
        if user is None or not hmac.compare_digest(_scrypt(token, user.salt), user.token_scrypt):
            return None
        return user

    def _load(self) -> dict[str, User]:
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
            users = [User(**one | {"teams": None if one["teams"] is None else tuple(one["teams"])}) for one in found]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BioposeError(
                f"{self._file}: cannot be read ({error}); restore it from a backup, or remove it and add the users anew"
            ) from error
        return {user.name: user for user in users}

    def _save(self, users: dict[str, User]) -> None:
        with written_whole(self._file, owner_alone=True, durable=True) as partial:
            partial.write_text(json.dumps([asdict(user) for user in users.values()], indent=1), encoding="utf-8")


def _scrypt(token: str, salt: str) -> str:
    hashed = hashlib.scrypt(token.encode("utf-8", "surrogateescape"), salt=bytes.fromhex(salt), dklen=32, **COST)
    return hashed.hex()
