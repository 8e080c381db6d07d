"""Where the plots of a page lie in its PDF: links are added to their edges, which Chromium writes uncompressed."""

from __future__ import annotations

import re
from collections import defaultdict

from playwright.sync_api import Page

WIDTH_PX = 688  # of A4 within its margins
MARKS = """() => document.querySelectorAll('.plot-box').forEach((box, number) => {
  for (const edge of ['top', 'bottom']) {
    const mark = document.createElement('a');
    mark.href = `http://plot.invalid/${number}/${edge}`;
    mark.style.cssText = `position: absolute; left: 0; ${edge}: 0; width: 6px; height: 3px`;
    box.append(mark);
  }
})"""


def assert_prints_whole(page: Page) -> int:
    """Check that a page prints on A4 with every plot whole on one sheet, and nothing wider; the number of plots."""
    page.evaluate(MARKS)
    plots = page.locator(".plot-box").count()
    sheets = defaultdict(list)
    for number, marks in enumerate(marks_by_sheet(page.pdf(prefer_css_page_size=True))):
        for mark in marks:
            sheets[mark].append(number)
    assert len(sheets) == 2 * plots
    for plot in range(plots):
        assert sheets[f"{plot}/top"] == sheets[f"{plot}/bottom"]
        assert len(sheets[f"{plot}/top"]) == 1
    before = page.viewport_size
    assert before is not None
    page.set_viewport_size({"width": WIDTH_PX, "height": 1000})
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH_PX
    page.emulate_media(media="screen")
    page.set_viewport_size(before)
    return plots


def marks_by_sheet(pdf: bytes) -> list[list[str]]:
    """The marks of each sheet of a PDF."""
    objects = {int(m[1]): m[2] for m in re.finditer(rb"\n(\d+) 0 obj\n(.*?)\nendobj", pdf, re.DOTALL)}
    sheets = [content for _, content in sorted(objects.items()) if re.search(rb"/Type\s*/Page\b(?!s)", content)]
    found = []
    for sheet in sheets:
        annotations = re.search(rb"/Annots\s*\[(.*?)\]", sheet, re.DOTALL)
        links = [objects[int(number)] for number in re.findall(rb"(\d+) 0 R", annotations[1] if annotations else b"")]
        found.append([mark.decode() for link in links for mark in re.findall(rb"plot\.invalid/(\d+/\w+)\)", link)])
    return found
