from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from jobgraph.errors import UsageError
from jobgraph.markdown import LONGEST_COMMENT
from jobgraph.preview import rendering
from jobgraph.preview.engine_preview import parse_preview, summarize
from jobgraph.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path
from tests.jobgraph.preview.previews import TEXT, fields, preview, step, tasks, urn


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("retries: 2", "retries: 3", {"retries": (2, 3)}),
        ("after: [t_myjob_1]", "after: [t_myjob_2]", {"after": (["T_MYJOB_1"], ["T_MYJOB_2"])}),
        ("after: [t_myjob_1]", "after: [t_myjob_1]\n        env: {LEVEL: high}", {"env.LEVEL": (None, "high")}),
        (
            "after: [t_myjob_1]",
            "after: [t_myjob_1]\n        resources: {cpu: 1, memory: 2Gi}",
            {"resources.memory": (None, "2Gi"), "resources.cpu": (None, "1")},
        ),
        (
            "after: [t_myjob_1]",
            "after: [t_myjob_1]\n        secrets: [{secret: api_key, env: KEY}]",
            {"secrets.API_KEY.env": (None, "KEY")},
        ),
        ("retries: 2", "retries: 2\n        timeout: 20 minutes", {"timeout": ("1 hour", "20 minutes")}),
        (
            "retries: 2",
            "retries: {count: 2, backoff: 1 minute}",
            {"retries.backoff": (None, "1 minute")},
        ),
        (
            "retries: 2",
            "retries: 2\n        when: {job: t_myjob_2, output: n, above: 0}",
            {"when.job": (None, "T_MYJOB_2"), "when.output": (None, "n"), "when.above": (None, 0)},
        ),
        (
            "retries: 2",
            "retries: 2\n        warehouse: OTHER",
            {"warehouse.query": ("SMALL_WAREHOUSE", "OTHER")},
        ),
    ],
)
def test_a_change_of_a_job_is_told_in_the_words_of_the_file(
    old: str, new: str, expected: dict[str, Any], tmp_path: Path
) -> None:
    summary = summarize(preview(tasks(TEXT, tmp_path), tasks(TEXT.replace(old, new), tmp_path)))
    found = fields(summary)
    asked = found.pop("T_MYJOB_2", None)
    assert list(found.values()) == [expected]
    assert asked is None or list(asked) == ["conditions on its outputs"]
    assert not summary.dangers


@pytest.mark.parametrize("back", [False, True])
def test_a_job_that_changes_its_runner_is_told_as_that(tmp_path: Path, *, back: bool) -> None:
    direct = TEXT.replace("t_myjob_6:\n", "t_myjob_6:\n        runner: direct\n")
    old, new = (direct, TEXT) if back else (TEXT, direct)
    ((name, told),) = fields(summarize(preview(tasks(old, tmp_path), tasks(new, tmp_path)))).items()
    runners = ("direct", "managed") if back else ("managed", "direct")
    assert (name, told.pop("runner")) == ("T_MYJOB_6", runners)
    ((what, codes),) = told.items()
    assert what == "runner (its code)"
    assert str(codes[back]).startswith("RUN_JOB_")
    assert codes[not back] is None


def test_case_and_white_space_alone_are_told_as_such(tmp_path: Path) -> None:
    new = tasks(TEXT.replace("=results_4", "= Results_4"), tmp_path)
    (graph,) = summarize(preview(tasks(TEXT, tmp_path), new)).graphs
    ((change,),) = (graph.changes,)
    assert change.fields[0].name == "args"
    assert change.fields[0].loosely_same
    assert "only case or white space" in rendering.as_text(summarize(preview(tasks(TEXT, tmp_path), new)))


def test_an_image_whose_tag_moved_is_a_change_where_the_stack_pins_digests(tmp_path: Path) -> None:
    digests = [(("my_job_image:1.1.0", f"sha256:{letter * 64}"),) for letter in "ab"]
    old, new = (tasks(TEXT, tmp_path, replace(Settings(), image_digests=one)) for one in digests)
    found = fields(summarize(preview(old, new)))
    assert set(found) == set(old)
    one, other = (f"my_job_image@sha256:{letter * 64}" for letter in "ab")
    assert found["T_MYJOB_1"] == {"image": (one, other)}


