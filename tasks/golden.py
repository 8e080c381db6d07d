"""The golden set: stored trials with a reference, which every rollout measures and compares with it.

A reference is a file of joint angles of another measurement of the same seconds (.mot), those of a recording of
markers, or the trial's own numbers, once a person has approved them. The set is a file of the home, golden.json, with
the hash of each video and reference; both are checked whenever they are used.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from biopose.errors import BioposeError
from biopose.io.files import sha256_of, written_whole
from biopose.io.mot import read_mot
from tasks.golden_markers import MARKERS
from tasks.settings import OWNER_ALONE, Settings

FloatArray = NDArray[np.float64]
Kind = Literal["reference", "approval"]

FILE = "golden.json"
COPIES = "golden"  # folder of the home with approved numbers and angles of markers, named by their hash
SHOWN_OF_HASH = 12
ANGLES = (".mot", ".sto")  # endings of files


@dataclass(frozen=True)
class GoldenTrial:
    """A trial with a reference.

    Attributes:
        trial_id: its id.
        kind: of the reference: another measurement, or a person's approval of stored numbers.
        file: the reference; one that the home has a copy of is relative to it.
        sha256: of it.
        video_sha256: of the recording that it belongs to.
        offset_s: time of the reference at the recording's time 0.
        who: added it, or approved the numbers.
        added_at: when, ISO 8601.
        markers: the recording that the reference was made of; empty where it was given as angles.
        notes: what limits what was made of them, a sentence each.
    """

    trial_id: str
    kind: Kind
    file: str
    sha256: str
    video_sha256: str
    offset_s: float
    who: str
    added_at: str
    markers: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> GoldenTrial:
        """As JSON has it."""
        return cls(**{**row, "notes": tuple(row.get("notes", ()))})

    @property
    def is_copy(self) -> bool:
        """Whether the home has the only copy of the reference."""
        return not Path(self.file).is_absolute()


class GoldenSet:
    """The golden set of a home.

    Args:
        settings: say where the home is.

    Raises:
        BioposeError: its file cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        self._home, self._file = settings.home, settings.home / FILE
        self.trials: dict[str, GoldenTrial] = {}
        try:
            if self._file.exists():
                rows = json.loads(self._file.read_text(encoding="utf-8"))["trials"]
                self.trials = {row["trial_id"]: GoldenTrial.of(row) for row in rows}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BioposeError(
                f"{self._file}: cannot be read ({error}); restore it from a backup, or delete it and add its "
                "trials again"
            ) from error

    def add_reference(
        self,
        trial_id: str,
        file: Path,
        *,
        video_sha256: str,
        offset_s: float,
        who: str,
        span_s: tuple[float, float],
        markers: Path | None = None,
        notes: Sequence[str] = (),
    ) -> GoldenTrial:
        """Add a trial with joint angles of another measurement.

        Args:
            trial_id: stored.
            file: .mot with OpenSim's coordinates.
            video_sha256: of the trial's recording.
            offset_s: time of the reference at the recording's time 0.
            who: adds it.
            span_s: first and last time of the trial.
            markers: the recording that the file was made of; it is copied then.
            notes: what limits it.

        Raises:
            BioposeError: the file is malformed, has no joint angle that BioPose measures, or no common time.
        """
        _check_holds_angles(file)
        times_s, _ = _read_reference(file)
        if not ((times_s >= span_s[0] + offset_s) & (times_s <= span_s[1] + offset_s)).any():
            raise BioposeError(
                f"{markers or file}: lasts from {times_s[0]:.2f} to {times_s[-1]:.2f} s and has no row within the "
                f"trial's {span_s[0] + offset_s:.2f} to {span_s[1] + offset_s:.2f} s; give the time of the reference "
                "at the recording's time 0 as --offset-s"
            )
        kept = self._copied(file) if markers else str(file.resolve())
        of_markers = (str(markers.resolve()) if markers else "", tuple(notes))
        return self._add("reference", trial_id, kept, sha256_of(file), video_sha256, offset_s, who, *of_markers)

    def approve(self, trial_id: str, kinematics: Path, *, video_sha256: str, who: str) -> GoldenTrial:
        """Add a trial whose stored numbers a person approved; they are copied.

        Args:
            trial_id: stored.
            kinematics: kinematics.parquet of its current run.
            video_sha256: of the trial's recording.
            who: approved them.

        Raises:
            BioposeError: the file is gone.
        """
        if not kinematics.is_file():
            raise BioposeError(f"{kinematics}: is gone; measure {trial_id} again before its numbers are approved")
        name = self._copied(kinematics)
        return self._add("approval", trial_id, name, sha256_of(kinematics), video_sha256, 0.0, who)

    def remove(self, trial_ids: Collection[str]) -> list[str]:
        """Take trials out of the set; those that were in it."""
        there = [name for name in trial_ids if name in self.trials]
        for name in there:
            one = self.trials.pop(name)
            self._remove_copy(one)
        if there:
            self._save()
        return there

    def faults(self) -> dict[str, str]:
        """By trial, why its reference cannot be used: its file is gone or changed."""
        found = {name: self._fault(one) for name, one in self.trials.items()}
        return {name: fault for name, fault in found.items() if fault}

    def check(self, trial_ids: Iterable[str]) -> None:
        """Check the references of trials.

        Raises:
            BioposeError: one is gone or changed.
        """
        for name in trial_ids:
            if name in self.trials and (fault := self._fault(self.trials[name])):
                raise BioposeError(fault)

    def reference(
        self, trial_id: str, *, time_s: FloatArray, columns: Sequence[str], video_sha256: str
    ) -> FloatArray | None:
        """(T, C) degrees of a trial's reference at its frames, NaN where it has none; None: the trial is not golden.

        Positions and the pelvis's orientation are left out: the two measurements stand in worlds of their own.

        Args:
            trial_id: of the trial.
            time_s: (T,) of its frames.
            columns: C, such as knee_angle_r_deg.
            video_sha256: of the recording that was measured.

        Raises:
            BioposeError: the reference or the recording is not the one that was added.
        """
        one = self.trials.get(trial_id)
        if one is None:
            return None
        self.check([trial_id])
        if one.video_sha256 != video_sha256:
            raise BioposeError(
                f"{trial_id}: its recording is not the one that its reference was added for (sha256 "
                f"{video_sha256[:SHOWN_OF_HASH]}... in place of {one.video_sha256[:SHOWN_OF_HASH]}...); add the trial "
                "to the golden set anew, or `biopose golden remove` it"
            )
        path = self._path(one)
        times_s, angles = _read_reference(path) if one.kind == "reference" else _read_approved(path)
        at_s = time_s + one.offset_s
        missing = np.full(len(time_s), np.nan)
        return np.stack(
            [
                np.interp(at_s, times_s, angles[name], left=np.nan, right=np.nan) if name in angles else missing
                for name in columns
            ],
            axis=1,
        )

    def _copied(self, file: Path) -> str:
        """The name, relative to the home, of a copy of a file."""
        name = f"{COPIES}/{sha256_of(file)[:16]}{file.suffix}"
        (self._home / COPIES).mkdir(mode=OWNER_ALONE, exist_ok=True)
        with written_whole(self._home / name, durable=True) as partial:
            shutil.copyfile(file, partial)
        return name

    def _add(
        self,
        kind: Kind,
        trial_id: str,
        file: str,
        sha256: str,
        video_sha256: str,
        offset_s: float,
        who: str,
        markers: str = "",
        notes: tuple[str, ...] = (),
    ) -> GoldenTrial:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        added = GoldenTrial(trial_id, kind, file, sha256, video_sha256, offset_s, who, at, markers, notes)
        replaced = self.trials.get(trial_id)
        self.trials[trial_id] = added
        self._save()
        if replaced:
            self._remove_copy(replaced)
        return added

    def _remove_copy(self, one: GoldenTrial) -> None:
        """Remove a copy, unless another trial has the same, as one that was renamed has."""
        if one.is_copy and one.file not in {other.file for other in self.trials.values()}:
            self._path(one).unlink(missing_ok=True)

    def _save(self) -> None:
        rows = [asdict(one) for _, one in sorted(self.trials.items())]
        with written_whole(self._file, durable=True) as partial:
            partial.write_text(json.dumps({"trials": rows}, indent=2), encoding="utf-8")

    def _path(self, one: GoldenTrial) -> Path:
        return self._home / one.file  # an absolute one stays

    def _fault(self, one: GoldenTrial) -> str | None:
        path = self._path(one)
        again = "--approve" if one.kind == "approval" else f"--reference {one.markers or path}"
        if not path.is_file():
            return f"{path}: the reference of {one.trial_id} is gone; restore it, or `biopose golden remove` the trial"
        if (found := sha256_of(path)) != one.sha256:
            return (
                f"{path}: is not the reference that {one.trial_id} was added with (sha256 {found[:SHOWN_OF_HASH]}... "
                f"in place of {one.sha256[:SHOWN_OF_HASH]}...); restore it, or add it anew: `biopose golden add "
                f"{one.trial_id} {again}`"
            )
        return None


