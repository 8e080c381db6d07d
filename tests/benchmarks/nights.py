"""Nights in a row in one home, with faults at random: nothing lost or doubled, and which folders grow by how much.

    python -m tests.benchmarks.nights FOLDER --nights 24 --for-s 840    # run it again to go on

A night takes the place of a day: what is kept for days by the settings is kept since the night that began a week of
nights before. Each brings a new session of two recordings of markers, or of video where the fault needs it, and a
fault: a recording that is cut off or vanishes, a corrected height, a trial that is taken out of its session, or a
killed process and a second run. After each the trials that must be current are, by name, and all rows of those that
it had no reason to change are as they were; at the end all rows are those of another home into which the same inbox was
ingested at once. One Prefect server serves the nights of a stretch, as `biopose up` does. FOLDER, whose
path has to be short for the sockets of Ray in it, keeps inbox, home and what came of each night. Prints a line a night,
and the growth of each folder after the first week.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import psutil

from flows.serving.programs import PREFECT_APPLICATION
from tasks.retention import LEFTOVER_DAYS, PARTIAL
from tasks.settings import Settings
from tests.benchmarks.kills import EVERY, VICTIMS, kill, named
from tests.flows.ingest_runs import CLIPS, Session, run_ingest, start_ingest
from tests.marker_recordings import swinging_markers, written_trc
from tests.prefect_server import prefect_server, wait_until_up_again
from warehouse.api import open_home
from warehouse.connection import opened_for_reading
from warehouse.content import FACTS, content_rows

WEEK = 7
FRAMES = 12  # of a video's trial
MARKER_FRAMES = 30
DAY_S = 86_400.0
FIRST_S = 20.0  # of a night before any was timed
KEPT = tuple(f"BIOPOSE_{kind}_DAYS" for kind in ("INTERMEDIATES", "SUPERSEDED", "DELETED", "RAY_LOGS", "INGEST_LOGS"))
BROKEN = ("cut off", "vanished")
CORRECTING = ("corrected height", "a trial taken out")
OF_VIDEO = ("a video", "killed Ray actor", f"killed {EVERY}, of video")
FAULTS = (
    "none",
    *BROKEN,
    *CORRECTING,
    *OF_VIDEO,
    *(f"killed {victim}" for victim in VICTIMS if victim != "Ray actor"),
)
CORRECTED = "blue/night00/"  # the session whose manifest is
OF_RESULTS = ("artifacts/trials", "warehouse", "reports", "audit")  # grow with what is stored, as they should
TRIAL = """
[[trial]]
markers = "{name}.trc"
athlete = "ann"
activity = "walk"
"""


@dataclass(frozen=True)
class Night:
    """What came of a night.

    Attributes:
        fault: one of FAULTS.
        began_s: since the epoch.
        seconds: that it took.
        named: the trials that must be current after it.
        contents: of those that are, by name, a hash of all rows.
        doubled: how many have the name of another.
        changed: trials whose rows are others than before, for no reason.
        sizes: as `sizes` gives them.
    """

    fault: str
    began_s: float
    seconds: float
    named: list[str]
    contents: dict[str, str]
    doubled: int
    changed: list[str]
    sizes: dict[str, tuple[int, int]] = field(repr=False)

    @property
    def lost(self) -> int:
        """Trials that are lost, not to be there, doubled or changed."""
        return len(self.contents.keys() ^ set(self.named)) + self.doubled + len(self.changed)

    def line(self, number: int) -> str:
        """For the terminal."""
        megabytes = sum(size for _, size in self.sizes.values()) / 1e6
        of = f"{len(self.contents):>3} of {len(self.named):>3} trials current"
        wrong = f", {self.lost} LOST, DOUBLED OR CHANGED" if self.lost else ""
        return f"{number + 1:>3} {self.fault:<32} {self.seconds:6.1f} s, {of}, {megabytes:7.1f} MB{wrong}"


@dataclass
class Nights:
    """An inbox and a home.

    Attributes:
        inbox: of a session a night.
        home: of all state.
        server: variables of the Prefect server's API.
        named: the trials that must be current.
    """

    inbox: Path
    home: Path
    server: dict[str, str]
    named: set[str] = field(default_factory=set)

    def night(self, number: int, *, fault: str, after_s: float) -> None:
        """Bring a session with a fault, and ingest it.

        Args:
            number: of the night.
            fault: one of FAULTS.
            after_s: when a process is killed.
        """
        self.named |= {f"blue/night{number:02d}/trial{trial}" for trial in range(2)}
        folder = self._bring(number, of_video=fault in OF_VIDEO)
        if fault in CORRECTING:
            self._correct(number, without_trial=fault == "a trial taken out")
        if fault in BROKEN:
            self._add_broken(folder, vanished=fault == "vanished")
        if fault.startswith("killed "):
            process = start_ingest(self.inbox, self.home, "--method", "keypoint_fit", server=self.server)
            victim = fault.removeprefix("killed ").removesuffix(", of video")
            if victim == "Prefect server":
                time.sleep(after_s)
                named(psutil.Process(), PREFECT_APPLICATION)[0].kill()
            else:
                kill(process, self.home, victim=victim, after_s=after_s)
            process.communicate(timeout=600)
            wait_until_up_again(self.server["BIOPOSE_PREFECT_API_URL"])
        expected = 3 if fault in BROKEN else 0
        run_ingest(self.inbox, self.home, "--method", "keypoint_fit", expect=expected, server=self.server)
        if fault in BROKEN:  # whoever looks in the morning takes it out of the session
            (folder / "broken.trc").unlink(missing_ok=True)
            manifest = folder / "session.toml"
            manifest.write_text(manifest.read_text().removesuffix(TRIAL.format(name="broken")))

    def _bring(self, number: int, *, of_video: bool) -> Path:
        """A new session of two trials; its folder."""
        session = Session(f"night{number:02d}")
        for trial in range(2):
            if of_video:
                session.add(f"trial{trial}", CLIPS[0].name, start_s=0.05 * number + 0.4 * trial, frames=FRAMES)
            else:
                session.trials.append(TRIAL.format(name=f"trial{trial}"))
        folder = session.write(self.inbox, *(CLIPS[:1] if of_video else ())).parent
        for trial in range(0 if of_video else 2):
            written_trc(
                folder / f"trial{trial}.trc", swinging_markers().at(slice(number, number + MARKER_FRAMES - trial))
            )
        return folder

    def _correct(self, number: int, *, without_trial: bool) -> None:
        """Correct the first night's height, so that its trials are measured anew, or take a trial out of it."""
        manifest = self.inbox / "blue" / "night00" / "session.toml"
        text = manifest.read_text()
        if without_trial and TRIAL.format(name="trial1") in text:
            self.named.discard(f"{CORRECTED}trial1")
            manifest.write_text(text.replace(TRIAL.format(name="trial1"), ""))
            manifest.with_name("trial1.trc").unlink()  # what no trial names is no success
        else:
            manifest.write_text(text.replace("height_m = 1.7", f"height_m = 1.7{number:02d}"))

    def _add_broken(self, folder: Path, *, vanished: bool) -> None:
        manifest = folder / "session.toml"
        manifest.write_text(manifest.read_text() + TRIAL.format(name="broken"))
        if not vanished:
            (folder / "broken.trc").write_text((folder / "trial0.trc").read_text()[:900])


