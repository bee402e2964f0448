"""What `jobgraph status` says of a graph whose deploy was interrupted, or whose root is suspended."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobgraph.plan.sql import ROOT_BODY
from jobgraph.plan.task_rows import root_comment
from jobgraph.runs import deployed


def row(name: str, *after: str, **columns: Any) -> dict[str, Any]:
    body = json.dumps({"graph": "g"})
    return {
        "name": name,
        "id": name,
        "state": "started",
        "schedule": None,
        "predecessors": json.dumps([f"D.S.{one}" for one in after]),
        "definition": f"CALL RUN($${body}$$)" if after else "SELECT 1",
        **columns,
    }


def said(**root: Any) -> str:
    (graph,) = deployed.read([row("ROOT", **({"schedule": "5 MINUTES"} | root)), row("A", "ROOT")])
    return "\n".join(deployed.conditions(graph))


@pytest.mark.parametrize("root", [{}, {"state": "suspended", "schedule": None}])
def test_nothing_is_said_of_a_graph_as_it_should_be(root: dict[str, Any]) -> None:
    assert said(**root) == ""


def test_a_suspended_root_is_told_with_what_to_do() -> None:
    text = said(state="suspended", last_suspended_reason="USER_SUSPENDED")
    assert "by an operator or a deploy" in text
    assert "`pulumi up --refresh` finishes it" in text
    assert "`jobgraph resume g`" in text
    assert "too many failures" in said(state="suspended", last_suspended_reason="SUSPENDED_DUE_TO_ERRORS")


def test_tasks_that_hang_nowhere_are_named() -> None:
    stray = row("B", definition=row("X", "Y")["definition"], state="suspended")
    (graph,) = deployed.read([row("ROOT", schedule="5 MINUTES"), row("A", "ROOT"), stray])
    assert "No run reaches these tasks of the graph: B." in deployed.conditions(graph)[0]


def test_a_root_that_a_removal_has_left_alone_is_told_by_its_graphs_name() -> None:
    lone = row("ROOT", definition=ROOT_BODY, comment=root_comment("g"), state="suspended")
    graphs = deployed.read([lone, row("OTHERS")])
    (graph,) = graphs
    assert deployed.named(graphs, "g") is graph
    (told,) = deployed.conditions(graph)
    assert "The root ROOT has no jobs." in told
    assert "`pulumi destroy --refresh`" in told


def test_suspended_tasks_are_named_but_not_those_of_disabled_jobs() -> None:
    off = json.dumps({"graph": "g", "enabled": False})
    rows = [
        row("ROOT", schedule="5 MINUTES"),
        row("A", "ROOT", state="suspended"),
        row("B", "ROOT", state="suspended", definition=f"CALL RUN($${off}$$)"),
        row("F", state="suspended", task_relations='{"FinalizedRootTask": "D.S.ROOT"}'),
    ]
    tasks, finalizer = deployed.conditions(deployed.read(rows)[0])
    assert tasks.startswith("Suspended, so runs skip them: A. ")
    assert "finalizer F is suspended" in finalizer
    assert "pulumi up --refresh" in tasks
