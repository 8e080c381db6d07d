"""A plot of the report or the pages as a file: .svg with its style inside, or .png.

The .png is drawn here, of the elements that our plots have (paths of straight lines, boxes, circles, text): no program
that draws any SVG is needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

from PIL import Image, ImageColor, ImageDraw, ImageFont

from biopose.io.files import written_whole

STYLE = Path(__file__).parent / "templates" / "plot.css"
INK = "#24292f"
PX_PER_UNIT = 3  # of the .png: 1032 px a panel, sharp in print
OVERSAMPLING = 2
TEXT_PX = 10.0
LINE_PX, CAPTION_LEFT_PX = 14.0, 42.0  # of a caption: below the axes
FONT_SIZES = re.compile(r"(?:font-size:\s*|font:\s*)([\d.]+)px")
RULE = re.compile(r"([^{}]+)\{([^}]*)\}")
COMMAND = re.compile(r"([MmLlHhVvZz])|(-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?)")

Style = dict[str, str]
Point = tuple[float, float]


def write_plot(svg: str, path: Path) -> Path:
    """Write a plot, whole or not at all, for its owner alone: as a report, it holds health data.

    Args:
        svg: of `biopose.report.svg.figure` or `biopose.report.trend.trend`.
        path: .svg or .png.
    """
    with written_whole(path, owner_alone=True) as partial:
        if path.suffix.lower() == ".svg":
            partial.write_text(standalone(svg), encoding="utf-8")
        else:
            drawn(svg).save(partial, format="PNG", dpi=(300, 300))
    return path


def captioned(svg: str, lines: Sequence[str]) -> str:
    """The plot with lines of text below it, which say whose it is: a file is read away from its page."""
    width, height = _size(ElementTree.fromstring(svg))  # noqa: S314 - our own
    head, _, rest = svg.removesuffix("</svg>").partition(f'viewBox="0 0 {width:g} {height:g}"')
    texts = [
        f'<text class="caption" x="{CAPTION_LEFT_PX:g}" y="{height + LINE_PX * number:g}">{escape(line)}</text>'
        for number, line in enumerate(lines, start=1)
    ]
    box = f'viewBox="0 0 {width:g} {height + LINE_PX * (len(lines) + 0.5):g}"'
    return "".join([head, box, rest, *texts, "</svg>"])


def standalone(svg: str) -> str:
    """The plot as a document of its own: with namespace, size, style and a white ground."""
    width, height = _size(ElementTree.fromstring(svg))  # noqa: S314 - our own
    head, _, rest = svg.partition(">")
    style = f".plot {{ --ink: {INK}; background: white; }}\n{STYLE.read_text(encoding='utf-8')}"
    sized = f'{head} xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}"'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{sized}><style>{style}</style>{rest}\n'


def drawn(svg: str) -> Image.Image:
    """The plot as an image, PX_PER_UNIT pixels a unit of the SVG."""
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own
    scale = PX_PER_UNIT * OVERSAMPLING
    width, height = (round(scale * side) for side in _size(root))
    image = Image.new("RGB", (width, height), "white")
    _Drawing(image, scale, _rules(STYLE.read_text(encoding="utf-8"))).draw(root, (0.0, 0.0))
    return image.reduce(OVERSAMPLING)


@dataclass(frozen=True)
class _Drawing:
    """Draws elements onto an image."""

    image: Image.Image
    scale: float
    rules: Sequence[tuple[frozenset[str], Style]]

    def draw(self, element: ElementTree.Element, origin: Point) -> None:
        """Draw an element and those within it."""
        style = self._style(element)
        if moved := re.match(r"translate\(([-\d.]+) ([-\d.]+)\)", element.get("transform", "")):
            origin = origin[0] + float(moved[1]), origin[1] + float(moved[2])
        if element.tag == "path":
            self._path(element.get("d", ""), origin, style)
        elif element.tag == "rect":
            x, y, width, height = (float(element.get(name, 0)) for name in ("x", "y", "width", "height"))
            box = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
            self._fill(self._pixels(box, origin), style)
        elif element.tag == "circle":
            x, y, radius = (float(element.get(name, 0)) for name in ("cx", "cy", "r"))
            (low, high) = self._pixels([(x - radius, y - radius), (x + radius, y + radius)], origin)
            ImageDraw.Draw(self.image).ellipse([low, high], fill=style.get("fill", INK))
        elif element.tag == "text":
            self._text(element, origin, style)
        for child in element:
            self.draw(child, origin)

    def _style(self, element: ElementTree.Element) -> Style:
        """Of all rules that apply, the later over the earlier, the more classes over the fewer."""
        names = {element.tag, *element.get("class", "").split()}
        found: Style = {}
        for wanted, style in sorted(self.rules, key=lambda rule: len(rule[0])):
            if wanted <= names:
                found |= style
        own = {name: value for name in ("fill-opacity",) if (value := element.get(name))}
        return {name: INK if value == "var(--ink)" else value for name, value in (found | own).items()}

    def _path(self, commands: str, origin: Point, style: Style) -> None:
        for points, is_closed in _stretches(commands):
            pixels = self._pixels(points, origin)
            if style.get("fill", "none") != "none":
                self._fill(pixels, style)
            if "stroke" in style:
                width = max(round(self.scale * float(style.get("stroke-width", 1))), 1)
                dashes = [self.scale * float(part) for part in style.get("stroke-dasharray", "").split()]
                for line in _dashed([*pixels, pixels[0]] if is_closed else pixels, dashes):
                    ImageDraw.Draw(self.image).line(line, fill=style["stroke"], width=width, joint="curve")

    def _fill(self, pixels: Sequence[Point], style: Style) -> None:
        opacity = float(style.get("fill-opacity", 1))
        cover = Image.new("L", self.image.size)
        ImageDraw.Draw(cover).polygon(list(pixels), fill=round(255 * opacity))
        self.image.paste(ImageColor.getrgb(style.get("fill", INK)), mask=cover)

    def _text(self, element: ElementTree.Element, origin: Point, style: Style) -> None:
        ((x, y),) = self._pixels([(float(element.get("x", 0)), float(element.get("y", 0)))], origin)
        font = ImageFont.load_default(self.scale * float(style.get("font-size", TEXT_PX)))
        anchor = {"middle": "ms", "end": "rs"}.get(style.get("text-anchor", ""), "ls")
        text = (element.text or "").replace("\N{MINUS SIGN}", "-")  # which the font lacks
        ImageDraw.Draw(self.image).text((x, y), text, fill=INK, font=font, anchor=anchor)

    def _pixels(self, points: Sequence[Point], origin: Point) -> list[Point]:
        return [(self.scale * (x + origin[0]), self.scale * (y + origin[1])) for x, y in points]


def _size(root: ElementTree.Element) -> tuple[float, float]:
    _, _, width, height = (float(part) for part in root.attrib["viewBox"].split())
    return width, height


def _rules(css: str) -> list[tuple[frozenset[str], Style]]:
    """The class names, or the element's, that each selector asks for beside .plot, and what it sets."""
    rules = []
    for selectors, body in RULE.findall(css):
        parts = [line.partition(":") for line in body.split(";") if ":" in line]
        style = {name.strip(): value.strip() for name, _, value in parts}
        size = FONT_SIZES.search(body)
        for selector in selectors.split(","):
            wanted = frozenset(re.split(r"[.\s]+", selector.strip().lstrip("."))) - {"plot"}
            if wanted:
                rules.append((wanted, {**style, **({"font-size": size[1]} if size else {})}))
    return rules


