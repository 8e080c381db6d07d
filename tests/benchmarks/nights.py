"""Nights in a row in one home, with faults at random: nothing lost or doubled, and which folders grow by how much.

    python -m tests.benchmarks.nights --nights 24 --seed 0

A night takes the place of a day: what is kept for days by the settings is kept for as many nights, as long as those
before took on average. Each brings a new session of two recordings of markers, or of video where the fault needs it,
and a fault: a recording that is cut off or vanishes, a corrected height, a trial that is taken out of its session, or a
killed process and a second run. One Prefect server serves all nights, as `biopose up` does. Prints a line a night, and
the growth of each folder after the first week.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click
import psutil

from flows.serving.programs import PREFECT_APPLICATION
from tasks.retention import LEFTOVER_DAYS, PARTIAL
from tasks.settings import Settings
from tests.benchmarks.kills import EVERY, VICTIMS, kill, named
from tests.flows.ingest_runs import CLIPS, Session, run_ingest, start_ingest
from tests.marker_recordings import swinging_markers, written_trc
from tests.prefect_server import prefect_server
from warehouse.api import open_home
from warehouse.content import content_rows

WEEK = 7
FRAMES = 12  # of a video's trial
MARKER_FRAMES = 30
DAY_S = 86_400.0
KEPT = tuple(f"BIOPOSE_{kind}_DAYS" for kind in ("INTERMEDIATES", "SUPERSEDED", "DELETED", "RAY_LOGS", "INGEST_LOGS"))
BROKEN = ("cut off", "vanished")
OF_VIDEO = ("a video", "killed Ray actor", f"killed {EVERY}, of video")
FAULTS = (
    "none",
    *BROKEN,
    "corrected height",
    "a trial taken out",
    *OF_VIDEO,
    *(f"killed {victim}" for victim in VICTIMS if victim != "Ray actor"),
)
OF_RESULTS = ("artifacts/trials", "warehouse", "reports", "audit")  # grow with what is stored, as they should
TRIAL = """
[[trial]]
markers = "{name}.trc"
athlete = "ann"
activity = "walk"
"""


@dataclass
class Nights:
    """An inbox and a home.

    Attributes:
        inbox: of a session a night.
        home: of all state.
        server: variables of the Prefect server's API.
        current: how many trials must be current.
    """

    inbox: Path
    home: Path
    server: dict[str, str]
    current: int = 0

    def night(self, number: int, *, fault: str, after_s: float) -> None:
        """Bring a session with a fault, and ingest it.

        Args:
            number: of the night.
            fault: one of FAULTS.
            after_s: when a process is killed.
        """
        self.current += 2
        folder = self._bring(number, of_video=fault in OF_VIDEO)
        if fault == "corrected height" or fault == "a trial taken out":
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
            self.current -= 1
            manifest.write_text(text.replace(TRIAL.format(name="trial1"), ""))
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


@click.command()
@click.option("--nights", default=24, show_default=True, type=click.IntRange(WEEK + 2))
@click.option("--for-s", default=3600.0, show_default=True, help="After so long no other night begins.")
@click.option("--seed", default=0, show_default=True, type=int)
def main(nights: int, for_s: float, seed: int) -> None:
    """Print the nights, and what grew."""
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="biopose-nights-") as scratch, ExitStack() as running:
        temporary = Path(scratch) / "tmp"
        temporary.mkdir()
        settings = Settings.load(Path(scratch) / "home")
        simulated = Nights(Path(scratch) / "inbox", settings.home, running.enter_context(prefect_server(settings)))
        os.environ["TMPDIR"] = str(temporary)  # what a night leaves there counts, too
        after: list[dict[str, tuple[int, int]]] = []
        lost, began_s, last_s = 0, time.monotonic(), 20.0
        for number in range(nights):
            if number > WEEK and time.monotonic() - began_s > for_s:
                click.echo(f"no other night begins after {for_s:.0f} s")
                break
            fault = FAULTS[number % len(FAULTS)]
            night_s = (time.monotonic() - began_s) / max(number, 1)
            for name in KEPT:
                os.environ[name] = str(WEEK * night_s / DAY_S if number else WEEK)
            at_s = time.monotonic()
            simulated.night(number, fault=fault, after_s=draw.uniform(0.1, 0.8) * last_s)
            last_s = time.monotonic() - at_s if "killed" not in fault else last_s
            age_leftovers(simulated.home)
            trials = open_home(simulated.home).trials()
            lost += abs(simulated.current - trials.height) + trials.height - trials["trial_id"].n_unique()
            after.append(sizes(simulated.home, temporary))
            click.echo(
                f"{number + 1:>3} {fault:<32} {time.monotonic() - at_s:6.1f} s, {trials.height:>3} of "
                f"{simulated.current:>3} trials current, {sum(size for _, size in after[-1].values()) / 1e6:7.1f} MB"
            )
        _print_growth(after)
        rows = {
            table: count for table, (count, _) in content_rows(simulated.home / "warehouse.snapshot.duckdb").items()
        }
        click.echo(f"rows: {rows}")
        click.echo(f"{lost} trials lost or doubled")


def _print_growth(after: list[dict[str, tuple[int, int]]]) -> None:
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
