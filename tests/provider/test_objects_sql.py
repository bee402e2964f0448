"""Per resource type: the statements of its life, against the SQL contract, and that what is read back is no drift."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from toolchain.provider.definition import ResourceType
from toolchain.provider.diff import Difference
from toolchain.provider.lifecycle import Lifecycle, State
from toolchain.provider.resources import BY_TOKEN

KINDS: dict[str, ResourceType] = {token.rpartition(":")[2]: one for token, one in BY_TOKEN.items()}
Row = dict[str, Any]


@dataclass
class Case:
    """One resource: inputs, the server's rows, its statements; then changes in program or server and what they cause."""

    kind: str
    inputs: Row
    rows: dict[str, list[Row]]
    resource_id: str
    create: list[str]
    read: list[str]
    delete: list[str]
    updates: list[tuple[Row, list[str]]] = field(default_factory=list)
    drifts: list[tuple[str, Row, str]] = field(default_factory=list)

    @property
    def resource(self) -> ResourceType:
        return KINDS[self.kind]


def parameter(key: str, value: str, level: str) -> Row:
    return {"key": key, "value": value, "default": "", "level": level, "description": ""}


WAREHOUSE_ROW: Row = {
    "name": "W",
    "state": "STARTED",
    "type": "STANDARD",
    "size": "X-Small",
    "min_cluster_count": "1",
    "max_cluster_count": 1,
    "auto_suspend": "60",
    "auto_resume": "true",
    "comment": "it's",
    "resource_monitor": "null",
    "scaling_policy": "STANDARD",
}
CASES = [
    Case(
        "Warehouse",
        {
            "name": "W",
            "warehouseSize": "x-small",
            "autoSuspend": 60,
            "autoResume": "true",
            "initiallySuspended": True,
            "comment": "it's",
            "statementTimeoutInSeconds": 3600,
        },
        {
            "SHOW WAREHOUSES": [{"name": "WX"}, WAREHOUSE_ROW],
            "SHOW PARAMETERS": [parameter("STATEMENT_TIMEOUT_IN_SECONDS", "3600", "WAREHOUSE")],
        },
        '"W"',
        [
            "CREATE WAREHOUSE \"W\" WAREHOUSE_SIZE = 'XSMALL' AUTO_SUSPEND = 60 AUTO_RESUME = true "
            "INITIALLY_SUSPENDED = true COMMENT = 'it\\'s' STATEMENT_TIMEOUT_IN_SECONDS = 3600"
        ],
        ["SHOW WAREHOUSES LIKE 'W'", 'SHOW PARAMETERS IN WAREHOUSE "W"'],
        ['DROP WAREHOUSE IF EXISTS "W"'],
        [
            (
                {"warehouseSize": "SMALL", "autoSuspend": 120},
                ["ALTER WAREHOUSE \"W\" SET WAREHOUSE_SIZE = 'SMALL' WAIT_FOR_COMPLETION = true AUTO_SUSPEND = 120"],
            ),
            (
                {"comment": None, "statementTimeoutInSeconds": None},
                ['ALTER WAREHOUSE "W" UNSET COMMENT, STATEMENT_TIMEOUT_IN_SECONDS'],
            ),
            ({"autoSuspend": None}, ['ALTER WAREHOUSE "W" SET AUTO_SUSPEND = 600']),
        ],
        [
            ("SHOW WAREHOUSES", {"size": "2X-Large"}, "warehouseSize"),
            ("SHOW WAREHOUSES", {"auto_suspend": "600"}, "autoSuspend"),
            ("SHOW WAREHOUSES", {"comment": ""}, "comment"),
            ("SHOW WAREHOUSES", {"auto_resume": "false"}, "autoResume"),
            ("SHOW PARAMETERS", {"level": ""}, "statementTimeoutInSeconds"),
            ("SHOW PARAMETERS", {"value": "7"}, "statementTimeoutInSeconds"),
        ],
    ),
    Case(
        "ComputePool",
        {"name": "P", "instanceFamily": "cpu_x64_xs", "minNodes": 1, "maxNodes": 2, "autoSuspendSecs": 600},
        {
            "SHOW COMPUTE POOLS": [
                {
                    "name": "P",
                    "state": "IDLE",
                    "min_nodes": 1,
                    "max_nodes": "2",
                    "instance_family": "CPU_X64_XS",
                    "auto_suspend_secs": "600",
                    "auto_resume": "true",
                    "comment": None,
                    "application": None,
                }
            ],
            "DESCRIBE COMPUTE POOL": [{"name": "P", "error_code": "", "status_message": ""}],
        },
        '"P"',
        ['CREATE COMPUTE POOL "P" MIN_NODES = 1 MAX_NODES = 2 INSTANCE_FAMILY = CPU_X64_XS AUTO_SUSPEND_SECS = 600'],
        ["SHOW COMPUTE POOLS LIKE 'P'", 'DESCRIBE COMPUTE POOL "P"'],
        ['ALTER COMPUTE POOL IF EXISTS "P" STOP ALL', 'DROP COMPUTE POOL IF EXISTS "P"'],
        [
            ({"maxNodes": 3, "comment": "c2"}, ["ALTER COMPUTE POOL \"P\" SET MAX_NODES = 3 COMMENT = 'c2'"]),
            ({"autoSuspendSecs": None}, ['ALTER COMPUTE POOL "P" UNSET AUTO_SUSPEND_SECS']),
        ],
        [
            ("SHOW COMPUTE POOLS", {"max_nodes": "5"}, "maxNodes"),
            ("SHOW COMPUTE POOLS", {"auto_suspend_secs": "3600"}, "autoSuspendSecs"),
            ("SHOW COMPUTE POOLS", {"comment": "by hand"}, "comment"),
        ],
    ),
    Case(
        "Database",
        {"name": "D", "isTransient": True, "dataRetentionTimeInDays": 0, "logLevel": "info", "comment": "c"},
        {
            "SHOW DATABASES": [{"name": "D", "options": "TRANSIENT", "comment": "c"}],
            "SELECT CURRENT_ACCOUNT()": [{"CURRENT_ORGANIZATION_NAME": "ORG", "CURRENT_ACCOUNT_NAME": "ACCT"}],
            "SHOW PARAMETERS": [
                parameter("DATA_RETENTION_TIME_IN_DAYS", "0", "DATABASE"),
                parameter("LOG_LEVEL", "INFO", "DATABASE"),
            ],
        },
        '"D"',
        ["CREATE TRANSIENT DATABASE \"D\" DATA_RETENTION_TIME_IN_DAYS = 0 LOG_LEVEL = 'info' COMMENT = 'c'"],
        [
            "SHOW DATABASES LIKE 'D'",
            "SELECT CURRENT_ACCOUNT() as CURRENT_ACCOUNT, CURRENT_ROLE() as CURRENT_ROLE, "
            "CURRENT_REGION() AS CURRENT_REGION, CURRENT_SESSION() as CURRENT_SESSION, "
            "CURRENT_USER() as CURRENT_USER, CURRENT_ACCOUNT_NAME() as CURRENT_ACCOUNT_NAME, "
            "CURRENT_ORGANIZATION_NAME() as CURRENT_ORGANIZATION_NAME",
            'SHOW REPLICATION DATABASES WITH PRIMARY "ORG"."ACCT"."D"',
            'SHOW PARAMETERS IN DATABASE "D"',
        ],
        ['DROP DATABASE IF EXISTS "D"'],
        [
            (
                {"dataRetentionTimeInDays": 1, "comment": "x"},
                ["ALTER DATABASE \"D\" SET DATA_RETENTION_TIME_IN_DAYS = 1, COMMENT = 'x'"],
            ),
            ({"logLevel": None, "comment": None}, ['ALTER DATABASE "D" UNSET LOG_LEVEL, COMMENT']),
        ],
        [
            ("SHOW DATABASES", {"comment": ""}, "comment"),
            ("SHOW PARAMETERS", {"value": "9"}, "dataRetentionTimeInDays"),
        ],
    ),
    Case(
        "Schema",
        {"database": "D", "name": "S", "withManagedAccess": "true", "comment": "c"},
        {
            "SHOW SCHEMAS": [{"name": "S", "database_name": "D", "options": "MANAGED ACCESS", "comment": "c"}],
        },
        '"D"."S"',
        ['CREATE SCHEMA "D"."S" WITH MANAGED ACCESS COMMENT = \'c\''],
        ["SHOW SCHEMAS LIKE 'S' IN DATABASE \"D\"", 'SHOW PARAMETERS IN SCHEMA "D"."S"', 'DESCRIBE SCHEMA "D"."S"'],
        ['DROP SCHEMA IF EXISTS "D"."S"'],
        [
            (
                {"withManagedAccess": None, "comment": None},
                ['ALTER SCHEMA "D"."S" DISABLE MANAGED ACCESS', 'ALTER SCHEMA "D"."S" UNSET COMMENT'],
            ),
            (
                {"taskAutoRetryAttempts": 2, "comment": "x"},
                ['ALTER SCHEMA "D"."S" SET TASK_AUTO_RETRY_ATTEMPTS = 2, COMMENT = \'x\''],
            ),
        ],
        [("SHOW SCHEMAS", {"options": ""}, "withManagedAccess")],
    ),
    Case(
        "AccountRole",
        {"name": "R", "comment": "c"},
        {"SHOW ROLES": [{"name": "R", "comment": "c"}]},
        '"R"',
        ["CREATE ROLE \"R\" COMMENT = 'c'"],
        ["SHOW ROLES LIKE 'R'"],
        ['DROP ROLE IF EXISTS "R"'],
        [
            ({"comment": "d"}, ["ALTER ROLE \"R\" SET COMMENT = 'd'"]),
            ({"comment": None}, ['ALTER ROLE "R" UNSET COMMENT']),
        ],
        [("SHOW ROLES", {"comment": ""}, "comment")],
    ),
    Case(
        "ImageRepository",
        {"database": "D", "schema": "S", "name": "R", "comment": "c"},
        {"SHOW IMAGE REPOSITORIES": [{"name": "R", "database_name": "D", "schema_name": "S", "comment": "c"}]},
        '"D"."S"."R"',
        ['CREATE IMAGE REPOSITORY "D"."S"."R" COMMENT = \'c\''],
        ['SHOW IMAGE REPOSITORIES LIKE \'R\' IN SCHEMA "D"."S"'],
        ['DROP IMAGE REPOSITORY IF EXISTS "D"."S"."R"'],
        [({"comment": None}, ['ALTER IMAGE REPOSITORY "D"."S"."R" SET COMMENT = \'\''])],
        [("SHOW IMAGE REPOSITORIES", {"comment": "x"}, "comment")],
    ),
    Case(
        "StageInternal",
        {"database": "D", "schema": "S", "name": "X", "directory": {"enable": True}, "comment": "c"},
        {
            "SHOW STAGES": [
                {"name": "X", "database_name": "D", "schema_name": "S", "type": "INTERNAL", "comment": "c"}
            ],
            "DESCRIBE STAGE": [
                {"parent_property": "STAGE_FILE_FORMAT", "property": "TYPE", "property_value": "CSV"},
                {"parent_property": "DIRECTORY", "property": "AUTO_REFRESH", "property_value": "false"},
                {"parent_property": "DIRECTORY", "property": "ENABLE", "property_value": "true"},
            ],
        },
        '"D"."S"."X"',
        ['CREATE STAGE "D"."S"."X" DIRECTORY = (ENABLE = true) COMMENT = \'c\''],
        ['SHOW STAGES LIKE \'X\' IN SCHEMA "D"."S"', 'DESCRIBE STAGE "D"."S"."X"'],
        ['DROP STAGE IF EXISTS "D"."S"."X"'],
        [
            ({"directory": {"enable": False}}, ['ALTER STAGE "D"."S"."X" SET DIRECTORY = (ENABLE = false)']),
            ({"comment": "sc"}, ['ALTER STAGE "D"."S"."X" SET COMMENT = \'sc\'']),
        ],
        [("DESCRIBE STAGE", {"property_value": "false"}, "directory")],
    ),
    Case(
        "Table",
        {
            "database": "D",
            "schema": "S",
            "name": "T",
            "columns": [
                {"name": "ID", "type": "NUMBER(38,0)", "nullable": False, "identity": {"startNum": 1, "stepNum": 1}},
                {"name": "NAME", "type": "VARCHAR(100)"},
                {
                    "name": "TS",
                    "type": "TIMESTAMP_NTZ(9)",
                    "default": {"expression": "CURRENT_TIMESTAMP()"},
                    "comment": "when",
                },
            ],
            "changeTracking": True,
            "comment": "tc",
        },
        {
            "SHOW TABLES": [
                {
                    "name": "T",
                    "database_name": "D",
                    "schema_name": "S",
                    "comment": "tc",
                    "retention_time": "1",
                    "change_tracking": "ON",
                    "cluster_by": "",
                    "owner": "R",
                }
            ],
            "SHOW SCHEMAS": [{"name": "S", "database_name": "D", "retention_time": "1"}],
            "DESCRIBE TABLE": [
                {"name": "NAME", "type": "VARCHAR(100)", "kind": "COLUMN", "null?": "Y", "primary key": "N"},
                {
                    "name": "ID",
                    "type": "NUMBER(38,0)",
                    "kind": "COLUMN",
                    "null?": "N",
                    "default": "IDENTITY START 1 INCREMENT 1 NOORDER",
                    "primary key": "N",
                },
                {
                    "name": "TS",
                    "type": "TIMESTAMP_NTZ(9)",
                    "kind": "COLUMN",
                    "null?": "Y",
                    "default": "CURRENT_TIMESTAMP()",
                    "comment": "when",
                    "primary key": "N",
                },
            ],
        },
        "D|S|T",
        [
            'CREATE TABLE "D"."S"."T" ("ID" NUMBER(38,0) NOT NULL IDENTITY START 1 INCREMENT 1 COMMENT \'\', '
            "\"NAME\" VARCHAR(100) COLLATE '' COMMENT '', "
            "\"TS\" TIMESTAMP_NTZ(9) DEFAULT CURRENT_TIMESTAMP() COMMENT 'when') "
            "CHANGE_TRACKING = true COMMENT = 'tc'"
        ],
        [
            'SHOW TABLES LIKE \'T\' IN SCHEMA "D"."S"',
            "SHOW SCHEMAS LIKE 'S' IN DATABASE \"D\"",
            'DESCRIBE TABLE "D"."S"."T" TYPE = COLUMNS',
        ],
        ['DROP TABLE IF EXISTS "D"."S"."T"'],
        [
            (
                {"comment": "tc2", "changeTracking": None, "clusterBies": ["ID"]},
                [
                    'ALTER TABLE "D"."S"."T" SET CHANGE_TRACKING = false COMMENT = \'tc2\'',
                    'ALTER TABLE "D"."S"."T" CLUSTER BY (ID)',
                ],
            ),
            (
                {"primaryKey": {"name": "PK2", "keys": ["ID"]}},
                ['ALTER TABLE "D"."S"."T" ADD CONSTRAINT PK2 PRIMARY KEY ("ID")'],
            ),
        ],
        [
            ("DESCRIBE TABLE", {"type": "VARCHAR(200)"}, "columns"),
            ("SHOW TABLES", {"comment": ""}, "comment"),
            ("SHOW TABLES", {"change_tracking": "OFF"}, "changeTracking"),
        ],
    ),
    Case(
        "View",
        {"database": "D", "schema": "S", "name": "V", "statement": "select 1 as a", "comment": "vc"},
        {
            "SHOW VIEWS": [
                {
                    "name": "V",
                    "database_name": "D",
                    "schema_name": "S",
                    "comment": "vc",
                    "text": 'CREATE VIEW "D"."S"."V" COMMENT = \'vc\' AS SELECT 1  as a'
                    ' --terraform_provider_usage_tracking {"x":"1"}',
                    "is_secure": "false",
                    "change_tracking": "OFF",
                }
            ],
        },
        '"D"."S"."V"',
        ['CREATE VIEW "D"."S"."V" COMMENT = \'vc\' AS select 1 as a'],
        [
            'SHOW VIEWS LIKE \'V\' IN SCHEMA "D"."S"',
            "SELECT * FROM TABLE (SNOWFLAKE.INFORMATION_SCHEMA.POLICY_REFERENCES "
            '(REF_ENTITY_NAME => \'\\"D\\".\\"S\\".\\"V\\"\', REF_ENTITY_DOMAIN => \'VIEW\'))',
            "SELECT * FROM TABLE (SNOWFLAKE.INFORMATION_SCHEMA.DATA_METRIC_FUNCTION_REFERENCES "
            '(REF_ENTITY_NAME => \'\\"D\\".\\"S\\".\\"V\\"\', REF_ENTITY_DOMAIN => \'VIEW\'))',
            'DESCRIBE VIEW "D"."S"."V"',
        ],
        ['DROP VIEW IF EXISTS "D"."S"."V"'],
        [
            (
                {"statement": "select 2 as a", "copyGrants": True},
                ['CREATE OR REPLACE VIEW "D"."S"."V" COPY GRANTS COMMENT = \'vc\' AS select 2 as a'],
            ),
            (
                {"comment": None, "isSecure": "true"},
                ['ALTER VIEW "D"."S"."V" UNSET COMMENT', 'ALTER VIEW "D"."S"."V" SET SECURE'],
            ),
        ],
        [("SHOW VIEWS", {"text": "CREATE VIEW V AS select 3"}, "statement")],
    ),
    Case(
        "ProcedurePython",
        {
            "database": "D",
            "schema": "S",
            "name": "P",
            "arguments": [
                {"argName": "A", "argDataType": "STRING"},
                {"argName": "B", "argDataType": "INT", "argDefaultValue": "1"},
            ],
            "returnType": "VARCHAR",
            "runtimeVersion": "3.11",
            "snowparkPackage": "1.14.0",
            "packages": ["requests==2.31.0"],
            "handler": "main",
            "executeAs": "CALLER",
            "comment": "user-defined procedure",
            "logLevel": "INFO",
            "procedureDefinition": "def main(s, a, b):\n    return 'x'",
        },
        {
            "SHOW PROCEDURES": [
                {"name": "P", "arguments": "P() RETURN VARCHAR", "description": "another overload"},
                {
                    "name": "P",
                    "arguments": "P(VARCHAR, DEFAULT NUMBER) RETURN VARCHAR",
                    "description": "user-defined procedure",
                    "is_secure": "N",
                },
            ],
            "DESCRIBE PROCEDURE": [
                {"property": "signature", "value": "(A VARCHAR, B NUMBER)"},
                {"property": "returns", "value": "VARCHAR"},
                {"property": "language", "value": "PYTHON"},
                {"property": "execute as", "value": "CALLER"},
                {"property": "null handling", "value": "CALLED ON NULL INPUT"},
                {"property": "body", "value": "def main(s, a, b):\n    return 'x'"},
                {"property": "imports", "value": "[]"},
                {"property": "handler", "value": "main"},
                {"property": "runtime_version", "value": "3.11"},
                {"property": "packages", "value": "['snowflake-snowpark-python==1.14.0','requests==2.31.0']"},
                {"property": "secrets", "value": None},
            ],
            "SHOW PARAMETERS": [parameter("LOG_LEVEL", "INFO", "PROCEDURE")],
        },
        '"D"."S"."P"(VARCHAR, NUMBER)',
        [
            'CREATE PROCEDURE "D"."S"."P" ("A" VARCHAR(16777216), "B" NUMBER(38, 0) DEFAULT 1) '
            "RETURNS VARCHAR(16777216) LANGUAGE PYTHON RUNTIME_VERSION = '3.11' "
            "PACKAGES = ('requests==2.31.0', 'snowflake-snowpark-python==1.14.0') HANDLER = 'main' "
            "COMMENT = 'user-defined procedure' EXECUTE AS CALLER AS $$def main(s, a, b):\n    return 'x'$$",
            'ALTER PROCEDURE "D"."S"."P"(VARCHAR, NUMBER) SET LOG_LEVEL = \'INFO\'',
        ],
        [
            'SHOW PROCEDURES LIKE \'P\' IN SCHEMA "D"."S"',
            'DESCRIBE PROCEDURE "D"."S"."P"(VARCHAR, NUMBER)',
            'SHOW PARAMETERS IN PROCEDURE "D"."S"."P"(VARCHAR, NUMBER)',
        ],
        ['DROP PROCEDURE IF EXISTS "D"."S"."P"(VARCHAR, NUMBER)'],
        [
            (
                {"comment": "pc2", "logLevel": None, "executeAs": "OWNER"},
                [
                    'ALTER PROCEDURE "D"."S"."P"(VARCHAR, NUMBER) SET COMMENT = \'pc2\'',
                    'ALTER PROCEDURE "D"."S"."P"(VARCHAR, NUMBER) UNSET LOG_LEVEL',
                    'ALTER PROCEDURE "D"."S"."P"(VARCHAR, NUMBER) EXECUTE AS OWNER',
                ],
            )
        ],
        [("SHOW PARAMETERS", {"value": "DEBUG"}, "logLevel")],
    ),
    Case(
        "FunctionSql",
        {
            "database": "D",
            "schema": "S",
            "name": "F",
            "arguments": [{"argName": "X", "argDataType": "FLOAT"}],
            "returnType": "TABLE (A NUMBER, B STRING)",
            "functionDefinition": "select 1, 'b'",
            "comment": "user-defined function",
        },
        {
            "SHOW USER FUNCTIONS": [
                {
                    "name": "F",
                    "arguments": "F(FLOAT) RETURN TABLE (A NUMBER, B VARCHAR)",
                    "description": "user-defined function",
                    "is_secure": "N",
                    "language": "SQL",
                }
            ],
            "DESCRIBE FUNCTION": [
                {"property": "signature", "value": "(X FLOAT)"},
                {"property": "returns", "value": "TABLE (A NUMBER, B VARCHAR)"},
                {"property": "language", "value": "SQL"},
                {"property": "body", "value": "select 1, 'b'"},
            ],
        },
        '"D"."S"."F"(FLOAT)',
        [
            'CREATE FUNCTION "D"."S"."F" ("X" FLOAT) RETURNS TABLE ("A" NUMBER(38, 0), "B" VARCHAR(16777216)) '
            "COMMENT = 'user-defined function' AS $$select 1, 'b'$$"
        ],
        [
            'SHOW USER FUNCTIONS LIKE \'F\' IN SCHEMA "D"."S"',
            'DESCRIBE FUNCTION "D"."S"."F"(FLOAT)',
            'SHOW PARAMETERS IN FUNCTION "D"."S"."F"(FLOAT)',
        ],
        ['DROP FUNCTION IF EXISTS "D"."S"."F"(FLOAT)'],
        [
            (
                {"comment": "fc", "traceLevel": "ALWAYS", "isSecure": "true"},
                [
                    'ALTER FUNCTION "D"."S"."F"(FLOAT) SET SECURE',
                    'ALTER FUNCTION "D"."S"."F"(FLOAT) SET COMMENT = \'fc\', TRACE_LEVEL = \'ALWAYS\'',
                ],
            )
        ],
        [("SHOW USER FUNCTIONS", {"description": "x"}, "comment")],
    ),
    Case(
        "Execute",
        {"execute": "ALTER X", "revert": "REVERT X", "query": "select 1 as a"},
        {"select 1 as a": [{"A": 1, "B": None}]},
        "",
        ["ALTER X"],
        ["select 1 as a"],
        ["REVERT X"],
        [({"query": "select 2"}, []), ({"revert": "other"}, [])],
    ),
    Case(
        "GrantAccountRole",
        {"roleName": "R1", "parentRoleName": "R2"},
        {
            "SHOW GRANTS OF ROLE": [
                {"role": "R1", "granted_to": "ROLE", "grantee_name": "R2", "granted_by": "SECURITYADMIN"}
            ]
        },
        '"R1"|ROLE|"R2"',
        ['GRANT ROLE "R1" TO ROLE "R2"'],
        ['SHOW GRANTS OF ROLE "R1"'],
        ['REVOKE ROLE "R1" FROM ROLE "R2"'],
    ),
]

