"""The authentication string of a home's Prefect server: what its clients send, and what a person enters to log in."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

from biopose.errors import BioposeError

USER = "biopose"
SECRET_BYTES = 32
OWNER_ALONE = 0o600


def prefect_login(file: Path) -> str:
    """The string user:password, random, made with the first call and kept in a file that its owner alone can read.

    Args:
        file: `Settings.prefect_login`.

    Raises:
        BioposeError: the file belongs to another user, or does not hold such a string; deleted, it is made anew.
    """
    if not file.exists():
        create_secret(file, f"{USER}:{secrets.token_urlsafe(SECRET_BYTES)}\n")
    try:
        if file.stat().st_mode & 0o077:
            file.chmod(OWNER_ALONE)
        login = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BioposeError(f"{file}: cannot be kept for its owner alone ({error}); delete it") from error
    user, _, password = login.partition(":")
    if not (user and len(password) >= SECRET_BYTES and login.isascii() and login.isprintable()):
        raise BioposeError(f"{file}: holds no user:password for the Prefect server; delete it, a new one is made")
    return login


def create_secret(file: Path, text: str) -> None:
    """Write it whole, for the owner alone, before it has its name; of two processes at once the first one's stays."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".partial-")  # readable by the owner alone
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as partial:
            partial.write(text)
        os.link(name, file)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()
