"""The pages in a real browser without a screen: Debian's Chromium, where it is installed."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from biopose.assets import WHEELS, missing_files
from biopose.report.rollout_page import write_rollout_page
from biopose.video.encoding import VideoFile
from flows.pages.report import athlete_report, squad_report, trial_report, write_report
from tasks.settings import Settings
from tasks.users import Users
from tests.body.bodies import needs_body_asset
from tests.flows.pages.browser import CHROMIUM, chromium
from tests.flows.pages.home import FILMED, WALK, served
from tests.flows.pages.printing import assert_prints_whole
from tests.tasks.test_comparison import POLICY, compare, of, pair
from tests.warehouse.trials import SyntheticTrial
from warehouse.load import load_trial
from warehouse.snapshot import publish_snapshot

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
        if failure != "net::ERR_ABORTED":  # by the browser: a player that seeks, a page that is left while it loads
            self.problems.append(f"{url}: {failure}")

    def _note_host(self, url: str, own: str) -> None:
        if urlsplit(url).netloc != own:
            self.problems.append(f"a request to {url}")


def violations(page: Page) -> list[tuple[str, str]]:
    """What axe-core finds: the rule and the first element."""
    return [(one["id"], one["nodes"][0]["html"]) for one in Axe().run(page).response["violations"]]


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    visit = Visit(browser, address)
    yield visit
    visit.page.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_fits_a_phone_prints_whole_and_requests_nothing_from_elsewhere(
    browser: Browser, address: str, path: str
) -> None:
    visit = Visit(browser, address, width_px=390)
    visit.page.goto(path, wait_until="networkidle")
    width_px = visit.page.evaluate("document.documentElement.scrollWidth")
    found = violations(visit.page)
    assert_prints_whole(visit.page)
    visit.page.close()
    assert visit.problems == []
    assert width_px <= 390
    assert found == []


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
    canvas = page.locator("[data-body] canvas")
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


@needs_body_asset
@pytest.mark.skipif(bool(missing_files(THREE)), reason="three.js is not there: biopose assets pull")
def test_two_bodies_are_drawn_side_by_side_and_move_by_one_slider(visit: Visit) -> None:
    page = visit.page
    page.goto(f"/compare?first={FILMED}&second={FILMED}", wait_until="networkidle")
    page.get_by_role("button", name="Show both in 3D").press("Enter")
    play, reading = page.get_by_role("button", name="Play"), page.locator("[data-reading]")
    expect(play).to_be_visible(timeout=60_000)
    canvases = page.locator("[data-body] canvas")
    assert canvases.count() == 2
    before = [canvas.screenshot() for canvas in canvases.all()]
    page.get_by_label("0 s at").select_option("the first landing")
    expect(reading).to_have_text("0.00 s")
    assert float(page.get_by_label("Time").get_attribute("min") or "nan") == pytest.approx(-0.6)
    assert all(one != other.screenshot() for one, other in zip(before, canvases.all(), strict=True))
    play.press("Enter")
    last_s = float(page.get_by_label("Time").get_attribute("max") or "nan")
    expect(reading).to_have_text(f"{last_s:.2f} s")
    expect(play).to_have_text("Play")
    page.get_by_label("Time").press("Home")
    expect(reading).to_have_text("\u22120.60 s")
    assert violations(page) == []
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


def test_a_page_prints_without_its_menu(visit: Visit) -> None:
    visit.page.goto("/athlete/blue/cleo")
    visit.page.emulate_media(media="print")
    expect(visit.page.get_by_role("navigation")).to_be_hidden()


def test_signing_in_and_out_is_accessible_and_works_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    token = Users(tmp_path).add("ann", ["blue"])
    with served(tmp_path) as address:
        visit = Visit(browser, address, width_px=390)
        page = visit.page
        page.goto("/account")
        found = violations(page)
        page.get_by_label("Token").fill(token)
        page.keyboard.press("Enter")
        page.get_by_text("You are ann and see the team blue").wait_for()
        found += violations(page)
        page.get_by_role("button", name="Sign out").press("Enter")
        page.get_by_label("Token").wait_for()
        page.close()
    assert found == []
    assert [one for one in visit.problems if "401 (Unauthorized)" not in one] == []


def test_reports_are_accessible_and_request_nothing(browser: Browser, home: Path, tmp_path: Path) -> None:
    settings = Settings.load(home)
    comparison, rollout = compare([of(pair(0, shift=40.0))], POLICY, failed={}, look=1, population=1), {"number": 3}
    rollout |= {"champion": "old", "candidate": "new", "state": "stopped", "verdict": "fail", "transitions": []}
    rollout |= {"offsets": [], "shadow": {"line": "1 trial, 120 frames"}}
    status = {"rollout": rollout | {"sample": {"measured": 1}, "comparison": comparison}, "acts": []}
    reports = (
        write_report(athlete_report(settings, "blue/cleo"), tmp_path / "athlete.html"),
        write_report(trial_report(settings, FILMED), tmp_path / "trial.html"),
        write_report(squad_report(settings, "blue"), tmp_path / "squad.html"),
        write_rollout_page(tmp_path / "rollout.html", status, []),
    )
    for report in reports:
        page, requests = browser.new_page(viewport={"width": 390, "height": 844}), []
        page.on("request", lambda request, of=requests: of.append(request.url))  # type: ignore[misc]
        page.goto(report.as_uri())
        assert (report.name, violations(page)) == (report.name, [])
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, report.name
        assert requests == [report.as_uri()]
        page.close()


def test_the_cursor_is_where_the_video_is_also_in_a_trial_that_begins_later(browser: Browser, tmp_path: Path) -> None:
    """The manifest's start is at 1 s, and the athlete is found in the sixth picture of the overlay."""
    settings, rate_hz = Settings(home=tmp_path), 50
    trial = SyntheticTrial(time_s=1.1 + np.arange(40) / rate_hz)
    load_trial(settings.warehouse, trial.record, trial.write(tmp_path / "measured"))
    publish_snapshot(settings.warehouse, settings.snapshot)
    folder = tmp_path / trial.record["run"]["artifacts"]
    folder.mkdir(parents=True)
    with VideoFile(folder / "overlay.mp4", width_px=320, height_px=180, rate_hz=rate_hz) as video:
        for frame in range(45):
            video.add(np.full((180, 320, 3), 5 * frame, np.uint8), time_s=frame / rate_hz)
    with served(tmp_path) as address:
        page = Visit(browser, address).page
        page.goto(f"/trial/{trial.trial_id}", wait_until="networkidle")
        assert float(page.locator("#trial").get_attribute("data-overlay-start") or "nan") == pytest.approx(1.0)
        page.evaluate("document.querySelector('video').currentTime = 0.3")
        expect(page.locator("#time")).to_have_text("1.30 s")
        panel = page.locator("g.panel").first
        left, right, width = (float(panel.get_attribute(f"data-{one}") or "nan") for one in ("from", "to", "width"))
        x = float(page.locator("line.cursor").first.get_attribute("x1") or "nan")
        assert left + x / width * (right - left) == pytest.approx(1.3, abs=1e-3)
        page.evaluate("seek(1.5)")
        assert page.evaluate("document.querySelector('video').currentTime") == pytest.approx(0.5, abs=1e-3)
        page.close()


