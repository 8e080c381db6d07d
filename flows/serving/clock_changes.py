"""Schedules on the days when clocks change: an hour of the local time is missing then, or happens twice.

Prefect 3.8.8 starts a run whose time is missing earlier by as much as clocks go forward (0 2 * * * in Europe/Berlin at
01:00 on 2027-03-28), and one whose time happens twice at the first of the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

A_YEAR = timedelta(days=366)
STEP = timedelta(hours=6)
SAFE = "04:00 exists once on every day in every time zone"


@dataclass(frozen=True)
class ClockChange:
    """A change of a zone's offset from UTC.

    Attributes:
        at: the clock's last time before it, without zone: 02:00 where clocks go from there to 03:00.
        by: how far clocks go forward; negative where they go back.
    """

    at: datetime
    by: timedelta


def clock_change_notes(cron: str, zone: ZoneInfo, *, since: datetime) -> list[str]:
    """A line for each of the coming year's clock changes that a schedule meets, about the first of its times that does.

    None if it runs every hour.

    Args:
        cron: minute, hour, day, month, weekday.
        zone: of the schedule.
        since: with a zone.
    """
    minutes, hours, *_, weekdays = cron.split()
    if hours.startswith("*"):
        return []
    times = [(hour, minute) for hour in _values(hours, 23) for minute in _values(minutes, 59)]
    days = {day % 7 for day in _values(weekdays, 7)} or set(range(7))
    lines = []
    for change in _changes(zone, since):
        first, after = sorted((change.at, change.at + change.by))
        if first.isoweekday() % 7 not in days:
            continue
        met = [first.replace(hour=hour, minute=minute) for hour, minute in times]
        lines += [_line(one, change, zone) for one in met if first <= one < after][:1]
    return lines


def _line(met: datetime, change: ClockChange, zone: ZoneInfo) -> str:
    if change.by > timedelta(0):
        start = met - change.by
        return (
            f"{met:%H:%M} does not exist on {met:%a %Y-%m-%d} in {zone.key}, when clocks go forward: the run then "
            f"starts at {start:%H:%M}{'' if start.date() == met.date() else ' of the day before'}. {SAFE}"
        )
    return f"{met:%H:%M} happens twice on {met:%a %Y-%m-%d} in {zone.key}: the run starts at the first. {SAFE}"


def _changes(zone: ZoneInfo, since: datetime) -> Iterator[ClockChange]:
    """The changes of the coming year."""
    now = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    end = now + A_YEAR
    while now < end:
        if _offset(now, zone) != _offset(now + STEP, zone):
            yield _change_between(now, now + STEP, zone)
        now += STEP


def _change_between(before: datetime, after: datetime, zone: ZoneInfo) -> ClockChange:
    old, new = _offset(before, zone), _offset(after, zone)
    while after - before > timedelta(minutes=1):
        middle = before + (after - before) // 2
        before, after = (middle, after) if _offset(middle, zone) == old else (before, middle)
    instant = after.replace(second=0, microsecond=0)
    return ClockChange((instant + old).replace(tzinfo=None), new - old)


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta(0)


def _values(field: str, most: int) -> list[int]:
    """The numbers of a field of cron; none of one that holds anything else, such as MON: Prefect checks it."""
    values: list[int] = []
    try:
        for part in field.split(","):
            extent, _, step = part.partition("/")
            first, _, last = ("0", "", str(most)) if extent == "*" else extent.partition("-")
            values += range(int(first), int(last or (most if step else first)) + 1, int(step or 1))
    except ValueError:
        return []
    return [value for value in values if value <= most]