def age_leftovers(home: Path) -> None:
    """Make what killed processes left older by the day that it is kept, which is no setting."""
    for partial in home.rglob(f"{PARTIAL}*"):
        for path in (partial, *partial.rglob("*")):
            status = path.stat()
            os.utime(path, (status.st_atime, status.st_mtime - LEFTOVER_DAYS * DAY_S))


def sizes(home: Path, temporary: Path) -> dict[str, tuple[int, int]]:
    """Files and bytes of each entry of a home, of the folders of its artifacts, and of the temporary folder."""
    entries = [entry for entry in home.iterdir() if entry.name != "artifacts"]
    entries += list((home / "artifacts").iterdir()) if (home / "artifacts").is_dir() else []
    return {str(entry.relative_to(home)): _size(entry) for entry in entries} | {"temporary": _size(temporary)}


def _size(entry: Path) -> tuple[int, int]:
    files = [entry] if entry.is_file() else [path for path in entry.rglob("*") if path.is_file()]
    return len(files), sum(path.stat().st_size for path in files)


def _kept_days(before: list[Night]) -> dict[str, str]:
    """The settings by which a night keeps what was made in the week of nights before it, whatever those took."""
    since_s = time.time() - before[-WEEK].began_s if len(before) >= WEEK else WEEK * DAY_S
    return {name: str(since_s / DAY_S) for name in KEPT}


def _run_night(simulated: Nights, before: list[Night], temporary: Path, *, seed: int) -> Night:
    """The night after some others."""
    number, undisturbed = len(before), [night.seconds for night in before if "killed" not in night.fault]
    fault = FAULTS[number % len(FAULTS)]
    after_s = random.Random(f"{seed} {number}").uniform(0.1, 0.8) * (undisturbed or [FIRST_S])[-1]
    os.environ.update(_kept_days(before))
    began_s = time.time()
    simulated.night(number, fault=fault, after_s=after_s)
    seconds = time.time() - began_s
    age_leftovers(simulated.home)
    trials = open_home(simulated.home).trials()
    doubled = trials.height - trials["trial_id"].n_unique()
    contents, earlier = trial_contents(Settings.load(simulated.home).snapshot), before[-1].contents if before else {}
    may_change = CORRECTED if fault in CORRECTING else "none"
    changed = [
        trial
        for trial, rows in earlier.items()
        if contents.get(trial, rows) != rows and not trial.startswith(may_change)
    ]
    found = sizes(simulated.home, temporary)
    return Night(fault, began_s, seconds, sorted(simulated.named), contents, doubled, changed, found)


