"""A small model of one graph in Snowflake: its runs, the one place for a run that waits, the tables of backfills.

Answers the statements that the procedures send about backfills. Must not know what any case claims.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from snowflake.snowpark import Row

from jobgraph.procedures.requested import backfills as states
from jobgraph.procedures.requested.request import split_config

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

GRAPH = {
    "graph": "g",
    "database": "DB",
    "schema": "SC",
    "job_runs_table": "JOBS_RUN_STATS",
    "backfills_table": "BACKFILLS",
    "backfill_intervals_table": "BACKFILL_INTERVALS",
}
JOBS = ("A", "B")
# with which every backfill was asked for
VALUES = '{"market": "$$"}'
ROOT, FINALIZER = "ROOT", "END"
# the ways in which a statement may meet the end of its process
BEFORE, AFTER = "before", "after"


class Killed(BaseException):
    """The procedure's process is gone: no code of its own runs any more."""


@dataclass
class GraphRun:
    """A run: what it was asked for, its tasks' states, which jobs started a container."""

    group: str
    config: str
    root_id: str
    tasks: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, str] = field(default_factory=dict)


@dataclass
class Account:
    """One graph, its runs, its backfills. `kill` is called before and after each statement that a procedure sends."""

    backfills: dict[str, str] = field(default_factory=dict)
    intervals: list[dict[str, Any]] = field(default_factory=list)
    runs: list[GraphRun] = field(default_factory=list)
    current: GraphRun | None = None
    waiting: str | None = None
    root_id: str = "root-1"
    kill: Callable[[str], None] = lambda _: None
    lost: int = 0
    sent: int = 0

    # --- what Snowflake does ---

    def execute(self, config: str) -> None:
        """EXECUTE TASK: at once, or in the only place behind the present run."""
        if self.current is None:
            self.begin(config)
            return
        if self.waiting is not None and not split_config(self.waiting)[0].backfill and split_config(config)[0].backfill:
            self.lost += 1  # somebody's run, which a backfill has taken the place of
        self.waiting = config

    def begin(self, config: str) -> None:
        self.current = GraphRun(str(len(self.runs) + 1), config, self.root_id, {ROOT: "SUCCEEDED"})
        self.runs.append(self.current)

    def end(self) -> None:
        self.current, waiting, self.waiting = None, self.waiting, None
        if waiting is not None:
            self.begin(waiting)

    # --- a session ---

    def sql(self, text: str, params: Sequence[Any] | None = None) -> Any:
        return Pending(self, text, list(params or []))

    def answer(self, text: str, params: list[Any]) -> list[Row]:
        for pattern, method in ANSWERS:
            if match := re.match(pattern, text):
                return method(self, match, params)
        raise AssertionError(f"unexpected statement: {text}")

    def row(self, backfill: str, place: int) -> dict[str, Any]:
        return next(one for one in self.intervals if (one["backfill"], one["place"]) == (backfill, place))


class Pending:
    def __init__(self, account: Account, text: str, params: list[Any]) -> None:
        self.account, self.text, self.params = account, text, params

    def collect(self, *, statement_params: dict[str, str]) -> list[Row]:
        assert statement_params["QUERY_TAG"]
        self.account.sent += 1
        self.account.kill(BEFORE)
        rows = self.account.answer(self.text, self.params)
        self.account.kill(AFTER)
        return rows


def _open(account: Account, _: re.Match[str], params: list[Any]) -> list[Row]:
    rows = [one for one in account.intervals if one["state"] in states.OPEN or (one["run"] and one["run"] == params[1])]
    ordered = sorted(rows, key=lambda one: (not one["run"], account.backfills[one["backfill"]] == states.PAUSED))
    return [
        Row(
            BACKFILL_ID=one["backfill"],
            BACKFILL_STATE=account.backfills[one["backfill"]],
            PLACE=one["place"],
            STATE=one["state"],
            GRAPH_RUN_ID=one["run"],
            RUN_CONFIG=VALUES,
            START_TEXT="s",
            END_TEXT="e",
        )
        for one in ordered
    ]


def _waits(account: Account, _: re.Match[str], __: list[Any]) -> list[Row]:
    return [] if account.waiting is None else [Row(CONFIG=account.waiting)]


