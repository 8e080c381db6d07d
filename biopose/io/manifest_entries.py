"""The tables of a manifest, `session.toml`, as pydantic checks them, and what is wrong with one, a line each.

Every key's description states what is expected of it, as error messages quote it.
"""

from __future__ import annotations

import datetime
import difflib
import json
import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from biopose.io.consent import SCOPES, Consent, Scope
from biopose.io.files import QUOTE_LENGTH
from biopose.io.standing_height import ACCEPTED_HEIGHTS, LEAST_HEIGHT_M, MOST_HEIGHT_M, centimetres_hint
from biopose.io.units import LengthUnit
from biopose.io.up_axis import UpAxis

ACTIVITIES = ("walk", "run", "sprint", "squat", "countermovement_jump", "drop_jump", "throw", "kick", "other")
NAME_RULE = "up to 64 letters, digits, _ and -, a letter or digit first"
TRIAL_NAME_RULE = "up to 64 letters, digits, _, - and dots, a letter or digit first"
PERSON_RULE = (
    '"largest", "central", the number that `biopose people` prints, a point [x, y, seconds] on the person, or a box '
    "[left, top, right, bottom] around them in pixels with left < right and top < bottom"
)

MOST_STARS = 4  # of a pattern: each further one multiplies the time to match a name
MOST_PX = 1e6  # beyond any image: what is refused here cannot overflow later
A_WEEK_S = 604_800.0
MOST_HZ = 100_000.0  # of a high-speed camera
MOST_DISTORTION = 100.0  # of a lens's coefficients
LAST_TIME_ZONE = datetime.timezone(datetime.timedelta(hours=14))  # where a day begins first

RecordingKind = Literal["video", "markers", "keypoints"]
# The key that names each kind's file.
KEY_OF: dict[RecordingKind, str] = {"video": "file", "markers": "markers", "keypoints": "keypoints"}
KINDS: dict[RecordingKind, str] = {
    "video": "a video",
    "markers": "a recording of markers",
    "keypoints": "a recording of keypoints",
}
OF_VIDEO = {"recorded_hz", "person", "camera", "keep_readable"}
KEYS_OF_OTHERS: dict[RecordingKind, set[str]] = {
    "video": {"forces", "names"},
    "markers": {*OF_VIDEO, "names"},
    "keypoints": OF_VIDEO,
}
Activity = Literal["walk", "run", "sprint", "squat", "countermovement_jump", "drop_jump", "throw", "kick", "other"]
# What goes into paths and SQL.
NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
Name = Annotated[str, StringConstraints(pattern=NAME)]
TrialName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


def _person(value: object) -> object:
    """TOML's arrays are lists; a point or a box becomes a tuple, anything else is left to be refused."""
    if isinstance(value, list) and all(type(n) in (int, float) and abs(n) <= MOST_PX for n in value):
        value = tuple(map(float, value))
    if isinstance(value, tuple) and not (
        len(value) == 3 or (len(value) == 4 and value[0] < value[2] and value[1] < value[3])
    ):
        raise ValueError("neither a point nor a box")
    return value


Person = (
    Literal["largest", "central"]
    | Annotated[int, Field(ge=0)]
    | tuple[float, float, float]
    | tuple[float, float, float, float]
)


def stars(pattern: str) -> int:
    """How many parts of names * stands for in a pattern; ** is one."""
    return len(re.findall(r"\*+", pattern))


def is_name(text: str) -> bool:
    """Whether a team, a session or an athlete can be called so."""
    return re.fullmatch(NAME, text) is not None and text.isprintable()


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _is_past(date: datetime.date) -> datetime.date:
    # A misspelt year would hold against every later statement of consent.
    if date > datetime.datetime.now(LAST_TIME_ZONE).date():
        raise ValueError("lies in the future")
    return date


Past = Annotated[datetime.date, AfterValidator(_is_past)]


