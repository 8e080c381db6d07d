import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from biopose.errors import BioposeError, TrackingError, VideoError
from tasks.faults import CrashedError
from tasks.quarantine import Quarantine, quarantine_record, retry_command


def record_of(name: str, error: BioposeError):
    return quarantine_record(name, error, stage="fit", key="k", retry="again")


def test_a_record_reads_back_and_the_same_failure_again_changes_nothing(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "quarantine")
    record = record_of("blue/s/t.1", TrackingError("nobody"))
    assert quarantine.put(record)
    assert not quarantine.put(replace(record, since="later"))
    assert quarantine.get("blue/s/t.1") == record
    assert quarantine.put(replace(record, key="other content"))
    assert [r.name for r in quarantine] == ["blue/s/t.1"]
    quarantine.release("blue/s/t.1")
    assert list(quarantine) == []
    quarantine.release("blue/s/t.1")


@pytest.mark.parametrize(
    ("error", "kind"),
    [(VideoError("x"), "video"), (TrackingError("x"), "person_not_found"), (CrashedError("x"), "crash")],
)
def test_the_kind_tells_what_was_at_fault(error: BioposeError, kind: str) -> None:
    assert record_of("a", error).kind == kind


def test_the_retry_command_survives_a_shell() -> None:
    command = retry_command("blue/s/t", inbox=Path("/my inbox"), home=Path("/home"))
    assert command == "biopose ingest '/my inbox' --home /home --retry blue/s/t"


def test_broken_records_are_named_beside_the_others(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path)
    record = record_of("blue/s/t", VideoError("x"))
    quarantine.put(record)
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "b.json").write_text(json.dumps(asdict(record) | {"since": None}))
    (tmp_path / "folder.json").mkdir()
    records, unreadable = quarantine.read()
    assert records == [record]
    assert ["a.json: no quarantine record" in unreadable[0], "since is no text" in unreadable[1]] == [True, True]
    with pytest.raises(BioposeError, match=r"a\.json: no quarantine record"):
        list(quarantine)


def test_a_record_that_is_released_meanwhile_is_left_out(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path)
    quarantine.put(record_of("blue/s/t", VideoError("x")))
    (tmp_path / "gone.json").symlink_to(tmp_path / "released")  # listed, and not there when it is read
    assert [r.name for r in quarantine] == ["blue/s/t"]
