"""What one may do to a graph: buttons, and for each a dialog that shows the statement and the jobs before it is done.

Knows Streamlit's dialogs. Must not know the statements. In Snowflake the page acts with its owner's privileges, not
with those of who looks at it, so there it only shows the commands.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import streamlit as st

from jobgraph.account import steering
from jobgraph.account.client import AbsentError
from jobgraph.errors import UserError
from jobgraph.page import connection, reading
from jobgraph.page.views.live import live
from jobgraph.runs import values
from jobgraph.runs.operations import filled
from jobgraph.runs.selection import Selection

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobgraph.account.steering import Action
    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.graph_run import Run

_KEY = "action"
_TITLES = {
    steering.RUN: "Run",
    steering.RETRY: "Retry",
    steering.CANCEL: "Cancel",
    steering.SUSPEND: "Suspend",
    steering.RESUME: "Resume",
}
_ICONS = {
    steering.RUN: ":material/play_arrow:",
    steering.RETRY: ":material/replay:",
    steering.CANCEL: ":material/stop:",
    steering.SUSPEND: ":material/pause:",
    steering.RESUME: ":material/play_circle:",
}
_MOST_NAMED = 30


def possible(graph: Deployed, run: Run | None) -> list[str]:
    """Return what makes sense now, the usual first."""
    under_way = run is not None and not run.ended
    names = [steering.RUN]
    if run is not None and run.retryable:
        names.append(steering.RETRY)
    if under_way:
        names.append(steering.CANCEL)
    if graph.schedule is not None:
        names.append(steering.SUSPEND if graph.started else steering.RESUME)
    return names


def buttons(name: str) -> None:
    """Show a button for what may be done to a graph now; of one that is no longer deployed, none."""

    def draw() -> bool:
        graph, run = reading.graph(name).deployed, reading.line(name).run
        if graph is None:
            return False
        with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
            for action in possible(graph, run):
                if st.button(_TITLES[action], icon=_ICONS[action], key=f"do-{action}", type="tertiary"):
                    st.session_state[_KEY] = action
                    st.rerun()
        return run is not None and not run.ended

    live(draw)


def dialog(name: str) -> None:
    """Show the dialog of the action that was asked for, if one was."""
    action = st.session_state.get(_KEY)
    graph = reading.graph(name).deployed
    if action is None or graph is None:
        return

    @st.dialog(f"{_TITLES[action]} {name}", width="medium", on_dismiss=_forget)
    def window() -> None:
        try:
            _ask(graph, action)
        except UserError as error:
            st.error(f"```\n{error}\n```", icon=":material/error:")

    window()


def _forget() -> None:
    st.session_state.pop(_KEY, None)


def _ask(graph: Deployed, name: str) -> None:
    client = reading.source().client
    if name == steering.RUN:
        changed, chosen = _values(graph), _selection(graph)
        action = steering.run(client, graph, changed, chosen)
    else:
        action = _BUILDERS[name](client, graph)
    st.code(";\n".join(map(filled, action.statements)) + ";" if action.statements else "", language="sql")
    st.markdown(_jobs(action))
    if action.remark:
        st.caption(action.remark)
    note = st.text_input("Note", key="note", placeholder="Why: kept in history with who did it and when")
    if connection.is_in_snowflake():
        st.info(f"The page only looks, in Snowflake. On your machine: `jobgraph {name} {graph.key}`")
        return
    if st.button(_TITLES[name], type="primary", key="confirm", disabled=not action.statements):
        _do(action, note)


_BUILDERS: dict[str, Callable[[Any, Deployed], Action]] = {
    steering.RETRY: steering.retry,
    steering.CANCEL: steering.cancel,
    steering.SUSPEND: steering.suspend,
    steering.RESUME: steering.resume,
}


def _do(action: Action, note: str) -> None:
    client = reading.source().client
    steering.perform(client, action)
    try:
        steering.keep(client, reading.graph(action.graph).tables, action, note)
    except AbsentError:
        st.toast("The note was not kept: an earlier version deployed the graph.")
    reading.forget()
    _forget()
    st.toast(f"{_TITLES[action.name]} of {action.graph} was asked for.", icon=":material/check:")
    st.rerun()


def _values(graph: Deployed) -> dict[str, Any]:
    """Show a field for each value of the graph's configuration; those that were changed."""
    changed: dict[str, Any] = {}
    for key, value in graph.config.items():
        before = json.dumps(value) if not isinstance(value, str) else value
        text = st.text_input(key, value=before, key=f"value-{key}")
        if text != before:
            changed |= values.of_options([f"{key}={text}"])
    return changed


def _selection(graph: Deployed) -> Selection:
    """Show which jobs are to run; all, unless some are chosen."""
    with st.expander("A part of the graph"):
        only = st.multiselect("Only these jobs", graph.job_names, key="only")
        since = st.multiselect("These jobs and all that follows", graph.job_names, key="since")
        skipped = st.multiselect("Without these jobs", graph.job_names, key="skipped")
    return Selection(tuple(only), tuple(since), tuple(skipped))


def _jobs(action: Action) -> str:
    count = len(action.jobs)
    names = ", ".join(f"`{name}`" for name in action.jobs[:_MOST_NAMED])
    ending = f" and {count - _MOST_NAMED} more" if count > _MOST_NAMED else ""
    return f"**{count} job{'s' * (count != 1)}**: {names}{ending}" if count else "**No job**"
