"""Who gives a command, for what is kept of it."""

from __future__ import annotations

import os
from getpass import getuser


def user_name() -> str:
    """The name of the user; its number where it has none, as in a container that runs as any uid."""
    try:
        return getuser()
    except (KeyError, OSError):  # KeyError until Python 3.12
        return f"uid {os.getuid()}"
