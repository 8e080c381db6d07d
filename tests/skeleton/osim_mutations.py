"""Mutations of a model file: what damaged disks, editors and other programs make of one."""

import random
import re

_TOKENS = ("nan", "inf", "-1e400", "0,5", "abc", "", "1 2", "1e", "0x1", "--1", "1.2.3", "\u22121", "1;2", "1e-320")
_TEXTS = ("<", ">", "&", "&nbsp;", '"', "/", "</objects>", "<objects/>", "\x01", "]]>", "<!--", "-->", "é", "name", "0")


def mutated(model: bytes, seed: int) -> bytes:
    """One mutation, the same for a seed."""
    rng = random.Random(seed)
    kinds = (_number, _number, _token, _element, _tag, _attribute, _insert, _byte, _cut, _lines, _twice, _swap)
    return rng.choice(kinds)(model, rng)


def _replace(model: bytes, pattern: bytes, rng: random.Random, new: bytes) -> bytes:
    found = list(re.finditer(pattern, model))
    place = rng.choice(found)
    return model[: place.start()] + new + model[place.end() :]


def _number(model: bytes, rng: random.Random) -> bytes:
    return _replace(model, rb"(?<=[ >])-?\d+(\.\d+)?(?=[ <])", rng, rng.choice(_TOKENS).encode())


def _token(model: bytes, rng: random.Random) -> bytes:
    return _replace(
        model, rb"(?<=[ >])-?\d+(\.\d+)?(?=[ <])", rng, repr(rng.gauss(0, 10 ** rng.uniform(-3, 6))).encode()
    )


def _element(model: bytes, rng: random.Random) -> bytes:
    return _replace(model, rb"<(\w+)[^<>]*>[^<>]*</\1>", rng, b"")


def _tag(model: bytes, rng: random.Random) -> bytes:
    return _replace(model, rb"(?<=<)\w+", rng, rng.choice(re.findall(rb"(?<=<)\w+", model)))


def _attribute(model: bytes, rng: random.Random) -> bytes:
    return _replace(model, rb'(?<=")[^"<>]*(?=")', rng, rng.choice(re.findall(rb'(?<=")[^"<>]*(?=")', model)))


def _insert(model: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(model))
    return model[:place] + rng.choice(_TEXTS).encode() + model[place:]


def _byte(model: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(model))
    return model[:place] + bytes([rng.randrange(256)]) + model[place + 1 :]


def _cut(model: bytes, rng: random.Random) -> bytes:
    return model[: rng.randrange(len(model))]


def _lines(model: bytes, rng: random.Random) -> bytes:
    lines = model.splitlines(keepends=True)
    place = rng.randrange(len(lines))
    return b"".join(lines[:place] + lines[place + rng.randint(1, 3) :])


def _twice(model: bytes, rng: random.Random) -> bytes:
    lines = model.splitlines(keepends=True)
    place = rng.randrange(len(lines))
    return b"".join(lines[:place] + lines[place : place + rng.randint(1, 3)] + lines[place:])


def _swap(model: bytes, rng: random.Random) -> bytes:
    lines = model.splitlines(keepends=True)
    first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return b"".join(lines)
