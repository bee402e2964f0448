"""snowflake.core: a task graph by dagv1, tasks by themselves, and the reads of other objects."""

from __future__ import annotations

import tempfile
import time
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")

from snowflake.core import CreateMode, Root
from snowflake.core.task import Cron, Task
from snowflake.core.task.context import TaskContext
from snowflake.core.task.dagv1 import DAG, DAGOperation, DAGTask, DAGTaskBranch
from snowflake.snowpark import Session
from steps import LOGIN, raises, step

session = Session.builder.configs(LOGIN).create()
for statement in (
    "CREATE DATABASE G",
    "CREATE WAREHOUSE WH",
    "CREATE STAGE CODE",
    "CREATE COMPUTE POOL CP MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS",
    "CREATE IMAGE REPOSITORY REPO",
):
    session.sql(statement).collect()
root = Root(session)
schema = root.databases["G"].schemas["PUBLIC"]
operation = DAGOperation(schema)


def choose(session: Session) -> str:
    return "left" if session is not None else "right"


def left(session: Session) -> str:
    return str(TaskContext(session).get_current_task_short_name())


def deploy(mode: Any) -> None:
    with DAG(
        "graph",
        schedule=timedelta(minutes=10),
        warehouse="WH",
        stage_location="@G.PUBLIC.CODE",
        packages=["snowflake-snowpark-python", "snowflake.core"],
        use_func_return_value=True,
    ) as dag:
        first = DAGTask("first", "select 1", warehouse="WH")
        branch = DAGTaskBranch("branch", choose, warehouse="WH")
        first >> branch >> [DAGTask("left", left, warehouse="WH"), DAGTask("right", "select 3", warehouse="WH")]
        DAGTask("last", "select 4", warehouse="WH", is_finalizer=True)
    operation.deploy(dag, mode)


def finish() -> dict[str, str]:
    history = "SELECT NAME, STATE FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY()) WHERE STATE != 'SCHEDULED'"
    until = time.monotonic() + 120
    while time.monotonic() < until:
        states = {row[0].rpartition("$")[2]: row[1] for row in session.sql(history).collect()}
        if states.get("LAST") in ("SUCCEEDED", "FAILED"):
            return states
        time.sleep(0.5)
    return {}


def in_container() -> Any:
    """What the program of a task's container reads from TaskContext, and sets as the task's value."""
    spec = "spec:\n  containers:\n  - name: main\n    image: /g/public/repo/context:latest\n"
    for statement in (
        'CREATE TASK C WAREHOUSE = WH CONFIG = \'{"env": "test"}\' AS SELECT 1',
        "CREATE TASK C1 WAREHOUSE = WH AFTER C AS CALL SYSTEM$SET_RETURN_VALUE('from the first')",
        f"CREATE TASK C2 AFTER C1 AS EXECUTE JOB SERVICE IN COMPUTE POOL CP FROM SPECIFICATION $${spec}$$",
        "SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('C')",
        "EXECUTE TASK C",
    ):
        session.sql(statement).collect()
    history = "SELECT STATE, RETURN_VALUE, ERROR_MESSAGE FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => 'C2'))"
    until = time.monotonic() + 180
    while time.monotonic() < until:
        for state, value, error in session.sql(history).collect():
            if state in ("SUCCEEDED", "FAILED"):
                return value or error
        time.sleep(0.5)
    return "it has not ended"


step("deploy", lambda: deploy(CreateMode.error_if_exists))
step("deploy again", lambda: deploy(CreateMode.or_replace))
step("iter_dags", lambda: "GRAPH" in operation.iter_dags(like="gr%"), expected=True)
step("run", lambda: operation.run("graph"))
step("current runs", lambda: len(operation.get_current_dag_runs("graph")) >= 1, expected=True)
states = {"FIRST": "SUCCEEDED", "BRANCH": "SUCCEEDED", "LEFT": "SUCCEEDED", "RIGHT": "SKIPPED", "LAST": "SUCCEEDED"}
step("states", lambda: {name: state for name, state in finish().items() if name in states}, states)
step("complete runs", lambda: [run.state for run in operation.get_complete_dag_runs("graph", error_only=False)])
step("context in a container", in_container, "test, from the first")
odd = Task(name='"odd name"', definition="select 'x'", schedule=Cron("0 9 * * *", "UTC"), warehouse="WH")
step("create task", lambda: schema.tasks.create(odd))
step("create or alter", lambda: schema.tasks['"odd name"'].create_or_alter(odd))
step("fetch", lambda: schema.tasks['"odd name"'].fetch().schedule == Cron("0 9 * * *", "UTC"), expected=True)
step("resume", schema.tasks['"odd name"'].resume)
step("suspend", schema.tasks['"odd name"'].suspend)
step("drop task", schema.tasks['"odd name"'].drop)
step("not found", lambda: raises(schema.tasks["nope"].fetch, "404"), expected=True)
step("databases", lambda: "G" in [item.name for item in root.databases.iter()], expected=True)
step("schemas", lambda: [item.name for item in root.databases["G"].schemas.iter()], ["INFORMATION_SCHEMA", "PUBLIC"])
step("warehouses", lambda: root.warehouses["WH"].fetch().name, "WH")
step("compute pools", lambda: root.compute_pools["CP"].fetch().max_nodes, 1)
step("stages", lambda: schema.stages["CODE"].fetch().name, "CODE")
source = Path(tempfile.mkdtemp()) / "a.txt"
source.write_text("hello")
step("put on a stage", lambda: schema.stages["CODE"].put(str(source), "/put", auto_compress=False))
step(
    "files of a stage", lambda: [row[0] for row in session.sql("LIST @G.PUBLIC.CODE/put").collect()], ["code/put/a.txt"]
)
step("image repositories", lambda: schema.image_repositories["REPO"].fetch().name, "REPO")
step("services", lambda: len(list(schema.services.iter())), 1)
step("drop graph", lambda: operation.drop("graph", drop_finalizer=True))
step("suspend the root", schema.tasks["C"].suspend)
for name in ("C", "C1", "C2"):
    step(f"drop {name}", schema.tasks[name].drop)
step("nothing is left", lambda: list(schema.tasks.iter()), [])
