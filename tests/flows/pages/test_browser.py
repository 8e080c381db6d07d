"""The pages in a real browser without a screen: Debian's Chromium, where it is installed."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from biopose.assets import WHEELS, missing_files
from tests.body.bodies import needs_body_asset
from tests.flows.pages.browser import CHROMIUM, chromium
from tests.flows.pages.home import FILMED, WALK

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.is_file(), reason=f"{CHROMIUM} is not there: apt-get install chromium"),
]
THREE = next(wheel for wheel in WHEELS if "web/three.js" in wheel.members.values())
GROUPS = (
    "/compare/groups?activity=countermovement_jump&coordinate=knee_angle"
    "&first_session=blue/2026-10-27-jumps&second_session=blue/2026-11-03-jumps"
)
PAGES = (
    "/night",
    "/squad",
    "/athlete/blue/cleo",
    f"/trial/{FILMED}",
    f"/trial/{WALK}",
    f"/compare?first={FILMED}&second=blue/2026-10-27-jumps/jump_ann",
    "/compare/groups",
    GROUPS,
    "/questions",
    "/questions/change_over_time?athlete=blue/cleo&metric=knee_flexion_peak",
    "/models",
    "/about",
    "/trial/blue/2026-11-03-jumps/jump_anne",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


class Visit:
    """A page of the browser, and what went wrong on it.

    Attributes:
        page: the tab.
        problems: errors of the console, failed requests and requests to other hosts.
    """

    def __init__(self, browser: Browser, address: str, *, width_px: int = 1280) -> None:
        self.page: Page = browser.new_page(viewport={"width": width_px, "height": 844}, base_url=address)
        self.problems: list[str] = []
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("requestfailed", lambda request: self._note_request(request.url, request.failure or ""))
        self.page.on("request", lambda request: self._note_host(request.url, urlsplit(address).netloc))

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "404 (Not Found)" not in message.text:
            self.problems.append(message.text)

    def _note_request(self, url: str, failure: str) -> None:
        if not url.endswith(".mp4"):  # a seeking player aborts the rest of a part
            self.problems.append(f"{url}: {failure}")

    def _note_host(self, url: str, own: str) -> None:
        if urlsplit(url).netloc != own:
            self.problems.append(f"a request to {url}")


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    visit = Visit(browser, address)
    yield visit
    visit.page.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_fits_a_phone_and_requests_nothing_from_elsewhere(
    browser: Browser, address: str, path: str
) -> None:
    visit = Visit(browser, address, width_px=390)
    visit.page.goto(path, wait_until="networkidle")
    width_px = visit.page.evaluate("document.documentElement.scrollWidth")
    found = Axe().run(visit.page).response["violations"]
    visit.page.close()
    assert visit.problems == []
    assert width_px <= 390
    assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_the_video_plays_and_the_curves_follow_it(visit: Visit) -> None:
    page = visit.page
    page.goto(f"/trial/{FILMED}", wait_until="networkidle")
    cursor = page.locator("line.cursor").first
    before = float(cursor.get_attribute("x1") or "nan")
    page.evaluate("document.querySelector('video').play()")
    page.wait_for_timeout(300)
    page.evaluate("document.querySelector('video').pause()")
    page.wait_for_timeout(100)
    assert page.evaluate("document.querySelector('video').currentTime") > 0
    assert page.evaluate("document.querySelector('video').videoWidth") == 320
    assert float(cursor.get_attribute("x1") or "nan") > before
    assert visit.problems == []


def test_events_and_arrow_keys_move_the_video(visit: Visit) -> None:
    page = visit.page
    page.goto(f"/trial/{FILMED}", wait_until="networkidle")
    page.get_by_role("button", name="0.600 s").press("Enter")
    expect(page.locator("#time")).to_have_text("0.60 s")
    curves = page.get_by_role("group", name="Lower limb: arrow keys move the video")
    curves.press("ArrowRight")
    expect(page.locator("#time")).to_have_text("0.62 s")
    assert abs(page.evaluate("document.querySelector('video').currentTime") - 0.62) < 0.01
    reading = curves.locator("output").first.inner_text()
    assert reading.startswith("right ")
    assert " left " in f" {reading}"
    curves.locator("svg").first.click(position={"x": 60, "y": 60})
    assert float(page.locator("#time").inner_text().removesuffix(" s")) < 0.3
    assert visit.problems == []


@needs_body_asset
@pytest.mark.skipif(bool(missing_files(THREE)), reason="three.js is not there: biopose assets pull")
def test_the_body_is_drawn_in_3d_and_moves_with_the_video(visit: Visit) -> None:
    page = visit.page
    page.goto(f"/trial/{FILMED}", wait_until="networkidle")
    page.get_by_role("button", name="Show in 3D").press("Enter")
    canvas = page.locator("[data-canvas] canvas")
    expect(page.get_by_role("button", name="Front")).to_be_visible(timeout=60_000)
    pictures = [canvas.screenshot()]
    for act in (
        lambda: page.evaluate("seek(0.5)"),
        lambda: page.get_by_role("button", name="Front").click(),
        lambda: page.get_by_role("checkbox", name="body").click(),
    ):
        act()
        pictures.append(canvas.screenshot())
    assert len(set(pictures)) == 4
    assert [problem for problem in visit.problems if "GPU stall" not in problem] == []


def test_filters_and_questions_work_by_keyboard(visit: Visit) -> None:
    page = visit.page
    page.goto("/squad")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.get_by_label("Changes since").fill("2026-10-13")
    page.get_by_role("button", name="Show").press("Enter")
    page.wait_for_url("**since=2026-10-13**")
    expect(page.locator(".changes li").first).to_contain_text("knee flexion peak")
    page.get_by_role("link", name="athlete", exact=True).press("Enter")
    page.wait_for_url("**sort=-athlete**")
    page.goto("/questions/change_over_time")
    page.get_by_label("athlete").select_option("blue/cleo")
    page.get_by_role("button", name="Ask").press("Enter")
    expect(page.get_by_role("heading", name="rows")).to_have_text("16 rows")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert len(Path(download.value.path()).read_text().splitlines()) == 17
    assert visit.problems == []


def test_a_page_prints_without_its_menu(visit: Visit, tmp_path: Path) -> None:
    visit.page.goto("/athlete/blue/cleo")
    visit.page.emulate_media(media="print")
    expect(visit.page.get_by_role("navigation")).to_be_hidden()
    printed = visit.page.pdf(path=tmp_path / "athlete.pdf", prefer_css_page_size=True)
    assert printed.startswith(b"%PDF")