class ConsentTable(_Table):
    """`consent = {...}`.

    Attributes:
        scope: what the athlete agreed to; nothing once they withdrew.
        date: when they said so; without it that of the session.
    """

    scope: list[Scope] = Field(
        description='["numbers", "pictures"], ["numbers"] where no overlay may be drawn, or [] once it is withdrawn'
    )
    date: Past | None = Field(
        default=None, description="the day of the statement without quotes, such as 2026-11-25, today at the latest"
    )

    @field_validator("scope")
    @classmethod
    def _has_numbers(cls, scope: list[Scope]) -> list[Scope]:
        if scope and "numbers" not in scope:
            raise ValueError("pictures are drawn of what was measured")
        return scope


Answer = Annotated[
    Annotated[bool, Tag("answer")] | Annotated[ConsentTable, Tag("table")],
    Discriminator(lambda given: "table" if isinstance(given, dict | ConsentTable) else "answer"),
]


class AthleteEntry(_Table):
    """`[[athlete]]`.

    Attributes:
        id: unique in the team.
        height_m: standing, without shoes: the metric scale of everything.
        mass_kg: where known.
        sex: where known.
        birth_year: where known; norms go by age.
        consent: whether the athlete agreed to be measured, or to what, and when; without it nothing is.
        static: a recording of markers of the athlete standing still, for trials of markers.
        model: an .osim with the markers, for trials of markers: scaled to `static`, or without it the athlete's own.
        subject: of labels SUBJECT:MARKER, whose markers are the athlete's.
    """

    id: Name = Field(description=f'a name such as "ann": {NAME_RULE}')
    height_m: float = Field(
        ge=LEAST_HEIGHT_M,
        le=MOST_HEIGHT_M,
        description=f"the standing height in metres, {ACCEPTED_HEIGHTS}, such as 1.78",
    )
    mass_kg: float | None = Field(default=None, ge=10, le=300, description="kilograms, 10 to 300, or no such key")
    sex: Literal["male", "female"] | None = Field(default=None, description='"male", "female", or no such key')
    birth_year: int | None = Field(
        default=None, ge=1900, le=2100, description="the year of birth, such as 2004, or no such key"
    )
    consent: Answer = Field(
        description="true once the athlete has agreed to be measured, else false, or a table with scope and date"
    )
    static: str | None = Field(
        default=None, min_length=1, description='markers of the athlete standing still, such as "ann_static.c3d"'
    )
    model: str | None = Field(default=None, min_length=1, description='a model with the markers, such as "lab.osim"')
    subject: str | None = Field(
        default=None, min_length=1, description="the athlete's name before the colon of the labels SUBJECT:MARKER"
    )

    def consented(self, session_date: datetime.date) -> Consent:
        """What the athlete agreed to, as of when.

        Args:
            session_date: of a statement without a date of its own.
        """
        if isinstance(self.consent, ConsentTable):
            return Consent(frozenset(self.consent.scope), self.consent.date or session_date)
        return Consent(frozenset(SCOPES if self.consent else ()), session_date)


class CameraEntry(_Table):
    """`[trial.camera]`: a focal length or a field of view, and the lens's distortion, where known.

    Attributes:
        focal_px: focal length in pixels of the upright image.
        horizontal_fov_deg: field of view from the left to the right edge.
        distortion: of the lens, k1, k2, p1, p2 and perhaps k3, as OpenCV defines them.
    """

    focal_px: float | None = Field(
        default=None, gt=0, le=MOST_PX, description="the focal length in pixels of the upright image, more than 0"
    )
    horizontal_fov_deg: float | None = Field(
        default=None, gt=0, lt=170, description="the field of view from left to right in degrees, 0 to 170"
    )
    distortion: list[Annotated[float, Field(ge=-MOST_DISTORTION, le=MOST_DISTORTION)]] | None = Field(
        default=None, min_length=4, max_length=5, description="the lens's coefficients [k1, k2, p1, p2, k3] of OpenCV"
    )

    @model_validator(mode="after")
    def _is_one(self) -> CameraEntry:
        if self.focal_px is not None and self.horizontal_fov_deg is not None:
            raise ValueError("focal_px and horizontal_fov_deg are redundant; keep the one that was measured")
        return self


