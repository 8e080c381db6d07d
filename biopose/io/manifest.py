"""A session's manifest, `session.toml`: athletes, recordings and activities.

    session = read_session(Path("inbox/blue/2026-11-25-jumps/session.toml"))
    session.trials      # in order
    session.refused     # the others, each with what is wrong

An error names the file, the key and what was expected. One that concerns a trial or an athlete refuses the trials that
it concerns; the others are measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from biopose.errors import ManifestError
from biopose.io.consent import Consent
from biopose.io.file_names import is_recording, is_video
from biopose.io.manifest_entries import (
    KEY_OF,
    TRIAL_NAME_RULE,
    AthleteEntry,
    Person,
    RecordingKind,
    SessionTable,
    TrialTable,
    faults_of,
    is_name,
)
from biopose.io.manifest_patterns import ATHLETE, NAMING, no_match, with_patterns
from biopose.io.manifest_text import ManifestText, message
from biopose.io.session_files import BESIDE, NO_FILES, WHAT, MarkerFiles, session_file
from biopose.io.units import LengthUnit
from biopose.io.up_axis import UpAxis

__all__ = [
    "MANIFEST",
    "AthleteEntry",
    "MarkerFiles",
    "Person",
    "Place",
    "RefusedTrial",
    "Session",
    "TrialEntry",
    "is_name",
    "named_files",
    "read_session",
]

MANIFEST = "session.toml"
Kind = Literal["manifest", "missing_file", "consent"]
Fault = tuple[Kind, str]
GRAVEST_FIRST: tuple[Kind, ...] = ("manifest", "consent", "missing_file")
Table = TypeVar("Table", bound=BaseModel)


@dataclass(frozen=True)
class Place:
    """A [[trial]] of a manifest.

    Attributes:
        manifest: the file.
        table: such as trial[2].
        file: the recording, as it is written there.
        lines: of the manifest's tables and keys.
    """

    manifest: Path
    table: str
    file: str
    lines: Mapping[str, int] = field(repr=False, compare=False)

    def line(self, key: str, problem: str) -> str:
        """A message about one of its keys."""
        return message(self.manifest, self.lines, f"{self.table}.{key}", problem, called=self.file)


@dataclass(frozen=True)
class TrialEntry:
    """One trial that can be measured.

    Attributes:
        trial_id: team/session/trial.
        session_id: team/session.
        team_id: of the manifest.
        date: of the session.
        athlete: who is measured.
        kind: what was recorded: video, markers or keypoints.
        file: the recording, inside the session's folder; absolute.
        activity: what the athlete does.
        start_s: of the file as it is played; None: its beginning.
        end_s: likewise; None: its end.
        recorded_hz: frames per second at which slow motion was recorded.
        person: which of the people in the image the athlete is.
        keep_readable: measure the readable beginning of a damaged file.
        focal_px: of the camera, where known.
        horizontal_fov_deg: likewise.
        distortion: of the lens, k1, k2, p1, p2 and perhaps k3, where known.
        place: the table of the manifest that describes it, for messages.
        beside: further files of a recording of markers.
        up: vertical axis of such files.
        units: of length in them, where they state none or a wrong one.
    """

    trial_id: str
    session_id: str
    team_id: str
    date: date
    athlete: AthleteEntry
    kind: RecordingKind
    file: Path
    activity: str
    start_s: float | None
    end_s: float | None
    recorded_hz: float | None
    person: Person
    keep_readable: bool
    focal_px: float | None
    horizontal_fov_deg: float | None
    distortion: tuple[float, ...] | None
    place: Place
    beside: MarkerFiles = NO_FILES
    up: UpAxis = "y"
    units: LengthUnit | None = None

    @property
    def athlete_id(self) -> str:
        """team/athlete."""
        return f"{self.team_id}/{self.athlete.id}"

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Every file that its result depends on; the recording first."""
        return (self.file, *self.beside)


@dataclass(frozen=True)
class RefusedTrial:
    """One trial that cannot be measured as its manifest stands.

    Attributes:
        trial_id: team/session/trial, as far as known.
        kind: manifest, missing_file or consent; of several, the one to mend first.
        message: file, key and what to do; a line for each error.
        athlete_id: team/athlete, as far as known; else "".
    """

    trial_id: str
    kind: Kind
    message: str
    athlete_id: str = ""


@dataclass(frozen=True)
class Session:
    """A manifest's content: every trial is either in `trials` or in `refused`, in the manifest's order.

    Attributes:
        session_id: team/session.
        trials: that can be measured.
        refused: the others.
        date: of the session.
        consent: by team/athlete, what they agreed to; whose table is in error is left out.
    """

    session_id: str
    trials: list[TrialEntry]
    refused: list[RefusedTrial]
    date: date
    consent: Mapping[str, Consent]

    @property
    def trial_ids(self) -> list[str]:
        """Of all trials that it names."""
        return [*(trial.trial_id for trial in self.trials), *(trial.trial_id for trial in self.refused)]