def test_jobs_that_come_and_go_are_drawn_and_those_that_go_are_destructive(tmp_path: Path) -> None:
    new = TEXT.replace("t_myjob_5:", "t_other:").replace("t_myjob_5]", "t_other]")
    summary = summarize(preview(tasks(TEXT, tmp_path), tasks(new, tmp_path)))
    assert {change.name: change.action for change in summary.graphs[0].changes} == {
        "T_MYJOB_6": "changed",
        "T_OTHER": "created",
        "T_MYJOB_5": "deleted",
    }
    assert [danger.event for danger in summary.dangers] == ["task T_MYJOB_5 is deleted"]
    picture = rendering.summary_picture(summary.graphs[0])
    assert "T_MYJOB_1 --> T_OTHER" in picture
    assert "style T_MYJOB_5 fill:#ffebe9,stroke:#cf222e,stroke-width:2px,stroke-dasharray:5 4" in picture
    assert "style T_MYJOB_1 " not in picture


def test_edges_that_come_and_go_are_marked(tmp_path: Path) -> None:
    new = tasks(TEXT.replace("after: [t_myjob_1]", "after: [t_myjob_3]"), tmp_path)
    lines = rendering.summary_picture(summarize(preview(tasks(TEXT, tmp_path), new)).graphs[0]).splitlines()
    edges = [line.strip() for line in lines if "->" in line]
    styles = {line.split()[2].split(",")[0]: line.split()[1] for line in lines if "linkStyle" in line}
    assert edges[int(styles["stroke:#1a7f37"])] == "T_MYJOB_3 --> T_MYJOB_5"
    assert edges[int(styles["stroke:#cf222e"])] == "T_MYJOB_1 -.-> T_MYJOB_5"
    other = tasks(TEXT.replace("retries: 2", "retries: 3"), tmp_path)
    assert "linkStyle" not in rendering.summary_picture(summarize(preview(tasks(TEXT, tmp_path), other)).graphs[0])


def around() -> dict[str, Any]:
    """A preview that changes what is around the graphs."""
    column = {"name": "A", "type": "VARCHAR"}
    kept = step("delete", "Table", "KEPT", {"name": "KEPT"}, None)
    kept["oldState"]["retainOnDelete"] = True
    return {
        "steps": [
            step("replace", "ComputePool", "POOL", {"instanceFamily": "A"}, {"instanceFamily": "B"}),
            step("delete-replaced", "ComputePool", "POOL", {"instanceFamily": "A"}, None),
            step("update", "ComputePool", "SMALL", {"maxNodes": 3}, {"maxNodes": 1}),
            step("update", "Table", "HISTORY", {"columns": [column, {"name": "B"}]}, {"columns": [column]}),
            step("delete", "StageInternal", "FILES", {"name": "FILES"}, None),
            step("delete", "ProcedurePython", "RUN_JOB_1", {"name": "RUN_JOB_1"}, None),
            step("replace", "Execute", "gate", {"execute": "A"}, {"execute": "B"}),
            step("same", "Warehouse", "W", {"name": "W"}, {"name": "W"}),
            step("create", "View", "V", None, {"name": "V"}),
            kept,
        ]
    }


def test_what_is_destructive_comes_first() -> None:
    summary = summarize(around(), {"POOL": 2, "SMALL": 1})
    assert [(danger.event, danger.loss) for danger in summary.dangers] == [
        ("table HISTORY loses column B", "the values in it are lost"),
        ("stage FILES is deleted", "all its files are lost"),
        (
            "compute pool POOL is replaced",
            "jobs that run on it are cancelled, those of other graphs too; 2 jobs run on it now",
        ),
        ("compute pool SMALL shrinks from 3 to 1 nodes", "jobs on the removed nodes may fail; 1 job runs on it now"),
        (
            "procedure RUN_JOB_1 is deleted",
            "runs in progress that call it later fail",
        ),
    ]
    for text in (rendering.as_text(summary), rendering.as_markdown(summary)):
        assert 0 < text.index("Destructive") < text.index("Around the graphs") < text.index("KEPT")
        assert "gate" not in text
        assert "Warehouse" not in text
    assert [change.name for change in summary.retained] == ["KEPT"]


