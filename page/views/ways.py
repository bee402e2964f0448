"""Navigation by widgets, for where links do not work: an app in Snowflake runs in a frame.

Knows Streamlit's widgets. Must not know what a view shows. There, `st.query_params` alone says where somebody is
(developer-guide/streamlit/limitations, query parameters).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from jobgraph.page import reading
from jobgraph.page.board import go, is_alive
from jobgraph.page_model import address
from jobgraph.page_model.address import Address

if TYPE_CHECKING:
    from collections.abc import Sequence

_ALL = "All graphs"
_NEWEST = "Newest run"
_VIEWS = {
    address.GRID: "Grid",
    address.RUN: "Timeline",
    address.PICTURE: "Picture",
    address.ATTEMPT: "Attempt and log",
    address.JOB: "Job",
    address.COST: "Cost",
    address.CHANGES: "Last deploy",
    address.ALERTS: "Messages",
    address.WHY: "Why does it not run?",
}
_OF_A_RUN = {address.RUN, address.PICTURE, address.ATTEMPT}
_OF_A_JOB = {address.ATTEMPT, address.JOB}


def show(here: Address) -> None:
    """Show controls that open every view at once when chosen; nothing if links work."""
    if is_alive():
        return
    with st.container(horizontal=True):
        target = _chosen(here)
    if target != here:
        go(target)


def _chosen(here: Address) -> Address:
    graph = _select("Graph", [_ALL, *(each.key for each in reading.graphs())], here.graph or _ALL)
    if graph == _ALL:
        return here if not here.graph else Address()
    if graph != here.graph:
        return Address(view=here.view if here.graph else address.GRID, graph=graph)
    view = _select("View", list(_VIEWS), here.view, _VIEWS)
    if view != here.view:
        return here.to(view)
    target = here
    if view in _OF_A_RUN:
        ids = [run.run_id for run in reading.runs(graph)[0]]
        run = _select("Run", [_NEWEST, *ids], here.run or _NEWEST)
        target = target.to(view, run="" if run == _NEWEST else run, attempt=here.attempt if run == here.run else "")
    if view in _OF_A_JOB:
        names = sorted({job.name for run in reading.runs(graph)[0] for job in run.jobs})
        target = target.to(view, job=_select("Job", names, here.job or next(iter(names), "")))
    return target if target.job != here.job or target.run != here.run else here


def _select(label: str, options: Sequence[str], value: str, words: dict[str, str] | None = None) -> str:
    """Show a choice; the address's value is among the options even if it no longer exists."""
    listed = list(options) if value in options else [*options, value]
    chosen = st.selectbox(
        label,
        listed,
        index=listed.index(value),
        key=f"way-{label}-{value}",
        format_func=lambda option: (words or {}).get(option, option),
    )
    return str(chosen)
