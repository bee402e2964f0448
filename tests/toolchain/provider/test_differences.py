"""Per property: what updates in place, what needs a new object, what is no change at all; and special sequences."""

from datetime import UTC, datetime
from typing import Any

import pytest

from jobgraph.toolchain.standins.provider.definition import UNKNOWN, ResourceType
from jobgraph.toolchain.standins.provider.errors import PartialFailureError, ProviderError, SnowflakeError
from jobgraph.toolchain.standins.provider.lifecycle import Lifecycle
from jobgraph.toolchain.standins.provider.resources import BY_TOKEN

Row = dict[str, Any]
KINDS: dict[str, ResourceType] = {token.rpartition(":")[2]: one for token, one in BY_TOKEN.items()}
COLUMN = {"name": "A", "type": "VARCHAR(10)", "nullable": True}
ARGUMENT = {"argName": "A", "argDataType": "VARCHAR"}
OBJECT = {"database": "D", "schema": "S", "name": "X"}

SAME, UPDATED, REPLACED = "same", "updated", "replaced"
TABLE = [
    ("Warehouse", {"warehouseSize": "XSMALL"}, {"warehouseSize": "X-Small"}, SAME),
    ("Warehouse", {"warehouseSize": "2X-LARGE"}, {"warehouseSize": "X2LARGE"}, SAME),
    ("Warehouse", {"warehouseSize": "X4LARGE"}, {"warehouseSize": "4X-LARGE"}, SAME),
    ("Warehouse", {"warehouseSize": "XSMALL"}, {"warehouseSize": "SMALL"}, UPDATED),
    ("Warehouse", {"warehouseSize": "XSMALL"}, {"warehouseSize": None}, REPLACED),
    ("Warehouse", {}, {"warehouseType": "STANDARD"}, SAME),
    ("Warehouse", {"autoSuspend": 0}, {"autoSuspend": None}, UPDATED),
    ("Warehouse", {}, {"initiallySuspended": True}, SAME),
    ("Warehouse", {"name": "A"}, {"name": "B"}, UPDATED),
    ("ComputePool", {"instanceFamily": "CPU_X64_XS"}, {"instanceFamily": "cpu_x64_xs"}, SAME),
    ("ComputePool", {"instanceFamily": "CPU_X64_XS"}, {"instanceFamily": "CPU_X64_S"}, REPLACED),
    ("ComputePool", {"minNodes": 1}, {"minNodes": 2}, UPDATED),
    ("ComputePool", {"name": "A"}, {"name": "B"}, REPLACED),
    ("ComputePool", {}, {"comment": ""}, SAME),
    ("Database", {"name": "A"}, {"name": "B"}, UPDATED),
    ("Database", {}, {"isTransient": False}, SAME),
    ("Database", {}, {"isTransient": True}, REPLACED),
    ("Schema", {"database": "A"}, {"database": "B"}, REPLACED),
    ("Schema", {"name": "A"}, {"name": "B"}, UPDATED),
    ("Schema", {}, {"withManagedAccess": "true"}, UPDATED),
    ("Schema", {}, {"isTransient": "true"}, REPLACED),
    ("AccountRole", {"name": "A"}, {"name": "B"}, UPDATED),
    ("AccountRole", {"name": "A"}, {"name": UNKNOWN}, UPDATED),
    ("GrantAccountRole", {"roleName": "A"}, {"roleName": '"A"'}, SAME),
    ("GrantAccountRole", {"roleName": "A"}, {"roleName": "B"}, REPLACED),
    ("GrantOwnership", {"on": {"objectName": '"D"."S"'}}, {"on": {"objectName": '"D"."T"'}}, REPLACED),
    ("ImageRepository", OBJECT, {"schema": "T"}, REPLACED),
    ("ImageRepository", {}, {"encryption": "SNOWFLAKE_SSE"}, REPLACED),
    ("StageInternal", {"directory": {"enable": True}}, {"directory": {"enable": False}}, UPDATED),
    (
        "StageInternal",
        {"directory": {"enable": True}},
        {"directory": {"enable": True, "autoRefresh": "true"}},
        REPLACED,
    ),
    ("StageInternal", {"encryption": {"snowflakeFull": {}}}, {"encryption": {"snowflakeSse": {}}}, REPLACED),
    ("StageInternal", OBJECT, {"name": "Y"}, UPDATED),
    ("Table", {"columns": [COLUMN]}, {"columns": [{"name": "A", "type": "string(10)"}]}, SAME),
    ("Table", {"columns": [COLUMN]}, {"columns": [COLUMN | {"type": "VARCHAR(20)"}]}, UPDATED),
    ("Table", {"columns": [COLUMN]}, {"columns": [COLUMN | {"nullable": False}]}, UPDATED),
    ("Table", {"columns": [COLUMN]}, {"columns": [COLUMN, {"name": "B", "type": "INT"}]}, UPDATED),
    ("Table", {"columns": [COLUMN]}, {"columns": [COLUMN | {"default": {"constant": "x"}}]}, REPLACED),
    ("Table", {"columns": [COLUMN | {"default": {"constant": "x"}}]}, {"columns": [COLUMN]}, UPDATED),
    ("Table", {"columns": [COLUMN]}, {"columns": [COLUMN | {"identity": {}}]}, REPLACED),
    ("Table", {"columns": [COLUMN]}, {"columns": UNKNOWN}, UPDATED),
    ("Table", OBJECT, {"database": "E"}, REPLACED),
    ("View", {"statement": "select 1"}, {"statement": "SELECT\n1"}, SAME),
    ("View", {"statement": "select 1"}, {"statement": "select 2"}, UPDATED),
    ("View", {}, {"isRecursive": "true"}, UPDATED),
    ("View", OBJECT, {"schema": "T"}, REPLACED),
    ("ProcedurePython", {"procedureDefinition": "a  b"}, {"procedureDefinition": "A\nB"}, SAME),
    ("ProcedurePython", {"procedureDefinition": "a"}, {"procedureDefinition": "b"}, REPLACED),
    ("ProcedurePython", {"arguments": [ARGUMENT]}, {"arguments": [ARGUMENT | {"argDataType": "STRING"}]}, SAME),
    ("ProcedurePython", {"arguments": [ARGUMENT]}, {"arguments": [ARGUMENT | {"argDataType": "INT"}]}, REPLACED),
    ("ProcedurePython", {"packages": ["a", "b"]}, {"packages": ["b", "a"]}, SAME),
    ("ProcedurePython", {"packages": ["a"]}, {"packages": ["b"]}, REPLACED),
    ("ProcedurePython", {"handler": "a"}, {"handler": "b"}, REPLACED),
    ("ProcedurePython", {"runtimeVersion": "3.11"}, {"runtimeVersion": "3.12"}, REPLACED),
    ("ProcedurePython", {"executeAs": "CALLER"}, {"executeAs": None}, UPDATED),
    ("ProcedurePython", {"comment": "a"}, {"comment": "b"}, UPDATED),
    ("ProcedurePython", OBJECT, {"name": "Y"}, UPDATED),
    ("FunctionSql", {"functionDefinition": "a"}, {"functionDefinition": "b"}, REPLACED),
    ("FunctionSql", {"returnType": "TABLE (A NUMBER)"}, {"returnType": "TABLE(A DECIMAL(38,0))"}, SAME),
    ("FunctionSql", {"returnType": "TABLE (A NUMBER)"}, {"returnType": "TABLE (B NUMBER)"}, REPLACED),
    ("FunctionSql", {}, {"isSecure": "true"}, UPDATED),
    ("Execute", {"execute": "a"}, {"execute": "A"}, REPLACED),
    ("Execute", {"revert": "a"}, {"revert": "b"}, UPDATED),
    ("Execute", {}, {"query": "b"}, UPDATED),
]


