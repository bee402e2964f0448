from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobgraph.config.model import Job, Resources
from jobgraph.config.reading import read
from jobgraph.errors import UsageError, UserError, nearest
from jobgraph.names import quoted
from jobgraph.plan.job_definition import specification
from jobgraph.plan.planning import Plan, ProcedurePlan, Procedures, plan
from jobgraph.plan.sql import literal, with_comment
from jobgraph.settings import Pool, Settings, read_settings

ROOT = Path(__file__).resolve().parents[3]
PROCEDURES = Procedures("run", "finalize")


def planned(text: str | None = None, settings: Settings | None = None, tmp_path: Path | None = None) -> Plan:
    file = ROOT / "jobconfig.yaml"
    if text is not None and tmp_path is not None:
        file = tmp_path / "jobs.yaml"
        file.write_text(text)
    return plan(read(file), settings or Settings(), PROCEDURES)


def test_a_task_calls_the_runner_of_this_text_with_its_frozen_definition() -> None:
    first = planned().graphs[0].tasks[0]
    start, definition, end = first.sql.split("$$")
    name = planned().run_job.name
    place = '"PR_CONTAINER_ORCHESTRATION"."PUBLIC"'
    assert start.startswith(f"CALL {place}.{name}('T_MYJOB_1', (SELECT TO_JSON(OBJECT_CONSTRUCT('root', ")
    assert start.endswith(
        f""" FROM {place}."JOBS_RUN_STATS" AS H WHERE H.GRAPH_RUN_ID ="""
        " SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_RUN_GROUP_ID')"
        " AND H.TASK_NAME IN ('T_MYJOB_1')), "
    )
    assert end == ")"
    assert json.loads(definition) == first.definition
    assert json.loads(definition)["specification"] == {
        "spec": {
            "containers": [
                {
                    "name": "main",
                    "image": "/pr_container_orchestration/public/images/my_job_image:1.1.0",
                    "args": ["--query=select current_time() as time,'hello'", "--result_table=results_1"],
                    "env": {"SNOWFLAKE_WAREHOUSE": "SMALL_WAREHOUSE"},
                },
            ],
        },
    }


def test_procedures_are_named_after_their_text() -> None:
    one = planned()
    other = plan(read(ROOT / "jobconfig.yaml"), Settings(), replace(PROCEDURES, run_job="other"))
    assert one.run_job.name != other.run_job.name
    assert one.finalize_graph.name == other.finalize_graph.name
    assert (
        one.run_job.signature
        == f'"PR_CONTAINER_ORCHESTRATION"."PUBLIC"."{one.run_job.name}"(VARCHAR, VARCHAR, VARCHAR)'
    )


def test_a_change_of_case_alone_changes_the_tasks_text_beyond_case(tmp_path: Path) -> None:
    """The provider compares task bodies without regard to case and white space."""
    text = (ROOT / "jobconfig.yaml").read_text()
    one, other = planned(), planned(text.replace("'hello'", "'HELLO'"), tmp_path=tmp_path)
    for before, after in zip(one.graphs[0].tasks, other.graphs[0].tasks, strict=True):
        assert before.sql.lower().split() != after.sql.lower().split()


def test_the_gate_changes_with_everything_that_changes_a_task_and_with_nothing_else(tmp_path: Path) -> None:
    text = (ROOT / "jobconfig.yaml").read_text()
    gate = planned().graphs[0].gate
    assert planned(f"# a remark\n{text}", tmp_path=tmp_path).graphs[0].gate == gate
    for old, new in [
        ("59 minutes", "58 minutes"),
        ("retries: 2", "retries: 3"),
        ("t_myjob_4:", "t_myjob_4:\n        comment: why"),
        ("after: [t_myjob_1]", "after: [t_myjob_2]"),
        ("schedule:", "config: {a: 1}\n    schedule:"),
    ]:
        assert old in text
        assert planned(text.replace(old, new, 1), tmp_path=tmp_path).graphs[0].gate != gate
    assert planned(settings=Settings(warehouse="OTHER")).graphs[0].gate != gate


def test_the_configuration_is_staged_under_a_name_that_stays_so_that_a_change_is_one_statement(tmp_path: Path) -> None:
    file = planned().configuration
    assert file.write.startswith(
        'USE WAREHOUSE "SMALL_WAREHOUSE" ->> COPY INTO @"PR_CONTAINER_ORCHESTRATION"."PUBLIC"."JOBS"'
        f"/{file.name} FROM (SELECT PARSE_JSON($$"
    )
    assert file.write.endswith("FILE_FORMAT = (TYPE = JSON COMPRESSION = NONE) SINGLE = TRUE OVERWRITE = TRUE")
    assert file.remove == f'REMOVE @"PR_CONTAINER_ORCHESTRATION"."PUBLIC"."JOBS"/{file.name}'
    content = json.loads(file.write.split("$$")[1])
    assert content["graphs"]["container_jobs"]["jobs"]["T_MYJOB_5"]["after"] == ["T_MYJOB_1"]
    other = planned((ROOT / "jobconfig.yaml").read_text().replace("retries: 2", "retries: 1"), tmp_path=tmp_path)
    assert other.configuration.name == file.name
    assert other.configuration.write != file.write


def test_a_tasks_time_limit_covers_all_attempts() -> None:
    limits = {task.name: task.timeout_ms for task in planned().graphs[0].tasks}
    # two more after faults before the program began, and two after it was interrupted, if it may be run again
    assert limits["T_MYJOB_1"] == (3 * (3600 + 300) + 30 + 60) * 1000
    assert limits["T_MYJOB_3"] == (7 * (3600 + 300) + 2 * (30 + 60)) * 1000


