"""The properties of a task as tables: clauses, session parameters, parameters (SQL contract, sections 5 and 6.15).

Knows names, literals and order. Must not know sequences of statements.
"""

from typing import Any

from jobgraph.toolchain.standins.provider.cells import as_set, camel, collapsed, filled, flag_text, identifier
from jobgraph.toolchain.standins.provider.definition import Property
from jobgraph.toolchain.standins.provider.properties import (
    COMMENT,
    IN_SCHEMA,
    flag_parameter,
    keyword_parameter,
    size_parameter,
    text_parameter,
    whole_parameter,
)
from jobgraph.toolchain.standins.provider.sql import boolean, dollars, requoted, text

_UNITS = {"hours": "HOUR", "minutes": "MINUTE", "seconds": "SECOND"}


def period(value: Any) -> str:
    """Return a schedule or interval object as Snowflake's text: `59 MINUTE` or `USING CRON 0 9 * * * UTC`."""
    if value.get("usingCron"):
        return f"USING CRON {value['usingCron']}"
    return next(f"{int(value[name])} {unit}" for name, unit in _UNITS.items() if value.get(name) is not None)


def period_read(cell: Any) -> dict[str, Any] | None:
    """Return a schedule's text as an object; the unit may be `MINUTE`, `MINUTES` or `M`."""
    written = filled(cell)
    if written is None:
        return None
    if written.upper().startswith("USING CRON "):
        return {"usingCron": written[len("USING CRON ") :]}
    count, _, unit = written.partition(" ")
    name = next(name for name, word in _UNITS.items() if word.startswith(unit.strip().upper().rstrip("S") or "S"))
    return {name: int(count)}


def _period_normal(value: Any) -> str:
    return " ".join(period(value).split())


def _interval(value: Any) -> str:
    written = period(value)
    return text(written if written.startswith("1 ") else written + "S")


_FLAGS = [
    "ABORT_DETACHED_QUERY",
    "AUTOCOMMIT",
    "CLIENT_METADATA_REQUEST_USE_CONNECTION_CTX",
    "CLIENT_RESULT_COLUMN_CASE_INSENSITIVE",
    "CLIENT_SESSION_KEEP_ALIVE",
    "ENABLE_UNLOAD_PHYSICAL_TYPE_OPTIMIZATION",
    "ERROR_ON_NONDETERMINISTIC_MERGE",
    "ERROR_ON_NONDETERMINISTIC_UPDATE",
    "JDBC_TREAT_TIMESTAMP_NTZ_AS_UTC",
    "JDBC_USE_SESSION_TIMEZONE",
    "NOORDER_SEQUENCE_AS_DEFAULT",
    "ODBC_TREAT_DECIMAL_AS_INT",
    "QUOTED_IDENTIFIERS_IGNORE_CASE",
    "STRICT_JSON_OUTPUT",
    "TIMESTAMP_DAY_IS_ALWAYS_24H",
    "TRANSACTION_ABORT_ON_ERROR",
    "USE_CACHED_RESULT",
]
_NUMBERS = [
    "CLIENT_MEMORY_LIMIT",
    "CLIENT_PREFETCH_THREADS",
    "CLIENT_RESULT_CHUNK_SIZE",
    "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY",
    "JSON_INDENT",
    "LOCK_TIMEOUT",
    "MULTI_STATEMENT_COUNT",
    "ROWS_PER_RESULTSET",
    "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS",
    "STATEMENT_TIMEOUT_IN_SECONDS",
    "TWO_DIGIT_CENTURY_START",
    "WEEK_OF_YEAR_POLICY",
    "WEEK_START",
]
_KEYWORDS = [
    "BINARY_INPUT_FORMAT",
    "BINARY_OUTPUT_FORMAT",
    "CLIENT_TIMESTAMP_TYPE_MAPPING",
    "GEOGRAPHY_OUTPUT_FORMAT",
    "GEOMETRY_OUTPUT_FORMAT",
    "LOG_EVENT_LEVEL",
    "LOG_LEVEL",
    "TIMESTAMP_TYPE_MAPPING",
    "TRACE_LEVEL",
    "TRANSACTION_DEFAULT_ISOLATION_LEVEL",
    "UNSUPPORTED_DDL_ACTION",
]
_TEXTS = [
    "DATE_INPUT_FORMAT",
    "DATE_OUTPUT_FORMAT",
    "QUERY_TAG",
    "S3_STAGE_VPCE_DNS_NAME",
    "SEARCH_PATH",
    "TIMESTAMP_INPUT_FORMAT",
    "TIMESTAMP_LTZ_OUTPUT_FORMAT",
    "TIMESTAMP_NTZ_OUTPUT_FORMAT",
    "TIMESTAMP_OUTPUT_FORMAT",
    "TIMESTAMP_TZ_OUTPUT_FORMAT",
    "TIMEZONE",
    "TIME_INPUT_FORMAT",
    "TIME_OUTPUT_FORMAT",
]


