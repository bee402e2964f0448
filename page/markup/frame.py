"""The frame of every view as HTML: breadcrumbs and tabs. Also the small views: reasons, last deploy and picture.

Pure. Knows which views belong together.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jobgraph.page.markup.elements import empty, heading, instant, link, table, text
from jobgraph.page_model import address, reasons
from jobgraph.page_model.address import Address

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from jobgraph.page_model.changes import LastDeploy
    from jobgraph.page_model.reasons import Reason

_TABS = (
    (address.GRID, "Grid"),
    (address.RUN, "Timeline"),
    (address.PICTURE, "Picture"),
    (address.COST, "Cost"),
    (address.CHANGES, "Last deploy"),
    (address.ALERTS, "Messages"),
    (address.WHY, "Why does it not run?"),
)
_WIDTH = re.compile(r' width="(\d+)"')
# A picture is drawn smaller to fit, but never below this part of its size: then it is moved.
_LEAST = 0.62
_BELONGS = {address.JOB: address.GRID, address.ATTEMPT: address.RUN}


def frame_html(here: Address, place: str) -> str:
    """Return the head of the page with its breadcrumbs; `place`: what the page is connected to."""
    steps = [link(Address(), '<b class="mark">◆</b> jobgraph', "home")]
    if here.graph:
        steps.append(link(Address(view=address.GRID, graph=here.graph), text(here.graph)))
    if here.run and here.view in {address.RUN, address.PICTURE, address.ATTEMPT}:
        steps.append(link(here.to(address.RUN, job="", attempt=""), f"run {text(here.run)}"))
    if here.job:
        steps.append(link(here.to(address.JOB, run="", attempt=""), text(here.job)))
    crumbs = '<i aria-hidden="true">/</i>'.join(steps)
    return (
        f'<header><nav class="crumbs" aria-label="Where you are">{crumbs}</nav><span class="place">{text(place)}</span>'
        "</header>"
    )


def ways_back_html(here: Address) -> str:
    """Return links from an address that leads nowhere: to all graphs, and to all runs of its graph."""
    links = [link(Address(), "All graphs")]
    if here.run or here.job:
        links.append(link(Address(view=address.GRID, graph=here.graph), f"All runs of {text(here.graph)}"))
    return f'<nav class="back" aria-label="Ways back">{" ".join(links)}</nav>'


def tabs_html(here: Address) -> str:
    """Return the tabs of a graph's views."""
    chosen = _BELONGS.get(here.view, here.view)
    links = "".join(
        link(
            Address(view=view, graph=here.graph, run=here.run if view in {address.RUN, address.PICTURE} else ""),
            text(word),
            "tab on" if view == chosen else "tab",
            here=view == chosen,
        )
        for view, word in _TABS
    )
    return f'<nav class="tabs" aria-label="Views of {text(here.graph)}">{links}</nav>'


def reasons_html(sentences: Sequence[Reason]) -> str:
    """Return why a graph does not run; what needs attention comes first."""
    entries = "".join(
        f'<li class="{reason.kind}"><i aria-hidden="true">{"!" if reason.kind == reasons.LOOK else "✓"}</i>'
        f"<span>{with_commands(reason.text)}</span></li>"
        for reason in sentences
    )
    return f'<ul class="reasons">{entries}</ul>'


def with_commands(sentence: str) -> str:
    """Return a sentence in which text between backticks is code."""
    parts = text(sentence).split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))


def changes_html(deploy: LastDeploy, now: datetime) -> str:
    """Return what the last deploy changed."""
    when = heading("Deployed", "") + f"<p>{instant(deploy.at, now) or 'at a time that Snowflake does not tell'}</p>"
    if deploy.run_before is None:
        return when + empty("No run is recorded from before this deploy, so there is nothing to compare it with.")
    since = f"against run {deploy.run_before.run_id}, the last one before it"
    if not deploy.changes:
        return when + empty(f"The same jobs, order, images and pools, {since}.")
    rows = [
        [
            f'<span class="change {change.kind}">{text(change.kind)}</span>',
            text(change.job),
            text(change.what),
            text(change.before),
            text(change.now),
        ]
        for change in deploy.changes
    ]
    return when + heading("Changes", since) + table(("", "job", "what", "before", "now"), rows)


def picture_html(svg: str) -> str:
    """Return the drawing of a graph. Its background is light; the CSS inverts it in dark mode."""
    width = _WIDTH.search(svg)
    least = f' style="min-width:{int(width.group(1)) * _LEAST:.0f}px"' if width else ""
    return (
        '<div class="picture" tabindex="0" aria-label="Picture of the graph">'
        f"{svg.replace('<svg ', f'<svg{least} ', 1)}</div>"
    )