def test_what_the_file_says_of_causes_and_rules_is_in_the_time_limit(tmp_path: Path) -> None:
    job = "{version: 1, graphs: {g: {jobs: {a: {image: i:1, compute_pool: P, timeout: 700 seconds, retries: %s}}}}}"
    for retries, seconds in {
        "{count: 1, causes: {image: 0, infrastructure: 0}}": 2000,
        "{count: 0, causes: {image: 0, infrastructure: 1}}": 2000,
        "{count: 0, causes: {infrastructure: 0}}": 1000 + 2000 + 90,
        "{count: 0, causes: {image: 0, infrastructure: 0}, rules: [{message: x, count: 2, backoff: 5 seconds}]}": 3015,
        "{count: 9, max_elapsed: 1 hour}": 3600 + 1000,
    }.items():
        (task,) = planned(job % retries, tmp_path=tmp_path).graphs[0].tasks
        assert task.timeout_ms == seconds * 1000, retries


def test_a_specification_states_requests_as_limits_too() -> None:
    job = Job("a", "A", "x:1", "P", command=("run",), warehouse="W", resources=Resources("0.5", "1Gi"), env={"B": "c"})
    (container,) = specification(job, Settings())["spec"]["containers"]
    assert container["resources"] == {
        "requests": {"memory": "1Gi", "cpu": "0.5"},
        "limits": {"memory": "1Gi", "cpu": "0.5"},
    }
    assert container["command"] == ["run"]
    assert container["env"] == {"SNOWFLAKE_WAREHOUSE": "W", "B": "c"}
    assert specification(replace(job, image="/a/b/c/x:1"), Settings())["spec"]["containers"][0]["image"] == "/a/b/c/x:1"


def test_settings_tell_everything_wrong_with_them_at_once() -> None:
    given = {
        "databse": "X",
        "schema": "a b",
        "warehouse_auto_suspend": "soon",
        "users": "anna",
        "pools": {"P": {"max": 1}},
    }
    with pytest.raises(UsageError) as caught:
        read_settings(given, "Pulumi.dev.yaml")
    text = str(caught.value)
    assert text.startswith("Pulumi.dev.yaml: wrong settings")
    for part in (
        "perhaps you meant database",
        "schema: ",
        "a whole number",
        "users: ",
        "pool P: `max` is not a setting",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("pools", "told"),
    [
        ({}, "expected pools by name"),
        ([], "expected pools by name"),
        ({"P": 1}, "pool P: expected a mapping"),
        ({"P": {"min_nodes": 3}}, "max_nodes 1 is less than min_nodes 3"),
        ({"p p": {}}, "expected a plain Snowflake identifier"),
        ({"P": {"max_nodes": True}}, "expected a whole number from 1 to 150"),
        ({"P": {}, "p": {}}, "pool P is listed twice"),
    ],
)
def test_wrong_pools(pools: object, told: str) -> None:
    with pytest.raises(UsageError, match=f"pools: .*{told}"):
        read_settings({"pools": pools}, "x")


def test_a_pool_of_which_nothing_is_said_has_all_defaults() -> None:
    assert read_settings({"pools": {"P": None}}, "x").pools == (Pool("P"),)


def test_settings_are_upper_case_and_may_be_text() -> None:
    settings = read_settings({"database": "mine", "pools": {"p": {"max_nodes": "4"}}}, "x")
    assert settings.database == "MINE"
    assert settings.pools == (Pool("P", "CPU_X64_XS", 1, 4, 300),)


def test_identifiers_and_literals() -> None:
    assert quoted("A", "b_1") == '"A"."b_1"'
    with pytest.raises(ValueError, match="not a plain Snowflake identifier"):
        quoted('A"; DROP')
    assert literal("it's \\ here") == r"'it\'s \\ here'"
    assert with_comment("SELECT 1", "x */ DROP /*").count("*/") == 1


def test_an_error_says_what_where_why_and_what_to_do() -> None:
    error = UserError("it broke", where="a.yaml:1:2", cause="a cause", remedy="a remedy")
    assert str(error) == "a.yaml:1:2: it broke\n  usual cause: a cause\n  what to do:  a remedy"


def test_nearest_names() -> None:
    assert nearest("PR_STD_POLL_XS", ["pr_std_pool_xs", "other"]) == ("pr_std_pool_xs",)
    assert nearest("zzz", ["pool"]) == ()


def test_whatever_a_procedure_would_be_replaced_for_is_in_its_name(tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    file.write_text("version: 1\ngraphs: {g: {jobs: {a: {image: 'i:1', compute_pool: PR_STD_POOL_XS}}}}\n")

    def names(text: str = "text", **settings: Any) -> list[str]:
        planned = plan(read(str(file)), read_settings(settings, "test"), Procedures(text, text, text))
        return [planned.run_job.name, planned.finalize_graph.name, planned.drop_superseded.name]

    assert names() == names()
    for changed in (names("other text"), names(snowpark_version="1.30.0")):
        assert not {*changed} & {*names()}
    procedure = ProcedurePlan("P", ("A",), "text", "comment")
    replacing = {
        "handler",
        "is_secure",
        "null_input_behavior",
        "procedure_definition",
        "return_type",
        "runtime_version",
    }
    assert {*procedure.properties} == replacing | {"execute_as", "snowpark_package"}