class RecordingTable(_Table):
    """`[recording]`: what holds for every file of markers, keypoints or forces of the session.

    Attributes:
        up: the files' vertical axis.
        units: of length, where the files state none or a wrong one.
    """

    up: UpAxis = Field(default="y", description='the vertical axis of the files of markers, "x", "y" or "z"')
    units: LengthUnit | None = Field(
        default=None, description="their unit of length, mm, cm or m, where they state none or a wrong one"
    )


class TrialTable(_Table):
    """`[[trial]]`."""

    file: str | None = Field(default=None, min_length=1, description='a video beside the manifest, such as "jump1.mp4"')
    athlete: str = Field(description="the id of an [[athlete]]")
    id: TrialName | None = Field(default=None, description=f"{TRIAL_NAME_RULE}; the file's name if it is missing")
    activity: Activity = Field(default="other", description=f"one of {', '.join(ACTIVITIES)}")
    start_s: float | None = Field(
        default=None, ge=0, le=A_WEEK_S, description="seconds of the file as it is played, 0 or more"
    )
    end_s: float | None = Field(
        default=None, gt=0, le=A_WEEK_S, description="seconds of the file as it is played, after start_s"
    )
    recorded_hz: float | None = Field(
        default=None,
        ge=1,
        le=MOST_HZ,
        description="frames per second at which slow motion was recorded, such as 240",
    )
    person: Annotated[Person, BeforeValidator(_person)] = Field(default="largest", description=PERSON_RULE)
    camera: CameraEntry = Field(
        default=CameraEntry(), description="a table [trial.camera] with focal_px or horizontal_fov_deg, and distortion"
    )
    keep_readable: bool = Field(
        default=False, description="true to measure what comes before the break of a broken file"
    )
    markers: str | None = Field(
        default=None, min_length=1, description='in place of a video, a recording of markers, such as "jump1.c3d"'
    )
    keypoints: str | None = Field(
        default=None, min_length=1, description='likewise, 3D keypoints of a markerless system, such as "jump1.trc"'
    )
    names: str | None = Field(
        default=None, min_length=1, description='of keypoints, a file of their names, TheirName = "right_hip" a line'
    )
    forces: str | None = Field(
        default=None, min_length=1, description='of a trial of markers, force plates in a .mot, such as "jump1_grf.mot"'
    )

    @field_validator(*KEY_OF.values())
    @classmethod
    def _is_matched_in_time(cls, pattern: str | None) -> str | None:
        if (found := stars(pattern or "")) > MOST_STARS:
            raise ValueError(f"found a pattern with {found} *, expected at most {MOST_STARS}; leave some out")
        return pattern

    @property
    def kind(self) -> RecordingKind:
        """What was recorded: the key that names the file."""
        return next((kind for kind, key in KEY_OF.items() if getattr(self, key) is not None), "video")

    @model_validator(mode="after")
    def _is_one_recording(self) -> TrialTable:
        given = [key for key in KEY_OF.values() if getattr(self, key) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            expected = f"file, {TrialTable.model_fields['file'].description}, markers or keypoints"
            raise ValueError(f"a trial is one recording, found {found}; expected {expected}")
        foreign = sorted(self.model_fields_set & KEYS_OF_OTHERS[self.kind])
        if foreign:
            verb = "belong" if len(foreign) > 1 else "belongs"
            owners = [KINDS[kind] for kind in KEY_OF if not self.model_fields_set & KEYS_OF_OTHERS[kind]]
            raise ValueError(
                f"{', '.join(foreign)} {verb} to {' or '.join(owners) or 'other recordings'}, not to "
                f"{KINDS[self.kind]}; leave it out"
            )
        return self

    @model_validator(mode="after")
    def _is_in_order(self) -> TrialTable:
        if self.end_s is not None and self.end_s <= (self.start_s or 0):
            raise ValueError(f"end_s {self.end_s:g} is not after start_s {self.start_s or 0:g}; correct one of them")
        return self


class SessionTable(_Table):
    """The manifest's own keys; its athletes and trials are checked one by one."""

    team: Name = Field(description=f'a name such as "blue": {NAME_RULE}')
    session: Name = Field(description=f'a name in quotes such as "2026-11-25-jumps": {NAME_RULE}')
    date: Past = Field(description="a day without quotes, such as 2026-11-25, today at the latest")
    athlete: list[dict[str, Any]] = Field(min_length=1, description="a table [[athlete]] for each")
    trial: list[dict[str, Any]] = Field(min_length=1, description="a table [[trial]] for each")
    recording: RecordingTable = Field(
        default=RecordingTable(), description="a table [recording] with up and units of the files of markers"
    )


WITHIN: dict[tuple[object, ...], type[BaseModel]] = {
    (TrialTable, "camera"): CameraEntry,
    (AthleteEntry, "consent"): ConsentTable,
    (SessionTable, "recording"): RecordingTable,
}
TAGS = ("answer", "table")  # of the forms of a consent


def faults_of(error: ValidationError, *, table: type[BaseModel], within: str = "") -> list[tuple[str, str]]:
    """The key of each error, and what was found and what was expected.

    Args:
        error: what is wrong.
        table: whose keys they are.
        within: where the table stands, such as trial[2].
    """
    found = []
    for detail in error.errors():
        keys = _keys_to(detail, table)
        found.append((".".join(filter(None, [within, *keys])), _problem(detail, _table_of(keys, table))))
    return list(dict.fromkeys(found))


def expected_of(key: str) -> str:
    """What is expected of a key, whichever table it belongs to; empty where no table has it."""
    tables: list[type[BaseModel]] = [SessionTable, AthleteEntry, TrialTable, *WITHIN.values()]
    fields = (table.model_fields.get(key) for table in tables)
    return next((field.description or "" for field in fields if field), "")


def printable(text: str) -> str:
    """On one line, whatever a manifest names its files."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _keys_to(detail: ErrorDetails, table: type[BaseModel]) -> list[str]:
    """The keys as they stand in the file: the location holds also the member of a union that did not fit."""
    keys = [str(part) for part in detail["loc"] if part not in TAGS]
    return keys[:2] if (table, *keys[:1]) in WITHIN else keys[:1]


def _table_of(keys: list[str], table: type[BaseModel]) -> type[BaseModel]:
    return WITHIN.get((table, keys[0]), table) if len(keys) > 1 else table


def _problem(detail: ErrorDetails, table: type[BaseModel]) -> str:
    key, given = str(detail["loc"][-1]) if detail["loc"] else "", detail.get("input")
    if detail["type"] == "extra_forbidden":
        return "is no key of this table; " + _nearest(key, table)
    fields = [table.model_fields[str(part)] for part in detail["loc"] if part in table.model_fields]
    if not fields:
        return str(detail["ctx"]["error"]) if "error" in detail.get("ctx", {}) else detail["msg"]
    if detail["type"] == "missing":
        return f"is missing; expected {fields[-1].description}"
    if detail["type"] == "value_error" and key in {"camera", *KEY_OF.values()}:
        return str(detail["ctx"]["error"])
    hint = centimetres_hint(given) if key == "height_m" and isinstance(given, int | float) else ""
    return f"found {_as_toml(given)}; expected {fields[-1].description}{hint}"


def _nearest(key: str, table: type[BaseModel]) -> str:
    near = difflib.get_close_matches(key, table.model_fields, n=1)
    return f"is {near[0]} meant?" if near else f"its keys are {', '.join(table.model_fields)}"


def _as_toml(given: object) -> str:
    """As the file has it, shortened."""
    text = json.dumps(given, default=str, ensure_ascii=False) if isinstance(given, str | bool | list) else str(given)
    return text if len(text) <= QUOTE_LENGTH else text[:QUOTE_LENGTH] + "..."
