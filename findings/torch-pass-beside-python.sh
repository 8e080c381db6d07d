#!/usr/bin/env bash
# torch 2.13.0: on the CPU, one thread that counts in Python makes a network's pass in another take 100 times as long.
#
# Expected: operators release Python's lock while they compute, so a pass in one thread and a computation in Python in
#   another share two idle cores, and either takes about as long as alone.
# Observed: a pass of 200 layers of 0.06 ms each takes 1.1 s in place of 11 ms. After every operator the pass waits for
#   the lock, which the other thread gives up only once the switch interval of 5 ms has passed. The same network traced
#   by torch.jit, which returns to Python once, takes 1.5 times as long. Where cores are busy otherwise it shows less.
#   BioPose: biopose/perception/csp_layers.py, in_one_call; tests/perception/test_cspnext.py holds that both agree.
#
# Date: 2026-11-30. Run: bash findings/torch-pass-beside-python.sh (another interpreter: PYTHON=...)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install --quiet torch==2.13.0 numpy==2.4.6

cat >check.py <<'PYTHON'
import os
import statistics
import sys
import threading
import time
import warnings

import torch
from torch import nn

if len(os.sched_getaffinity(0)) < 2:
    sys.exit("two cores are needed to see this")
warnings.simplefilter("ignore")  # tracing is deprecated
torch.set_num_threads(1)
torch.manual_seed(0)
layers = [layer for _ in range(100) for layer in (nn.Conv2d(16, 16, 3, padding=1), nn.SiLU())]
network = nn.Sequential(*layers).eval()
image = torch.randn(1, 16, 48, 48)


def milliseconds(run):
    """Median of seven passes."""
    taken = []
    for _ in range(7):
        began = time.perf_counter()
        run(image)
        taken.append(1e3 * (time.perf_counter() - began))
    return statistics.median(taken)


def beside_python(run):
    """The same while another thread counts in Python."""
    stop = threading.Event()

    def count():
        n = 0
        while not stop.is_set():
            n += 1

    other = threading.Thread(target=count)
    other.start()
    try:
        return milliseconds(run)
    finally:
        stop.set()
        other.join()


with torch.no_grad():
    traced = torch.jit.trace(network, image)
    assert torch.equal(traced(image), network(image))
    slower = {}
    for name, run in (("eager", network), ("traced", traced)):
        milliseconds(run)
        alone, beside = milliseconds(run), beside_python(run)
        slower[name] = beside / alone
        print(f"{name}: {alone:.0f} ms alone, {beside:.0f} ms beside a Python thread, {slower[name]:.1f} times as long")
print(f"torch {torch.__version__}, Python {sys.version.split()[0]}, switch interval {1e3 * sys.getswitchinterval():.0f} ms")
if not (slower["eager"] > 5 and slower["traced"] < 3):
    sys.exit("no longer so")
PYTHON
venv/bin/python check.py
