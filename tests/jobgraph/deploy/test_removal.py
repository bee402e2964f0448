"""What stays when a stack goes, what is there before it, and what refuses its removal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobgraph.config.reading import read
from jobgraph.deploy import adoption, removal
from jobgraph.errors import UsageError
from jobgraph.plan.planning import Procedures, plan
from jobgraph.settings import IMPORTED_KINDS, Settings, read_settings

ROOT = Path(__file__).resolve().parents[3]
PLACE = '"PR_CONTAINER_ORCHESTRATION"."PUBLIC"'


def settings(**given: Any) -> Settings:
    return read_settings(given, "Pulumi.test.yaml")


def test_by_default_what_holds_data_stays_and_can_be_dropped_in_order() -> None:
    assert removal.drops(settings()) == [
        *(f'DROP TABLE {PLACE}."{name}"' for name in ("JOBS_RUN_STATS", "JOB_LOGS", "TASK_LOGGING_STATS")),
        *(
            f'DROP TABLE {PLACE}."{name}"'
            for name in ("OPERATIONS", "BACKFILLS", "BACKFILL_INTERVALS", "NOTIFICATIONS")
        ),
        f'DROP STAGE {PLACE}."JOBS"',
        f"DROP SCHEMA {PLACE}",
        'DROP DATABASE "PR_CONTAINER_ORCHESTRATION"',
    ]
    assert removal.drops(settings(retain=False)) == []


def test_what_is_imported_stays_too_and_what_only_exists_is_nobodys_to_drop() -> None:
    pools = {"MINE": {"imported": True}, "THEIRS": {"existing": True}}
    drops = removal.drops(settings(imported=["warehouse"], existing=["database", "schema"], pools=pools))
    assert "DROP COMPUTE POOL MINE" in drops
    assert 'DROP WAREHOUSE "SMALL_WAREHOUSE"' in drops
    assert not [statement for statement in drops if "THEIRS" in statement or "DROP DATABASE" in statement]
    assert not [statement for statement in drops if "DROP SCHEMA" in statement]


def test_ids_of_imported_objects_are_those_of_the_provider() -> None:
    given = settings(imported=list(IMPORTED_KINDS), pools={"MINE": {"imported": True}})
    ids = {kind: adoption.import_id(given, kind, "JOB_LOGS") for kind in IMPORTED_KINDS}
    assert ids == {
        "role": '"SPCS_DEMO_ROLE"',
        "warehouse": '"SMALL_WAREHOUSE"',
        "database": '"PR_CONTAINER_ORCHESTRATION"',
        "schema": PLACE,
        "image_repository": f'{PLACE}."IMAGES"',
        "stage": f'{PLACE}."JOBS"',
        "history": "PR_CONTAINER_ORCHESTRATION|PUBLIC|JOB_LOGS",
    }
    assert adoption.import_id(given, "pool", "MINE") == '"MINE"'
    assert adoption.import_id(settings(), "warehouse") is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"existing": ["schema"]}, "name database in `existing` or `imported`"),
        ({"imported": ["history"]}, "name schema in"),
        ({"existing": ["warehouse"], "imported": ["warehouse"]}, "either existing or imported, not both"),
        ({"existing": ["database"]}, "a database that exists already has a schema PUBLIC"),
        ({"existing": ["stage"]}, "expected a list of role, warehouse, database, schema, image_repository"),
        ({"pools": {"P": {"existing": True, "imported": True}}}, "pool P: either existing or imported, not both"),
        ({"pools": {"P": {"existing": "yes"}}}, "expected true or false"),
        ({"image_digests": {"a:1": "latest"}}, "sha256:<64 hex digits>"),
        ({"retain": 1}, "expected true or false"),
    ],
)
def test_what_cannot_be_is_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told.replace("(", r"\(")):
        settings(**given)


def test_the_guard_refuses_by_an_error_that_says_what_to_do_unless_forced() -> None:
    procedures = Procedures("run", "finalize")
    (graph,) = plan(read(ROOT / "jobconfig.yaml"), settings(), procedures).graphs
    guard = removal.guard(graph, settings())
    assert "ROOT_TASK_NAME => 'ROOT_TASK'" in guard.revert
    assert "DECODE(ROOT_TASK_NAME, 'ROOT_TASK', 'container_jobs') AS GRAPH" in guard.revert
    for remedy in ("`jobgraph wait ' || GRAPH || '`", "`jobgraph cancel ' || GRAPH || '`", "force_destroy: true"):
        assert remedy in guard.revert
    forced = removal.guard(graph, settings(force_destroy="true"))
    assert forced.revert == forced.execute == guard.execute
    again = removal.guard(graph, settings(), is_suspended=True)
    assert (again.execute, again.revert) == (graph.activation.execute, guard.revert)


def test_an_image_is_pinned_by_the_digest_of_its_tag() -> None:
    digest = f"sha256:{'a' * 64}"
    pinned = settings(image_digests={"my_job_image:latest": digest})
    assert pinned.pinned("my_job_image:latest") == f"my_job_image@{digest}"
    assert pinned.pinned("my_job_image:2") == "my_job_image:2"


def test_a_stack_of_several_graphs_refuses_while_any_of_them_runs() -> None:
    file = ROOT / "tests" / "jobgraph" / "golden" / "everything.yaml"
    pools = {"PR_STD_POOL_XS": {}, "PR_STD_POOL_S": {}, "GPU_POOL": {"instance_family": "GPU_NV_S"}}
    chosen = settings(pools=pools)
    graphs = plan(read(str(file), chosen.pool_families), chosen, Procedures("a", "b")).graphs
    guard = removal.guard_of_all(graphs, chosen)
    assert guard.execute.startswith("SELECT ")
    names = ", ".join(f"'{graph.root.name}'" for graph in graphs)
    assert guard.revert.endswith(f"AND ROOT_TASK_NAME IN ({names}))")
    assert removal.guard_of_all(graphs, settings(pools=pools, force_destroy=True)).revert == guard.execute
