#!/usr/bin/env bash
# Prefect 3.8.8: on the day clocks go forward, a nightly cron schedule fires an hour before its local time.
#
# Expected: "0 2 * * *" in Europe/Berlin on 2027-03-28, when 02:00 does not exist: the run is at 03:00 summer time (the
#   same instant), or is left out. CronSchedule's documentation: schedules longer than an hour adjust for daylight
#   saving time, and get_dates returns dates on or after its start.
# Observed: the run is at 01:00, an hour before any clock shows 02:00, before data that arrive until two. Asked at 01:30
#   for the next date, get_dates returns that same 01:00, half an hour in the past. (Python up to 3.12; newer versions
#   take another path in Prefect, which this script does not judge.)
#
# Date: 2026-11-29. Run: bash findings/prefect-cron-spring-change.sh (another interpreter: PYTHON=...)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install --quiet prefect==3.8.8 pytz==2026.6 pendulum==3.3.0

cat >check.py <<'PYTHON'
import asyncio
import datetime
import sys
import zoneinfo

from prefect.server.schemas.schedules import CronSchedule

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")


def dates(count, *start):
    start = datetime.datetime(*start, tzinfo=BERLIN)
    schedule = CronSchedule(cron="0 2 * * *", timezone="Europe/Berlin")
    result = [date.astimezone(BERLIN) for date in asyncio.run(schedule.get_dates(count, start=start))]
    print(f"from {start.isoformat()}:", *(date.isoformat() for date in result), sep="\n    ")
    return start, result


_, nights = dates(3, 2027, 3, 27, 0, 0)
asked, (following,) = dates(1, 2027, 3, 28, 1, 30)
if nights[1].isoformat() != "2027-03-28T01:00:00+01:00":
    sys.exit("No longer so: the run on the day of the change is not an hour early.")
if following >= asked:
    sys.exit("No longer so: no date before the start is returned.")
PYTHON
PREFECT_HOME="$work/prefect" venv/bin/python check.py
