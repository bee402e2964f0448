"""The statements around a change in a task graph, word by word and in the order of the SQL contract, section 6.15."""

from typing import Any

import pytest

from jobgraph.toolchain.standins.provider.errors import PartialFailureError, ProviderError, SnowflakeError
from jobgraph.toolchain.standins.provider.lifecycle import Lifecycle
from jobgraph.toolchain.standins.provider.resources import BY_TOKEN

TASK = BY_TOKEN["snowflake:index/task:Task"]
ROOT, CHILD, FINAL = '"D"."S"."ROOT"', '"D"."S"."CHILD"', '"D"."S"."FINAL"'
Row = dict[str, Any]


def show(name: str) -> str:
    return f'SHOW TASKS LIKE \'{name}\' IN SCHEMA "D"."S"'


def parameters(name: str) -> str:
    return f'SHOW PARAMETERS IN TASK "D"."S"."{name}"'


def task(name: str, **values: Any) -> Row:
    return {"database": "D", "schema": "S", "name": name, "started": False, "sqlStatement": "select 1"} | values


def create(lifecycle: Lifecycle, values: Row) -> Any:
    return lifecycle.create(TASK, values, print)


def update(lifecycle: Lifecycle, olds: Row, news: Row) -> Any:
    return lifecycle.update(TASK, "id", olds, news, print)


@pytest.mark.usefixtures("graph")
def test_create_text_has_every_clause_in_the_contracts_order(lifecycle: Lifecycle, snowflake: Any) -> None:
    values = task(
        "T",
        warehouse="W",
        schedule={"minutes": 59},
        config='{"a":1}',
        allowOverlappingExecution="true",
        timezone="UTC",
        autocommit=True,
        queryTag="q",
        userTaskTimeoutMs=10,
        suspendTaskAfterNumFailures=3,
        errorIntegration="EI",
        comment="rc",
        taskAutoRetryAttempts=2,
        userTaskMinimumTriggerIntervalInSeconds=15,
        targetCompletionInterval={"minutes": 5},
        serverlessTaskMinStatementSize="xsmall",
        serverlessTaskMaxStatementSize="XXLARGE",
        when="SYSTEM$X()",
    )

    create(lifecycle, values)

    assert snowflake.said() == [
        (
            'CREATE TASK "D"."S"."T" WAREHOUSE = "W" SCHEDULE = \'59 MINUTE\' CONFIG = $${"a":1}$$ '
            "ALLOW_OVERLAPPING_EXECUTION = true AUTOCOMMIT = true, QUERY_TAG = 'q', TIMEZONE = 'UTC' "
            "USER_TASK_TIMEOUT_MS = 10 SUSPEND_TASK_AFTER_NUM_FAILURES = 3 ERROR_INTEGRATION = \"EI\" COMMENT = 'rc' "
            "TASK_AUTO_RETRY_ATTEMPTS = 2 USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS = 15 "
            "TARGET_COMPLETION_INTERVAL = '5 MINUTES' SERVERLESS_TASK_MIN_STATEMENT_SIZE = 'XSMALL' "
            "SERVERLESS_TASK_MAX_STATEMENT_SIZE = 'XXLARGE' WHEN SYSTEM$X() AS select 1"
        ),
        show("T"),
        parameters("T"),
    ]


@pytest.mark.usefixtures("graph")
def test_create_root_started_resumes_it_and_looks(lifecycle: Lifecycle, snowflake: Any) -> None:
    values = task("ROOT", started=True, schedule={"usingCron": "0 9 * * * UTC"})

    create(lifecycle, values)

    assert snowflake.said() == [
        f"CREATE TASK {ROOT} SCHEDULE = 'USING CRON 0 9 * * * UTC' AS select 1",
        f"ALTER TASK {ROOT} RESUME",
        show("ROOT"),
        show("ROOT"),
        parameters("ROOT"),
    ]
    assert snowflake.paused == []


def test_a_task_that_starts_late_is_looked_at_again_without_long_sleeps(
    lifecycle: Lifecycle, snowflake: Any, graph: Any
) -> None:
    graph.slow = 4

    create(lifecycle, task("ROOT", started=True))

    assert snowflake.said().count(show("ROOT")) == 5
    assert sum(snowflake.paused) < 2


def test_a_task_that_never_starts_is_kept_in_the_state_and_said(lifecycle: Lifecycle, graph: Any) -> None:
    graph.slow = 100

    with pytest.raises(PartialFailureError, match="resumed but is not started") as failure:
        create(lifecycle, task("ROOT", started=True))

    assert failure.value.resource_id == ROOT
    # what was wanted, as Terraform's framework saves it: the next run has nothing to do
    assert failure.value.outputs["started"] is True


