"""Mutations of an OpenSim XML file: what editors and other programs make of elements, attributes and numbers."""

from __future__ import annotations

import re

import numpy as np

from tests.fuzzing.text_mutations import Mutation, replaced

NUMBER = rb"(?<=[ >])-?\d+(\.\d+)?(?=[ <])"
NO_NUMBERS = ("nan", "-1e400", "0,5", "abc", "1e", "0x1", "--1", "1.2.3", "−1", "1;2", "")
TEXTS = ("<", ">", "&", "&nbsp;", '"', "/", "</objects>", "<objects/>", "\x01", "]]>", "<!--", "-->", "é", "name", "0")
NAME, ATTRIBUTE, LEAF = rb"(?<=<)\w+", rb'(?<=")[^"<>]*(?=")', rb"<(\w+)[^<>]*>[^<>]*</\1>"


def no_number_in_an_element(content: bytes, rng: np.random.Generator) -> bytes:
    """What is no number in the place of one."""
    return replaced(content, NUMBER, rng, NO_NUMBERS[rng.integers(len(NO_NUMBERS))].encode())


def another_number_in_an_element(content: bytes, rng: np.random.Generator) -> bytes:
    """Another number of any size."""
    return replaced(content, NUMBER, rng, repr(rng.normal(scale=10 ** rng.uniform(-3, 6))).encode())


def element_deleted(content: bytes, rng: np.random.Generator) -> bytes:
    """An element without children fewer."""
    return replaced(content, LEAF, rng, b"")


def element_renamed(content: bytes, rng: np.random.Generator) -> bytes:
    """Another name that is in the file, at an element's beginning or also at its end."""
    names = re.findall(NAME, content)
    new = names[rng.integers(len(names))] if names else b""
    leaves = list(re.finditer(LEAF, content))
    if not leaves or rng.random() < 0.5:
        return replaced(content, NAME, rng, new)
    leaf = leaves[rng.integers(len(leaves))]
    renamed = re.sub(rb"(?<=<)" + leaf[1] + rb"\b|(?<=</)" + leaf[1] + rb"\b", new, leaf[0])
    return content[: leaf.start()] + renamed + content[leaf.end() :]


def element_misspelt(content: bytes, rng: np.random.Generator) -> bytes:
    """A letter fewer in the name of an element, at its beginning and end."""
    leaves = list(re.finditer(LEAF, content))
    if not leaves:
        return content
    leaf = leaves[rng.integers(len(leaves))]
    at = int(rng.integers(len(leaf[1])))
    misspelt = leaf[1][:at] + leaf[1][at + 1 :]
    renamed = re.sub(rb"(?<=<)" + leaf[1] + rb"\b|(?<=</)" + leaf[1] + rb"\b", misspelt or b"a", leaf[0])
    return content[: leaf.start()] + renamed + content[leaf.end() :]


def attribute_changed(content: bytes, rng: np.random.Generator) -> bytes:
    """The value of another attribute in the file."""
    values = re.findall(ATTRIBUTE, content)
    return replaced(content, ATTRIBUTE, rng, values[rng.integers(len(values))]) if values else content


def markup_inserted(content: bytes, rng: np.random.Generator) -> bytes:
    """Characters that mean something in XML, anywhere."""
    at = int(rng.integers(len(content) + 1))
    return content[:at] + TEXTS[rng.integers(len(TEXTS))].encode() + content[at:]


def lines_repeated(content: bytes, rng: np.random.Generator) -> bytes:
    """Up to three lines twice."""
    lines = content.splitlines(keepends=True)
    at = int(rng.integers(len(lines) or 1))
    return b"".join(lines[:at] + lines[at : at + int(rng.integers(1, 4))] + lines[at:])


XML_MUTATIONS: tuple[Mutation, ...] = (
    no_number_in_an_element,
    another_number_in_an_element,
    element_deleted,
    element_renamed,
    element_misspelt,
    attribute_changed,
    markup_inserted,
    lines_repeated,
)