OBJECTS = [one for one in CASES if one.kind != "Execute"]  # an Execute is no object, and cannot be imported


@pytest.fixture(params=CASES, ids=lambda case: case.kind)
def case(request: pytest.FixtureRequest, snowflake: Any) -> Iterator[Case]:
    snowflake.answers = {beginning: [dict(row) for row in rows] for beginning, rows in request.param.rows.items()}
    yield request.param


def made(case: Case, lifecycle: Lifecycle, snowflake: Any) -> tuple[str, State]:
    found = lifecycle.create(case.resource, case.inputs, snowflake.warned.append)
    snowflake.said()
    return found


def compared(case: Case, lifecycle: Lifecycle, state: State, news: Row) -> Difference:
    return lifecycle.compare(case.resource, state.outputs, news, (), print)


def test_create_sends_the_contracts_text_and_reads_back(case: Case, lifecycle: Lifecycle, snowflake: Any) -> None:
    resource_id, state = lifecycle.create(case.resource, case.inputs, snowflake.warned.append)

    assert snowflake.said() == case.create + case.read
    if case.resource_id:
        assert resource_id == case.resource_id
    assert {name: state.outputs[name] for name in case.inputs} == case.inputs
    assert set(case.resource.computed) <= set(state.outputs)


def test_every_statement_but_a_programs_query_carries_the_usage_comment(
    case: Case, lifecycle: Lifecycle, snowflake: Any
) -> None:
    lifecycle.create(case.resource, case.inputs, snowflake.warned.append)

    comment = (
        ' --terraform_provider_usage_tracking {"json_schema_version":"1","version":"2.17.0",'
        f'"resource":"{case.resource.label}","operation":"create"}}'
    )
    plain = [text for text in snowflake.raw if not text.endswith(comment)]
    assert plain == ([case.inputs["query"]] if "query" in case.inputs else [])