def test_values_are_shown_under_the_pointer_and_by_arrow_keys(visit: Visit) -> None:
    page = visit.page
    page.goto(GROUPS)
    plot = page.get_by_role("group", name="knee flexion, right (°): arrow keys show values")
    plot.hover()
    expect(plot.locator("output")).to_have_text(re.compile(r"^\d+ % {2}1st −?[\d.]+ {2}2nd −?[\d.]+$"))
    before = plot.locator("output").inner_text()
    plot.press("ArrowRight")
    assert int(plot.locator("output").inner_text().split()[0]) == int(before.split()[0]) + 1
    assert visit.problems == []


def test_sessions_of_a_trend_are_read_out_by_pointer_and_keys_and_lead_on(visit: Visit) -> None:
    page = visit.page
    page.goto("/athlete/blue/cleo")
    plot = page.get_by_role("group", name="knee flexion peak (°): arrow keys show values", exact=True)
    plot.locator("svg").hover(position={"x": 60, "y": 60})
    expect(plot.locator("output")).to_have_text(re.compile(r"^blue/2026-09-15-jumps, (left|right): [\d.]+ ± [\d.]+$"))
    page.reload()
    plot.press("ArrowLeft")
    expect(plot.locator("output")).to_contain_text("blue/2026-11-03-jumps")
    found = violations(page)
    plot.press("Enter")
    page.wait_for_url("**/questions/trials_of_session?session=blue*")
    assert (found, visit.problems) == ([], [])


def test_a_plot_fills_the_window_and_still_shows_its_values(visit: Visit) -> None:
    page = visit.page
    page.goto(GROUPS)
    plot = page.get_by_role("group", name="knee flexion, right (°): arrow keys show values")
    small = plot.bounding_box()
    plot.get_by_role("button", name="Enlarge").press("Enter")
    large = plot.bounding_box()
    assert small is not None
    assert large is not None
    assert large["width"] > 1200
    plot.press("ArrowRight")
    expect(plot.locator("output")).to_have_text(re.compile("^1 %"))
    expect(plot.locator("output")).to_have_css("font-size", "20px")
    found = violations(page)
    page.keyboard.press("Escape")
    back = plot.bounding_box()
    assert back is not None
    assert (back["width"], back["height"]) == (small["width"], small["height"])
    plot.get_by_role("button", name="Enlarge").click()
    page.locator("dialog").get_by_role("button", name="Enlarge").click()
    expect(page.locator("dialog .plot-box")).to_have_count(0)
    expect(page.locator(".curves .plot-box")).to_have_count(4)
    assert (found, visit.problems) == ([], [])