def read_session(path: Path) -> Session:
    """Read a manifest.

    Raises:
        ManifestError: what concerns the whole session: no such file, no TOML, no team, session, date, athlete or
            trial, or names that are there twice. The message then holds all errors of the file, a line each.
    """
    text = ManifestText.read(path)
    raw = text.raw
    head, faults = _checked(SessionTable, text, raw)
    athletes = [_Athlete.read(text, number, table) for number, table in _tables(raw, "athlete")]
    tables = with_patterns(
        path.parent,
        _tables(raw, "trial"),
        athletes=[athlete.id for athlete in athletes],
        taken=_of_athletes(raw),
    )
    trials = [_Trial.read(text, number, table) for number, table in tables]
    faults += _repeated(text, "athlete", [athlete.id for athlete in athletes])
    faults += _repeated(text, "trial", [trial.name for trial in trials])
    if head is None or faults:
        in_tables = [one.faults for one in athletes] + [one.faults for one in trials]
        raise ManifestError("\n".join(chain(faults, *in_tables)))
    by_id = {athlete.id: athlete for athlete in athletes}
    checked = [trial.checked(head, by_id) for trial in trials]
    return Session(
        f"{head.team}/{head.session}",
        [trial for trial in checked if isinstance(trial, TrialEntry)],
        [trial for trial in checked if isinstance(trial, RefusedTrial)],
        date=head.date,
        consent={f"{head.team}/{one.id}": one.entry.consented(head.date) for one in athletes if one.entry},
    )


@dataclass(frozen=True)
class _Athlete:
    """An [[athlete]]: an entry, or what is wrong with it."""

    id: str
    key: str
    entry: AthleteEntry | None
    faults: list[str]

    @classmethod
    def read(cls, text: ManifestText, number: int, raw: dict[str, Any]) -> _Athlete:
        identity, key = str(raw.get("id", "")), f"athlete[{number}]"
        return cls(identity, key, *_checked(AthleteEntry, text, raw, within=key, called=identity))


@dataclass(frozen=True)
class _Trial:
    """A [[trial]]: a table that is in order, or what is wrong with it."""

    place: Place
    raw: dict[str, Any]
    name: str
    table: TrialTable | None
    faults: list[str]

    @classmethod
    def read(cls, text: ManifestText, number: int, raw: dict[str, Any]) -> _Trial:
        key, name = f"trial[{number}]", _name_of(raw)
        file = str(_file_of(raw))
        table, faults = _checked(TrialTable, text, raw, within=key, called=file)
        place = Place(text.path, key, file, text.lines)
        if table and not name:
            faults.append(place.line("id", f"is missing, and {file!r} names no trial; expected {TRIAL_NAME_RULE}"))
        return cls(place, raw, name or f"trial{number}", table, faults)

    @property
    def kind(self) -> RecordingKind:
        """What was recorded; video where the table names no file of another kind."""
        return next((kind for kind, key in KEY_OF.items() if isinstance(self.raw.get(key), str)), "video")

    def checked(self, head: SessionTable, athletes: dict[str, _Athlete]) -> TrialEntry | RefusedTrial:
        """The trial with its athlete and video checked, or refused with every error found."""
        session_id = f"{head.team}/{head.session}"
        athlete, wrong = self._athlete(head, athletes)
        file, not_there = self._file()
        beside, others = self._marker_files(athlete, athletes)
        wrong = [*(("manifest", line) for line in self.faults), *wrong, *not_there, *others]
        if wrong or not (self.table and athlete and file):
            kind = min((kind for kind, _ in wrong), key=GRAVEST_FIRST.index)
            named = self.raw.get("athlete")
            athlete_id = f"{head.team}/{named}" if isinstance(named, str) else ""
            return RefusedTrial(f"{session_id}/{self.name}", kind, "\n".join(line for _, line in wrong), athlete_id)
        camera = self.table.camera
        as_given = ("activity", "start_s", "end_s", "recorded_hz", "person", "keep_readable")
        return TrialEntry(
            trial_id=f"{session_id}/{self.name}",
            session_id=session_id,
            team_id=head.team,
            date=head.date,
            athlete=athlete,
            kind=self.kind,
            file=file,
            beside=beside or NO_FILES,
            up=head.recording.up,
            units=head.recording.units,
            focal_px=camera.focal_px,
            horizontal_fov_deg=camera.horizontal_fov_deg,
            distortion=None if camera.distortion is None else tuple(camera.distortion),
            place=self.place,
            **{name: getattr(self.table, name) for name in as_given},
        )

    def _athlete(self, head: SessionTable, athletes: dict[str, _Athlete]) -> tuple[AthleteEntry | None, list[Fault]]:
        identity = self.raw.get("athlete")
        if not isinstance(identity, str) or identity == ATHLETE:
            return None, []  # reported with the file
        known = athletes.get(identity)
        if known is None:
            problem = f"found {identity!r}; expected one of the athletes: {', '.join(athletes)}"
            return None, [("manifest", self.place.line("athlete", problem))]
        if known.entry and not known.entry.consented(head.date).is_given:
            problem = f"{identity} has not consented; set {known.key}.consent to true once they have"
            return None, [("consent", self.place.line("athlete", problem))]
        return known.entry, [("manifest", line) for line in known.faults]

    def _file(self) -> tuple[Path | None, list[Fault]]:
        key, name = KEY_OF[self.kind], self.place.file
        if is_recording(name) and is_video(name) != (self.kind == "video"):
            instead = "a video, which is named as `file`"
            if self.kind == "video":
                instead = "no video: a recording of markers is named as `markers`, one of 3D keypoints as `keypoints`"
            return None, [("manifest", self.place.line(key, f"is {instead}"))]
        return self._found(key, name, what=WHAT[self.kind], place=self.place)

    def _marker_files(
        self, athlete: AthleteEntry | None, athletes: dict[str, _Athlete]
    ) -> tuple[MarkerFiles | None, list[Fault]]:
        """The files that belong to a trial of markers; those of the athlete refuse no trial of video."""
        if athlete is None:
            return None, []
        found: dict[str, Path | None] = {}
        faults: list[Fault] = []
        of_athlete = replace(self.place, table=athletes[athlete.id].key, file=athlete.id)
        for key, owner in BESIDE[self.kind].items():
            table, place = (athlete, of_athlete) if owner == "athlete" else (self.table, self.place)
            name = getattr(table, key, None)
            found[key], wrong = (None, []) if name is None else self._found(key, name, what=WHAT[key], place=place)
            faults += wrong
        return MarkerFiles(**found), faults

    def _found(self, key: str, name: str, *, what: str, place: Place) -> tuple[Path | None, list[Fault]]:
        if not name:
            return None, []  # reported already
        folder = self.place.manifest.parent
        found = no_match(folder, name, what=what) or session_file(folder, name, what=what)
        if isinstance(found, Path):
            return found, []
        return None, [(found[0], place.line(key, found[1]))]


