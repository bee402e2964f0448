"""Boxes joined by arrows, laid out in layers and written as SVG.

Knows geometry and SVG. Must not know tasks, states or Snowflake: texts, colours and edges are parameters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from jobgraph.drawing.placement import Sizes, placed
from jobgraph.procedures.logs import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# beside control characters
_NOT_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")
BOX_HEIGHT = 52
LAYER_GAP = 64
ROW_GAP = 20
MARGIN = 28
HEADLINE = 64
# pixels per character of DejaVu Sans, the widest of the fonts below
NAME_CHARACTER = 8.6
NOTE_CHARACTER = 6.7
PADDING = 16
FONT = "font-family=\"'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif\""
ROUNDING = {"root": BOX_HEIGHT / 2, "job": 8, "group": 8, "finalizer": 8}
# from this many arrows on, arrows are thin, so that the boxes stand out
MANY_ARROWS = 40
SIZES = Sizes(BOX_HEIGHT, ROW_GAP, 12)
BAR = 6

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A box with a name, a small note under it, and arrows from the boxes named in `after`.

    A box that is `after_all` has no arrows: it is drawn at the end, behind a bar. `parts` are the shares of a strip at
    its bottom, as colour and count. The shape `group` has a second edge behind it. With `thick`, the border is thick.
    """

    name: str
    note: str
    after: tuple[str, ...]
    fill: str
    border: str
    shape: str = "job"
    parts: tuple[tuple[str, int], ...] = ()
    after_all: bool = False

    @property
    def width(self) -> float:
        """The width that the texts need, in pixels."""
        return max(len(self.name) * NAME_CHARACTER, len(self.note) * NOTE_CHARACTER) + 2 * PADDING


@dataclass(frozen=True)
class Drawing:
    """A title, a remark, boxes (each listed after those in its `after`), and a legend as (fill, border, label)."""

    title: str
    remark: str
    boxes: tuple[Box, ...]
    legend: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class _Frame:
    """A box with its position: left, top and width."""

    box: Box
    left: float
    top: float
    width: float

    @property
    def middle(self) -> float:
        """The y of the middle, where arrows start and end."""
        return self.top + BOX_HEIGHT / 2

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.left + self.width


@dataclass(frozen=True)
class _Arrow:
    """An arrow and the points that it passes."""

    points: tuple[Point, ...]
    dashed: bool


