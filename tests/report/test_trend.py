"""The plot of a metric over days: where another release measured than before is marked, once for both sides."""

from __future__ import annotations

import datetime

import pytest

from biopose.report.trend import Series, Session, trend


def series(kind: str, releases: list[str]) -> Series:
    return Series(
        kind,
        kind,
        [
            Session(datetime.date(2026, 11, day), 60.0 + day, 2.0, f"s{day}", "#", release)
            for day, release in enumerate(releases, start=1)
        ],
    )


def test_a_change_of_release_is_marked_and_read_out_once_for_both_sides() -> None:
    drawn = trend("knee", [series(kind, ["old", "old", "new", "new"]) for kind in ("right", "left")])
    assert drawn.count('class="release"') == 1
    assert drawn.count("rom 2026-11-03 on measured with new, before with old") == 2  # the mark's title, the description


@pytest.mark.parametrize("releases", [["old", "old"], ["", "new"], ["old"]])
def test_one_release_or_one_that_is_not_known_has_no_mark(releases: list[str]) -> None:
    assert 'class="release"' not in trend("knee", [series("right", releases)])


def test_a_long_title_is_above_the_names_of_the_sides() -> None:
    short, long = (trend(title, [series(kind, ["a"]) for kind in ("right", "left")]) for title in ("knee", "k" * 31))
    assert ('0 0 344 178"' in short, '0 0 344 192"' in long) == (True, True)
    assert ('class="title" y="-9"' in short, 'class="title" y="-23"' in long) == (True, True)
