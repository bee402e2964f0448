"""The timeline of a run as HTML: a bar for each job, divided by how it spent its time.

Pure. The critical path is told by a diamond and a bold name, not by colour alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.page.markup.elements import brief, link, state, text
from jobgraph.page_model import address
from jobgraph.page_model import timeline as model
from jobgraph.runs.wording import duration

if TYPE_CHECKING:
    from jobgraph.page_model.address import Address
    from jobgraph.page_model.timeline import Bar, Piece, Timeline

_CSS = {
    model.QUEUE: "queue",
    model.NODE: "node",
    model.RUNNING: "ran",
    model.FAILED_RUN: "lost",
    model.CANCELLED_RUN: "cancelled",
    model.RETRY: "node",
    model.BETWEEN: "between",
    model.AFTER: "after",
}
_SIGNS = {model.FAILED_RUN: "✗", model.CANCELLED_RUN: "■"}
_STEPS = 5
# A label fits behind a bar that ends before so much of the line.
_ROOM = 88.0


def timeline_html(timeline: Timeline, here: Address) -> str:
    """Return the timeline of a run; `here` is the address of the run."""
    if not timeline.seconds:
        return ""
    ticks = "".join(
        f'<span style="left:{place * 100 / _STEPS:.1f}%">{text(duration(timeline.seconds * place / _STEPS))}</span>'
        for place in range(_STEPS + 1)
    )
    rows = "".join(_row(bar, timeline.seconds, here) for bar in timeline.bars)
    return f'<div class="timeline"><div class="axis"><div>{ticks}</div></div>{rows}</div>{_legend()}'


def _row(bar: Bar, whole: float, here: Address) -> str:
    job = bar.job
    mark = (
        '<i class="critical" title="on the critical path: the run could not end before it">◆</i>'
        if bar.critical
        else ""
    )
    pieces = "".join(_piece(piece, whole) for piece in bar.pieces)
    label = _label(bar, whole) if bar.pieces else ""
    name = link(here.to(address.ATTEMPT, job=job.name), f"{mark}<span>{text(job.name)}</span>", "name", job.name)
    css = " critical" if bar.critical else ""
    cause = f'<small class="cause">{brief(job.cause)}</small>' if job.cause else ""
    return f'<div class="line{css}">{name}{state(job.state)}<div class="track">{pieces}{label}</div>{cause}</div>'


def _label(bar: Bar, whole: float) -> str:
    """Return how long the job took, behind its bar, or before it where there is no room behind."""
    start, end = bar.pieces[0].start / whole * 100, bar.pieces[-1].end / whole * 100
    side = f"left:{end:.2f}%" if end < _ROOM else f"right:{100 - start:.2f}%"
    return f'<em style="{side}">{text(duration(bar.job.duration))}</em>'


def _piece(piece: Piece, whole: float) -> str:
    start, width = piece.start / whole * 100, max(piece.seconds / whole * 100, 0.15)
    words = f"attempt {piece.attempt}, " if piece.attempt is not None else ""
    hint = f"{words}{piece.kind}: {duration(piece.seconds)} ({model.WORDS[piece.kind]})"
    sign, css = _SIGNS.get(piece.kind, ""), _CSS[piece.kind]
    return f'<b class="{css}" style="left:{start:.2f}%;width:{width:.2f}%" title="{text(hint)}">{sign}</b>'


def _legend() -> str:
    ran = (model.RUNNING, model.FAILED_RUN, model.CANCELLED_RUN)
    kinds = (model.QUEUE, model.NODE, *ran, model.BETWEEN, model.AFTER)
    entries = "".join(
        f'<span><b class="piece {_CSS[kind]}" aria-hidden="true">{_SIGNS.get(kind, "")}</b>'
        f"{text(model.WORDS[kind])}</span>"
        for kind in kinds
    )
    return f'<div class="legend">{entries}<span><i class="critical">◆</i>on the critical path</span></div>'
