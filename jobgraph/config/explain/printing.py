"""A job configuration written as the YAML text of a file: what `jobgraph.config.reading` reads, the other way round.

Knows how the keys of the file are laid out and how their values are written. Must not know where a value comes from,
nor which values are right.

A document is what the file says as plain values: mappings, lists, texts, numbers. Remarks are comments of the file, by
the path of the key that they stand above, as `graphs.nightly.jobs.load.args`.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Remarks = dict[tuple[str, ...], list[str]]

SCHEMA_LINE = "# yaml-language-server: $schema=./jobconfig.schema.json"
WIDEST = 120
# version, graphs, graph, jobs, job, key of a job: what is deeper stands on its key's line if it fits
_DEEPEST_BLOCK = 5
# texts that need no quotes in any YAML, so the writer need not be asked
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./]*(:[A-Za-z0-9_.]*[A-Za-z_.][A-Za-z0-9_.]*)?")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def printed(document: Mapping[str, Any], remarks: Remarks | None = None, heading: Sequence[str] = ()) -> str:
    """Return the text of a configuration file; `heading` are remarks above everything, one a line."""
    lines = [SCHEMA_LINE, *(_comment(line) for line in heading), *_block(document, (), remarks or {})]
    return "\n".join(lines) + "\n"


def _comment(remark: str) -> str:
    """Return a comment; what YAML allows nowhere, and what would end the line, is written as an escape."""
    safe = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in remark)
    return f"# {safe}".rstrip()


def _block(mapping: Mapping[str, Any], path: tuple[str, ...], remarks: Remarks) -> Iterator[str]:
    """Yield the lines of a mapping, each key on a line of its own."""
    lead = "  " * len(path)
    for key, value in mapping.items():
        here = (*path, key)
        yield from (f"{lead}{_comment(remark)}" for remark in remarks.get(here, ()))
        name = scalar(key)
        if isinstance(value, dict) and value and _opens(here, value, len(lead) + len(name) + 2, remarks):
            yield f"{lead}{name}:"
            yield from _block(value, here, remarks)
        else:
            yield f"{lead}{name}: {flow(value)}"


def _opens(path: tuple[str, ...], value: Mapping[str, Any], column: int, remarks: Remarks) -> bool:
    """Tell whether a mapping is written over several lines: those of graphs and jobs are, others if too long."""
    if len(path) < _DEEPEST_BLOCK - 1 and path[0] == "graphs":
        return path[2:3] in ((), ("jobs",)) or column + len(flow(value)) > WIDEST
    if any(remark_path[: len(path)] == path and len(remark_path) > len(path) for remark_path in remarks):
        return True
    return column + len(flow(value)) > WIDEST


def flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(inner) for inner in value) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """Return a text, number, yes/no or nothing as YAML on one line; a text keeps being a text when it is read."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if isinstance(value, float) and math.isfinite(value):
        digits = format(Decimal(repr(value)), "f")  # an exponent would not be read as a number everywhere
        return digits if "." in digits else f"{digits}.0"
    double = isinstance(value, str) and (not value.isprintable() or ("'" in value and not {'"', "\\"} & set(value)))
    # inside a list, for there the writer quotes what a comma or a bracket would end
    written = yaml.safe_dump(
        [value], default_style='"' if double else None, default_flow_style=True, width=float("inf"), allow_unicode=True
    )
    return str(written).strip()[1:-1]
