"""What is looked at before an object may be dropped and made anew: its name, its mark, its content."""

from __future__ import annotations

from typing import Any

import pytest

from jobgraph.deploy.orphans import already_there, holds

PLACE = {"database": "D", "schema": "S"}
MARKED = "jobgraph: something (stack 3f2a9c1e)"


def looked_at(kind: str, **inputs: Any) -> Any:
    found = already_there(f"snowflake:index/{kind[0].lower()}{kind[1:]}:{kind}", {"comment": MARKED, **inputs})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("kind", "inputs", "show", "drop"),
    [
        ("AccountRole", {"name": "R"}, "SHOW ROLES LIKE 'R'", 'DROP ROLE IF EXISTS "R"'),
        ("ComputePool", {"name": "P"}, "SHOW COMPUTE POOLS LIKE 'P'", 'DROP COMPUTE POOL IF EXISTS "P"'),
        (
            "Schema",
            {"name": "S", "database": "D"},
            "SHOW SCHEMAS LIKE 'S' IN DATABASE \"D\"",
            'DROP SCHEMA IF EXISTS "D"."S"',
        ),
        (
            "Table",
            PLACE | {"name": "T"},
            'SHOW TABLES LIKE \'T\' IN SCHEMA "D"."S"',
            'DROP TABLE IF EXISTS "D"."S"."T"',
        ),
        (
            "FunctionSql",
            PLACE | {"name": "F", "arguments": [{"argName": "A", "argDataType": "VARCHAR"}]},
            'SHOW USER FUNCTIONS LIKE \'F\' IN SCHEMA "D"."S"',
            'DROP FUNCTION IF EXISTS "D"."S"."F"(VARCHAR)',
        ),
        (
            "ProcedurePython",
            PLACE | {"name": "P"},
            'SHOW PROCEDURES LIKE \'P\' IN SCHEMA "D"."S"',
            'DROP PROCEDURE IF EXISTS "D"."S"."P"()',
        ),
    ],
)
def test_each_kind_is_shown_and_dropped_by_its_full_name(kind: str, inputs: Any, show: str, drop: str) -> None:
    found = looked_at(kind, **inputs)
    assert (found.show, found.drop) == (show, drop)


@pytest.mark.parametrize(
    ("kind", "name", "taken_over"),
    [("Schema", "PUBLIC", True), ("Schema", "public", True), ("Schema", "S", False), ("Database", "PUBLIC", False)],
)
def test_the_provider_takes_over_the_schema_public_alone(kind: str, name: str, *, taken_over: bool) -> None:
    assert looked_at(kind, name=name, database="D").is_taken_over is taken_over


def test_a_comment_is_quoted() -> None:
    statement = looked_at("Schema", name="PUBLIC", database="D", comment="it's ours").set_comment
    assert statement == """ALTER SCHEMA "D"."PUBLIC" SET COMMENT = 'it\\'s ours'"""


def test_only_the_object_of_that_very_name_counts() -> None:
    found = looked_at("Table", **PLACE, name="A_B")
    assert found.this([{"name": "AXB"}]) is None
    assert found.this([{"name": "AXB"}, {"name": "A_B", "rows": 0}]) == {"name": "A_B", "rows": 0}


def test_another_stacks_object_is_not_ours_even_if_its_comment_differs_in_the_mark_only() -> None:
    found = looked_at("Warehouse", name="W")
    assert found.made_by_this_stack({"comment": MARKED})
    assert not found.made_by_this_stack({"comment": MARKED.replace("3f2a9c1e", "3f2a9c1f")})
    assert not found.made_by_this_stack({"comment": ""})
    assert not looked_at("Warehouse", name="W", comment="").made_by_this_stack({"comment": ""})


def test_functions_and_procedures_keep_their_comment_in_another_column() -> None:
    assert looked_at("ProcedurePython", **PLACE, name="P").made_by_this_stack({"description": MARKED})


@pytest.mark.parametrize(
    ("kind", "row", "busy"),
    [
        ("Table", {"rows": 1}, True),
        ("Table", {"rows": 0}, False),
        ("Table", {"rows": None}, False),
        ("ComputePool", {"num_services": 0, "num_jobs": 2}, True),
        ("ComputePool", {"num_services": 0, "num_jobs": 0}, False),
        ("Warehouse", {"running": 0, "queued": 1}, True),
    ],
)
def test_what_is_in_use_is_seen_in_its_own_row(kind: str, row: dict[str, Any], *, busy: bool) -> None:
    assert looked_at(kind, **PLACE, name="X").in_use(row) is busy


def test_a_new_database_holds_nothing_and_one_with_a_table_does() -> None:
    assert not holds([{"name": "INFORMATION_SCHEMA"}, {"name": "PUBLIC"}, {"name": "LENGTH", "is_builtin": "Y"}])
    assert holds([{"name": "PUBLIC"}, {"name": "OTHER"}])
    assert 'SHOW TABLES IN DATABASE "D"' in looked_at("Database", name="D").contents
    assert looked_at("StageInternal", **PLACE, name="X").contents == ('LIST @"D"."S"."X"',)


def test_images_as_old_as_their_repository_were_not_pushed_to_it() -> None:
    repository = looked_at("ImageRepository", **PLACE, name="R")
    row = {"name": "R", "created_on": "2026-01-01 00:00:00.000 Z"}
    image = {"image_name": "etl", "created_on": row["created_on"]}
    assert not repository.holds(row, [image])
    assert repository.holds(row, [image, image | {"created_on": "2026-01-01 00:00:00.001 Z"}])
    table = {"name": "T", "created_on": row["created_on"]}
    assert looked_at("Schema", name="S", database="D").holds(row | {"name": "S"}, [table])


def test_steps_and_grants_are_no_objects() -> None:
    assert already_there("snowflake:index/execute:Execute", {"execute": "SELECT 1"}) is None