def test_right_after_create_nothing_differs_and_refresh_finds_nothing(
    case: Case, lifecycle: Lifecycle, snowflake: Any
) -> None:
    resource_id, state = made(case, lifecycle, snowflake)

    assert not compared(case, lifecycle, state, case.inputs).changes
    parameters = [text for text in case.read if text.startswith("SHOW PARAMETERS")]
    assert snowflake.said() == parameters
    refreshed = lifecycle.read(case.resource, resource_id, case.inputs, state.outputs, print)
    assert refreshed is not None
    assert refreshed.outputs == state.outputs
    assert refreshed.inputs == case.inputs
    assert snowflake.said() == case.read


def test_delete(case: Case, lifecycle: Lifecycle, snowflake: Any) -> None:
    _, state = made(case, lifecycle, snowflake)

    lifecycle.delete(case.resource, state.outputs, print)

    assert snowflake.said() == case.delete


def test_updates_in_place(case: Case, lifecycle: Lifecycle, snowflake: Any) -> None:
    for change, expected in case.updates:
        resource_id, state = made(case, lifecycle, snowflake)
        news = {name: value for name, value in (case.inputs | change).items() if value is not None}
        found = compared(case, lifecycle, state, news)
        assert found.changed
        assert not found.replaces
        snowflake.said()

        lifecycle.update(case.resource, resource_id, state.outputs, news, snowflake.warned.append)

        said = [text for text in snowflake.said() if text.startswith(("ALTER", "CREATE", "DROP"))]
        assert said == expected


