"""Who was erased is known again by their id, and by nobody who reads the record."""

from __future__ import annotations

from pathlib import Path

import pytest

from biopose.errors import BioposeError
from tasks.erased_people import NAME, ErasedPeople


def test_who_was_erased_is_recognised_by_a_later_process_and_nobody_else_is(tmp_path: Path) -> None:
    ErasedPeople(tmp_path).add("blue/ann", ["blue/s/jump1"])
    later = ErasedPeople(tmp_path)
    assert later.erased_at("blue/ann")
    assert later.has_trial("blue/s/jump1")
    assert later.erased_at("red/ann") is None
    assert not later.has_trial("blue/s/jump10")


def test_the_record_holds_no_name(tmp_path: Path) -> None:
    ErasedPeople(tmp_path).add("blue/ann", ["blue/s/jump1"])
    record = (tmp_path / NAME).read_text()
    assert not any(name in record for name in ("ann", "blue", "jump"))


def test_who_is_readmitted_is_measured_again_and_others_are_not(tmp_path: Path) -> None:
    people = ErasedPeople(tmp_path)
    people.add("blue/ann", ["blue/s/jump1"])
    people.add("blue/bob", ["blue/s/jump2"])
    assert people.readmit("blue/ann")
    assert not people.readmit("blue/ann")
    assert ErasedPeople(tmp_path).erased_at("blue/ann") is None
    assert not ErasedPeople(tmp_path).has_trial("blue/s/jump1")
    assert ErasedPeople(tmp_path).erased_at("blue/bob")


@pytest.mark.parametrize("content", ["", "{", '{"people": {}}', '{"key": "00", "people": [1]}'])
def test_a_damaged_record_stops_a_night_before_it_measures_anybody(content: str, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(content)
    with pytest.raises(BioposeError, match=r"erased\.json: cannot be read .* restore it from a backup"):
        ErasedPeople(tmp_path)
