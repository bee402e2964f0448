"""Boxes joined by arrows, laid out in layers and written as SVG.

Knows geometry and SVG. Must not know tasks, states or Snowflake: texts, colours and edges are given.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

import igraph

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BOX_HEIGHT = 52
LAYER_GAP = 64
ROW_GAP = 24
MARGIN = 28
HEADLINE = 56
# widths of DejaVu Sans, the widest of the fonts below, in pixels for one character
NAME_CHARACTER = 8.6
NOTE_CHARACTER = 6.7
PADDING = 16
FONT = "font-family=\"'Segoe UI', 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif\""
ROUNDING = {"root": BOX_HEIGHT / 2, "job": 8, "finalizer": 8}

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A box with a name, a small note under it, and arrows from the boxes named in `after`."""

    name: str
    note: str
    after: tuple[str, ...]
    fill: str
    border: str
    shape: str = "job"

    @property
    def width(self) -> float:
        """Pixels that the texts need."""
        return max(len(self.name) * NAME_CHARACTER, len(self.note) * NOTE_CHARACTER) + 2 * PADDING


@dataclass(frozen=True)
class Drawing:
    """A title, a remark and boxes, each listed after those in its `after`."""

    title: str
    remark: str
    boxes: tuple[Box, ...]


def drawing_of(drawing: Drawing) -> str:
    """Return the SVG document. The layout is computed: the same drawing always gives the same text."""
    centres, bends = _layout(drawing.boxes)
    width = max((centres[b.name][0] + b.width / 2 for b in drawing.boxes), default=0) + MARGIN
    width = max(width, len(drawing.title) * 11 + 2 * MARGIN, len(drawing.remark) * NOTE_CHARACTER + 2 * MARGIN)
    height = max((y for _, y in [*centres.values(), *(p for path in bends.values() for p in path)]), default=0)
    height += BOX_HEIGHT / 2 + MARGIN
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" {FONT} role="img" aria-label={quoteattr(drawing.title)}>'
        ),
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        (
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto">'
            '<path d="M0 0 L8 4 L0 8 z" fill="#57606a"/></marker></defs>'
        ),
        f'<text x="{MARGIN}" y="32" font-size="17" font-weight="600" fill="#24292f">{escape(drawing.title)}</text>',
        f'<text x="{MARGIN}" y="50" font-size="12" fill="#57606a">{escape(drawing.remark)}</text>',
        *_arrows(drawing.boxes, centres, bends),
        *(line for box in drawing.boxes for line in _box(box, centres[box.name])),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _layout(boxes: Sequence[Box]) -> tuple[dict[str, Point], dict[tuple[str, str], list[Point]]]:
    """Return the centre of each box, and for each arrow the points where it passes the layers between."""
    if not boxes:
        return {}, {}
    number = {box.name: place for place, box in enumerate(boxes)}
    pairs = [(number[before], number[box.name]) for box in boxes for before in box.after]
    layers = _layers(boxes)
    graph = igraph.Graph(n=len(boxes), edges=pairs, directed=True)
    # igraph lays layers out from top to bottom: its y is our column, its x our row; long edges get points in between
    layout = graph.layout_sugiyama(layers=layers, hgap=1, vgap=1, maxiter=200)
    columns = _columns(boxes, layers)
    top = min(point[0] for point in layout.coords + [p for path in layout.edge_routing for p in path])

    def row(point: Sequence[float]) -> float:
        return HEADLINE + MARGIN + BOX_HEIGHT / 2 + float(point[0] - top) * (BOX_HEIGHT + ROW_GAP)

    def passing(path: Sequence[Sequence[float]]) -> list[Point]:
        """Straight through the columns between, so that an arrow bends only where there are no boxes."""
        return [(x, row(point)) for point in sorted(path, key=lambda p: p[1]) for x in columns[round(point[1])]]

    arrows = [(boxes[before].name, boxes[after].name) for before, after in pairs]
    bends = {arrow: passing(path) for arrow, path in zip(arrows, layout.edge_routing, strict=True)}
    centres = {
        box.name: (sum(columns[layers[place]]) / 2, row(layout.coords[place])) for place, box in enumerate(boxes)
    }
    return centres, bends


def _layers(boxes: Sequence[Box]) -> list[int]:
    """Return each box's layer: one after the last of those before it."""
    layer: dict[str, int] = {}
    for box in boxes:
        layer[box.name] = max((layer[name] + 1 for name in box.after), default=0)
    return [layer[box.name] for box in boxes]


def _columns(boxes: Sequence[Box], layers: Sequence[int]) -> list[Point]:
    """Return left and right of each layer: as wide as its widest box."""
    widths = [max(b.width for b, at in zip(boxes, layers, strict=True) if at == n) for n in range(max(layers) + 1)]
    left, columns = float(MARGIN), []
    for width in widths:
        columns.append((left, left + width))
        left += width + LAYER_GAP
    return columns


def _arrows(
    boxes: Sequence[Box],
    centres: dict[str, Point],
    bends: dict[tuple[str, str], list[Point]],
) -> Iterator[str]:
    width = {box.name: box.width for box in boxes}
    for box in boxes:
        dashes = ' stroke-dasharray="5 4" opacity="0.6"' if box.shape == "finalizer" else ""
        for before in box.after:
            start = (centres[before][0] + width[before] / 2, centres[before][1])
            end = (centres[box.name][0] - box.width / 2 - 2, centres[box.name][1])
            path = _curve([start, *bends[before, box.name], end])
            yield f'<path d="{path}" fill="none" stroke="#57606a" stroke-width="1.4"{dashes} marker-end="url(#tip)"/>'


def _curve(points: Sequence[Point]) -> str:
    """Return a smooth path that leaves and enters every point horizontally."""
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        middle = (x1 + x2) / 2
        parts.append(f"C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {x2:.1f} {y2:.1f}")
    return " ".join(parts)


def _box(box: Box, centre: Point) -> Iterator[str]:
    x, y = centre[0] - box.width / 2, centre[1] - BOX_HEIGHT / 2
    dashes = ' stroke-dasharray="5 3"' if box.shape == "finalizer" else ""
    yield (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{box.width:.1f}" height="{BOX_HEIGHT}" rx="{ROUNDING[box.shape]}" '
        f'fill="{box.fill}" stroke="{box.border}" stroke-width="1.6"{dashes}/>'
    )
    yield (
        f'<text x="{centre[0]:.1f}" y="{y + 23:.1f}" font-size="13" font-weight="600" text-anchor="middle" '
        f'fill="#24292f">{escape(box.name)}</text>'
    )
    yield (
        f'<text x="{centre[0]:.1f}" y="{y + 40:.1f}" font-size="11" text-anchor="middle" '
        f'fill="#57606a">{escape(box.note)}</text>'
    )
