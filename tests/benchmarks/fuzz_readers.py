"""Read randomly damaged files: each must be refused by our errors, read equally, or read with a note.

    python -m tests.benchmarks.fuzz_readers --format trc --mutations 2000 --seed 1000

Without --format all formats are tried. Prints a table of what they came to, and every file that ended in a fault; such
files, and those with a difference that no reader can know, are kept in --keep.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path

import click
import numpy as np

from tests.fuzzing.formats import FORMATS
from tests.fuzzing.outcomes import FAULTS, KINDS
from tests.fuzzing.reading_process import ReadingProcess, sound_files


@click.command()
@click.option("--format", "names", type=click.Choice(list(FORMATS)), multiple=True, help="All if none is given.")
@click.option("--mutations", default=2000, show_default=True, help="Damaged files of each format.")
@click.option("--seed", default=1000, show_default=True, help="Of the first file; the tests use 0 to 99.")
@click.option("--keep", type=click.Path(path_type=Path), help="Folder for files that ended in a fault or a difference.")
def main(names: tuple[str, ...], mutations: int, seed: int, keep: Path | None) -> None:
    """Read damaged files and count what it came to."""
    click.echo(f"{'':>9}" + "".join(f"{kind:>11}" for kind in KINDS) + f"{'seconds':>11}")
    faults = 0
    for name in names or FORMATS:
        began_s = time.monotonic()
        counts = _counted(name, range(seed, seed + mutations), keep)
        row = "".join(f"{counts[kind]:>11}" for kind in KINDS)
        click.echo(f"{name:>9}{row}{time.monotonic() - began_s:>11.1f}")
        faults += sum(counts[kind] for kind in FAULTS)
    for kind, meaning in KINDS.items():
        click.echo(f"{kind}: {meaning}")
    raise SystemExit(bool(faults))


def _counted(name: str, seeds: range, keep: Path | None) -> Counter[str]:
    one, counts = FORMATS[name], Counter[str]()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        contents = [path.read_bytes() for path in sound_files(name, folder)]
        damaged = folder / "damaged" / one.file_name
        damaged.parent.mkdir()
        with ReadingProcess(name, folder) as reading:
            for seed in seeds:
                content, mutations = one.mutated(contents[seed % len(contents)], np.random.default_rng(seed))
                damaged.write_bytes(content)
                outcome = reading.outcome(damaged, mutations, number=seed % len(contents))
                counts[outcome.kind] += 1
                if outcome.kind in FAULTS:
                    click.echo(f"{name}, seed {seed} ({', '.join(mutations)}): {outcome.kind}: {outcome.details}")
                if keep and outcome.kind in (*FAULTS, "unknowable"):
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{outcome.kind}_{seed}_{one.file_name}").write_bytes(content)
    return counts


if __name__ == "__main__":
    main()