def test_values_cannot_break_out_of_their_cell() -> None:
    steps = [step("update", "View", "V", {"statement": "a"}, {"statement": "`</code>|\n<script>@someone"})]
    row = rendering.as_markdown(summarize({"steps": steps})).splitlines()[-1]
    assert row.count("|") == 6
    assert "<script>" not in row
    assert "`" not in row


def test_long_values_are_cut_around_the_difference() -> None:
    steps = [step("update", "View", "V", {"statement": "x" * 5000 + "old"}, {"statement": "x" * 5000 + "new"})]
    text = rendering.as_text(summarize({"steps": steps}))
    assert "xold -> …x" in text
    assert len(text) < 300


def test_nothing_drift_and_failure_are_told() -> None:
    assert rendering.as_text(summarize({"steps": []})) == "Nothing changes\n"
    drift = {"steps": [step("refresh", "View", "W", {}, {}), step("update", "View", "V", {"a": 1}, {"a": 2})]}
    assert rendering.as_text(summarize(drift)).startswith("Changed outside Pulumi: 1 other object\n")
    # a step that only looks is counted by the engine, and not listed
    seen = {"steps": drift["steps"][:1], "changeSummary": {"same": 4, "update": 1}}
    assert "1 seen only by checks (a staged file, or a root" in rendering.as_text(summarize(seen))
    assert "looking" not in rendering.as_text(summarize({**drift, "changeSummary": {"update": 1}}))
    failed = summarize({"steps": [], "diagnostics": [{"severity": "error", "message": "no"}, {"severity": "info"}]})
    assert rendering.as_text(failed) == "The preview failed\n  error: no\n"


def test_what_a_refresh_reads_is_no_drift_where_the_program_says_nothing() -> None:
    old = {"columns": [{"name": "A", "type": "VARCHAR"}, {"name": "B", "type": "VARCHAR"}]}
    new = {"columns": [{"name": "A", "type": "VARCHAR", "nullable": True}]}
    drift = {"steps": [step("refresh", "View", "W", {}, {}), step("update", "Table", "T", old, new)]}
    summary = summarize(drift)
    assert [field.name for field in summary.around[0].fields] == ["columns.B"]
    assert "Lost outside Pulumi:\n  ! table T loses column B" in rendering.as_text(summary)


def test_what_is_no_preview_is_refused_with_the_remedy() -> None:
    assert parse_preview('a line\n{"steps": []}', "x") == {"steps": []}
    for text in ("", "no json", "{}", '{"steps": 1}', '{"steps": [1]}', '{"steps": [{"op": "same"}]}'):
        with pytest.raises(UsageError, match="pulumi preview --json"):
            parse_preview(text, "x")


def test_the_json_form_keeps_its_keys() -> None:
    told = rendering.as_json(summarize(around()))
    keys = {"drift", "errors", "destructive", "graphs", "others", "kept", "seen_by_looking", "warnings", "cost"}
    assert set(told) == keys
    assert set(told["others"][0]) == {"name", "kind", "action", "about", "fields"}
    assert set(told["others"][0]["fields"][0]) == {"field", "old", "new", "only_case_or_white_space"}
    json.dumps(told)


def test_a_comment_is_never_longer_than_a_pull_request_takes() -> None:
    graph = [
        step("update", "Task", f"T_{n}", {"name": f"T_{n}", "comment": f"{n}" + "a" * 300}, {"name": f"T_{n}"})
        for n in range(400)
    ]
    others = [
        step("update", "View", f"V{n}", {"statement": f"{n}" + "a" * 300}, {"statement": "b" * 300}) for n in range(400)
    ]
    text = rendering.as_markdown(summarize({"steps": [*graph, *others]}))
    assert LONGEST_COMMENT - 1000 < len(text) < 65_536
    assert text.count("```") % 2 == 0
    end = "lines are left out: a comment may not be longer. `jobgraph preview-summary preview.json` shows all.\n"
    assert text.endswith(end)


def test_objects_that_are_changed_alike_are_told_together(tmp_path: Path) -> None:
    new = tasks(TEXT.replace("my_job_image:1.1.0", "my_job_image:2.0.0"), tmp_path)
    summary = summarize(preview(tasks(TEXT, tmp_path), new))
    text = rendering.as_text(summary)
    assert "~ T_MYJOB_1, T_MYJOB_2, T_MYJOB_3, T_MYJOB_4, T_MYJOB_5, T_MYJOB_6 (6 changed alike)\n      image: " in text
    assert text.count("image: ") == 1
    assert rendering.as_markdown(summary).count("| image |") == 1
    assert len(rendering.as_json(summary)["graphs"][0]["tasks"]) == 6
    many = [step("create", "View", f"V_{number:02}", None, {"name": "V"}) for number in range(30)]
    assert "V_09 and 20 more (30 created)\n" in rendering.as_text(summarize({"steps": many}))


