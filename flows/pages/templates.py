"""Templates of the pages, and how they write numbers, names and addresses."""

from __future__ import annotations

import datetime
import math
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from biopose.analysis.definitions import DEFINITIONS
from biopose.report.messages import commands
from biopose.report.metric_tables import format_value, metric_title

NO_VALUE = "–"
MINUS = "\N{MINUS SIGN}"
LONGEST_LIST = 5  # shown whole


@cache
def environment(*, offline: bool = False) -> Environment:
    """Whatever a template is given is escaped; templates are compiled once.

    Args:
        offline: of a report, which is read without the pages: what is a link there is plain text.
    """
    templates = Environment(
        loader=PackageLoader("flows.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "path": lambda name: quote(str(name), safe="/"),
        "name": lambda name: metric_title(str(name)),
        "value": value,
        "cell": cell,
        "quality": lambda number: NO_VALUE if number is None else f"{number:.2f}",
        "meaning": meaning,
        "commands": commands,
        "moment": moment,
        "signed_degrees": lambda degrees: f"{degrees:+.1f}°".replace("-", MINUS),
    }
    templates.globals |= {"address": address, "link": _text if offline else _link}
    return templates


def address(path: str, **parameters: str | None) -> str:
    """A path of the pages with its parameters, those without a value left out."""
    given = {name: value for name, value in parameters.items() if value not in (None, "")}
    return quote(path, safe="/") + (f"?{urlencode(given)}" if given else "")


def _link(path: str, text: str, **parameters: str | None) -> Markup:
    return Markup('<a href="{}">{}</a>').format(address(path, **parameters), text)


def _text(path: str, text: str, **parameters: str | None) -> Markup:  # noqa: ARG001 - as `_link` is called
    return escape(text)


def value(number: float | None, unit: str = "1", sd: float | None = None) -> str:
    """A value with its unit and standard deviation; a dash where it is not known."""
    return NO_VALUE if number is None or not math.isfinite(number) else format_value(number, unit=unit, sd=sd)


def meaning(metric: str) -> str:
    """The definition of a metric; empty where it has none."""
    return DEFINITIONS[metric].meaning if metric in DEFINITIONS else ""


def moment(written: str) -> str:
    """A moment as records have it, such as 2026-11-25T02:10:31+00:00, to the minute; what is none as it is."""
    try:
        at = datetime.datetime.fromisoformat(written)
    except ValueError:
        return written
    return f"{at.astimezone(datetime.UTC):%Y-%m-%d %H:%M} UTC"


def cell(content: Any) -> str:
    """A cell of an answer: four significant digits of a number that is not whole; the ends of a long list."""
    if content is None:
        return NO_VALUE
    if isinstance(content, bool):
        return "yes" if content else "no"
    if isinstance(content, float):
        return f"{content:.4g}" if abs(content) < 10_000 else f"{content:.0f}"
    if isinstance(content, datetime.datetime):
        return f"{content:%Y-%m-%d %H:%M}"
    if isinstance(content, list) and len(content) > LONGEST_LIST:
        return f"{cell(content[0])} … {cell(content[-1])}, {len(content)} values"
    return str(content)
