#!/usr/bin/env bash
# torch 2.13.0: set_num_threads changes no thread that torch has run in, but every thread that starts later, anywhere.
#
# Expected: by its documentation it "sets the number of threads used for intraop parallelism": of the process, or
#   else of the thread that calls it.
# Observed: neither. A worker of a pool that has run torch goes on with the former number after the main thread has set
#   1, and computes with as many threads. A worker that sets a number for itself leaves the main thread's as it is, and
#   gives it to all threads that start afterwards. So a limit that is set when a server is up misses its warm workers,
#   and one that is set around a call in a worker leaks into the next pool. Each worker has to set its own, each time.
#   BioPose: tests/skeleton/test_threads.py.
#
# Date: 2026-11-30. Run: bash findings/torch-threads-of-a-thread.sh (another interpreter: PYTHON=...)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install --quiet torch==2.13.0 numpy==2.4.6 psutil==7.2.2

cat >check.py <<'PYTHON'
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import torch


def number():
    return torch.get_num_threads()


def started():
    """How many threads the process has more after this thread has computed something large."""
    before = psutil.Process().num_threads()
    torch.ones(4_000_000).exp().sum()
    return psutil.Process().num_threads() - before


def new_worker():
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(number).result()


torch.set_num_threads(4)
with ThreadPoolExecutor(1) as warm:
    found = {"warm worker at first": warm.submit(number).result()}
    torch.set_num_threads(1)
    found |= {"main, having set 1": number(), "warm worker then": warm.submit(number).result()}
    found |= {"new worker": new_worker()}
    found["threads that the warm worker starts"] = warm.submit(started).result()
    warm.submit(torch.set_num_threads, 3).result()
    found |= {"main, the warm worker having set 3": number(), "new worker then": new_worker()}
print(f"torch {torch.__version__}")
for what, value in found.items():
    print(f"  {what}: {value}")
if list(found.values()) != [4, 1, 4, 1, 3, 1, 3]:
    sys.exit("No longer so: the number is that of the process, or that of a thread alone.")
PYTHON
venv/bin/python check.py
