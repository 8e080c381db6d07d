"""An .osim file as a tree of elements that know their lines.

OpenSim's own parser (TinyXML) passes over what XML forbids: a bare ampersand, an undefined entity, a byte of another
encoding, two hyphens in a comment. Such characters become U+FFFD here, so that a file which OpenSim loads is parsed,
and whoever uses a text can tell whether it was readable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from biopose.errors import ModelError

UNREADABLE = "\N{REPLACEMENT CHARACTER}"
DEEPEST = 100  # elements within each other; models have about 20, and OpenSim's parser recurses

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_DECLARATION = re.compile(r"<\?xml.*?\?>", re.DOTALL)
_NO_CHARACTER = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[\da-fA-F]+);)")


@dataclass(eq=False)
class Element:
    """An element of the file.

    Attributes:
        tag: its name in XML.
        attributes: as written.
        line: where it begins, from 1.
        parent: the element that holds it; None for the document's.
        children: in the file's order.
        text: its characters outside its children, stripped.
    """

    tag: str
    attributes: dict[str, str]
    line: int
    parent: Element | None
    children: list[Element] = field(default_factory=list)
    text: str = ""

    @property
    def name(self) -> str:
        """Its name attribute, or the tag if it has none."""
        return self.attributes.get("name", "").strip() or self.tag

    @property
    def path(self) -> str:
        """Where it is in the model by names: MarkerSet/R.ASIS/location."""
        up = [self, *self.ancestors()]
        return "/".join(e.name for e in reversed(up) if e.tag not in {"OpenSimDocument", "Model", "objects"})

    def ancestors(self) -> Iterator[Element]:
        """The elements that hold it, the innermost first."""
        holder = self.parent
        while holder is not None:
            yield holder
            holder = holder.parent

    def elements(self) -> Iterator[Element]:
        """It and all that it holds, in the file's order."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting += reversed(element.children)

    def child(self, tag: str) -> Element | None:
        """The first element of this tag that it holds directly."""
        return next((c for c in self.children if c.tag == tag), None)


def parse_osim(path: Path) -> Element:
    """The document's element.

    Raises:
        ModelError: if there is no such file, or it is not well-formed beyond what OpenSim's parser passes over.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such model file")
    document = _Document(path)
    document.parse(_readable_text(path))
    assert document.root is not None  # expat reports a document without an element
    return document.root


def _readable_text(path: Path) -> str:
    content = path.read_bytes()
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise ModelError(f"{path}:1: not an OpenSim model: the text is UTF-16; save it as UTF-8")
    if (zero := content.find(0)) >= 0:
        line = content.count(b"\n", 0, zero) + 1
        raise ModelError(f"{path}:{line}: not an OpenSim model: a zero byte, as in a damaged file; copy it again")
    text = content.decode("utf-8-sig", errors="replace")
    for blanked in (_COMMENT, _DECLARATION):
        text = blanked.sub(lambda match: "\n" * match[0].count("\n"), text)
    if "<![CDATA[" not in text:
        text = text.replace("]]>", UNREADABLE)
    return _NO_CHARACTER.sub(UNREADABLE, text)


class _Document:
    """What expat reports, as a tree."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root: Element | None = None
        self.open: list[Element] = []
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    def parse(self, text: str) -> None:
        try:
            self.parser.Parse(text.encode(), True)
        except expat.ExpatError as error:
            raise ModelError(f"{self.path}:{error.lineno}: not an OpenSim model: {self._reason(error)}") from error

    def _reason(self, error: expat.ExpatError) -> str:
        reason = expat.errors.messages[error.code]
        ends = {
            expat.errors.codes[e] for e in (expat.errors.XML_ERROR_NO_ELEMENTS, expat.errors.XML_ERROR_UNCLOSED_TOKEN)
        }
        if error.code in ends and self.open:
            inner = self.open[-1]
            return f"{reason}: the file ends within <{inner.tag}> of line {inner.line}, it is cut off; copy it again"
        if error.code == expat.errors.codes[expat.errors.XML_ERROR_TAG_MISMATCH] and self.open:
            return f"{reason}: <{self.open[-1].tag}> of line {self.open[-1].line} is not closed"
        if error.code == expat.errors.codes[expat.errors.XML_ERROR_INVALID_TOKEN]:
            return f'{reason}: write < in a text as &lt; and attributes as name="value"'
        return reason

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        if len(self.open) == DEEPEST:
            raise ModelError(f"{self.path}:{line}: not an OpenSim model: <{tag}> lies within {DEEPEST} other elements")
        element = Element(tag, attributes, line, self.open[-1] if self.open else None)
        if element.parent is None:
            self.root = element
        else:
            element.parent.children.append(element)
        self.open.append(element)

    def _end(self, _: str) -> None:
        element = self.open.pop()
        element.text = element.text.strip()

    def _characters(self, characters: str) -> None:
        self.open[-1].text += characters
