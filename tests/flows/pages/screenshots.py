"""Pictures of the pages of a home at the widths of a desktop and a phone, and the one in README.

python -m tests.flows.pages.screenshots --home demo-output/home --out screenshots
python -m tests.flows.pages.screenshots --home demo-output/home --readme biopose/rendering/compare_page.png
"""

from __future__ import annotations

import argparse
from http import HTTPStatus
from pathlib import Path

from playwright.sync_api import Page

from tests.flows.pages.browser import chromium
from tests.flows.pages.home import served

SIZES_PX = {"desktop": (1280, 900), "phone": (390, 844)}
PAGES = {
    "night": "/night",
    "squad": "/squad",
    "athlete": "/athlete/demo/balancer",
    "trial": "/trial/demo/street/jump",
    "compare": "/compare?first=demo/beam/balance_cam01&second=demo/beam/balance_cam02",
    "groups": "/compare/groups?activity=other&coordinate=knee_angle"
    "&first_athlete=demo/balancer&second_athlete=demo/jumper",
    "questions": "/questions",
    "question": "/questions/change_over_time?athlete=demo/balancer&metric=knee_flexion_peak",
    "models": "/models",
    "about": "/about",
    "sign-in": "/sign-in",
    "not-found": "/trial/demo/street/jumpp",
}
READY = "!document.querySelector('video').seeking && document.querySelector('video').readyState > 1"


def main() -> None:
    """Write the pictures that are asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="Folder for a picture of every page at both widths.")
    parser.add_argument("--readme", type=Path, help="README's picture.")
    parser.add_argument("--page", action="append", help="NAME=PATH; else the pages of the demonstration.")
    given = parser.parse_args()
    pages = dict(page.split("=", 1) for page in given.page) if given.page else PAGES
    with served(given.home) as address, chromium() as browser:
        for width, (width_px, height_px) in SIZES_PX.items():
            page = browser.new_page(viewport={"width": width_px, "height": height_px})
            for name, path in pages.items() if given.out else ():
                _show(page, f"{address}{path}")
                page.screenshot(path=given.out / f"{name}-{width}.png", full_page=True)
                page.screenshot(path=given.out / f"{name}-{width}-first.png")
            if given.readme and width == "desktop":
                _show(page, f"{address}{PAGES['compare']}")  # no image of a video, which is others'
                page.screenshot(path=given.readme)


def _show(page: Page, address: str) -> None:
    """Open a page; the video of a trial is in its middle."""
    reply = page.goto(address, wait_until="networkidle")
    assert reply is not None
    assert reply.status < HTTPStatus.INTERNAL_SERVER_ERROR, page.inner_text("main")
    if page.locator("video").count():
        page.evaluate("seek((curves.time_s[0] + curves.time_s.at(-1)) / 2)")
        while not page.evaluate(READY):
            page.wait_for_timeout(50)


if __name__ == "__main__":
    main()
