"""The `biopose` console script: the library's commands, and the orchestrated ones.

Each imports what is heavy when it is asked for, so that --help answers at once.
"""

from biopose.bench_commands import bench
from biopose.cli import cli
from biopose.inbox_command import inbox
from flows.bench_ingest import bench_ingest
from flows.bench_warehouse import bench_warehouse
from flows.export_command import export
from flows.ingest_command import ingest
from flows.models_command import models
from flows.quarantine_command import quarantine
from flows.query_command import query
from flows.train_command import train
from flows.up import up

for command in (inbox, ingest, quarantine, up, query, export, models, train):
    cli.add_command(command)
for benchmark in (bench_ingest, bench_warehouse):
    bench.add_command(benchmark)


def main() -> None:
    """Run `biopose`."""
    cli()


if __name__ == "__main__":
    main()
