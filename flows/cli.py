"""The `biopose` console script: the library's commands, and the orchestrated ones as they come."""

from biopose.cli import cli


def main() -> None:
    """Run `biopose`."""
    cli()
