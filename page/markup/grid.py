"""The grid of a graph as HTML: a column for each run, a row for each job.

Pure. The cells of a row travel as letters (`looks.letter`); the browser makes them when the row comes into sight, so
that a thousand jobs cost no more than a screenful. `whole`: they are made here, for where no script runs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from jobgraph.page.markup.elements import data, legend, link, text
from jobgraph.page_model import address, looks
from jobgraph.runs import overview
from jobgraph.runs.wording import duration, instant_utc

if TYPE_CHECKING:
    from jobgraph.page_model.address import Address
    from jobgraph.page_model.grid import Grid, Row
    from jobgraph.runs.graph_run import GraphRun

# only a graph as a whole is in the other state
_LEGEND = tuple(name for name in looks.LOOKS if name != overview.NEVER_RAN)


def grid_html(grid: Grid, here: Address, *, unread: int = 0, whole: bool = False) -> str:
    """Return the grid of a graph; `here`: the address of the view, `unread`: how many earlier runs are still unread."""
    runs = [{"id": run.run_id, "label": _label(run)} for run in grid.runs]
    words = {letter: [look.tone, look.sign, look.word] for letter, look in looks.by_letter().items()}
    head = "".join(_column(run, here, grid.longest) for run in grid.runs)
    rows = "".join(_row(row, here, whole=whole) for row in grid.rows)
    attributes = (
        f'data-runs="{data(json.dumps(runs))}" data-looks="{data(json.dumps(words))}" data-graph="{data(here.graph)}"'
    )
    hidden = (
        f'<p class="quiet">{grid.hidden} more jobs are not shown: the filter leaves them out.</p>'
        if grid.hidden
        else ""
    )
    coming = f"{unread} earlier runs are being read" if unread else ""
    return (
        f'<div class="grid" style="--runs:{len(grid.runs)}" tabindex="0" role="grid" {attributes}'
        f' aria-label="Runs and jobs of {text(here.graph)}: arrow keys move, Enter opens"'
        f' aria-rowcount="{len(grid.rows)}">'
        f'<div class="head" role="row"><span class="corner">{_scale(grid)}</span>{head}</div>{rows}</div>'
        f'<p class="told" aria-live="polite">{coming}</p>{hidden}{grid_legend()}'
    )


def grid_legend() -> str:
    """Return what the cells mean."""
    entries = [looks.LOOKS[name] for name in _LEGEND]
    tones = [(look.tone, look.sign, look.word) for look in entries]
    return legend([*tones, (f"{looks.GOOD} again", "✓", "after more than one attempt")])


def _scale(grid: Grid) -> str:
    starts = [run.started for run in grid.runs if run.started is not None]
    span = f"{min(starts):%d %b} to {max(starts):%d %b}" if starts else ""
    count = f"{len(grid.runs)} run{'s' * (len(grid.runs) != 1)}"
    return f"<small>{text(duration(grid.longest))}</small><small>{count}, {span}</small>"


def _label(run: GraphRun) -> str:
    look = looks.look(run.state)
    when = f", {instant_utc(run.started)}" if run.started else ""
    of_part = "a part, " if run.is_part else ""
    return f"run {run.run_id}: {of_part}{look.word or run.state}{when}, {duration(run.duration) or 'not started'}"


def _column(run: GraphRun, here: Address, longest: float) -> str:
    look = looks.look(run.state)
    share = max(0.04, (run.duration or 0.0) / longest)
    bar = f'<i class="{look.tone}" style="height:{share * 100:.0f}%"></i>'
    sign = "" if look.tone == looks.GOOD else look.sign
    return link(here.to(address.RUN, run=run.run_id), f"<u>{sign}</u>{bar}", "bar", _label(run))


def _row(row: Row, here: Address, *, whole: bool) -> str:
    trouble = f'<small title="runs in which it failed">{row.trouble}✗</small>' if row.trouble else ""
    name = link(here.to(address.JOB, job=row.job), f"<span>{text(row.job)}</span>{trouble}", "name", row.job)
    cells = "".join(map(_cell, row.cells)) if whole else ""
    return f'<div class="row" role="row" data-job="{data(row.job)}" data-cells="{row.cells}">{name}{cells}</div>'


def _cell(letter: str) -> str:
    look = looks.by_letter()[letter.lower()]
    again = " again" if letter.isupper() else ""
    return f'<b class="c {look.tone}{again}" title="{text(look.word)}">{look.sign}</b>'
