"""Programs that `biopose up` keeps running: each with its log, restarted when it dies, stopped with all it started."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from biopose.errors import BioposeError

LONGEST_LOG_BYTES = 10_000_000
LOG_TAIL_LINES = 8
STOP_WAIT_S = 20.0
KILL_WAIT_S = 5.0
LOOK_EVERY_S = 0.05
STEADY_S = 60.0  # a program that lived so long starts its count of deaths anew
MOST_DEATHS = 5
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


class Child:
    """A program, started by `start`.

    Args:
        name: for messages, and of its log.
        command: with arguments.
        environment: of the program.
        folder: where it runs.
        log: where its output is added.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
    ) -> None:
        self.name, self.log = name, log
        self._command, self._environment, self._folder = list(command), dict(environment), folder
        self._process: subprocess.Popen[bytes] | None = None
        self._started_s = 0.0
        self._deaths = 0
        self._start_again_s = 0.0

    def start(self) -> None:
        """Start it, in a process group of its own: a ^C reaches `biopose up` alone, which stops all in order."""
        _turn_over(self.log)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - fixed arguments
                self._command,
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_as_a_child,
            )
        self._started_s = time.monotonic()

    @property
    def pid(self) -> int | None:
        """Of the running program."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll() if self._process else None

    def watch(self) -> str | None:
        """Start it again if it died, a little later each time.

        Returns:
            What to tell, if something happened.

        Raises:
            BioposeError: it dies again and again.
        """
        now_s = time.monotonic()
        if self._process is not None and (code := self.exit_code) is not None:
            return self._note_death(code, now_s)
        if self._process is None and now_s >= self._start_again_s:
            self.start()
        return None

    def _note_death(self, code: int, now_s: float) -> str:
        self._deaths = 1 if now_s - self._started_s > STEADY_S else self._deaths + 1
        if self._deaths >= MOST_DEATHS:
            raise self.failure(f"ended {MOST_DEATHS} times (exit code {code})")
        wait_s = 2.0 ** (self._deaths - 1)
        self._process, self._start_again_s = None, now_s + wait_s
        return f"{self.name} ended (exit code {code}); it is started again in {wait_s:.0f} s. Its log: {self.log}"

    def failure(self, what: str) -> BioposeError:
        """The error that says what happened, and the end of the log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return BioposeError("\n  ".join([f"{self.name} {what}. Its log, {self.log}, ends:", *lines]))

    def family(self) -> list[psutil.Process]:
        """The program and all that it started, in whatever process group; none if it does not run."""
        if self._process is None or self.exit_code is not None:
            return []
        own = psutil.Process(self._process.pid)
        return [own, *_descendants(own)]


def stop(child: Child) -> None:
    """End a program and all that it started: they are asked first, and killed if they do not listen.

    What it started comes first, while the program itself is held: a flow run then has the time to report that it was
    interrupted, and its worker neither kills it meanwhile nor starts the next.
    """
    own, *started = child.family() or [None]
    if own is None:
        return
    if started:
        _send(own, signal.SIGSTOP)
        _end(started)
        _send(own, signal.SIGCONT)
    _end(child.family())


def adopt_orphans() -> None:
    """What a program started becomes ours when that program dies; else nobody would stop it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def stop_orphans(known: Sequence[Child]) -> None:
    """End what programs that died left running, and all that it started.

    Args:
        known: programs that are left alone.
    """
    pids = {child.pid for child in known}
    orphans = [process for process in psutil.Process().children() if process.pid not in pids]
    _end([one for orphan in orphans for one in (orphan, *_descendants(orphan))])


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _end(family: Sequence[psutil.Process]) -> None:
    """Ask, wait, kill."""
    for number, wait_s in ((signal.SIGTERM, STOP_WAIT_S), (signal.SIGKILL, KILL_WAIT_S)):
        family = [process for process in family if _lives(process)]
        for process in reversed(family):
            _send(process, number)
        end_s = time.monotonic() + wait_s
        while any(_lives(process) for process in family) and time.monotonic() < end_s:
            time.sleep(LOOK_EVERY_S)


def _lives(process: psutil.Process) -> bool:
    """Whether it runs; one that ended while its parent is held stays as a zombie."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _send(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def _as_a_child() -> None:
    """In the new process: ^C works even if a script started us with it ignored; it ends if we are killed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _turn_over(log: Path) -> None:
    """Begin a new log where this one has grown long; one old one is kept."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LONGEST_LOG_BYTES:
        log.replace(log.with_suffix(".old.log"))
