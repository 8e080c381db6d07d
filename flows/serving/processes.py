"""A supervised program: it has a log, is restarted when it dies, and is stopped with all processes that it started."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from biopose.errors import BioposeError

MAX_LOG_BYTES = 10_000_000
LOG_TAIL_LINES = 8
STOP_WAIT_S = 20.0
KILL_WAIT_S = 5.0
POLL_S = 0.05
STABLE_S = 60.0  # a program that ran this long has its count of deaths reset
MAX_DEATHS = 5
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


class Child:
    """A program, started by `start`.

    Args:
        name: for messages.
        command: with arguments.
        environment: of the program.
        folder: working directory.
        log: file to which its output is appended.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
    ) -> None:
        self.name, self.log = name, log
        self._command, self._environment, self._folder = list(command), dict(environment), folder
        self._process: subprocess.Popen[bytes] | None = None
        self._started_s = 0.0
        self._deaths = 0
        self._restart_s = 0.0

    def start(self) -> None:
        """Start it, in a process group of its own: a ^C reaches `biopose up` alone, which stops all in order."""
        _rotate(self.log)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - fixed arguments
                self._command,
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_in_child,
            )
        self._started_s = time.monotonic()

    @property
    def pid(self) -> int | None:
        """Process id; None if it does not run."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll() if self._process else None

    def restart_if_dead(self) -> str | None:
        """Restart it if it died, after a wait that doubles with each death.

        Returns:
            A message, if it died.

        Raises:
            BioposeError: it died too often.
        """
        now_s = time.monotonic()
        if self._process is not None and (code := self.exit_code) is not None:
            return self._record_death(code, now_s)
        if self._process is None and now_s >= self._restart_s:
            self.start()
        return None

    def _record_death(self, code: int, now_s: float) -> str:
        self._deaths = 1 if now_s - self._started_s > STABLE_S else self._deaths + 1
        if self._deaths >= MAX_DEATHS:
            raise self.failure(f"ended {MAX_DEATHS} times (exit code {code})")
        wait_s = 2.0 ** (self._deaths - 1)
        self._process, self._restart_s = None, now_s + wait_s
        return f"{self.name} ended (exit code {code}); it is restarted in {wait_s:.0f} s. Its log: {self.log}"

    def failure(self, what: str) -> BioposeError:
        """An error with the end of the log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return BioposeError("\n  ".join([f"{self.name} {what}. Its log, {self.log}, ends:", *lines]))

    def process_tree(self) -> list[psutil.Process]:
        """The program and its descendants, in whatever process group; none if it does not run."""
        if self._process is None or self.exit_code is not None:
            return []
        own = psutil.Process(self._process.pid)
        return [own, *_descendants(own)]


def stop(child: Child) -> None:
    """End a program and its descendants by SIGTERM, and by SIGKILL those that ignore it.

    The descendants end first, while the program itself is suspended: a flow run then has the time to report that it was
    interrupted, and its worker neither kills it meanwhile nor starts the next.
    """
    own, *descendants = child.process_tree() or [None]
    if own is None:
        return
    if descendants:
        _send(own, signal.SIGSTOP)
        _end(descendants)
        _send(own, signal.SIGCONT)
    _end(child.process_tree())


@contextlib.contextmanager
def adopting_orphans() -> Iterator[None]:
    """For the block, descendants whose parent dies become children of this process, so that it can stop them (Linux).

    Afterwards they go to the system's first process again: Ray's actors end when that becomes their parent.
    """
    _set_subreaper(True)
    try:
        yield
    finally:
        _set_subreaper(False)


def _set_subreaper(adopts: bool) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(adopts))


def stop_orphans(known: Sequence[Child]) -> None:
    """End all children of this process, with their descendants, other than the given programs."""
    pids = {child.pid for child in known}
    orphans = [process for process in psutil.Process().children() if process.pid not in pids]
    _end([one for orphan in orphans for one in (orphan, *_descendants(orphan))])


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _end(processes: Sequence[psutil.Process]) -> None:
    """Send SIGTERM, wait, then SIGKILL to those that still run."""
    for number, wait_s in ((signal.SIGTERM, STOP_WAIT_S), (signal.SIGKILL, KILL_WAIT_S)):
        processes = [process for process in processes if _is_running(process)]
        for process in reversed(processes):
            _send(process, number)
        end_s = time.monotonic() + wait_s
        while any(_is_running(process) for process in processes) and time.monotonic() < end_s:
            time.sleep(POLL_S)


def _is_running(process: psutil.Process) -> bool:
    """Whether it runs: psutil counts a zombie as running, such as a child that ended while its parent is suspended."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _send(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def _in_child() -> None:
    """In the new process: restore ^C, which a script may have disabled; end it if `biopose up` is killed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _rotate(log: Path) -> None:
    """Begin a new log where this one has grown too long; one old log is kept."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_suffix(".old.log"))
