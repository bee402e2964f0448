"""Tasks changed in the program or behind our back: what is drift, what updates in place, what needs a new task."""

from typing import Any

import pytest

from jobgraph.toolchain.standins.provider.definition import UNKNOWN
from jobgraph.toolchain.standins.provider.lifecycle import Lifecycle
from jobgraph.toolchain.standins.provider.resources import BY_TOKEN

TASK = BY_TOKEN["snowflake:index/task:Task"]
Row = dict[str, Any]


def task(name: str, **values: Any) -> Row:
    return {"database": "D", "schema": "S", "name": name, "started": False, "sqlStatement": "select 1"} | values


@pytest.mark.parametrize(
    ("column", "value", "name"),
    [
        ("state", "suspended", "started"),
        ("schedule", "5 MINUTES", "schedule"),
        ("definition", "select 2", "sqlStatement"),
        ("comment", "by hand", "comment"),
        ("condition", "false", "when"),
        ("warehouse", "W2", "warehouse"),
        ("config", "{}", "config"),
        ("allow_overlapping_execution", "true", "allowOverlappingExecution"),
        ("task_relations", '{"Predecessors":["\\"D\\".\\"S\\".\\"X\\""]}', "afters"),
    ],
)
def test_refresh_finds_a_task_changed_by_hand(  # a table of cases
    lifecycle: Lifecycle, graph: Any, column: str, value: str, name: str
) -> None:
    graph.add("T", state="started", schedule="59 MINUTE", warehouse="W")
    given = task("T", started=True, schedule={"minutes": 59}, warehouse="W")
    before = lifecycle.read(TASK, "id", given, given, print)
    assert before
    assert not lifecycle.compare(TASK, before.outputs, given, (), print).changes
    graph.tasks["T"][column] = value

    after = lifecycle.read(TASK, "id", given, given, print)

    assert after
    assert set(lifecycle.compare(TASK, after.outputs, given, (), print).changes) == {name}
    assert set(lifecycle.compare(TASK, after.outputs, given, [name], print).changes) == set()


@pytest.mark.parametrize(
    ("change", "kind", "replaces"),
    [
        ({"sqlStatement": "SELECT\n   1"}, "", False),
        ({"sqlStatement": "select 2"}, "UPDATE", False),
        ({"sqlStatement": UNKNOWN}, "UPDATE", False),
        ({"afters": ["D.S.B", '"D"."S"."A"']}, "", False),
        ({"afters": ['"D"."S"."A"']}, "UPDATE", False),
        ({"afters": [UNKNOWN, "D.S.A"]}, "UPDATE", False),
        ({"warehouse": '"W"'}, "", False),
        ({"warehouse": None}, "DELETE", False),
        ({"allowOverlappingExecution": "false"}, "", False),
        ({"comment": "c"}, "ADD", False),
        ({"name": "T2"}, "UPDATE", True),
        ({"schema": "S2"}, "UPDATE", True),
        ({"database": UNKNOWN}, "UPDATE", True),
        ({"started": True}, "UPDATE", False),
    ],
)
@pytest.mark.usefixtures("graph")
def test_which_change_of_a_task_updates_and_which_replaces(
    *, lifecycle: Lifecycle, change: Row, kind: str, replaces: bool
) -> None:
    olds = task("T", afters=['"D"."S"."A"', '"D"."S"."B"'], warehouse="W")
    news = {name: value for name, value in (olds | change).items() if value is not None}

    found = lifecycle.compare(TASK, olds, news, (), print)

    name = next(iter(change))
    assert dict(found.changes) == ({name: kind} if kind else {})
    assert found.replaces == (frozenset({name}) if replaces else frozenset())


def test_parameters_set_behind_our_back_are_seen_without_a_refresh(lifecycle: Lifecycle, snowflake: Any) -> None:
    def shown(key: str, value: str, level: str) -> Row:
        return {"key": key, "value": value, "level": level}

    olds = task("T", suspendTaskAfterNumFailures=3, userTaskTimeoutMs=10)
    snowflake.answers["SHOW PARAMETERS"] = [
        shown("SUSPEND_TASK_AFTER_NUM_FAILURES", "10", ""),
        shown("USER_TASK_TIMEOUT_MS", "10", "TASK"),
        shown("QUERY_TAG", "by hand", "TASK"),
        shown("TIMEZONE", "UTC", "ACCOUNT"),
    ]

    found = lifecycle.compare(TASK, olds, olds, (), print)

    assert dict(found.changes) == {"suspendTaskAfterNumFailures": "UPDATE", "queryTag": "UPDATE"}
    assert snowflake.raw[-1].endswith('"operation":"custom_diff"}')
