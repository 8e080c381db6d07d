"""A report printed to PDF by Chromium or Chrome, where one is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from biopose.errors import BioposeError
from biopose.io.files import written_whole

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PRINT_TIMEOUT_S = 120.0
ROOT = 0


def installed_browser() -> str:
    """The program that prints.

    Raises:
        BioposeError: none is installed.
    """
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise BioposeError(
            "a PDF is printed by Chromium or Chrome, and neither is installed; install one (Debian: apt-get install "
            "chromium), or open the .html in any browser and print it there"
        )
    return browser


def print_pdf(report: Path, pdf: Path, *, browser: str) -> None:
    """Print a report that is one file, whole or not at all, for its owner alone.

    Args:
        report: the .html.
        pdf: to be written.
        browser: as `installed_browser` finds it.

    Raises:
        BioposeError: the browser fails, or takes longer than two minutes.
    """
    with tempfile.TemporaryDirectory() as profile, written_whole(pdf, owner_alone=True) as partial:
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--no-pdf-header-footer",
            f"--user-data-dir={profile}",
            f"--print-to-pdf={partial.absolute()}",
            *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == ROOT else []),  # its sandbox refuses root
            report.absolute().as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PRINT_TIMEOUT_S, check=False)  # noqa: S603
        except subprocess.TimeoutExpired as error:
            raise BioposeError(f"{browser} took longer than {PRINT_TIMEOUT_S:.0f} s to print {report}") from error
        if done.returncode or not (partial.is_file() and partial.stat().st_size):
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise BioposeError(f"{browser} could not print {report}: {last}")
