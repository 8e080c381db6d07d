"""OpenSim's XML files (models and set-up files) as elements that know their line, read as leniently as by OpenSim.

OpenSim's own parser (TinyXML) passes over what XML forbids: a bare ampersand, an undefined entity, a byte of another
encoding, two hyphens in a comment. `lenient_text` replaces such characters, so that `parse_xml` reads what OpenSim
reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from biopose.io.files import existing_file, malformed, quoted

DEEPEST = 100  # elements within one another; models have about 20, and OpenSim's parser recurses
BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")  # of UTF-16

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_DECLARATION = re.compile(r"<\?xml.*?\?>", re.DOTALL)
_ENCODING = re.compile(rb"\s*<\?xml[^>]*encoding=[\"']([^\"'>]*)")
_CDATA = r"(?P<cdata><!\[CDATA\[.*?\]\]>)"
_BARE_AMPERSAND = r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[\da-fA-F]+);)"
BARE_AMPERSAND = re.compile(f"{_CDATA}|{_BARE_AMPERSAND}", re.DOTALL)
NO_CHARACTER = re.compile(rf"{_CDATA}|[\x01-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|{_BARE_AMPERSAND}", re.DOTALL)


class XMLError(ValueError):
    """What keeps a text from being XML, and in which line, counted from 1."""

    def __init__(self, line: int, reason: str) -> None:
        """Keep both."""
        super().__init__(reason)
        self.line = line


@dataclass(eq=False)
class Element:
    """An XML element.

    Attributes:
        tag: its name in XML.
        attributes: as written.
        line: where it begins, counted from 1.
        parent: the element that holds it; None for the document's.
        text: its characters outside its children, without blanks around them.
        children: the elements directly within it.
    """

    tag: str
    attributes: dict[str, str]
    line: int
    parent: Element | None = None
    text: str = ""
    children: list[Element] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its attribute `name`, without blanks around it; empty where it has none."""
        return self.attributes.get("name", "").strip()

    @property
    def label(self) -> str:
        """Its name, or the tag if it has none."""
        return self.name or self.tag

    @property
    def file(self) -> str:
        """Its attribute `file`, by which OpenSim refers to an object in a file of its own; empty where it has none."""
        return self.attributes.get("file", "").strip()

    @property
    def path(self) -> str:
        """Where it is in a model by names: MarkerSet/R.ASIS/location."""
        up = [self, *self.ancestors()]
        return "/".join(e.label for e in reversed(up) if e.tag not in {"OpenSimDocument", "Model", "objects"})

    def ancestors(self) -> Iterator[Element]:
        """The elements that hold it, the innermost first."""
        holder = self.parent
        while holder is not None:
            yield holder
            holder = holder.parent

    def elements(self, *, defaults: bool = True) -> Iterator[Element]:
        """It and all that it holds, in the file's order; without `defaults`, not what lies within such an element."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            if defaults or element.tag != "defaults":
                waiting += reversed(element.children)

    def iter(self, *tags: str) -> Iterator[Element]:
        """Those of `elements` that have one of these tags, `defaults` left out."""
        return (element for element in self.elements(defaults=False) if element.tag in tags)

    def child(self, tag: str) -> Element | None:
        """The first element of this tag that it holds directly."""
        return next((child for child in self.children if child.tag == tag), None)


def read_opensim_xml(path: Path | str) -> tuple[Element, tuple[str, ...]]:
    """Read a set-up file's root element.

    As OpenSim does, a bare ampersand is taken for itself, and bytes that are not UTF-8 for Latin-1.

    Returns:
        The root, and what was odd in the file, a sentence each.

    Raises:
        FileFormatError: there is no such file, it is not XML, or it declares entities.
    """
    path = existing_file(path)
    text, notes = _decoded(path.read_bytes(), path)
    text, bare = lenient_text(text, BARE_AMPERSAND, "&amp;")
    if bare:
        notes.append(f"{path}: {bare} bare & taken for themselves; XML writes &amp;")
    try:
        return parse_xml(text), tuple(notes)
    except XMLError as error:
        raise malformed(path, line=error.line, found=str(error), expected="an OpenSim set-up file (XML)") from error


def _decoded(content: bytes, path: Path) -> tuple[str, list[str]]:
    declared = _ENCODING.match(content)
    encoding = declared[1].decode("latin-1") if declared else "utf-8-sig"
    if content.startswith(BYTE_ORDER_MARKS):
        encoding = "utf-16"
    try:
        return content.decode("utf-8-sig" if encoding.lower() in {"utf-8", "utf8"} else encoding), []
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return content.decode("latin-1"), [
            f"{path}:{line}: a byte that is not {encoding.upper().removesuffix('-SIG')}; read as Latin-1"
        ]
    except (LookupError, ValueError) as error:
        raise malformed(path, line=1, found=str(error), expected="UTF-8; save the file in it") from error


def lenient_text(text: str, pattern: re.Pattern[str], replacement: str) -> tuple[str, int]:
    """The text without comments and declaration, and with what a pattern matches outside CDATA replaced.

    Lines stay where they are.

    Returns:
        The text, and how many characters were replaced.
    """
    for blanked in (_COMMENT, _DECLARATION):
        text = blanked.sub(lambda match: "\n" * match[0].count("\n"), text)
    replaced = sum(match["cdata"] is None for match in pattern.finditer(text))
    return pattern.sub(lambda match: match["cdata"] or replacement, text), replaced


def parse_xml(text: str) -> Element:
    """The document's element.

    Raises:
        XMLError: the text is not XML, elements lie too deep within each other, or it declares entities.
    """
    document = _Document()
    try:
        document.parser.Parse(text.encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        raise XMLError(error.lineno, document.reason(error)) from error
    assert document.root is not None  # expat reports a document without an element
    return document.root


class _Document:
    """Collects the elements that expat reports."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self.open: list[Element] = []
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = self._entity

    def reason(self, error: expat.ExpatError) -> str:
        """What is wrong, with what it comes from or what to do where that is known."""
        reason, codes, kinds = expat.errors.messages[error.code], expat.errors.codes, expat.errors
        if self.open and error.code in {codes[kinds.XML_ERROR_NO_ELEMENTS], codes[kinds.XML_ERROR_UNCLOSED_TOKEN]}:
            inner = self.open[-1]
            return f"{reason}: the file ends within <{inner.tag}> of line {inner.line}, it is cut off; copy it again"
        if self.open and error.code == codes[kinds.XML_ERROR_TAG_MISMATCH]:
            return f"{reason}: <{self.open[-1].tag}> of line {self.open[-1].line} is not closed"
        if error.code == codes[kinds.XML_ERROR_INVALID_TOKEN]:
            return f'{reason}: write < in a text as &lt; and attributes as name="value"'
        return reason

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        if len(self.open) == DEEPEST:
            raise XMLError(line, f"<{tag}> lies within {DEEPEST} other elements")
        element = Element(tag, attributes, line, self.open[-1] if self.open else None)
        if element.parent is None:
            self.root = element
        else:
            element.parent.children.append(element)
        self.open.append(element)

    def _end(self, _: str) -> None:
        element = self.open.pop()
        element.text = element.text.strip()

    def _text(self, text: str) -> None:
        self.open[-1].text += text

    def _entity(self, name: str, *_: object) -> None:
        found = f"the declaration of an entity {quoted(name)}; remove it, OpenSim's files have none"
        raise XMLError(self.parser.CurrentLineNumber, found)
