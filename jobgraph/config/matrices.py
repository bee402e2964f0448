"""Expands a job with a `matrix` to one job for each combination of its values.

Knows how the combinations are named and where their values are inserted. Must not know the meaning of any other key.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# All jobs of a matrix follow the same predecessors, and Snowflake allows 100 tasks that follow one.
MOST_COMBINATIONS = 100
PLACEHOLDER = re.compile(r"\$\{\{\s*matrix\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_]")

Combination = dict[str, str]


def size(matrix: Mapping[str, Sequence[str]]) -> int:
    """Return the number of combinations."""
    count = 1
    for values in matrix.values():
        count *= len(values)
    return count


def combinations(matrix: Mapping[str, Sequence[str]]) -> Iterator[Combination]:
    """Yield each combination of the values; the values of the last name change fastest."""
    for values in itertools.product(*matrix.values()):
        yield dict(zip(matrix, values, strict=True))


def name_of_combination(key: str, combination: Combination) -> str:
    """Return the name of a combination's job: the matrix job's name and the values, with `_` for illegal characters."""
    return "_".join([key, *(_NOT_IN_NAMES.sub("_", value) for value in combination.values())])


def filled(text: str, combination: Combination) -> str:
    """Return the text with the combination's values in place of `${{ matrix.NAME }}`; unknown names stay."""
    if "${{" not in text:
        return text
    return PLACEHOLDER.sub(lambda match: combination.get(match[1], match[0]), text)


def unknown_names(text: str, matrix: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names in the text's placeholders that the matrix does not have."""
    return [name for name in PLACEHOLDER.findall(text) if name not in matrix]
