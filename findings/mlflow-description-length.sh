#!/usr/bin/env bash
# MLflow 3.17.2: a model version's description of more than 5,000 characters is stored on SQLite, and fails elsewhere.
#
# Expected: the registry limits a description itself, with an error that names the limit, whatever database is behind it.
# Observed: nothing checks it. MLflow's table declares VARCHAR(5000), which SQLite does not enforce: what was written and
#   tested there, a model card as a description, fails with the database's own error once the registry moves to
#   PostgreSQL, and the version is not created.
#
# Date: 2026-11-29. Run: bash findings/mlflow-description-length.sh (another interpreter: PYTHON=...)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
"${PYTHON:-python3.11}" -m venv venv
venv/bin/pip install --quiet mlflow==3.17.2 SQLAlchemy==2.0.58 pg8000==1.31.6 pgserver==0.1.4

cat >check.py <<'PYTHON'
import logging
import sys
from urllib.parse import urlsplit

import mlflow
import pgserver

logging.getLogger("mlflow").setLevel(logging.ERROR)
CARD = "one line of a model card\n" * 240


def stored_length(uri):
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.create_registered_model("pose")
    try:
        version = client.create_model_version("pose", source="file:///weights", description=CARD)
    except Exception as error:
        return "value too long" if "value too long for type character varying(5000)" in str(error) else repr(error)
    return len(client.get_model_version("pose", version.version).description)


server = pgserver.get_server("postgresql", cleanup_mode="delete")
parts = urlsplit(server.get_uri())
socket = f"{server.pgdata}/.s.PGSQL.5432"
print(f"MLflow {mlflow.__version__}, a description of {len(CARD)} characters")
on_sqlite = stored_length("sqlite:///registry.db")
print(f"  on SQLite:     {on_sqlite} characters stored")
on_postgresql = stored_length(f"postgresql+pg8000://postgres@/postgres?unix_sock={socket}")
print(f"  on PostgreSQL: {on_postgresql}")
server.cleanup()
if (on_sqlite, on_postgresql) != (len(CARD), "value too long"):
    sys.exit("No longer so: both databases answer alike.")
PYTHON
venv/bin/python check.py
