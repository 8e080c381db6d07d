"""The first page of a report in sentences: what was measured, what changed for real, what is not to be trusted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from biopose.outputs.untrusted import UNTRUSTED_QUALITY
from flows.pages.reader import Row
from flows.pages.templates import value

MOST_NAMES = 5
LEAST_HEIGHT_DIFFERENCE = 0.01  # of the entered height: less is the rounding of a tape measure


@dataclass(frozen=True)
class ReportedTrial:
    """A trial of a report.

    Attributes:
        described: its row of the query trial_description.
        summary: its summary.json; None where that is not in the home.
    """

    described: Row
    summary: Mapping[str, Any] | None

    @property
    def person(self) -> Mapping[str, Any]:
        """The athlete's entry in the summary; empty where there is none."""
        return self.summary["people"][0] if self.summary else {}

    @property
    def fitted_height_m(self) -> float | None:
        """Of the body that was fitted to a video; None of other recordings, whose summary repeats the entered one."""
        height_m = self.person.get("body", {}).get("height_m") if self.described["recording"] == "video" else None
        return None if height_m is None else float(height_m)


def measured_sentences(trials: Sequence[Row], heights: Sequence[ReportedTrial]) -> list[str]:
    """What was measured.

    Args:
        trials: rows of the query trials.
        heights: those whose heights are told.
    """
    counts = Counter(str(row["activity"]) for row in trials)
    days = sorted({row["session_date"] for row in trials})
    period = f"on {days[0]}" if len(days) == 1 else f"on {len(days)} days from {days[0]} to {days[-1]}"
    recordings = Counter(str(row["recording"]) for row in trials)
    return [
        f"{_count(len(trials), 'trial')} {period}: {_counted(counts)}; recorded by {_counted(recordings)}.",
        *_height_sentences(heights),
    ]


def _height_sentences(trials: Sequence[ReportedTrial]) -> list[str]:
    """The entered height beside that of the fitted body."""
    found = [(one.described["height_m"], one.fitted_height_m) for one in trials]
    known = [(entered, fitted) for entered, fitted in found if entered is not None and fitted is not None]
    if not known:
        return []
    entered, fitted = sorted({pair[0] for pair in known}), sorted(pair[1] for pair in known)
    return [
        f"Height: {' and '.join(_cm(one) for one in entered)} as entered; the body that fits the images is "
        f"{_range(_cm(fitted[0]), _cm(fitted[-1]))} tall."
    ]


def height_warnings(trials: Sequence[ReportedTrial]) -> list[str]:
    """Where the fitted body is taller or smaller than the height that was entered, and what follows."""
    lines: dict[str, list[str]] = {}
    for one in trials:
        entered, fitted = one.described["height_m"], one.fitted_height_m
        if entered is None or fitted is None or abs(fitted / entered - 1) < LEAST_HEIGHT_DIFFERENCE:
            continue
        percent = 100 * (fitted / entered - 1)
        line = (
            f"The athlete was entered with {_cm(entered)}, the body that fits the images is {_cm(fitted)} tall, "
            f"{abs(percent):.1f} % {'more' if percent > 0 else 'less'}: if the entered height is right, lengths and "
            f"speeds in metres are about as much too {'large' if percent > 0 else 'small'}; joint angles are not "
            "affected. Check the height that was entered"
        )
        lines.setdefault(line, []).append(str(one.described["trial_id"]))
    return [f"{line} ({_listed(names)})." for line, names in lines.items()]


def change_sentences(changes: Iterable[Row]) -> list[str]:
    """Changes that the query before_after judges to be real."""
    return [
        f"{_metric(row)}, {_name(row['activity'])}: {_direction(row['change'])} from "
        f"{value(row['mean_before'], row['unit'])} to {value(row['mean_after'], row['unit'])}; "
        f"95 % interval of the change {value(row['change_low'], row['unit'])} to "
        f"{value(row['change_high'], row['unit'])} ({row['sessions_before']} sessions before, "
        f"{row['sessions_after']} since)."
        for row in changes
    ]


