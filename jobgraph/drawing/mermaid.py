"""Writes Mermaid flowcharts: boxes, arrows, and their styles. No other module writes Mermaid text.

Knows Mermaid's syntax (mermaid.js.org/syntax/flowchart.html), and the limits of code hosts. Must not know what a box
represents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Mermaid's own limit is 500 (maxEdges); beyond it a code host shows an error instead of the picture
MOST_ARROWS = 400
_SHAPES = {
    "root": ('([" ', ' "])'),
    "job": ('["', '"]'),
    "group": ('[["', '"]]'),
    "finalizer": ('{{"', '"}}'),
    "remark": ('(["', '"])'),
}


@dataclass(frozen=True)
class MermaidBox:
    """A box: its id, its text (by default the id), its shape, and its style in Mermaid's notation."""

    id: str
    label: str = ""
    shape: str = "job"
    style: str = ""


@dataclass(frozen=True)
class MermaidArrow:
    """An arrow between two boxes, named by their ids."""

    start: str
    end: str
    dotted: bool = False
    style: str = ""


def flowchart(boxes: Sequence[MermaidBox], arrows: Sequence[MermaidArrow], remarks: Sequence[str] = ()) -> str:
    """Return the flowchart, from left to right; each of the `remarks` has its own box."""
    drawn = arrows[:MOST_ARROWS]
    notes = [*remarks, *([f"{len(arrows) - len(drawn)} arrows are not drawn"] if len(arrows) > len(drawn) else [])]
    lines = ["flowchart LR", *(f"  {_box(box)}" for box in boxes)]
    lines += [f"  {arrow.start} {'-.->' if arrow.dotted else '-->'} {arrow.end}" for arrow in drawn]
    lines += [f"  style {box.id} {box.style}" for box in boxes if box.style]
    by_style: dict[str, list[str]] = {}
    for number, arrow in enumerate(drawn):
        if arrow.style:
            by_style.setdefault(arrow.style, []).append(str(number))
    lines += [f"  linkStyle {','.join(numbers)} {style}" for style, numbers in by_style.items()]
    lines += [f"  {_box(MermaidBox(f'more_{n}', note, 'remark'))}" for n, note in enumerate(notes)]
    return "\n".join(lines) + "\n"


def _box(box: MermaidBox) -> str:
    if not box.label:
        return box.id
    start, end = _SHAPES[box.shape]
    return f"{box.id}{start}{box.label}{end}"