@pytest.mark.parametrize(("kind", "old", "new", "expected"), TABLE)
def test_what_a_change_does(lifecycle: Lifecycle, kind: str, old: Row, new: Row, expected: str) -> None:
    olds: Row = OBJECT | {"arguments": []} | old
    news = {name: value for name, value in (olds | new).items() if value is not None}

    found = lifecycle.compare(KINDS[kind], olds, news, (), print)

    outcome = REPLACED if found.replaces else UPDATED if found.changes else SAME
    assert outcome == expected
    assert found.changed <= set(new)


def test_every_alter_of_a_tables_columns_in_order(lifecycle: Lifecycle, snowflake: Any) -> None:
    def column(name: str, kind: str = "VARCHAR(10)", **values: Any) -> Row:
        return {"name": name, "type": kind} | values

    olds = OBJECT | {
        "columns": [column("GONE"), column("A", default={"constant": "x"}), column("B", comment="c"), column("C")],
        "primaryKey": {"keys": ["A"]},
    }
    news = OBJECT | {
        "name": "Y",
        "columns": [
            column("A", nullable=False),
            column("B"),
            column("C", "VARCHAR(20)", collate="en", comment="new"),
            column("N", "BOOLEAN", default={"constant": "it's"}, nullable=False),
        ],
    }
    snowflake.answers["SHOW TABLES"] = [{"name": "Y", "database_name": "D", "schema_name": "S"}]

    lifecycle.update(KINDS["Table"], "id", olds, news, print)

    start = 'ALTER TABLE "D"."S"."Y" '
    assert [text for text in snowflake.said() if text.startswith("ALTER")] == [
        'ALTER TABLE "D"."S"."X" RENAME TO "D"."S"."Y"',
        start + 'DROP COLUMN "GONE"',
        start + "ADD COLUMN \"N\" BOOLEAN DEFAULT 'it''s' NOT NULL COMMENT ''",
        start + 'ALTER COLUMN "A" SET NOT NULL',
        start + 'ALTER COLUMN "A" DROP DEFAULT',
        start + 'ALTER COLUMN "B" UNSET COMMENT',
        start + "ALTER COLUMN \"C\" SET DATA TYPE VARCHAR(20) COLLATE 'en'",
        start + "ALTER COLUMN \"C\" COMMENT 'new'",
        start + "DROP PRIMARY KEY",
    ]


