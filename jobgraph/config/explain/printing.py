"""Writes a job configuration as YAML: the inverse of `jobgraph.config.reading`.

Knows the layout of the file's keys and the notation of values. Must not know where a value comes from, nor which
values are valid.

A document is the file's content as plain values: mappings, lists, texts, numbers. Remarks become comments in the file.
They are given by the path of the key that they precede, such as `graphs.nightly.jobs.load.args`.
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
# version, graphs, graph, jobs, job, key of a job: deeper values are written on their key's line if they fit
_DEEPEST_BLOCK = 5
# texts that never need quotes in YAML, so that the YAML writer, which is slow, need not decide
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./]*(:[A-Za-z0-9_.]*[A-Za-z_.][A-Za-z0-9_.]*)?")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def printed(document: Mapping[str, Any], remarks: Remarks | None = None, heading: Sequence[str] = ()) -> str:
    """Return the text of a configuration file. `heading` are the comments at its start, one per line."""
    lines = [SCHEMA_LINE, *(_comment(line) for line in heading), *_block(document, (), remarks or {})]
    return "\n".join(lines) + "\n"


def _comment(remark: str) -> str:
    """Return a comment in which line breaks and characters that YAML does not allow are escaped."""
    safe = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in remark)
    return f"# {safe}".rstrip()


def _block(mapping: Mapping[str, Any], path: tuple[str, ...], remarks: Remarks) -> Iterator[str]:
    """Yield the lines of a mapping, one for each key."""
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
    """Return whether a mapping takes several lines: those of graphs and jobs do, others only if they are too long."""
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
    """Return a text, number, yes/no or null as YAML on one line. A text is quoted if YAML would read it otherwise."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if isinstance(value, float) and math.isfinite(value):
        digits = format(Decimal(repr(value)), "f")  # not every YAML reader accepts an exponent
        return digits if "." in digits else f"{digits}.0"
    double = isinstance(value, str) and (not value.isprintable() or ("'" in value and not {'"', "\\"} & set(value)))
    # written inside a list, because there the writer also quotes texts with commas and brackets
    written = yaml.safe_dump(
        [value], default_style='"' if double else None, default_flow_style=True, width=float("inf"), allow_unicode=True
    )
    return str(written).strip()[1:-1]
