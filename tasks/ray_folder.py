"""The folder of Ray's sessions of a home: their sockets and their logs, which are kept for a time."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from biopose.errors import BioposeError
from tasks.prefect_login import OWNER_ALONE as SECRET
from tasks.prefect_login import create_secret
from tasks.settings import OWNER_ALONE, Settings

LONGEST_FOLDER_BYTES = 20  # the rest of a socket's address, /ray-0a1b2c3d/r/session_.../sockets/plasma_store, has 83
OF_RAY = "r"  # Ray lets every user of the machine write to the folder that it is given, so that one lies in another
TOKEN_BYTES = 32
OTHERS = 0o077  # permissions of everybody else
SESSION = re.compile(r"session_.+_(?P<pid>\d+)")


def ray_folder(settings: Settings) -> Path:
    """A folder for Ray's sessions that is this home's alone: the address of a Unix socket in it is short.

    It is in that of RAY_TMPDIR or TMPDIR where that is short enough, else in one of the system's.

    Raises:
        BioposeError: there is no such folder.
    """
    given = [os.environ[name] for name in ("RAY_TMPDIR", "TMPDIR") if os.environ.get(name)]
    for folder in map(Path, (*given[:1], "/tmp", "/var/tmp", "/dev/shm")):  # noqa: S108 - Ray makes its own folder there
        if len(os.fsencode(folder)) <= LONGEST_FOLDER_BYTES and os.access(folder, os.W_OK | os.X_OK):
            home = hashlib.sha256(os.fsencode(settings.home.resolve())).hexdigest()[:8]
            return folder / f"ray-{home}"
    raise BioposeError(
        f"Ray needs a folder for sockets whose path has at most {LONGEST_FOLDER_BYTES} bytes, and can write neither to "
        "TMPDIR nor to /tmp; set RAY_TMPDIR to such a folder"
    )


def made_for_ray(settings: Settings) -> Path:
    """The folder to give to Ray: in that of the home, which is made for its owner alone, as logs name trials.

    Raises:
        BioposeError: there is no such folder, or it belongs to another user.
    """
    folder = ray_folder(settings)
    folder.mkdir(mode=OWNER_ALONE, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise BioposeError(f"{folder}: belongs to another user, or is no folder; remove it, or set RAY_TMPDIR")
    folder.chmod(OWNER_ALONE)  # earlier versions gave this one to Ray
    return folder / OF_RAY


def keep_token() -> None:
    """Let this user alone read the token by which the Ray that they start is driven; Ray lets everybody.

    It listens on loopback, which whoever has an account on the machine reaches.
    """
    token = Path.home() / ".ray" / "auth_token"
    if not token.exists():
        create_secret(token, secrets.token_hex(TOKEN_BYTES))
    elif token.stat().st_mode & OTHERS:
        token.chmod(SECRET)


def ended_sessions(settings: Settings) -> Iterator[Path]:
    """The folders of sessions whose Ray does not run any more."""
    try:
        folder = ray_folder(settings)
    except BioposeError:
        return
    for path in sorted((*folder.glob("session_*"), *folder.glob(f"{OF_RAY}/session_*"))):  # the first: earlier versions
        found = SESSION.fullmatch(path.name)  # session_latest is a link to one of them
        if found and path.is_dir() and not path.is_symlink() and not Path(f"/proc/{found['pid']}").exists():
            yield path