def _execute(account: Account, match: re.Match[str], _: list[Any]) -> list[Row]:
    account.execute(match["config"])
    return []


def _tasks(account: Account, _: re.Match[str], params: list[Any]) -> list[Row]:
    root_id, group, finalizer = params
    runs = [run for run in account.runs if run.root_id == root_id and run.group == group]
    return [Row(NAME=name, STATE=state) for run in runs for name, state in run.tasks.items() if name != finalizer]


def _jobs(account: Account, _: re.Match[str], params: list[Any]) -> list[Row]:
    run = next(run for run in account.runs if run.group == params[0])
    return [Row(TASK_NAME=name, JOB_STATUS=status) for name, status in run.jobs.items()]


def _states(account: Account, _: re.Match[str], params: list[Any]) -> list[Row]:
    return [Row(STATE=one["state"]) for one in account.intervals if one["backfill"] == params[0]]


def _one(account: Account, _: re.Match[str], params: list[Any]) -> list[Row]:
    one = account.row(params[0], params[1])
    return [Row(STATE=one["state"], GRAPH_RUN_ID=one["run"], BACKFILL_STATE=account.backfills[one["backfill"]])]


def _listed(text: str) -> list[str]:
    return re.findall(r"'(\w+)'", text)


def _claim(account: Account, match: re.Match[str], params: list[Any]) -> list[Row]:
    state, group, _, backfill, place = params
    one = account.row(backfill, place)
    if (
        one["run"] is None
        and one["state"] in _listed(match["free"])
        and account.backfills[backfill] in _listed(match["active"])
    ):
        one |= {"state": state, "run": group}
    return []


def _settle(account: Account, match: re.Match[str], params: list[Any]) -> list[Row]:
    state, backfill, place, group = params
    one = account.row(backfill, place)
    if one["run"] == group and one["state"] in _listed(match["states"]):
        one["state"] = state
    return []


def _change(account: Account, match: re.Match[str], params: list[Any]) -> list[Row]:
    state, backfill = params
    if account.backfills[backfill] in _listed(match["states"]):
        account.backfills[backfill] = state
    return []


_INTERVALS, _BACKFILLS = r'"DB"\."SC"\."BACKFILL_INTERVALS"', r'"DB"\."SC"\."BACKFILLS"'
ANSWERS: tuple[tuple[str, Callable[[Account, re.Match[str], list[Any]], list[Row]]], ...] = (
    (rf"SELECT I\.BACKFILL_ID, .* FROM {_INTERVALS} AS I JOIN {_BACKFILLS} AS B .* B\.GRAPH_NAME = \? AND", _open),
    (r"SELECT CONFIG FROM TABLE\(.*STATE = 'SCHEDULED'", _waits),
    (r'EXECUTE TASK "DB"\."SC"\."ROOT" USING CONFIG = \$\$(?P<config>.*)\$\$$', _execute),
    (r"SELECT NAME, STATE FROM TABLE\(.*GRAPH_RUN_GROUP_ID::VARCHAR = \? AND NAME <> \?", _tasks),
    (r"SELECT TASK_NAME, JOB_STATUS FROM", _jobs),
    (rf"SELECT STATE FROM {_INTERVALS} WHERE BACKFILL_ID = \?$", _states),
    (rf"SELECT I\.STATE, I\.GRAPH_RUN_ID, B\.STATE .* FROM {_INTERVALS} AS I JOIN {_BACKFILLS} .*I\.PLACE = \?", _one),
    (
        (
            rf"UPDATE {_INTERVALS} SET STATE = \?, GRAPH_RUN_ID = \?, .* IS NULL AND STATE IN \((?P<free>.*?)\) .*"
            r"WHERE STATE IN \((?P<active>.*?)\)\)$"
        ),
        _claim,
    ),
    (rf"UPDATE {_INTERVALS} SET STATE = \?.* AND GRAPH_RUN_ID = \? AND STATE IN \((?P<states>.*)\)$", _settle),
    (rf"UPDATE {_BACKFILLS} SET STATE = \?.* WHERE BACKFILL_ID = \? AND STATE IN \((?P<states>.*)\)$", _change),
)