def named_files(path: Path) -> list[str] | None:
    """The files that a manifest's trials and athletes name, there or not; None if it cannot be read as TOML."""
    try:
        raw = ManifestText.read(path).raw
    except ManifestError:
        return None
    athletes = [str(table.get("id", "")) for _, table in _tables(raw, "athlete")]
    tables = with_patterns(path.parent, _tables(raw, "trial"), athletes=athletes, taken=_of_athletes(raw))
    of_trials = (table[key] for _, table in tables for key in NAMING if key in table)
    return [file for file in of_trials if isinstance(file, str)] + sorted(_of_athletes(raw))


def _checked(
    table: type[Table], text: ManifestText, raw: dict[str, Any], *, within: str = "", called: str = ""
) -> tuple[Table | None, list[str]]:
    """The table, or what is wrong with it."""
    try:
        return table.model_validate(raw), []
    except ValidationError as error:
        faults = faults_of(error, table=table, within=within)
        return None, [message(text.path, text.lines, key, problem, called=called) for key, problem in faults]


def _tables(raw: dict[str, Any], key: str) -> list[tuple[int, dict[str, Any]]]:
    """The tables of an array with their numbers from 1; anything else in it has been reported already."""
    array = raw.get(key)
    tables = array if isinstance(array, list) else []
    return [(number, table) for number, table in enumerate(tables, start=1) if isinstance(table, dict)]


def _repeated(text: ManifestText, key: str, names: Sequence[str]) -> list[str]:
    """A line for each name that is there more than once."""
    lines = []
    for name, times in Counter(filter(None, names)).items():
        if times > 1:
            keys = " and ".join(f"{key}[{number}]" for number, one in enumerate(names, start=1) if one == name)
            lines.append(f"{text.path}: {keys}: are both named {name!r}; give each {key} an `id` of its own")
    return lines


def _name_of(raw: dict[str, Any]) -> str:
    """The trial's name, which goes into paths: its id or its file's stem, other characters as _; may be empty."""
    name = raw.get("id") or Path(str(_file_of(raw))).stem
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "_.-") else "_" for c in str(name))
    return safe.lstrip("_.-")[:64]


def _of_athletes(raw: dict[str, Any]) -> set[str]:
    """The files that athletes name: static trials and models."""
    given = (table.get(key) for _, table in _tables(raw, "athlete") for key in ("static", "model"))
    return {name for name in given if isinstance(name, str)}


def _file_of(raw: dict[str, Any]) -> object:
    """The recording that a [[trial]] names, under whichever key; empty where there is none."""
    return next((raw[key] for key in KEY_OF.values() if key in raw), "")
