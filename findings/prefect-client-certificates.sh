#!/usr/bin/env bash
# Prefect 3.8.8: every async task run of a sync flow loads the system's certificates, though its server is plain http.
#
# Expected: a task run costs some requests on a connection that the flow run keeps; no certificate is read for http://.
# Observed: a sync flow that runs async tasks side by side (one asyncio.Task each) makes a client for each of them, and
#   every client makes an SSL context, which reads all of the system's certificates: some 50 ms of processor time a task
#   run. Inside `async with AsyncClientContext.get_or_create()` they share one client, and one context is made.
#
# Date: 2026-11-29. Run: bash findings/prefect-client-certificates.sh (another interpreter: PYTHON=...)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install --quiet prefect==3.8.8 fastapi==0.150.0

cat >check.py <<'PYTHON'
import asyncio
import ssl
import sys
import time

seconds = []
make_context = ssl.create_default_context


def timed(*arguments, **options):
    began = time.perf_counter()
    context = make_context(*arguments, **options)
    seconds.append(time.perf_counter() - began)
    return context


ssl.create_default_context = timed

import prefect
from prefect import flow, task
from prefect.context import AsyncClientContext
from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

TASKS = 10


@task
async def step():
    await asyncio.sleep(0)


async def side_by_side():
    await asyncio.gather(*(asyncio.create_task(step()) for _ in range(TASKS)))


async def with_one_client():
    async with AsyncClientContext.get_or_create():
        await side_by_side()


@flow
def run(one_client):
    before = len(seconds)
    asyncio.run(with_one_client() if one_client else side_by_side())
    return seconds[before:]


with prefect_test_harness():
    url = PREFECT_API_URL.value()
    each, one = run(False), run(True)
print(f"Prefect {prefect.__version__}, server {url}: {TASKS} task runs side by side")
print(f"  as they are:     {len(each)} SSL contexts, {sum(each):.2f} s")
print(f"  with one client: {len(one)} SSL contexts, {sum(one):.2f} s")
if not url.startswith("http://") or len(each) < TASKS or len(one) > 2:
    sys.exit("No longer so: task runs share a client, or make no SSL context for http.")
PYTHON
PREFECT_HOME="$work/home" PREFECT_LOGGING_LEVEL=ERROR PREFECT_SERVER_ANALYTICS_ENABLED=false venv/bin/python check.py
