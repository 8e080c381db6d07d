"""The properties of an object in an OpenSim XML file: numbers, flags and texts, checked for form and count."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection
from pathlib import Path

from biopose.errors import FileFormatError
from biopose.io.files import malformed, quoted
from biopose.io.opensim_xml import Element

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
INFINITE = {"inf": math.inf, "+inf": math.inf, "infinity": math.inf, "-inf": -math.inf, "-infinity": -math.inf}
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)
FLAGS = {"true": True, "1": True, "false": False, "0": False}


class Properties:
    """The child elements of one object.

    Attributes:
        notes: what was odd, a sentence each.
    """

    def __init__(self, path: Path, element: Element, *, known: Collection[str], of: str) -> None:
        """Sorts the children by tag.

        Args:
            path: of the file.
            element: the object.
            known: the tags that the object may hold; others are named in the notes.
            of: what messages call the object, such as "of marker C7".

        Raises:
            FileFormatError: a known property is there twice.
        """
        self._path, self._of = path, of
        self.notes: list[str] = []
        self._children: dict[str, Element] = {}
        for child in element.children:
            if child.tag not in known:
                self.notes.append(unknown_element(path, child, element.tag, known))
            elif child.tag in self._children:
                found = f"<{child.tag}> {of}".strip() + f" again, after line {self._children[child.tag].line}"
                raise malformed(path, line=child.line, found=found, expected="it once; OpenSim reads the first alone")
            else:
                self._children[child.tag] = child

    def line(self, tag: str) -> int:
        """Where a property that is there begins."""
        return self._children[tag].line

    def text(self, tag: str) -> str:
        """A property's text; empty where it is absent.

        Raises:
            FileFormatError: there are elements within it.
        """
        child = self._children.get(tag)
        if child is not None and child.children:
            found = f"<{child.children[0].tag}> within {tag} {self._of}".rstrip()
            raise malformed(self._path, line=child.children[0].line, found=found, expected="its value alone")
        return "" if child is None else child.text

    def flag(self, tag: str) -> bool | None:
        """True or false; None where it is absent or empty.

        Raises:
            FileFormatError: it is neither.
        """
        text = self.text(tag).lower()
        if text and text not in FLAGS:
            raise self.malformed(tag, expected="true or false")
        return FLAGS.get(text)

    def number(self, tag: str, *, expected: str = "a number", infinite: bool = False) -> float | None:
        """One number; None where the property is absent.

        Raises:
            FileFormatError: it is no finite number, or not one alone. With `infinite`, inf and -inf are numbers too.
        """
        if tag not in self._children:
            return None
        value = parsed_number(self.text(tag), infinite=infinite)
        if value is None:
            raise self.malformed(tag, expected=expected)
        return value

    def pair(self, tag: str, *, expected: str) -> tuple[float, float] | None:
        """Two numbers, of which each may be infinite; None where the property is absent or empty.

        Raises:
            FileFormatError: it is anything else.
        """
        if not self.text(tag):
            return None
        values = [parsed_number(token, infinite=True) for token in re.split(r"\s*,\s+|\s+", self.text(tag))]
        if len(values) != 2 or values[0] is None or values[1] is None:
            raise self.malformed(tag, expected=expected)
        return values[0], values[1]

    def malformed(self, tag: str, *, expected: str) -> FileFormatError:
        """The error for a property's text."""
        text = self.text(tag)
        comma = any(DECIMAL_COMMA.fullmatch(token) for token in text.split())
        hint = "; write a decimal point (OpenSim reads a number only up to a decimal comma, or 0)" if comma else ""
        found = f"{tag} {quoted(text)} {self._of}".strip()
        return malformed(self._path, line=self.line(tag), found=found, expected=expected + hint)


def parsed_number(text: str, *, infinite: bool = False) -> float | None:
    """The number that a text is, as OpenSim writes it; None if it is none."""
    if infinite and text.lower() in INFINITE:
        return INFINITE[text.lower()]
    value = float(text) if NUMBER.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


def unknown_element(path: Path, child: Element, parent: str, known: Collection[str]) -> str:
    """The note on an element that its parent does not have."""
    lower = {tag.lower(): tag for tag in known}
    near = difflib.get_close_matches(child.tag.lower(), lower, n=1)
    meant = f"; is <{lower[near[0]]}> meant?" if near else ""
    value = f" ({quoted(child.text)})" if child.text else ""
    return f"{path}:{child.line}: <{child.tag}>{value} is no property of {parent} and has no effect{meant}"
