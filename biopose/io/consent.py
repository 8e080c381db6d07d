"""What a person has agreed to, as manifests state it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Literal

Scope = Literal["numbers", "pictures"]  # be measured; be shown in overlays and reports
SCOPES: tuple[Scope, ...] = ("numbers", "pictures")


@dataclass(frozen=True)
class Consent:
    """A statement of consent.

    Attributes:
        scope: what was agreed to; nothing once consent is withdrawn.
        date: when it was stated.
    """

    scope: frozenset[Scope]
    date: datetime.date

    @property
    def is_given(self) -> bool:
        """Whether the person may be measured at all."""
        return "numbers" in self.scope
