"""Pictures of the pages of a home at the widths of a desktop and a phone; one of them is README's.

python -m tests.flows.pages.screenshots --home demo-output/home --out screenshots
"""

from __future__ import annotations

import argparse
from pathlib import Path

from playwright.sync_api import Page

from tests.flows.pages.browser import chromium
from tests.flows.pages.home import served

READY = "!document.querySelector('video').seeking && document.querySelector('video').readyState > 1"
WIDTHS_PX = {"desktop": (1280, 900), "phone": (390, 844)}


def main() -> None:
    """Write a picture of each page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--page", action="append", help="NAME=PATH; else the pages of the demonstration.")
    given = parser.parse_args()
    pages = dict(page.split("=", 1) for page in given.page) if given.page else DEMONSTRATION
    given.out.mkdir(parents=True, exist_ok=True)
    with served(given.home) as address, chromium() as browser:
        for width, (width_px, height_px) in WIDTHS_PX.items():
            page = browser.new_page(viewport={"width": width_px, "height": height_px})
            for name, path in pages.items():
                _show(page, f"{address}{path}")
                page.screenshot(path=given.out / f"{name}-{width}.png", full_page=True)
                page.screenshot(path=given.out / f"{name}-{width}-first.png")


def _show(page: Page, address: str) -> None:
    """Open a page; the video of a trial is in the middle."""
    page.goto(address, wait_until="networkidle")
    if page.locator("video").count():
        page.evaluate("seek((curves.time_s[0] + curves.time_s.at(-1)) / 2)")
        while not page.evaluate(READY):
            page.wait_for_timeout(50)


DEMONSTRATION = {
    "night": "/night",
    "squad": "/squad",
    "athlete": "/athlete/demo/balancer",
    "trial": "/trial/demo/street/jump",
    "compare": "/compare?first=demo/street/walk&second=demo/street/sprint",
    "questions": "/questions",
    "question": "/questions/change_over_time?athlete=demo/balancer&metric=knee_flexion_peak",
    "models": "/models",
    "about": "/about",
    "not-found": "/trial/demo/street/jumpp",
}

if __name__ == "__main__":
    main()
