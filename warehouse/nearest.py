"""The names that are nearest to a wrong one, for error messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LISTED = 5
SIMILARITY = 0.6  # of names, by difflib


def nearest_names(wrong: str, names: Iterable[str]) -> list[str]:
    """At most five names: those that end in /wrong, as athletes do behind their team, then similar ones or endings.

    Where there are none, those that begin with it, as knee_angle does with knee.
    """
    known = list(names)
    ending = [name for name in known if name.endswith("/" + wrong)]
    keys = {name.rpartition("/")[2].lower(): name for name in known} | {name.lower(): name for name in known}
    similar = [keys[key] for key in difflib.get_close_matches(wrong.lower(), keys, n=LISTED, cutoff=SIMILARITY)]
    beginning = [name for name in known if wrong and name.lower().startswith(wrong.lower())]
    return list(dict.fromkeys(ending + similar or beginning))[:LISTED]


def suggestion(wrong: str, names: Iterable[str]) -> str:
    """Of an error message: the nearest names, or the first ones in order where none is near."""
    known = sorted(names)
    if near := nearest_names(wrong, known):
        return f"nearest: {', '.join(near)}"
    if not known:
        return "there is none yet"
    more = f" and {len(known) - LISTED} more" if len(known) > LISTED else ""
    return f"there are {', '.join(known[:LISTED])}{more}"