def difference_sentence(row: Row, *, earlier: float, later: float, than: str, beyond: str, limit: float) -> str:
    """A difference beyond a limit.

    Args:
        row: has metric, side, activity and unit.
        earlier: value of the two.
        later: the other.
        than: what the earlier is of, such as "the first session, 2026-11-25".
        beyond: what the limit is, such as "the smallest detectable change".
        limit: in the metric's unit.
    """
    return (
        f"{_metric(row)}, {_name(row['activity'])}: {value(later, row['unit'])} against {value(earlier, row['unit'])} "
        f"in {than}, more than {beyond}, {value(limit, row['unit'])}."
    )


def undecided_sentences(compared: Sequence[Row], judged: Sequence[Row], *, since: str) -> list[str]:
    """How many rows of before_after could be judged, and how many not."""
    lines = []
    otherwise = sum(row["judgement"] == "measured otherwise" for row in compared)
    if otherwise:
        lines.append(
            f"{_count(otherwise, 'comparison')} cannot be judged: cameras or model versions before {since} were others."
        )
    undecided = len(compared) - len(judged) - otherwise
    if undecided:
        lines.append(
            f"{_count(undecided, 'comparison')} cannot be judged: that takes three sessions before {since} and three "
            "from then on."
        )
    if judged:
        lines.append(
            f"Of {_count(len(judged), 'comparison')} that can be judged, one in twenty would be called real by chance "
            "alone."
        )
    return lines


def unknown_sentences(rows: Iterable[Row]) -> list[str]:
    """Metrics that are not known, by reason: rows of the query unknown_metrics, or of metrics without a value."""
    reasons: dict[str, dict[str, None]] = {}
    for row in rows:
        reasons.setdefault(_inside_sentence(str(row["reason"])), {})[_name(row["metric"])] = None
    return [f"Not known: {_listed(list(names))}, since {reason}." for reason, names in reasons.items()]


def quality_sentences(rows: Iterable[Row]) -> list[str]:
    """Trials whose mean quality is low: rows of the query trials."""
    known = (row for row in rows if row["mean_quality"] is not None)
    low = [str(row["trial_id"]) for row in known if row["mean_quality"] < UNTRUSTED_QUALITY]
    if not low:
        return []
    return [f"The mean quality is below {UNTRUSTED_QUALITY} of 1 in {_listed(low)}: look at the overlay before use."]


def untrusted_sentences(pages: Iterable[Mapping[str, Any]]) -> list[str]:
    """The share of frames that is not trusted, of pages of trials."""
    shares = {
        str(page["title"]): row["value"]
        for page in pages
        for row in page["quality"]
        if row["name"] == "untrusted_share"
    }
    return [
        f"{100 * share:.0f} % of the frames of {trial_id} have a quality below {UNTRUSTED_QUALITY}; they are grey in "
        "its curves."
        for trial_id, share in shares.items()
        if share
    ]


def note_sentences(trials: Sequence[ReportedTrial]) -> list[str]:
    """What the measurement noted about the recordings, each once, with how many trials it is about."""
    counts = Counter(note for one in trials for note in dict.fromkeys(one.person.get("notes", ())))
    several = len(trials) > 1
    return [note + (f" ({_count(count, 'trial')})" if several else "") for note, count in counts.most_common()]


def _counted(counts: Counter[str]) -> str:
    """Names with their numbers; of a single name the name alone."""
    if len(counts) == 1:
        return _name(next(iter(counts)))
    return ", ".join(f"{_name(name)} ({count})" for name, count in counts.most_common())


def _inside_sentence(sentence: str) -> str:
    """Without its full stop, and with a small first letter unless that is of an abbreviation."""
    text = sentence.rstrip(".")
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _metric(row: Row) -> str:
    side = "" if row["side"] == "none" else f", {row['side']}"
    return f"{_name(row['metric']).capitalize()}{side}"


def _name(name: Any) -> str:
    return str(name).replace("_", " ")


def _direction(change: float) -> str:
    return "rose" if change > 0 else "fell"


def _cm(height_m: float) -> str:
    return f"{100 * height_m:.1f} cm"


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMES])
    return shown if len(names) <= MOST_NAMES else f"{shown} and {len(names) - MOST_NAMES} more"
