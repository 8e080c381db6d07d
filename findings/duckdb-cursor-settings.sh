#!/usr/bin/env bash
# DuckDB 2.0.0: a cursor has some settings of its connection and not others; without TimeZone it answers another date.
#
# Expected: `cursor()` duplicates the connection, so what was SET on the connection holds in its cursors; or else
#   nothing does. The page of SET calls the scope LOCAL not yet implemented.
# Observed: most settings are of the whole database and reach all cursors (threads, memory_limit, default_null_order).
#   Others are lost without a message: TimeZone, the schema of USE, parquet_metadata_cache, progress bars. A server with
#   a cursor for each request counts an evening session to another day than the connection that was set up, and reads
#   the footers of Parquet files again for every answer. duckdb_settings() lists TimeZone as GLOBAL until it is set, and
#   then as LOCAL. `SET GLOBAL` reaches the cursors.
#   BioPose: tests/warehouse/test_archive.py.
#
# Date: 2026-11-30. Run: bash findings/duckdb-cursor-settings.sh (another interpreter: PYTHON=...)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install --quiet duckdb==2.0.0

cat >check.py <<'PYTHON'
import sys

import duckdb

EVENING = "SELECT CAST(TIMESTAMPTZ '2026-11-29 20:00:00+00' AS DATE)::VARCHAR"


def one(connection, query):
    return connection.execute(query).fetchall()[0][0]


SCOPE = "SELECT scope FROM duckdb_settings() WHERE name = 'TimeZone'"
connection = duckdb.connect()
scopes = [one(connection, SCOPE)]
connection.execute("SET default_null_order = 'nulls_first'")
connection.execute("SET TimeZone = 'Australia/Sydney'")
scopes.append(one(connection, SCOPE))
print(f"DuckDB {duckdb.__version__}: settings of a connection, and in its cursor")
reach = {}
for name in ("default_null_order", "TimeZone"):
    query = f"SELECT current_setting('{name}')"
    values = one(connection, query), one(connection.cursor(), query)
    reach[name] = values[0] == values[1]
    print(f"  {name}: {values[0]}, {values[1]}")
print(f"  scope of TimeZone before and after it is set: {scopes[0]}, {scopes[1]}")
dates = [one(connection, EVENING), one(connection.cursor(), EVENING)]
connection.execute("SET GLOBAL TimeZone = 'Australia/Sydney'")
dates.append(one(connection.cursor(), EVENING))
print(f"  date of 20:00 UTC by the connection: {dates[0]}; by its cursor: {dates[1]}; after SET GLOBAL: {dates[2]}")
if reach != {"default_null_order": True, "TimeZone": False} or dates != ["2026-11-30", "2026-11-29", "2026-11-30"]:
    sys.exit("No longer so: a cursor has all settings of its connection, or none.")
PYTHON
TZ=UTC venv/bin/python check.py