def test_create_child_under_a_started_root(lifecycle: Lifecycle, snowflake: Any, graph: Any) -> None:
    graph.add("ROOT", state="started")
    graph.add("MIDDLE", "ROOT", state="started")

    create(lifecycle, task("CHILD", started=True, afters=['"D"."S"."MIDDLE"', ROOT]))

    assert snowflake.said() == [
        show("MIDDLE"),
        show("ROOT"),
        f"ALTER TASK {ROOT} SUSPEND",
        show("ROOT"),
        f'CREATE TASK {CHILD} AFTER "D"."S"."MIDDLE", {ROOT} AS select 1',
        f"ALTER TASK {CHILD} RESUME",
        show("CHILD"),
        show("CHILD"),
        parameters("CHILD"),
        f"ALTER TASK {ROOT} RESUME",
    ]


def test_create_child_under_a_suspended_root_leaves_the_root_alone(
    lifecycle: Lifecycle, snowflake: Any, graph: Any
) -> None:
    graph.add("ROOT")

    create(lifecycle, task("CHILD", afters=["D.S.ROOT"]))

    assert snowflake.said() == [
        show("ROOT"),
        f"CREATE TASK {CHILD} AFTER {ROOT} AS select 1",
        show("CHILD"),
        parameters("CHILD"),
    ]


def test_create_finalizer(lifecycle: Lifecycle, snowflake: Any, graph: Any) -> None:
    graph.add("ROOT", state="started")

    create(lifecycle, task("FINAL", started=True, finalize=ROOT))

    assert snowflake.said() == [
        show("ROOT"),
        f"ALTER TASK {ROOT} SUSPEND",
        f"CREATE TASK {FINAL} FINALIZE = {ROOT} AS select 1",
        f"ALTER TASK {FINAL} RESUME",
        show("FINAL"),
        show("FINAL"),
        parameters("FINAL"),
        f"ALTER TASK {ROOT} RESUME",
    ]


def test_update_of_a_started_child_as_observed(lifecycle: Lifecycle, snowflake: Any, graph: Any) -> None:
    graph.add("ROOT", state="started")
    graph.add("CHILD", "ROOT", state="started", condition="SYSTEM$X()")
    olds = task("CHILD", started=True, afters=[ROOT], when="SYSTEM$X()")
    news = task("CHILD", started=True, afters=[ROOT], sqlStatement="call y()")

    state = update(lifecycle, olds, news)

    assert snowflake.said() == [
        parameters("CHILD"),
        show("CHILD"),
        show("CHILD"),
        show("ROOT"),
        f"ALTER TASK {ROOT} SUSPEND",
        f"ALTER TASK {CHILD} SUSPEND",
        f"ALTER TASK {CHILD} REMOVE WHEN",
        f"ALTER TASK {CHILD} MODIFY AS call y()",
        f"ALTER TASK {CHILD} RESUME",
        show("CHILD"),
        show("CHILD"),
        parameters("CHILD"),
        f"ALTER TASK {ROOT} RESUME",
    ]
    assert state.outputs["sqlStatement"] == "call y()"


def test_update_of_a_started_root_suspends_it_twice_and_does_not_remember_it(
    lifecycle: Lifecycle, snowflake: Any, graph: Any
) -> None:
    graph.add("ROOT", state="started", comment="old")
    olds = task("ROOT", started=True, comment="old", suspendTaskAfterNumFailures=3)

    update(lifecycle, olds, task("ROOT", started=True, comment="new"))

    assert snowflake.said() == [
        parameters("ROOT"),
        show("ROOT"),
        show("ROOT"),
        f"ALTER TASK {ROOT} SUSPEND",
        f"ALTER TASK {ROOT} SUSPEND",
        f"ALTER TASK {ROOT} UNSET SUSPEND_TASK_AFTER_NUM_FAILURES",
        f"ALTER TASK {ROOT} SET COMMENT = 'new'",
        f"ALTER TASK {ROOT} RESUME",
        show("ROOT"),
        show("ROOT"),
        parameters("ROOT"),
    ]


