"""Actions on a graph: a button for each, and a dialog that first shows the statements and the jobs.

Knows Streamlit's dialogs. Must not know the statements. In Snowflake the page acts with its owner's privileges, not
with those of who looks at it, so there it only shows the commands.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import streamlit as st

from jobgraph.account import steering
from jobgraph.account.backfill_plans import IntervalChoice
from jobgraph.account.client import AbsentError
from jobgraph.account.run_records import RunRecords
from jobgraph.errors import UserError
from jobgraph.page import connection, reading
from jobgraph.page.board import board
from jobgraph.page.markup.elements import text
from jobgraph.page.markup.frame import with_commands
from jobgraph.page.markup.markdown import block, literal, span
from jobgraph.page.refusals import refuse
from jobgraph.page.views.live import live
from jobgraph.runs import backfills, records, values
from jobgraph.runs.operations import filled
from jobgraph.runs.selection import JobSelection
from jobgraph.value_texts import value_text

if TYPE_CHECKING:
    from jobgraph.account.client import Client
    from jobgraph.account.steering import Action
    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.graph_run import GraphRun

_KEY = "action"
_OUTCOME = "outcome"
_TITLES = {
    steering.RUN: "Run",
    steering.RETRY: "Retry",
    steering.CANCEL: "Cancel",
    steering.SUSPEND: "Suspend",
    steering.RESUME: "Resume",
    steering.BACKFILL: "Backfill",
}
_ICONS = {
    steering.RUN: ":material/play_arrow:",
    steering.RETRY: ":material/replay:",
    steering.CANCEL: ":material/stop:",
    steering.SUSPEND: ":material/pause:",
    steering.RESUME: ":material/play_circle:",
    steering.BACKFILL: ":material/history:",
}
_MOST_NAMED = 30


def possible(graph: Deployed, run: GraphRun | None) -> list[str]:
    """Return the actions that make sense now, the most usual first."""
    under_way = run is not None and not run.ended
    names = [steering.RUN]
    if run is not None and run.retryable:
        names.append(steering.RETRY)
    if under_way:
        names.append(steering.CANCEL)
    if graph.schedule is not None:
        names.append(steering.SUSPEND if graph.started else steering.RESUME)
    # intervals of a cron expression need a library that an app in Snowflake does not have
    return names if connection.is_in_snowflake() else [*names, steering.BACKFILL]


def buttons(name: str) -> None:
    """Show a button for each possible action on a graph; none if it is no longer deployed."""

    def draw() -> bool:
        try:
            graph, run = reading.graph(name).deployed, reading.newest(name)
            lacking = None if graph is None else _lacking(graph)
        except UserError as error:
            # the view beside them shows it in full
            st.caption("No actions now", help=block(error))
            return False
        if graph is None:
            return False
        _row(possible(graph, run), lacking)
        return run is not None and not run.ended

    live(draw)


def _row(actions: list[str], lacking: str | None) -> None:
    """Show a button for each action; `lacking`: why the user may do none of them."""
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        for action in actions:
            if st.button(
                _TITLES[action],
                icon=_ICONS[action],
                key=f"do-{action}",
                type="tertiary",
                disabled=lacking is not None,
                help=lacking,
            ):
                st.session_state[_KEY] = action
                st.rerun()


def _lacking(graph: Deployed) -> str | None:
    """Return why the user may not act on a graph; None if they may, or if that is not known."""
    if connection.is_in_snowflake() or reading.may_operate(graph.key) is not False:
        return None
    return (
        f"Your role only looks: it lacks OPERATE on the task {literal(graph.root_task)}."
        " `jobgraph privileges --role operator --sql` writes what an administrator grants."
    )


def dialog(name: str) -> None:
    """Show the dialog of the action whose button was clicked, if any."""
    action = st.session_state.get(_KEY)
    graph = reading.graph(name).deployed
    if action is None or graph is None:
        return

    @st.dialog(f"{_TITLES[action]} {literal(name)}", width="medium", on_dismiss=_forget)
    def window() -> None:
        try:
            _leave(action)
            _ask(graph, action)
        except UserError as error:
            refuse(error)

    window()


def _forget() -> None:
    st.session_state.pop(_KEY, None)


def _ask(graph: Deployed, name: str) -> None:
    client = reading.source().client
    if name == steering.RUN:
        changed, chosen = _values(graph), _selection(graph)
        action = steering.run(client, graph, changed, chosen)
    elif name == steering.BACKFILL:
        choice, ends = _intervals(graph)
        with st.spinner("Checking which intervals have already run"):
            action = steering.backfill(client, reading.graph(graph.key), graph, choice, ends)
    else:
        action = _built(client, graph, name)
    # without colours, some of which hardly stand out from the paper
    statements = ";\n".join(map(filled, action.statements)) + ";" if action.statements else ""
    st.code(statements, language=None, wrap_lines=True)
    board(f'<p>{_jobs(action)}</p><p class="quiet">{with_commands(action.remark)}</p>', "concerns")
    st.text_input("Note", key="note", placeholder="The reason, recorded in history with who did it and when")
    if connection.is_in_snowflake():
        st.info(f"The page only looks, in Snowflake. On your machine: {span(f'jobgraph {name} {graph.key}')}")
        return
    # done with what is shown here, not with what the next look would give
    st.button(
        _TITLES[name],
        type="primary",
        key="confirm",
        disabled=not action.statements,
        on_click=_do,
        args=(action,),
    )


def _built(client: Client, graph: Deployed, name: str) -> Action:
    """Return an action that needs no further input."""
    if name in {steering.SUSPEND, steering.RESUME}:
        return steering.suspend(client, graph) if name == steering.SUSPEND else steering.resume(client, graph)
    runs = RunRecords(client, records.of_deployed(graph))
    rows = runs.rows()
    if name == steering.CANCEL:
        return steering.cancel(client, graph, rows)
    return steering.retry(client, graph, runs.assembled(rows), rows)


def _do(action: Action) -> None:
    """Perform an action, and keep its outcome for `_leave`."""
    client = reading.source().client
    try:
        action = steering.perform(client, action)
        outcome = {"told": f"{_TITLES[action.name]} of {literal(action.graph)} was asked for.{_kept(client, action)}"}
    except UserError as error:
        outcome = {"refusal": str(error)}
    st.session_state[_OUTCOME] = outcome
    reading.forget()


def _kept(client: Client, action: Action) -> str:
    """Record an action that was performed, with its note; return a sentence if that was not possible."""
    operation = action.operation(st.session_state.get("note") or "")
    try:
        steering.keep(client, reading.graph(action.graph).tables, operation)
    except AbsentError:
        return " The note could not be recorded: an earlier version of jobgraph deployed the graph."
    except UserError as error:
        return f" The note could not be recorded: {span(error)}"
    return ""


def _leave(name: str) -> None:
    """Close the dialog if its action was just done; if Snowflake refused it, say so in the dialog instead."""
    outcome = st.session_state.pop(_OUTCOME, None)
    if outcome is None:
        return
    if "refusal" in outcome:
        refuse(outcome["refusal"])
        return
    _forget()
    st.toast(outcome["told"], icon=_ICONS[name])
    st.rerun()


def _intervals(graph: Deployed) -> tuple[IntervalChoice, tuple[str, str]]:
    """Show the fields of a backfill: its days, the length of an interval, and which intervals to run."""
    today = reading.now().date()
    steps = backfills.STEPS if graph.schedule else tuple(step for step in backfills.STEPS if step != backfills.SCHEDULE)
    usual = backfills.SCHEDULE if graph.schedule else backfills.DAY
    with st.container(horizontal=True):
        begin = st.date_input("First day", today - timedelta(days=7), key="begin")
        end = st.date_input("Last day", today - timedelta(days=1), key="end")
        step = st.selectbox("An interval is", steps, index=steps.index(usual), key="step")
        reprocess = st.selectbox(
            "Intervals that", backfills.REPROCESS, key="reprocess", format_func=_REPROCESS.__getitem__
        )
    newest_first = st.checkbox("Newest first", key="newest-first")
    return IntervalChoice(step, reprocess, newest_first), (begin.isoformat(), end.isoformat())


_REPROCESS = {
    backfills.MISSING: "were never run",
    backfills.FAILED: "failed, or were never run",
    backfills.ALL: "there are, also good ones",
}


def _values(graph: Deployed) -> dict[str, Any]:
    """Show a field for each value of the graph's configuration, and return the changed ones."""
    changed: dict[str, Any] = {}
    for key, value in graph.config.items():
        before = value_text(value)
        value_now = st.text_input(literal(key), value=before, key=f"value-{key}")
        if value_now != before:
            changed |= values.of_options([f"{key}={value_now}"])
    return changed


def _selection(graph: Deployed) -> JobSelection:
    """Show fields that select jobs; without a choice, all jobs run."""
    with st.expander("A part of the graph"):
        only = st.multiselect("Only these jobs", graph.job_names, key="only")
        since = st.multiselect("These jobs and all that follows", graph.job_names, key="since")
        skipped = st.multiselect("Without these jobs", graph.job_names, key="skipped")
    return JobSelection(tuple(only), tuple(since), tuple(skipped))


def _jobs(action: Action) -> str:
    """Return how many jobs an action concerns and the names of the first, as HTML."""
    count = len(action.jobs)
    names = ", ".join(f"<code>{text(name)}</code>" for name in action.jobs[:_MOST_NAMED])
    ending = f" and {count - _MOST_NAMED} more" if count > _MOST_NAMED else ""
    return f"<b>{count} job{'s' * (count != 1)}</b>: {names}{ending}" if count else "<b>No job</b>"