def trial_contents(database: Path) -> dict[str, str]:
    """By current trial, a hash of all its rows."""
    selections = {
        "trial_manifest": "SELECT * EXCLUDE (current_run_number, description_sha256) FROM trial_manifest "
        "WHERE current_run_number IS NOT NULL",
        **{
            fact: f"SELECT t.trial_id, r.run_id, f.* EXCLUDE (run_number) FROM {table} f JOIN run r USING (run_number) "
            "JOIN trial_manifest t ON t.current_run_number = r.run_number"
            for fact, table in FACTS.items()
        },
    }
    contents: dict[str, list[str]] = {}
    with opened_for_reading(database) as connection:
        for name, sql in selections.items():
            rows = connection.execute(f"SELECT trial_id, count(*), sum(hash(s)) FROM ({sql}) s GROUP BY 1").fetchall()
            for trial, count, total in rows:
                contents.setdefault(str(trial), []).append(f"{name} {count} {total}")
    return {trial: sha256("\n".join(parts).encode()).hexdigest() for trial, parts in sorted(contents.items())}


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--nights", default=24, show_default=True, type=click.IntRange(WEEK + 2))
@click.option("--for-s", default=3600.0, show_default=True, help="After so long no other night begins; run it again.")
@click.option("--seed", default=0, show_default=True, type=int)
def main(folder: Path, nights: int, for_s: float, seed: int) -> None:
    """Print the nights, and what grew."""
    folder, end_s = folder.absolute(), time.monotonic() + for_s
    temporary, kept, unfinished = folder / "t", folder / "nights.jsonl", folder / "unfinished"
    temporary.mkdir(parents=True, exist_ok=True)
    if unfinished.exists():
        raise click.ClickException(f"{folder}: a night in it was cut off; begin anew in another folder")
    done = [_read_night(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    settings = Settings.load(folder / "home")
    with ExitStack() as running:
        server = running.enter_context(prefect_server(settings)) if len(done) < nights else {}
        os.environ["TMPDIR"] = str(temporary)  # what a night leaves there counts, too
        simulated = Nights(folder / "inbox", settings.home, server, set(done[-1].named) if done else set())
        while len(done) < nights and time.monotonic() < end_s:
            unfinished.touch()
            done.append(_run_night(simulated, done, temporary, seed=seed))
            with kept.open("a") as file:
                print(json.dumps(asdict(done[-1])), file=file)
            unfinished.unlink()
            click.echo(done[-1].line(len(done) - 1), err=True)
    for number, night in enumerate(done):
        click.echo(night.line(number))
    if len(done) > WEEK:
        _print_growth([night.sizes for night in done])
        rows = content_rows(settings.snapshot)
        click.echo(f"rows: { {table: count for table, (count, _) in rows.items()} }")
    wrong = sum(night.lost for night in done)
    click.echo(f"{wrong} trials lost, doubled or changed in {len(done)} of {nights} nights")
    if len(done) == nights:
        others = _unlike_at_once(folder / "inbox", done[-1].contents)
        click.echo(f"{len(others)} trials are not as in a home that ingested the inbox at once: {', '.join(others)}")


def _unlike_at_once(inbox: Path, contents: Mapping[str, str]) -> list[str]:
    """The trials whose rows are not those of a new home into which the inbox is ingested, undisturbed."""
    with TemporaryDirectory(prefix="n") as scratch:
        settings = Settings.load(Path(scratch) / "home")
        run_ingest(inbox, settings.home, "--method", "keypoint_fit")
        at_once = trial_contents(settings.snapshot)
    return sorted(name for name in at_once.keys() | contents.keys() if at_once.get(name) != contents.get(name))


def _read_night(line: str) -> Night:
    found: dict[str, Any] = json.loads(line)
    return Night(**found | {"sizes": {name: (files, size) for name, (files, size) in found["sizes"].items()}})


def _print_growth(after: list[Mapping[str, tuple[int, int]]]) -> None:
    week, last = after[WEEK - 1], after[-1]
    nights = len(after) - WEEK
    click.echo("| | after a week | at the end | files | kB a night | |\n|---|---|---|---|---|---|")
    for name in sorted(last, key=lambda name: -last[name][1]):
        (files, before), (files_now, now) = week.get(name, (0, 0)), last[name]
        a_night = (now - before) / nights
        grows = "" if a_night < 1e3 else "results" if name.startswith(OF_RESULTS) else "GROWS"
        megabytes = f"{before / 1e6:.2f} MB | {now / 1e6:.2f} MB"
        click.echo(f"| {name} | {megabytes} | {files} -> {files_now} | {a_night / 1e3:.1f} | {grows} |")


if __name__ == "__main__":
    main()