def drawing_of(drawing: Drawing) -> str:
    """Return the SVG document. The layout is deterministic: the same drawing always gives the same text."""
    frames, arrows = _layout(drawing.boxes)
    legend = list(_legend(drawing.legend))
    width = max((frame.right for frame in frames), default=0) + MARGIN
    width = max(width, len(drawing.title) * 11 + 2 * MARGIN, len(drawing.remark) * NOTE_CHARACTER + 2 * MARGIN)
    width = max(width, MARGIN + sum(_legend_width(word) for _, _, word in drawing.legend))
    bottom = max(
        [HEADLINE, *(frame.top + BOX_HEIGHT for frame in frames), *(y for arrow in arrows for _, y in arrow.points)]
    )
    height = bottom + MARGIN
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" {FONT} role="img" aria-label="{_text(drawing.title)}">'
        ),
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        (
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" '
            'markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#57606a"/></marker></defs>'
        ),
        f'<text x="{MARGIN}" y="32" font-size="17" font-weight="600" fill="#24292f">{_text(drawing.title)}</text>',
        f'<text x="{MARGIN}" y="50" font-size="12" fill="#57606a">{_text(drawing.remark)}</text>',
        *legend,
        *_arrows(arrows),
        *_bars(frames),
        *(line for frame in frames for line in _box(frame)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _legend_width(word: str) -> float:
    return len(word) * NOTE_CHARACTER + 36


def _legend(words: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Yield a row of small boxes, each with its label."""
    left_edge = float(MARGIN)
    for fill, border, word in words:
        yield f'<rect x="{left_edge:.1f}" y="62" width="14" height="11" rx="2" fill="{fill}" stroke="{border}"/>'
        yield f'<text x="{left_edge + 20:.1f}" y="72" font-size="11" fill="#57606a">{_text(word)}</text>'
        left_edge += _legend_width(word)


def _layout(boxes: Sequence[Box]) -> tuple[list[_Frame], list[_Arrow]]:
    """Return the boxes and the arrows with their positions."""
    joined = [box for box in boxes if not box.after_all]
    ends = [box for box in boxes if box.after_all]
    number = {box.name: place for place, box in enumerate(joined)}
    pairs = [(number[before], number[box.name]) for box in joined for before in box.after]
    placement = placed(len(joined), pairs, SIZES)
    last = max(placement.layers, default=-1) + 1
    layers = [*placement.layers, *(last for _ in ends)]
    centre = (min(placement.middles, default=0) + max(placement.middles, default=0)) / 2
    middles = [*placement.middles, *(centre for _ in ends)]
    columns = _columns([*joined, *ends], layers)
    top = HEADLINE + MARGIN
    frames = [
        _Frame(box, columns[layer][0], top + middle - BOX_HEIGHT / 2, columns[layer][1] - columns[layer][0])
        for box, layer, middle in zip([*joined, *ends], layers, middles, strict=True)
    ]
    arrows = []
    for (start, end), lane in zip(pairs, placement.lanes, strict=True):
        # straight through the columns in between, so that arrows bend only where there are no boxes
        passing = [(x, top + y) for n, y in enumerate(lane, layers[start] + 1) for x in columns[n]]
        first, final = frames[start], frames[end]
        points = ((first.right, first.middle), *passing, (final.left - 2, final.middle))
        arrows.append(_Arrow(points, final.box.shape == "finalizer"))
    return frames, arrows


def _columns(boxes: Sequence[Box], layers: Sequence[int]) -> list[Point]:
    """Return the left and right edge of each layer, which is as wide as its widest box."""
    widest = [0.0] * (max(layers, default=-1) + 1)
    for box, layer in zip(boxes, layers, strict=True):
        widest[layer] = max(widest[layer], box.width)
    left_edge, columns = float(MARGIN), []
    for width in widest:
        columns.append((left_edge, left_edge + width))
        left_edge += width + LAYER_GAP
    return columns


def _arrows(arrows: Sequence[_Arrow]) -> Iterator[str]:
    stroke = 'stroke-width="1.4"' if len(arrows) < MANY_ARROWS else 'stroke-width="1" stroke-opacity="0.55"'
    for arrow in arrows:
        look = 'stroke-width="1.4" stroke-dasharray="5 4" opacity="0.6"' if arrow.dashed else stroke
        yield f'<path d="{_curve(arrow.points)}" fill="none" stroke="#57606a" {look} marker-end="url(#tip)"/>'


def _bars(frames: Sequence[_Frame]) -> Iterator[str]:
    """Yield the bar in front of boxes that are `after_all`, and its arrows."""
    predecessors = [frame for frame in frames if not frame.box.after_all]
    for frame in frames:
        if frame.box.after_all and predecessors:
            bar = frame.left - LAYER_GAP * 0.6
            top, bottom = min(f.top for f in predecessors), max(f.top for f in predecessors) + BOX_HEIGHT
            dashes = 'fill="none" stroke="#8c959f" stroke-width="1.6" stroke-dasharray="5 4"'
            yield f'<path d="M{bar - BAR:.1f} {top:.1f} h{BAR} V{bottom:.1f} h-{BAR}" {dashes}/>'
            yield f'<path d="M{bar:.1f} {frame.middle:.1f} H{frame.left - 2:.1f}" {dashes} marker-end="url(#tip)"/>'


def _curve(points: Sequence[Point]) -> str:
    """Return a smooth path that leaves and enters every point horizontally."""
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        middle = (x1 + x2) / 2
        if abs(y1 - y2) < 0.1:  # noqa: PLR2004  # not visible
            parts.append(f"H{x2:.1f}")
        else:
            parts.append(f"C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}")
    return " ".join(parts)


def _box(frame: _Frame) -> Iterator[str]:
    box, x, y = frame.box, frame.left, frame.top
    look = f'rx="{ROUNDING[box.shape]}" fill="{box.fill}" stroke="{box.border}" stroke-width="1.6"'
    dashes = ' stroke-dasharray="5 3"' if box.shape == "finalizer" else ""
    if box.shape == "group":
        behind = f"M{x + 8:.1f} {y - 4:.1f} H{frame.right - 4:.1f} a8 8 0 0 1 8 8 V{y + BOX_HEIGHT - 8:.1f}"
        yield f'<path d="{behind}" fill="none" stroke="{box.border}" stroke-width="1.6"/>'
    yield f'<rect x="{x:.1f}" y="{y:.1f}" width="{frame.width:.1f}" height="{BOX_HEIGHT}" {look}{dashes}/>'
    yield from _strip(frame)
    centre = x + frame.width / 2
    lift = 3 if box.parts else 0
    for text, below, size, colour, weight in (
        (box.name, 23 - lift, 13, "#24292f", ' font-weight="600"'),
        (box.note, 40 - lift, 11, "#57606a", ""),
    ):
        place = f'x="{centre:.1f}" y="{y + below:.1f}" font-size="{size}"{weight} text-anchor="middle"'
        yield f'<text {place} fill="{colour}">{_text(text)}</text>'


def _strip(frame: _Frame) -> Iterator[str]:
    """Yield the strip at the bottom of a box: a piece for each of its parts, as long as its share."""
    whole = sum(count for _, count in frame.box.parts)
    left_edge, room = frame.left + 8, frame.width - 16
    for colour, count in frame.box.parts:
        width = room * count / whole
        line = f"M{left_edge:.1f} {frame.top + BOX_HEIGHT - 7:.1f} h{width:.1f}"
        yield f'<path d="{line}" stroke="{colour}" stroke-width="5"/>'
        left_edge += width


def _text(words: str) -> str:
    """Return a text for an element or an attribute; what XML cannot hold is written out, or no viewer shows the SVG."""
    return _NOT_XML.sub(lambda match: f"\\u{ord(match[0]):04x}", escape(safe(words)))
