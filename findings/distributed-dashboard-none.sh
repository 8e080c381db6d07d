#!/usr/bin/env bash
# distributed 2026.8.0: LocalCluster(dashboard_address=None) still opens an HTTP server, on port 8787.
#
# Expected: None disables the dashboard, as the parameter's description says, so no HTTP server listens; several
#   clusters of one machine do not meet.
# Observed: the scheduler starts its HTTP server (health, metrics, JSON) on port 8787; a second cluster finds that port
#   taken, warns, and takes another. "127.0.0.1:0" takes a free port at once, without a warning.
#
# Date: 2026-11-29. Run: bash findings/distributed-dashboard-none.sh (another interpreter: PYTHON=...)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install --quiet dask==2026.8.0 distributed==2026.8.0

cat >check.py <<'PYTHON'
import sys
import urllib.request
import warnings

import distributed
from distributed import LocalCluster


def started(address):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "silence_logs": 50}
        cluster = LocalCluster(dashboard_address=address, **options)
    return cluster, [str(one.message).splitlines()[0] for one in caught if "Port" in str(one.message)]


first, _ = started(None)
port = first.scheduler.http_server.port
health = urllib.request.urlopen(f"http://127.0.0.1:{port}/health").read().decode()
second, of_none = started(None)
third, of_free = started("127.0.0.1:0")
print(f"distributed {distributed.__version__}")
print(f"  dashboard_address=None:        HTTP on port {port}, /health responds {health!r}")
print(f"  None again, beside the first:  {of_none[:1]}")
print(f"  '127.0.0.1:0':                 {of_free}")
for cluster in (first, second, third):
    cluster.close()
if health != "ok" or not of_none or of_free:
    sys.exit("No longer so: None starts no HTTP server, or a second one does not warn.")
PYTHON
venv/bin/python check.py