def test_the_alters_of_an_update_in_their_order(lifecycle: Lifecycle, snowflake: Any, graph: Any) -> None:
    graph.add("ROOT")
    graph.add("OTHER", state="started")
    graph.add("CHILD", "ROOT", config="x")
    olds = task("CHILD", afters=[ROOT], config="x")
    news = task("CHILD", afters=['"D"."S"."OTHER"'], when="f()", sqlStatement="call z()", comment="c", queryTag="q")

    update(lifecycle, olds, news)

    said = snowflake.said()
    assert said[4:] == [
        f"ALTER TASK {CHILD} UNSET CONFIG",
        f"ALTER TASK {CHILD} MODIFY WHEN f()",
        f"ALTER TASK {CHILD} MODIFY AS call z()",
        show("OTHER"),
        'ALTER TASK "D"."S"."OTHER" SUSPEND',
        f'ALTER TASK {CHILD} ADD AFTER "D"."S"."OTHER"',
        f"ALTER TASK {CHILD} REMOVE AFTER {ROOT}",
        f"ALTER TASK {CHILD} SET QUERY_TAG = 'q', COMMENT = 'c'",
        show("CHILD"),
        parameters("CHILD"),
        'ALTER TASK "D"."S"."OTHER" RESUME',
    ]


def test_update_moves_a_finalizer(lifecycle: Lifecycle, snowflake: Any, graph: Any) -> None:
    graph.add("ROOT", state="started")
    graph.add("FINAL")

    update(lifecycle, task("FINAL"), task("FINAL", finalize=ROOT))

    said = snowflake.said()
    assert said[3:6] == [show("ROOT"), f"ALTER TASK {ROOT} SUSPEND", f"ALTER TASK {FINAL} SET FINALIZE = {ROOT}"]
    assert said[-1] == f"ALTER TASK {ROOT} RESUME"


def test_delete_of_a_child_and_of_a_root(lifecycle: Lifecycle, snowflake: Any, graph: Any) -> None:
    graph.add("ROOT", state="started")
    graph.add("CHILD", "ROOT", state="started")

    lifecycle.delete(TASK, task("CHILD"), print)
    assert snowflake.said() == [
        show("CHILD"),
        show("ROOT"),
        f"ALTER TASK {ROOT} SUSPEND",
        f"DROP TASK IF EXISTS {CHILD}",
        f"ALTER TASK {ROOT} RESUME",
    ]

    lifecycle.delete(TASK, task("ROOT"), print)
    assert snowflake.said() == [show("ROOT"), f"ALTER TASK {ROOT} SUSPEND", f"DROP TASK IF EXISTS {ROOT}"]


def test_delete_of_a_task_that_is_gone_fails(lifecycle: Lifecycle, snowflake: Any, graph: Any) -> None:
    assert not graph.tasks

    with pytest.raises(ProviderError, match="does not exist"):
        lifecycle.delete(TASK, task("CHILD"), print)

    assert snowflake.said() == [show("CHILD")]


def test_a_failed_create_resumes_the_root_that_it_suspended(lifecycle: Lifecycle, snowflake: Any, graph: Any) -> None:
    graph.add("ROOT", state="started")
    snowflake.faults["CREATE TASK"] = SnowflakeError(1003, "42000", "SQL compilation error: syntax", "CREATE TASK")

    with pytest.raises(SnowflakeError, match="001003"):
        create(lifecycle, task("CHILD", afters=[ROOT]))

    assert graph.tasks["ROOT"]["state"] == "started"


def test_a_failed_update_is_noted_as_done_and_not_repeated(lifecycle: Lifecycle, snowflake: Any, graph: Any) -> None:
    graph.add("ROOT", state="started")
    graph.add("CHILD", "ROOT", state="started")
    olds = task("CHILD", started=True, afters=[ROOT])
    news = task("CHILD", started=True, afters=[ROOT], sqlStatement="call y()", comment="c")
    snowflake.faults[f"ALTER TASK {CHILD} SET"] = SnowflakeError(604, "57014", "cancelled", "ALTER TASK")

    with pytest.raises(PartialFailureError) as failure:
        update(lifecycle, olds, news)

    kept = failure.value.outputs
    assert kept == news
    snowflake.faults.clear()
    snowflake.said()
    update(lifecycle, kept, news)
    assert [text for text in snowflake.said() if text.startswith("ALTER")] == []


def test_a_failed_update_of_a_schema_leaves_the_state_as_it_was(lifecycle: Lifecycle, snowflake: Any) -> None:
    olds = {"database": "D", "name": "S", "comment": "a"}
    snowflake.faults["ALTER SCHEMA"] = SnowflakeError(604, "57014", "cancelled", "ALTER SCHEMA")

    with pytest.raises(PartialFailureError) as failure:
        lifecycle.update(BY_TOKEN["snowflake:index/schema:Schema"], "id", olds, olds | {"comment": "b"}, print)

    assert failure.value.outputs == olds


def test_a_missing_predecessor_is_named(lifecycle: Lifecycle, snowflake: Any, graph: Any) -> None:
    assert not graph.tasks

    with pytest.raises(ProviderError, match=r'"D"\."S"\."ROOT" does not exist'):
        create(lifecycle, task("CHILD", afters=[ROOT]))

    assert snowflake.said() == [show("ROOT")]