def test_the_public_schema_is_adopted_where_it_is_there(lifecycle: Lifecycle, snowflake: Any) -> None:
    values = {"database": "D", "name": "PUBLIC", "comment": "c", "logLevel": "INFO"}
    snowflake.answers["SHOW SCHEMAS"] = [{"name": "PUBLIC", "database_name": "D", "options": "", "comment": "c"}]

    lifecycle.create(KINDS["Schema"], values, print)

    said = snowflake.said()
    assert said[:3] == [
        "SHOW SCHEMAS LIKE 'PUBLIC' IN DATABASE \"D\"",
        'ALTER SCHEMA "D"."PUBLIC" DISABLE MANAGED ACCESS',
        "ALTER SCHEMA \"D\".\"PUBLIC\" SET LOG_LEVEL = 'INFO', COMMENT = 'c'",
    ]
    assert said[3].startswith('ALTER SCHEMA "D"."PUBLIC" UNSET DATA_RETENTION_TIME_IN_DAYS, ')
    assert said[3].count(",") == 18  # the 20 parameters of a schema without LOG_LEVEL
    assert "CATALOG, PIPE_EXECUTION_PAUSED, REPLACE_INVALID_CHARACTERS" in said[3]
    assert "STORAGE_SERIALIZATION_POLICY, LOG_EVENT_LEVEL, TRACE_LEVEL" in said[3]
    snowflake.answers["SHOW SCHEMAS"] = []
    with pytest.raises(PartialFailureError):  # made, but this server does not show it afterwards
        lifecycle.create(KINDS["Schema"], values, print)
    assert "CREATE SCHEMA \"D\".\"PUBLIC\" LOG_LEVEL = 'INFO' COMMENT = 'c'" in snowflake.said()


def test_the_public_schema_of_a_new_database_is_dropped_where_asked(lifecycle: Lifecycle, snowflake: Any) -> None:
    fault = SnowflakeError(2043, "02000", "Object does not exist, or operation cannot be performed.")
    snowflake.faults["DROP SCHEMA"] = fault

    with pytest.raises(PartialFailureError):
        lifecycle.create(KINDS["Database"], {"name": "D", "dropPublicSchemaOnCreation": True}, print)

    assert snowflake.said().count('DROP SCHEMA IF EXISTS "D"."PUBLIC"') == 3
    assert len(snowflake.paused) == 2


