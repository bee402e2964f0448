"""What a summary tells beside the changes: what is put right, warnings, one argument of many, pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobgraph.plan.observations import observation
from jobgraph.preview import rendering
from jobgraph.preview.engine_preview import summarize
from tests.jobgraph.preview.previews import TEXT, preview, step, tasks

if TYPE_CHECKING:
    from pathlib import Path


def opening(*differing: str, failed_root: str = "") -> dict[str, Any]:
    """The first step of a deploy that has seen tasks that are not as planned."""
    old = {"execute": "SELECT 1", "revert": "SELECT 2", "query": "SELECT 'no'"}
    new = {**old, "query": observation("a1b2c3", differing, failed_root)}
    return step("replace", "Execute", "ROOT_TASK-opening", old, new)


def test_a_root_that_its_failures_suspended_is_said_to_be_resumed() -> None:
    summary = summarize({"steps": [opening("ROOT_TASK", failed_root="ROOT_TASK")]})
    assert not summary.is_empty
    text = rendering.as_text(summary)
    assert text.startswith("Changes: 1 repair in Snowflake\n")
    note = "ROOT_TASK, which Snowflake suspended because its runs failed, is resumed"
    assert f"Graph container_jobs:\n  > {note}\n" in text
    assert f"- {note}\n" in rendering.as_markdown(summary)
    assert rendering.as_json(summary)["graphs"][0]["notes"] == [note]
    assert not summary.dangers


def test_tasks_that_are_not_as_configured_are_said_to_be_put_right() -> None:
    tasks = [f"T_{number}" for number in range(8)]
    (graph,) = summarize({"steps": [opening(*tasks, failed_root="R")]}).graphs
    assert graph.notes == (
        "R, which Snowflake suspended because its runs failed, is resumed",
        "not as configured in Snowflake now, so they are repaired: T_0, T_1, T_2, T_3, T_4 and 3 more",
    )


def test_tasks_that_the_deploy_creates_or_changes_are_not_said_to_be_put_right() -> None:
    tasks = [f"T_{number}" for number in range(8)]
    created = [step("create", "Task", name, None, {"name": name}) for name in tasks]
    notes = {
        count: [
            graph.notes for graph in summarize({"steps": [opening(*tasks), *created[:count]]}).graphs if graph.notes
        ]
        for count in (4, 6, 8)
    }
    put_right = "not as configured in Snowflake now, so they are repaired: "
    assert notes == {4: [(f"{put_right}T_4 and 3 more",)], 6: [(f"{put_right}2 tasks",)], 8: []}


def test_a_preview_that_runs_steps_never_says_that_nothing_changes() -> None:
    gate = step("replace", "Execute", "ROOT_TASK-gate", {"execute": "A"}, {"execute": "B"})
    text = rendering.as_text(summarize({"steps": [gate]}))
    assert text == "Changes: 1 step of the deploy itself\n"
    # beside a change it follows from that
    view = step("create", "View", "V", None, {"name": "V"})
    assert "step" not in rendering.as_text(summarize({"steps": [gate, view]}))


def test_an_argument_that_changes_is_told_alone(tmp_path: Path) -> None:
    new = tasks(TEXT.replace("--result_table=results_4", "--result_table=other"), tmp_path)
    summary = summarize(preview(tasks(TEXT, tmp_path), new))
    assert "      args[1]: --result_table=results_4 -> --result_table=other\n" in rendering.as_text(summary)
    assert "current_time" not in rendering.as_text(summary)
    assert rendering.as_json(summary)["graphs"][0]["tasks"][0]["fields"][0]["field"] == "args"


def test_warnings_of_the_program_are_told_once() -> None:
    message = {"severity": "warning", "message": "warning: a -> b may take 2:10:00 with all attempts [critical-path]\n"}
    summary = summarize({"steps": [], "diagnostics": [message, message]})
    assert summary.warnings == ("a -> b may take 2:10:00 with all attempts [critical-path]",)
    assert "Nothing changes\n\nWarnings:\n  a -> b may take" in rendering.as_text(summary)
    assert "#### Warnings\n\n- <code>a -&gt; b" in rendering.as_markdown(summary)


def test_the_finalizer_is_drawn_behind_the_last_jobs(tmp_path: Path) -> None:
    jobs = preview(tasks(TEXT, tmp_path), tasks(TEXT.replace("retries: 2", "retries: 3"), tmp_path))
    end = {"name": "GET_GRAPH_STATS", "finalize": '"D"."S"."ROOT_TASK"', "sqlStatement": "SELECT 1"}
    jobs["steps"].append(step("same", "Task", "GET_GRAPH_STATS", end, end))
    lines = rendering.summary_picture(summarize(jobs).graphs[0]).splitlines()
    assert [line.strip() for line in lines if "GET_GRAPH_STATS" in line and "->" in line] == [
        "T_MYJOB_6 -.-> GET_GRAPH_STATS"
    ]


def test_a_large_change_is_drawn_in_part_and_what_is_not_drawn_is_counted() -> None:
    def job(number: int) -> dict[str, Any]:
        return {"name": f"T_{number}", "afters": [f"T_{number - 1}"] if number else [], "sqlStatement": "SELECT 1"}

    summary = summarize({"steps": [step("create", "Task", f"T_{n}", None, job(n)) for n in range(300)]})
    (remark,) = (line for line in rendering.summary_picture(summary.graphs[0]).splitlines() if "more_" in line)
    assert "180 more tasks are not drawn (180 created), nor" in remark
    assert len(rendering.as_markdown(summary)) < 65_536
