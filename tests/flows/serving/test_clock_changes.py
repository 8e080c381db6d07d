"""Schedules on the days when clocks change, compared with the times at which Prefect starts them."""

import asyncio
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
import yaml
from prefect.client.schemas.schedules import CronSchedule as _  # noqa: F401 - its server twin needs the client's module
from prefect.server.schemas.schedules import CronSchedule

from flows.serving.clock_changes import clock_change_notes
from flows.serving.supervisor import CHECKOUT

SINCE = datetime(2026, 12, 1, tzinfo=UTC)


def notes(cron: str, zone: str = "Europe/Berlin") -> list[str]:
    return clock_change_notes(cron, ZoneInfo(zone), since=SINCE)


def started(cron: str, zone: str, day: datetime) -> list[datetime]:
    """The local times from a day on, without zone, at which Prefect starts the next three runs."""
    schedule = CronSchedule(cron=cron, timezone=zone)
    dates = asyncio.run(schedule.get_dates(3, start=day.replace(tzinfo=ZoneInfo(zone))))
    return [date.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for date in dates]


@pytest.mark.parametrize(
    ("cron", "zone", "missing", "start"),
    [
        ("0 2 * * *", "Europe/Berlin", "02:00 does not exist on Sun 2027-03-28", "2027-03-28 01:00"),
        ("30 2 * * 0", "America/New_York", "02:30 does not exist on Sun 2027-03-14", "2027-03-14 01:30"),
        ("0 1 * * *", "Europe/London", "01:00 does not exist on Sun 2027-03-28", "2027-03-28 00:00"),
        ("0 0 * * *", "Africa/Cairo", "00:00 does not exist on Fri 2027-04-30", "2027-04-29 23:00"),
        ("15 2 * * *", "Australia/Lord_Howe", "02:15 does not exist on Sun 2027-10-03", "2027-10-03 01:45"),
    ],
)
def test_a_time_that_does_not_exist_is_named_with_when_prefect_starts(
    cron: str, zone: str, missing: str, start: str
) -> None:
    line = next(line for line in notes(cron, zone) if "does not exist" in line)
    at = datetime.fromisoformat(start)
    assert line.startswith(f"{missing} in {zone}")
    assert f"the run then starts at {start[-5:]}" in line
    assert ("of the day before" in line) == (zone == "Africa/Cairo")
    assert at in started(cron, zone, at.replace(hour=0, minute=0))


@pytest.mark.parametrize(
    ("cron", "zone", "day"),
    [("30 2 * * *", "Europe/Berlin", "2027-10-31"), ("0 1 * * *", "America/New_York", "2027-11-07")],
)
def test_a_time_that_happens_twice_is_named_and_starts_once(cron: str, zone: str, day: str) -> None:
    (line,) = [line for line in notes(cron, zone) if "happens twice" in line]
    assert day in line
    assert len({start.date() for start in started(cron, zone, datetime.fromisoformat(day))}) == 3


@pytest.mark.parametrize(
    "cron", ["0 4 * * *", "0 * * * *", "*/5 */2 * * *", "0 2 * * 1-5", "0 3 * * *", "0 22 * * MON"]
)
def test_other_schedules_are_not_mentioned(cron: str) -> None:
    assert [line for line in notes(cron) if "does not exist" in line] == []


def test_lists_and_ranges_are_expanded_and_the_first_time_is_named() -> None:
    assert [line[:5] for line in notes("10,40 1-2 * * *") if "does not exist" in line] == ["02:10"]


def test_the_default_schedule_exists_once_every_day_in_every_zone() -> None:
    (deployment,) = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text())["deployments"]
    (schedule,) = deployment["schedules"]
    zones = sorted(zone for zone in available_timezones() if "/" in zone)[::4]
    assert {zone: notes(schedule["cron"], zone) for zone in zones if notes(schedule["cron"], zone)} == {}