def _stretches(commands: str) -> Iterator[tuple[list[Point], bool]]:
    """The stretches of straight lines of a path, and whether each is closed."""
    words = [match.group() for match in COMMAND.finditer(commands)]
    points: list[Point] = []
    x = y = 0.0
    place, command = 0, "M"
    while place < len(words):
        begins = words[place].isalpha()
        if begins:
            command = words[place]
            place += 1
        if command in "Zz":
            yield points, True
            (x, y), points = points[0], []
            continue
        relative = command.islower()
        if command in "Hh":
            x, place = float(words[place]) + (x if relative else 0.0), place + 1
        elif command in "Vv":
            y, place = float(words[place]) + (y if relative else 0.0), place + 1
        else:
            step_x, step_y = float(words[place]), float(words[place + 1])
            x, y, place = step_x + (x if relative else 0.0), step_y + (y if relative else 0.0), place + 2
            if command in "Mm" and begins:
                if len(points) > 1:
                    yield points, False
                points = []
        points.append((x, y))
    if len(points) > 1:
        yield points, False


def _dashed(points: Sequence[Point], dashes: Sequence[float]) -> Iterator[list[Point]]:
    """The line, or the dashes of it: lengths drawn and left out in turn."""
    if not dashes:
        yield list(points)
        return
    index, left, dash = 0, dashes[0], [points[0]]
    for (x0, y0), (x1, y1) in pairwise(points):
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        done = 0.0
        while length - done > left:
            done += left
            there = x0 + (x1 - x0) * done / length, y0 + (y1 - y0) * done / length
            if index % 2 == 0:
                yield [*dash, there]
            index += 1
            dash, left = [there], dashes[index % len(dashes)]
        left -= length - done
        dash.append((x1, y1))
    if index % 2 == 0 and len(dash) > 1:
        yield dash