def _wire_name(word: str) -> str:
    # Pulumi's camel case has no capital after a digit: timestampDayIsAlways24h.
    return camel(word.lower()).replace("Always24H", "Always24h")


SESSION_PARAMETERS = tuple(
    sorted(
        (
            *(flag_parameter(_wire_name(word), word) for word in _FLAGS),
            *(whole_parameter(_wire_name(word), word) for word in _NUMBERS),
            *(keyword_parameter(_wire_name(word), word) for word in _KEYWORDS),
            *(text_parameter(_wire_name(word), word) for word in _TEXTS),
        ),
        key=lambda prop: prop.sql,
    )
)

BEFORE_SESSION = (
    Property(
        name="warehouse",
        sql="WAREHOUSE",
        literal=requoted,
        normal=identifier,
        column="warehouse",
        read=filled,
        initial=None,
    ),
    size_parameter("userTaskManagedInitialWarehouseSize", "USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE"),
    Property(
        name="schedule",
        sql="SCHEDULE",
        literal=lambda value: text(period(value)),
        form="object",
        normal=_period_normal,
        column="schedule",
        read=period_read,
        initial=None,
    ),
    Property(
        name="config", sql="CONFIG", literal=dollars, column="config", read=filled, initial=None, dollar_quoted=True
    ),
    Property(
        name="allowOverlappingExecution",
        sql="ALLOW_OVERLAPPING_EXECUTION",
        literal=boolean,
        form="boolean text",
        column="allow_overlapping_execution",
        read=flag_text,
        initial="false",
    ),
)
AFTER_SESSION = (
    whole_parameter("userTaskTimeoutMs", "USER_TASK_TIMEOUT_MS"),
    whole_parameter("suspendTaskAfterNumFailures", "SUSPEND_TASK_AFTER_NUM_FAILURES"),
    Property(
        name="errorIntegration",
        sql="ERROR_INTEGRATION",
        literal=requoted,
        normal=identifier,
        column="error_integration",
        read=filled,
        initial=None,
    ),
    COMMENT,
)
FINALIZE = Property(name="finalize", normal=identifier, initial=None)
AFTER_FINALIZE = (
    whole_parameter("taskAutoRetryAttempts", "TASK_AUTO_RETRY_ATTEMPTS"),
    whole_parameter("userTaskMinimumTriggerIntervalInSeconds", "USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS"),
    Property(
        name="targetCompletionInterval",
        sql="TARGET_COMPLETION_INTERVAL",
        literal=_interval,
        form="object",
        normal=_period_normal,
        column="target_completion_interval",
        read=period_read,
        initial=None,
    ),
    size_parameter("serverlessTaskMinStatementSize", "SERVERLESS_TASK_MIN_STATEMENT_SIZE"),
    size_parameter("serverlessTaskMaxStatementSize", "SERVERLESS_TASK_MAX_STATEMENT_SIZE"),
)
CLAUSES = (*BEFORE_SESSION, *SESSION_PARAMETERS, *AFTER_SESSION, *AFTER_FINALIZE)
"""What SET and UNSET write, in their order."""

PROPERTIES = (
    *IN_SCHEMA,
    Property(name="name", replaces=True),
    Property(name="started", form="boolean", required=True),
    Property(name="sqlStatement", required=True, normal=collapsed, column="definition"),
    *CLAUSES,
    FINALIZE,
    Property(name="afters", form="texts", normal=as_set(identifier), initial=None),
    Property(name="when", normal=collapsed, column="condition", read=filled, initial=None),
)
