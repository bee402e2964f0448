"""The overview of all graphs as HTML: a line for each, its last runs as a strip of bars.

Pure. A bar is as high as its run was long; what did not go well has a sign above it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.page.markup.elements import instant, link, state, text, took
from jobgraph.page_model import address, looks
from jobgraph.page_model.address import Address
from jobgraph.runs.wording import duration, instant_utc

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from jobgraph.page_model.strip import Card, StripRun
    from jobgraph.runs.graph_run import GraphRun

# The lowest bar, as a part of the strip's height: a run of a second still shows.
_LOWEST = 0.18


def cards_html(cards: Sequence[Card], now: datetime) -> str:
    """Return the list of graphs."""
    head = "".join(f"<span>{name}</span>" for name in ("Graph", "Last run", "Runs, newest right", "Took", "Next start"))
    return (
        f'<div class="cards"><div class="card head" aria-hidden="true">{head}</div>'
        + "".join(_card(card, now) for card in cards)
        + "</div>"
    )


def _card(card: Card, now: datetime) -> str:
    line, here = card.line, Address(view=address.GRID, graph=card.key)
    notice = f'<em class="notice">{text(card.notice)}</em>' if card.notice else ""
    jobs = len(line.graph.job_names)
    size = f"{jobs} job{'s' * (jobs != 1)}" if line.graph.deployed else "only in history"
    run = line.run
    last = state(line.state)
    when = instant(run.started or run.scheduled, now) if run else ""
    if run:
        last = link(here.to(address.RUN, run=run.run_id), last, "plain")
    part = _part(line.part, here) if line.part else ""
    usual = f"<small>usually {took(line.usual)}</small>" if line.usual is not None else ""
    return (
        f'<div class="card {looks.look(line.state).tone}">'
        f'<div class="who">{link(here, text(card.key), "name")}<small>{text(size)}</small>{notice}</div>'
        f'<div class="last">{last}<small>{when}</small>{part}</div>'
        f'<div class="strip">{"".join(_bar(mark, here) for mark in card.marks)}</div>'
        f'<div class="took">{took(run.duration) if run else ""}{usual}</div>'
        f'<div class="next">{_next(card, now)}</div></div>'
    )


def _part(run: GraphRun, here: Address) -> str:
    """Return a line about a later partial run, which does not decide the graph's state."""
    words = f"<small>then a part:</small> {state(run.state)}"
    return link(here.to(address.RUN, run=run.run_id), words, "plain", f"run {run.run_id} left jobs out")


def _next(card: Card, now: datetime) -> str:
    graph = card.line.graph.deployed
    if graph is None:
        return ""
    if graph.schedule is None:
        return '<span class="quiet">on demand</span>'
    if not graph.started:
        return '<span class="state stopped"><i aria-hidden="true">‖</i>suspended</span>'
    return f"{instant(card.line.next_start, now)}<small>{text(graph.schedule)}</small>"


def _bar(mark: StripRun, here: Address) -> str:
    run, look = mark.run, looks.look(mark.run.state)
    height = max(_LOWEST, mark.share if mark.share is not None else _LOWEST)
    sign = "" if look.tone == looks.GOOD else look.sign
    of_part = "a part, " if run.is_part else ""
    when = f", {duration(run.duration)}, {instant_utc(run.started)}" if run.started else ""
    hint = f"{of_part}{look.word or run.state}{when}"
    bar = f'<i class="{look.tone}" style="height:{height * 100:.0f}%"></i>'
    return link(here.to(address.RUN, run=run.run_id), f"<u>{sign}</u>{bar}", "bar", f"run {run.run_id}: {hint}")
