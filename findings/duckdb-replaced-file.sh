#!/usr/bin/env bash
# DuckDB 2.0.0: a file that was replaced by rename is not the one that is opened, as long as the old one is open.
#
# Expected: after os.replace(new, path), duckdb.connect(path) opens the new file; the connections that were open before
#   go on reading the old one, as with any open file on POSIX.
# Observed: a process that still has one connection to that path open gets the old database from every further
#   connect(), and no error or warning. Only once all of them are closed does connect() open the new file. So a reader
#   with overlapping connections to a published copy never sees the next one.
#
# Date: 2026-11-29. Run: bash findings/duckdb-replaced-file.sh (another interpreter: PYTHON=...)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install --quiet duckdb==2.0.0

cat >check.py <<'PYTHON'
import os
import sys

import duckdb


def write(path, value):
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE version AS SELECT ? AS number", [value])


def read(connection):
    return connection.execute("SELECT number FROM version").fetchall()[0][0]


write("published.duckdb", 1)
write("next.duckdb", 2)
first = duckdb.connect("published.duckdb", read_only=True)
before = read(first)
os.replace("next.duckdb", "published.duckdb")
second = duckdb.connect("published.duckdb", read_only=True)
while_open = read(second)
first.close()
second.close()
third = duckdb.connect("published.duckdb", read_only=True)
after = read(third)
print(f"DuckDB {duckdb.__version__}: version {before} was open when version 2 was moved to its path")
print(f"  connect() while it is open:  version {while_open}")
print(f"  connect() once it is closed: version {after}")
if (before, while_open, after) != (1, 1, 2):
    sys.exit("No longer so: connect() opens the file that has the name now.")
PYTHON
venv/bin/python check.py