def test_the_order_of_the_steps_says_nothing(tmp_path: Path) -> None:
    """Steps of one kind come in another order each time: the engine does several at once."""
    new = tasks(TEXT.replace("t_myjob_5:", "t_other:").replace("t_myjob_5]", "t_other]"), tmp_path)
    steps = [*preview(tasks(TEXT, tmp_path), new)["steps"], *around()["steps"][2:]]
    one, other = summarize({"steps": steps}), summarize({"steps": steps[::-1]})
    assert rendering.as_text(one) == rendering.as_text(other)
    assert rendering.as_markdown(one) == rendering.as_markdown(other)


def test_a_new_job_is_described(tmp_path: Path) -> None:
    new = tasks(TEXT.replace("t_myjob_5:", "t_other:").replace("t_myjob_5]", "t_other]"), tmp_path)
    summary = summarize(preview(tasks(TEXT, tmp_path), new))
    line = "T_OTHER (created): my_job_image:1.1.0 on PR_STD_POOL_XS, after T_MYJOB_1\n"
    assert line in rendering.as_text(summary)
    row = "<code>my_job_image:1.1.0 on PR_STD_POOL_XS, after T_MYJOB_1</code>"
    assert row in rendering.as_markdown(summary)


STATED = """
      t_other:
        image: my_job_image:1.1.0
        compute_pool: pr_std_pool_xs
        after: [t_myjob_1]
        enabled: false
        timeout: 20 minutes
        retries: {count: 2, backoff: 1 minute}
        on_failure: continue
        env: {LEVEL: high}
        when: {job: t_myjob_1, output: n, above: 0}
      t_plain: {image: 'my_job_image:1.1.0', compute_pool: pr_std_pool_xs, after: [t_myjob_1], warehouse: OTHER}
"""


def test_of_a_new_job_every_setting_is_told_that_is_not_the_default(tmp_path: Path) -> None:
    old = tasks(TEXT, tmp_path)
    new = tasks(TEXT.rstrip() + STATED, tmp_path)
    new["T_OTHER"]["started"], new["T_PLAIN"]["started"] = False, True
    summary = summarize(preview(old, new))
    settings = {
        "enabled": "false",
        "when.job": "T_MYJOB_1",
        "when.output": "n",
        "when.above": "0",
        "env.LEVEL": "high",
        "timeout": "20 minutes",
        "retries": "2",
        "retries.backoff": "1 minute",
        "on_failure": "continue",
    }
    lines = rendering.as_text(summary).splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("  + T_OTHER (created): my_job_image"))
    told = lines[start + 1 : start + 1 + len(settings)]
    assert sorted(told) == sorted(f"      {name}: {value}" for name, value in settings.items())
    assert not lines[start + 1 + len(settings)].startswith("      ")
    assert fields(summary)["T_PLAIN"] == {}
    assert {name: pair[0] for name, pair in fields(summary)["T_OTHER"].items()} == dict.fromkeys(settings)
    text = rendering.as_markdown(summary)
    assert "<code>my_job_image:1.1.0 on PR_STD_POOL_XS, after T_MYJOB_1</code>" in text
    assert "| enabled | | <code>false</code> |" in text


def test_what_follows_a_job_that_is_disabled_is_not_said_to_change_in_case_alone(tmp_path: Path) -> None:
    new = tasks(TEXT.replace("t_myjob_3:", "t_myjob_3:\n        enabled: false"), tmp_path)
    summary = summarize(preview(tasks(TEXT, tmp_path), new))
    read = (["T_MYJOB_3", "T_MYJOB_4", "T_MYJOB_5"], ["T_MYJOB_4", "T_MYJOB_5"])
    assert fields(summary)["T_MYJOB_6"] == {"reads the return values of": read}
    assert "only case" not in rendering.as_text(summary)


