"""How pages write messages."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

COMMAND = re.compile("`([^`]+)`")


def commands(message: str) -> Markup:
    """A message whose commands in backticks are set as code."""
    return Markup(COMMAND.sub(r"<code>\1</code>", str(escape(message))))  # noqa: S704 - escaped here