def joint_angles() -> list[str]:
    """Names of the columns that are compared with a reference: all angles but the pelvis's orientation."""
    return [f"{name}_deg" for name in _angles() if not name.startswith("pelvis")]


def _angles() -> list[str]:
    from biopose.analysis.kinematics import coordinate_units  # loads torch, which erasures and backups do not need

    return [name for name, unit in coordinate_units() if unit == "deg"]


def _check_holds_angles(file: Path) -> None:
    if file.suffix.lower() not in ANGLES:
        raise BioposeError(
            f"{file}: a reference is joint angles of OpenSim's coordinates, {' or '.join(ANGLES)}, or a recording of "
            f"markers, {' or '.join(MARKERS)}"
        )


def _read_reference(file: Path) -> tuple[FloatArray, dict[str, FloatArray]]:
    """(T,) seconds, and by column the angles in degrees, without jumps of a turn.

    Raises:
        BioposeError: it is malformed, or has none of the joint angles.
    """
    coordinates = read_mot(file, rotational=_angles())
    known = joint_angles()
    angles = {
        f"{name}_deg": _unwrapped(np.rad2deg(values))
        for name, values in zip(coordinates.names, coordinates.values.T, strict=True)
        if f"{name}_deg" in known
    }
    if not angles:
        names = ", ".join(coordinates.names[:5])
        raise BioposeError(f"{file}: has no joint angle that BioPose measures (it has {names}); such as knee_angle_r")
    return coordinates.time_s, angles


def _read_approved(file: Path) -> tuple[FloatArray, dict[str, FloatArray]]:
    with pq.ParquetFile(file) as opened:  # `read_table` would import pandas
        table = opened.read(columns=["time_s", *joint_angles()]).to_pydict()
    values = {name: np.array(column, dtype=np.float64) for name, column in table.items()}
    return values.pop("time_s"), {name: _unwrapped(column) for name, column in values.items()}


def _unwrapped(degrees: FloatArray) -> FloatArray:
    """Without jumps of a turn between neighbouring values, so that they can be interpolated."""
    known = np.isfinite(degrees)
    unwrapped = degrees.copy()
    unwrapped[known] = np.unwrap(degrees[known], period=360)
    return unwrapped