def test_refresh_finds_drift_and_the_next_up_mends_it(case: Case, lifecycle: Lifecycle, snowflake: Any) -> None:
    for beginning, difference, name in case.drifts:
        snowflake.answers = {key: [dict(row) for row in rows] for key, rows in case.rows.items()}
        resource_id, state = made(case, lifecycle, snowflake)
        snowflake.answers[beginning][-1 if beginning != "SHOW PARAMETERS" else 0] |= difference

        refreshed = lifecycle.read(case.resource, resource_id, case.inputs, state.outputs, print)

        assert refreshed is not None
        assert refreshed.outputs.get(name) != case.inputs.get(name)
        assert name in compared(case, lifecycle, refreshed, case.inputs).changed


@pytest.mark.parametrize("case", OBJECTS, indirect=True, ids=lambda case: case.kind)
def test_an_object_that_is_not_there_is_gone(case: Case, lifecycle: Lifecycle, snowflake: Any) -> None:
    resource_id, state = made(case, lifecycle, snowflake)
    snowflake.answers = {}

    assert lifecycle.read(case.resource, resource_id, case.inputs, state.outputs, print) is None


@pytest.mark.parametrize("case", OBJECTS, indirect=True, ids=lambda case: case.kind)
def test_an_object_is_imported_by_its_id(case: Case, lifecycle: Lifecycle, snowflake: Any) -> None:
    imported = lifecycle.read(case.resource, case.resource_id, {}, {}, snowflake.warned.append)

    assert imported is not None
    assert "import" in snowflake.raw[0]
    found = compared(case, lifecycle, imported, case.inputs).changed
    assert found <= {"arguments", "encryption", "warehouseType", "dataRetentionTimeInDays", "columns"}
