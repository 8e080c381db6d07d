"""The `biopose` console script: the library's commands, and the orchestrated ones.

Each imports heavy modules only when it runs, so that --help is fast.
"""

import atexit
import gc
import sys

from biopose.cli.bench import bench
from biopose.cli.inbox import inbox
from biopose.cli.main import cli
from flows.cli.audit import audit
from flows.cli.backup import backup, restore
from flows.cli.bench_ingest import bench_ingest
from flows.cli.bench_rollouts import bench_rollouts
from flows.cli.bench_warehouse import bench_warehouse
from flows.cli.cohort import cohort
from flows.cli.compare import compare
from flows.cli.delete import delete
from flows.cli.doctor import doctor
from flows.cli.erase import erase
from flows.cli.export import export
from flows.cli.golden import golden
from flows.cli.ingest import ingest
from flows.cli.log import log
from flows.cli.metrics import metrics
from flows.cli.models import models
from flows.cli.plot import plot
from flows.cli.prune import prune
from flows.cli.quarantine import quarantine
from flows.cli.query import query
from flows.cli.report import report
from flows.cli.rollout import rollout
from flows.cli.serve import serve
from flows.cli.train import train
from flows.cli.trend import trend
from flows.cli.up import up
from flows.cli.user import user

for command in (
    doctor,
    inbox,
    ingest,
    log,
    quarantine,
    up,
    serve,
    user,
    audit,
    query,
    cohort,
    compare,
    trend,
    report,
    plot,
    metrics,
    export,
    delete,
    erase,
    prune,
    backup,
    restore,
    models,
    golden,
    rollout,
    train,
):
    cli.add_command(command)
for benchmark in (bench_ingest, bench_rollouts, bench_warehouse):
    bench.add_command(benchmark)


def _freeze_what_is_left() -> None:
    """Else the interpreter's end looks for garbage among all objects: up to a second.

    Not with DuckDB, whose objects have to be collected: otherwise nanobind reports each as leaked, in 60 lines. Nor may
    those stay frozen that `biopose.io.loading` froze.
    """
    if "duckdb" in sys.modules:
        gc.unfreeze()
    else:
        gc.freeze()


def main() -> None:
    """Run `biopose`."""
    atexit.register(_freeze_what_is_left)
    cli()


if __name__ == "__main__":
    main()
