"""What reading a damaged file comes to, and the file formats that are read so.

A difference that no reader can know is a number or a name in the place of another, or an end that is missing from a
file that states no count. Any other that is neither refused nor noted is silent.
"""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from biopose.errors import BioposeError
from tests.fuzzing.text_mutations import Mutation

Kind = Literal["refused", "equal", "noted", "unknowable", "silent", "traceback", "hang", "death"]
KINDS: dict[Kind, str] = {
    "refused": "by one of our errors",
    "equal": "within a millimetre and a degree",
    "noted": "different, and noted",
    "unknowable": "a number or a name in the place of another, or an end that nothing misses",
    "silent": "different in another way, without a note",
    "traceback": "an exception or a warning that is none of ours",
    "hang": "no end",
    "death": "the process ended",
}
FAULTS: tuple[Kind, ...] = ("silent", "traceback", "hang", "death")


@dataclass(frozen=True)
class Outcome:
    """A kind, and what was refused, noted or different."""

    kind: Kind
    details: str = ""


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        file_name: of its files.
        sound: contents of sound files of all its kinds.
        mutations: what may befall them.
        read: a file into what is compared; the notes on it come with it.
        compared: what was read from a sound and from a damaged file: equal, unknowable or silent, and why.
        evident: names of mutations that a reader can always know of: a difference without a note after one is silent.
    """

    file_name: str
    sound: Callable[[], list[bytes]]
    mutations: tuple[Mutation, ...]
    read: Callable[[Path], tuple[object, tuple[str, ...]]]
    compared: Callable[..., Outcome]
    evident: frozenset[str] = frozenset()

    def mutated(self, content: bytes, rng: np.random.Generator) -> tuple[bytes, list[str]]:
        """The content with one to three mutations, and their names."""
        names = []
        for _ in range(rng.choice([1, 1, 2, 3])):
            mutation = self.mutations[rng.integers(len(self.mutations))]
            content = mutation(content, rng)
            names.append(mutation.__name__)
        return content, names

    def outcome(self, damaged: Path, mutations: list[str], sound: object, notes: tuple[str, ...]) -> Outcome:
        """What reading a damaged file comes to, beside what a sound file held and the notes on that."""
        try:
            with warnings.catch_warnings(action="error"):
                found, more = self.read(damaged)
            outcome = self.compared(sound, found)
        except BioposeError as error:
            return Outcome("refused", str(error))
        except Exception:
            return Outcome("traceback", traceback.format_exc())
        new = [note for note in more if note not in notes]
        if outcome.kind != "equal" and new:
            return Outcome("noted", "\n".join(new))
        if outcome.kind == "unknowable" and len(mutations) == 1 and self.evident & set(mutations):
            return Outcome("silent", f"{outcome.details}, after {mutations[0]}")
        return outcome
