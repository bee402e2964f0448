"""The layout of boxes that are joined by arrows: a layer for each box, an order in each layer, and a height.

Knows graphs and geometry. Must not know what a box represents, nor how it is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import igraph

if TYPE_CHECKING:
    from collections.abc import Sequence

# how often the layers are moved towards their neighbours, back and forth; more makes no visible difference
_SWEEPS = 12
_ORDER_ROUNDS = 200


@dataclass(frozen=True)
class Sizes:
    """Heights in pixels: of a box, of the gap between two boxes, and of the lane of an arrow that passes a layer."""

    box: float
    gap: float
    lane: float


@dataclass
class _Place:
    """A box, or the passage of an arrow, in a layer; `near` are its neighbours in the layers before and after."""

    layer: int
    rank: float
    is_box: bool
    near: list[_Place]
    middle: float = 0.0


@dataclass(frozen=True)
class Placement:
    """`layers` and `middles` by box (pixels from the top edge of the first box); `lanes` by arrow, layer by layer."""

    layers: tuple[int, ...]
    middles: tuple[float, ...]
    lanes: tuple[tuple[float, ...], ...]

    @property
    def height(self) -> float:
        """The largest distance of a middle from the top, in pixels."""
        return max([*self.middles, *(middle for lane in self.lanes for middle in lane)], default=0.0)


def placed(count: int, arrows: Sequence[tuple[int, int]], sizes: Sizes) -> Placement:
    """Return the placement of `count` boxes. Each arrow leads from a box to one with a higher number."""
    layers = _layers(count, arrows)
    if not count:
        return Placement((), (), ())
    graph = igraph.Graph(n=count, edges=list(arrows), directed=True)
    # igraph determines the order. Its layers run from top to bottom, so its x is our position from the top.
    layout = graph.layout_sugiyama(layers=layers, hgap=1, vgap=1, maxiter=_ORDER_ROUNDS)
    boxes = [_Place(layers[n], float(layout.coords[n][0]), is_box=True, near=[]) for n in range(count)]
    passages: list[list[_Place]] = []
    for (start, end), path in zip(arrows, layout.edge_routing, strict=True):
        points = sorted(path, key=lambda point: point[1])
        lane = [_Place(layers[start] + n, float(x), is_box=False, near=[]) for n, (x, _) in enumerate(points, 1)]
        passages.append(lane)
        for place, next_place in zip([boxes[start], *lane], [*lane, boxes[end]], strict=True):
            place.near.append(next_place)
            next_place.near.append(place)
    _settle([*boxes, *(place for lane in passages for place in lane)], sizes)
    return Placement(
        tuple(layers),
        tuple(box.middle for box in boxes),
        tuple(tuple(place.middle for place in lane) for lane in passages),
    )


def _layers(count: int, arrows: Sequence[tuple[int, int]]) -> list[int]:
    """Return each box's layer: the one after the last layer of its predecessors."""
    before: list[list[int]] = [[] for _ in range(count)]
    for start, end in arrows:
        before[end].append(start)
    layers: list[int] = []
    for number in range(count):
        layers.append(max((layers[start] + 1 for start in before[number]), default=0))
    return layers


def _settle(places: Sequence[_Place], sizes: Sizes) -> None:
    """Set the height of each place: near its neighbours, with enough distance from the others in its layer."""
    columns: list[list[_Place]] = [[] for _ in range(max(place.layer for place in places) + 1)]
    for place in places:
        columns[place.layer].append(place)
    for column in columns:
        column.sort(key=lambda place: place.rank)
        _move(column, [0.0] * len(column), sizes)
    for sweep in range(_SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            targets = [
                sum(neighbour.middle for neighbour in place.near) / len(place.near) if place.near else place.middle
                for place in column
            ]
            _move(column, targets, sizes)
    top = min(place.middle - (sizes.box / 2 if place.is_box else 0) for place in places)
    for place in places:
        place.middle -= top


def _move(column: Sequence[_Place], targets: Sequence[float], sizes: Sizes) -> None:
    """Place a layer so that the squared distances to the targets are minimal (pool adjacent violators)."""
    offsets, offset = [], 0.0
    for place, before in zip(column, [None, *column[:-1]], strict=True):
        if before is not None:
            offset += _distance(before, place, sizes)
        offsets.append(offset)
    pools: list[tuple[float, int]] = []
    for want, off in zip(targets, offsets, strict=True):
        pools.append((want - off, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (high, many), (low, low_size) = pools[-2:]
            pools[-2:] = [((high * many + low * low_size) / (many + low_size), many + low_size)]
    shifts = [shift for shift, size in pools for _ in range(size)]
    for place, shift, off in zip(column, shifts, offsets, strict=True):
        place.middle = shift + off


def _distance(upper: _Place, lower: _Place, sizes: Sizes) -> float:
    """Return the minimal distance between the middles of two neighbours in a layer."""
    if upper.is_box and lower.is_box:
        return sizes.box + sizes.gap
    return sizes.lane if not upper.is_box and not lower.is_box else (sizes.box + sizes.gap) / 2 + sizes.lane / 2
