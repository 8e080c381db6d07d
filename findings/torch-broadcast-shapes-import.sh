#!/usr/bin/env bash
# torch 2.13.0: the first call of torch.broadcast_shapes imports SymPy.
#
# Expected: broadcasting two tuples of integers, as numpy.broadcast_shapes does, takes microseconds, and loads nothing.
# Observed: the first call in a process loads some 480 modules, SymPy and torch.fx.experimental.symbolic_shapes among
#   them, which nothing needed before; it takes as long as a quarter of `import torch` and more. A later call is fast.
#   What starts often, such as a command or a worker, had better use numpy.broadcast_shapes.
#
# Date: 2026-11-29. Run: bash findings/torch-broadcast-shapes-import.sh (another interpreter: PYTHON=...)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install --quiet torch==2.13.0 numpy==2.4.6

cat >check.py <<'PYTHON'
import sys
import time

import numpy
import torch

x = torch.ones(3, 1) + torch.ones(1, 4)  # broadcasting itself loads nothing
before, had_sympy = len(sys.modules), "sympy" in sys.modules
began = time.perf_counter()
shape = torch.broadcast_shapes((3, 1), (1, 4))
first_s = time.perf_counter() - began
loaded = len(sys.modules) - before
began = time.perf_counter()
torch.broadcast_shapes((3, 1), (1, 4))
again_s = time.perf_counter() - began
print(f"torch {torch.__version__}: {tuple(shape)}, as numpy's {numpy.broadcast_shapes((3, 1), (1, 4))}")
print(f"first call: {first_s:.3f} s, {loaded} modules loaded, SymPy among them: {'sympy' in sys.modules}")
print(f"second call: {again_s:.6f} s")
if had_sympy or "sympy" not in sys.modules or loaded < 100:
    sys.exit("No longer so: torch.broadcast_shapes does not import SymPy.")
PYTHON
venv/bin/python check.py
