"""OpenSim's XML files as elements that know their line, as leniently as OpenSim's own parser reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from biopose.io.files import existing_file, malformed, quoted

DEEPEST = 100  # elements within one another; OpenSim's own files have about ten
BARE_AMPERSAND = re.compile(rb"&(?!#\d+;|#x[0-9a-fA-F]+;|[a-zA-Z]+;)")
NOT_IN_COMMENT = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>", re.DOTALL)


@dataclass
class Element:
    """An XML element.

    Attributes:
        tag: its name.
        name: its attribute `name`, without blanks around it; empty where it has none.
        file: its attribute `file`, by which OpenSim refers to an object in a file of its own; empty where it has none.
        line: where it begins, counted from 1.
        text: the text before its first child, without blanks around it.
        children: the elements directly within it.
    """

    tag: str
    name: str
    file: str
    line: int
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def iter(self, *tags: str) -> Iterator[Element]:
        """This element and all within it that have one of these tags, in the file's order, `defaults` left out."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            if element.tag in tags:
                yield element
            if element.tag != "defaults":
                waiting += reversed(element.children)


def read_opensim_xml(path: Path | str) -> tuple[Element, tuple[str, ...]]:
    """Read a file's root element.

    As OpenSim does, a bare ampersand is taken for itself, and bytes that are not UTF-8 for Latin-1.

    Returns:
        The root, and what was odd in the file, a sentence each.

    Raises:
        FileFormatError: there is no such file, it is not XML, or it declares entities.
    """
    path = existing_file(path)
    content, notes = _repaired(path.read_bytes(), path)
    builder = _Builder(path)
    try:
        builder.parser.Parse(content, True)
    except expat.ExpatError as error:
        reason = expat.errors.messages[error.code]
        raise malformed(path, line=error.lineno, found=reason, expected="an OpenSim set-up file (XML)") from error
    except (LookupError, ValueError) as error:  # of a declared encoding that expat does not read
        raise malformed(path, line=1, found=str(error), expected="UTF-8; save the file in it") from error
    return builder.root(), notes


def _repaired(content: bytes, path: Path) -> tuple[bytes, tuple[str, ...]]:
    notes = []
    if not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            content.decode("utf-8")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            if not re.match(rb"\s*<\?xml[^>]*encoding=[\"'](?!utf-?8)", content, re.IGNORECASE):
                content = content.decode("latin-1").encode("utf-8")
                notes.append(f"{path}:{line}: a byte that is not UTF-8; read as Latin-1")
        content, bare = _escaped_ampersands(content)
        if bare:
            notes.append(f"{path}: {bare} bare & taken for themselves; XML writes &amp;")
    return content, tuple(notes)


def _escaped_ampersands(content: bytes) -> tuple[bytes, int]:
    """Bare ampersands outside comments and CDATA become entities; and their number."""
    parts, at, found = [], 0, 0
    for passage in NOT_IN_COMMENT.finditer(content):
        replaced, n = BARE_AMPERSAND.subn(b"&amp;", content[at : passage.start()])
        parts += [replaced, passage.group()]
        at, found = passage.end(), found + n
    replaced, n = BARE_AMPERSAND.subn(b"&amp;", content[at:])
    return b"".join([*parts, replaced]), found + n


class _Builder:
    """Collects the elements that expat reports."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._document = Element("", "", "", 0)
        self._open = [self._document]
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = self._entity

    def root(self) -> Element:
        """The document's one element."""
        return self._document.children[0]

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        if len(self._open) > DEEPEST:
            found = f"elements nested more than {DEEPEST} deep"
            raise malformed(self._path, line=line, found=found, expected="an OpenSim set-up file")
        element = Element(tag, attributes.get("name", "").strip(), attributes.get("file", "").strip(), line)
        self._open[-1].children.append(element)
        self._open.append(element)

    def _end(self, _: str) -> None:
        element = self._open.pop()
        element.text = element.text.strip()

    def _text(self, text: str) -> None:
        if not self._open[-1].children:
            self._open[-1].text += text

    def _entity(self, name: str, *_: object) -> None:
        line = self.parser.CurrentLineNumber
        found = f"the declaration of an entity {quoted(name)}"
        raise malformed(self._path, line=line, found=found, expected="no declarations; OpenSim's files have none")