@pytest.mark.parametrize("state", ["STARTED", "SUSPENDED"])
def test_a_warehouse_is_suspended_while_its_type_changes(lifecycle: Lifecycle, snowflake: Any, state: str) -> None:
    row = {"name": "W", "state": state, "type": "STANDARD"}

    def alter(sql: str) -> list[Row]:
        row["state"] = "SUSPENDED" if sql.endswith("SUSPEND") else row["state"]
        return []

    snowflake.answers = {"SHOW WAREHOUSES": lambda _sql: [dict(row)], "ALTER WAREHOUSE": alter}

    lifecycle.update(
        KINDS["Warehouse"], '"W"', {"name": "W"}, {"name": "W", "warehouseType": "SNOWPARK-OPTIMIZED"}, print
    )

    change = "ALTER WAREHOUSE \"W\" SET WAREHOUSE_TYPE = 'SNOWPARK-OPTIMIZED'"
    said = [text for text in snowflake.said() if text.startswith("ALTER")]
    around = ['ALTER WAREHOUSE "W" SUSPEND', change, 'ALTER WAREHOUSE "W" RESUME IF SUSPENDED']
    assert said == (around if state == "STARTED" else [change])


@pytest.mark.parametrize(
    ("schemas", "databases", "gone"),
    [([], [{"name": "D"}], True), ([{"name": "S", "database_name": "D"}], [], False), (None, [], True)],
)
def test_an_object_whose_parent_is_gone_is_gone(  # noqa: PLR0913  # a table of cases
    *,
    lifecycle: Lifecycle,
    snowflake: Any,
    absent: SnowflakeError,
    schemas: list[Row] | None,
    databases: list[Row],
    gone: bool,
) -> None:
    snowflake.faults["SHOW TABLES"] = absent
    if schemas is None:
        snowflake.faults["SHOW SCHEMAS"] = absent
    snowflake.answers |= {"SHOW SCHEMAS": schemas or [], "SHOW DATABASES": databases}

    if gone:
        assert lifecycle.read(KINDS["Table"], "id", OBJECT, OBJECT, print) is None
    else:
        with pytest.raises(SnowflakeError):
            lifecycle.read(KINDS["Table"], "id", OBJECT, OBJECT, print)


def test_a_failed_show_of_an_account_object_is_a_failure(
    lifecycle: Lifecycle, snowflake: Any, absent: SnowflakeError
) -> None:
    snowflake.faults["SHOW WAREHOUSES"] = absent

    with pytest.raises(SnowflakeError):
        lifecycle.read(KINDS["Warehouse"], "id", {"name": "W"}, {"name": "W"}, print)


def test_a_preview_of_an_object_that_was_dropped_says_to_refresh(
    lifecycle: Lifecycle, snowflake: Any, absent: SnowflakeError
) -> None:
    snowflake.faults["SHOW PARAMETERS"] = absent

    with pytest.raises(ProviderError, match="pulumi refresh"):
        lifecycle.compare(KINDS["Warehouse"], {"name": "W"}, {"name": "W"}, (), print)


def test_the_query_of_an_execute_that_fails_is_a_warning(lifecycle: Lifecycle, snowflake: Any) -> None:
    snowflake.faults["select secret"] = SnowflakeError(904, "42000", "invalid identifier", "select")

    _, state = lifecycle.create(
        KINDS["Execute"], {"execute": "a", "revert": "b", "query": "select secret"}, snowflake.warned.append
    )

    assert state.outputs["queryResults"] == []
    assert "000904" in snowflake.warned[0]


def test_the_results_of_a_query_are_printed_as_the_official_plugin_prints_them(
    lifecycle: Lifecycle, snowflake: Any
) -> None:
    made = datetime(2026, 11, 29, 8, 58, 8, 441850, tzinfo=UTC)
    snowflake.answers["select"] = [{"made": made, "is_on": True, "count": 3, "word": "True", "none": None}]

    _, state = lifecycle.create(KINDS["Execute"], {"execute": "a", "revert": "b", "query": "select"}, print)

    printed = {
        "made": "2026-11-29 08:58:08.44185 +0000 UTC",
        "is_on": "true",
        "count": "3",
        "word": "True",
        "none": None,
    }
    assert state.outputs["queryResults"] == [printed]


def test_an_object_that_exists_already_is_a_failure_that_keeps_nothing(lifecycle: Lifecycle, snowflake: Any) -> None:
    exists = SnowflakeError(2002, "42710", "SQL compilation error:\nObject 'W' already exists.", 'CREATE WAREHOUSE "W"')
    snowflake.faults["CREATE WAREHOUSE"] = exists

    with pytest.raises(SnowflakeError, match=r'Snowflake refused `CREATE WAREHOUSE "W"`: 002002 \(42710\)'):
        lifecycle.create(KINDS["Warehouse"], {"name": "W"}, print)