def test_a_task_that_is_replaced_for_its_name_says_so() -> None:
    old, new = ({"name": name, "sqlStatement": "SELECT 1"} for name in ("A_ROOT", "B_ROOT"))
    summary = summarize({"steps": [step("replace", "Task", "ROOT", old, new)]})
    assert fields(summary) == {"ROOT": {"name": ("A_ROOT", "B_ROOT")}}


def test_a_runner_that_is_superseded_is_no_danger() -> None:
    """The engine does not delete it: the step with which it goes has it dropped when no run needs it any more."""
    gone = step("delete", "ProcedurePython", "RUN_JOB_1", {"name": "RUN_JOB_1"}, None)
    gone["oldState"]["deletedWith"] = urn("Execute", "RUN_JOB_1-in-use")
    summary = summarize({"steps": [gone]})
    assert not summary.dangers
    assert "RUN_JOB_1 (deleted): stays as long as runs in progress need it\n" in rendering.as_text(summary)


def test_a_pool_that_runs_keep_is_told_so() -> None:
    pool = step("delete", "ComputePool", "POOL", {"name": "POOL"}, None)
    guard = step("delete", "Execute", "compute pool POOL-needed", {"execute": "SELECT 1"}, None)
    (danger,) = summarize({"steps": [pool, guard]}, {"POOL": 1}).dangers
    assert danger.loss.startswith("not while runs of this stack's graphs are in progress; ")
    assert danger.loss.endswith("; 1 job runs on it now")
    (danger,) = summarize({"steps": [pool]}).dangers
    assert danger.loss.startswith("jobs that run on it are cancelled")


def test_a_graph_that_goes_as_a_whole_is_one_danger(tmp_path: Path) -> None:
    gone = preview(tasks(TEXT, tmp_path), {})
    (danger,) = summarize(gone).dangers
    assert (danger.event, danger.loss) == (
        "graph container_jobs is deleted",
        "its 6 tasks are dropped, so it never runs again; its history stays",
    )
    (danger,) = summarize({"steps": gone["steps"][:1]}).dangers
    assert danger.loss.startswith("its only task is dropped, so it never runs again")
    gone["steps"].append(step("delete", "Table", "JOBS_RUN_STATS", {"name": "JOBS_RUN_STATS"}, None))
    table, graph = summarize(gone).dangers
    assert table.event == "table JOBS_RUN_STATS is deleted"
    assert "history" not in graph.loss


def test_marks_of_the_engine_are_put_into_words() -> None:
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:abc"}
    old = {"comment": "a", "options": {"key": "x"}, "list": ["x"]}
    new = {"comment": unknown, "options": {"key": secret}, "list": [unknown]}
    text = rendering.as_text(summarize({"steps": [step("update", "View", "V", old, new)]}))
    assert "comment: a -> (known after the deploy)\n" in text
    assert "(secret)" in text
    assert "v1:abc" not in text
    assert unknown not in text


def test_an_error_is_told_without_its_heading_twice() -> None:
    failed = summarize({"steps": [], "diagnostics": [{"severity": "error", "message": "error: jobconfig.yaml: no"}]})
    assert failed.errors == ("jobconfig.yaml: no",)


def test_the_step_that_sets_which_runs_may_overlap_is_told() -> None:
    gone = step(
        "delete", "Execute", "g-overlap", {"execute": "ALTER TASK R SET OVERLAP_POLICY = ALLOW_ALL_OVERLAP"}, None
    )
    assert "- Execute g-overlap (deleted)" in rendering.as_text(summarize({"steps": [gone]}))
    assert not summarize({"steps": [step("delete", "Execute", "g-gate", {"execute": "SELECT 1"}, None)]}).around


def test_what_the_plugin_fills_in_is_not_part_of_a_change() -> None:
    def root(minutes: int, **more: Any) -> dict[str, Any]:
        marks: dict[str, Any] = {"__defaults": ["allowOverlappingExecution"], "allowOverlappingExecution": "default"}
        return {"name": "R", "schedule": {"__defaults": [], "minutes": minutes}, **marks, **more}

    (graph,) = summarize({"steps": [step("update", "Task", "R", root(59), root(30, __defaults=[]))]}).graphs
    (change,) = graph.changes
    assert [(field.old, field.new) for field in change.fields if field.name == "schedule"] == [
        ("every 59 minutes", "every 30 minutes")
    ]
