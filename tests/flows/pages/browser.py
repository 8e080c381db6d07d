"""Debian's Chromium without a screen; Playwright brings none of its own here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
expect.set_options(timeout=60_000)  # milliseconds; by itself 5 s, too little on a busy machine


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser for the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
