"""Least squares for a model of two features: minutes = a + b * distance + c * stops.

Knows arithmetic. Must not know where trips come from.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ALMOST_NOTHING = 1e-9

Trip = tuple[float, float, float]


def fit(trips: Iterable[Trip]) -> list[float]:
    """Return the three weights that fit the trips best.

    Raises:
        ValueError: if the trips do not determine them.
    """
    left = [[0.0] * 3 for _ in range(3)]
    right = [0.0] * 3
    for distance, stops, minutes in trips:
        features = (1.0, distance, stops)
        for i, x in enumerate(features):
            right[i] += x * minutes
            for j, y in enumerate(features):
                left[i][j] += x * y
    return solve(left, right)


def solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Return the solution of linear equations, by elimination with pivots.

    Raises:
        ValueError: if there is none, or more than one.
    """
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for column in range(len(rows)):
        pivot = max(range(column, len(rows)), key=lambda place: abs(rows[place][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        if abs(rows[column][column]) < ALMOST_NOTHING:
            raise ValueError("the trips do not determine a model: they are too few or too much alike")
        for place, row in enumerate(rows):
            if place != column:
                factor = row[column] / rows[column][column]
                rows[place] = [x - factor * y for x, y in zip(row, rows[column], strict=True)]
    return [row[-1] / row[place] for place, row in enumerate(rows)]


def predict(weights: Sequence[float], distance: float, stops: float) -> float:
    """Return the minutes that the model expects."""
    return weights[0] + weights[1] * distance + weights[2] * stops


def root_mean_square_error(weights: Sequence[float], trips: Sequence[Trip]) -> float:
    """Return the typical error of the model's predictions, in minutes."""
    squares = [(predict(weights, distance, stops) - minutes) ** 2 for distance, stops, minutes in trips]
    return math.sqrt(sum(squares) / len(squares))
