"""An .osim file's elements, in which what is no readable character is U+FFFD.

OpenSim passes over a bare ampersand or a byte of another encoding. So that a file which OpenSim loads is parsed, and
whoever uses a text can tell whether it was readable, such characters are marked.
"""

from __future__ import annotations

from pathlib import Path

from biopose.errors import ModelError
from biopose.io.opensim_xml import BYTE_ORDER_MARKS, NO_CHARACTER, Element, XMLError, lenient_text, parse_xml

UNREADABLE = "\N{REPLACEMENT CHARACTER}"


def parse_osim(path: Path) -> Element:
    """The document's element.

    Raises:
        ModelError: if there is no such file, or it is not well-formed beyond what OpenSim's parser passes over.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such model file")
    try:
        return parse_xml(_readable_text(path.read_bytes()))
    except XMLError as error:
        raise ModelError(f"{path}:{error.line}: not an OpenSim model: {error}") from error


def _readable_text(content: bytes) -> str:
    if content.startswith(BYTE_ORDER_MARKS):
        raise XMLError(1, "the text is UTF-16; save it as UTF-8")
    if (zero := content.find(0)) >= 0:
        raise XMLError(content.count(b"\n", 0, zero) + 1, "a zero byte, as in a damaged file; copy it again")
    text, _ = lenient_text(content.decode("utf-8-sig", errors="replace"), NO_CHARACTER, UNREADABLE)
    return text if "<![CDATA[" in text else text.replace("]]>", UNREADABLE)
