"""References that BioPose knows: a definition with the hashes of recordings and of their references ships with it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from biopose.errors import BioposeError
from biopose.io.files import sha256_of
from tasks.golden import GoldenSet, GoldenTrial
from tasks.golden_trials import add_golden
from tasks.locks import exclusive
from tasks.settings import Settings
from warehouse.connection import opened_for_writing
from warehouse.errors import no_home

DEFINITION = Path(__file__).with_name("golden_recordings.toml")
STORED = "SELECT trial.trial_id, video_sha256 FROM trial JOIN run ON run.run_number = trial.run_number ORDER BY 1"


def add_known(settings: Settings, *, data: Path | None, approve: bool, who: str | None) -> list[GoldenTrial]:
    """Add the stored trials whose recording the definition has.

    What the golden set has of the same recording stays: a person chose that reference, or approved other numbers.

    Args:
        settings: of the home.
        data: folder of the reference data; None: trials with a measured reference are left out.
        approve: whether the current numbers of recordings without a measured reference are approved.
        who: adds and approves them; None: the user of this machine.

    Returns:
        What was added, in the order of the trials' ids.

    Raises:
        BioposeError: none is stored here, or a reference is missing or another than the definition's.
        NoWarehouseError: there is no warehouse.
    """
    if not settings.warehouse.is_file():
        raise no_home(settings.home)
    known = {one["sha256"]: one for one in tomllib.loads(DEFINITION.read_text(encoding="utf-8"))["recording"]}
    with exclusive(settings.home), opened_for_writing(settings.warehouse) as connection:
        stored = connection.execute(STORED).fetchall()
    references = {
        trial_id: _checked(known[sha256], data)
        for trial_id, sha256 in stored
        if sha256 in known and (approve if "reference" not in known[sha256] else data is not None)
    }
    if not references:
        names = ", ".join(str(one["name"]) for one in known.values())
        raise BioposeError(f"{settings.home}: no trial here is of one of the recordings asked for, among {names}")
    there = {(one.trial_id, one.video_sha256) for one in GoldenSet(settings).trials.values()}
    new = [trial_id for trial_id, sha256 in stored if trial_id in references and (trial_id, sha256) not in there]
    return [add_golden(settings, one, reference=references[one], offset_s=0.0, who=who) for one in new]


def _checked(recording: Mapping[str, str], data: Path | None) -> Path | None:
    """A recording's reference; None where it has none."""
    if "reference" not in recording or data is None:
        return None
    file = data / recording["reference"]
    if not file.is_file():
        raise BioposeError(f"{file}: the reference of {recording['name']} is not there; give the folder of the data")
    if sha256_of(file) != recording["reference_sha256"]:
        raise BioposeError(f"{file}: is not the reference of {recording['name']} that BioPose knows; restore it")
    return file
