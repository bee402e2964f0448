"""Parameters: names, defaults and types of session parameters, which of them are sent to clients, and ranges.

Knows names and values (contract section 5); must not know statements nor HTTP. Levels above the session are not stored:
an account of the sandbox has the defaults below.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snowflake_sandbox.session import Session

# Snowflake's defaults except TIMEZONE: America/Los_Angeles in a new account, UTC in the sandbox (deviations.md).
SESSION: dict[str, str] = {
    "ABORT_DETACHED_QUERY": "false",
    "AUTOCOMMIT": "true",
    "BINARY_INPUT_FORMAT": "HEX",
    "BINARY_OUTPUT_FORMAT": "HEX",
    "CLIENT_MEMORY_LIMIT": "1536",
    "CLIENT_METADATA_REQUEST_USE_CONNECTION_CTX": "false",
    "CLIENT_PREFETCH_THREADS": "4",
    "CLIENT_RESULT_CHUNK_SIZE": "160",
    "CLIENT_RESULT_COLUMN_CASE_INSENSITIVE": "false",
    "CLIENT_SESSION_KEEP_ALIVE": "false",
    "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY": "3600",
    "CLIENT_TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_LTZ",
    "DATE_INPUT_FORMAT": "AUTO",
    "DATE_OUTPUT_FORMAT": "YYYY-MM-DD",
    "JS_TREAT_INTEGER_AS_BIGINT": "false",
    "ENABLE_UNLOAD_PHYSICAL_TYPE_OPTIMIZATION": "true",
    "ERROR_ON_NONDETERMINISTIC_MERGE": "true",
    "ERROR_ON_NONDETERMINISTIC_UPDATE": "false",
    "GEOGRAPHY_OUTPUT_FORMAT": "GeoJSON",
    "GEOMETRY_OUTPUT_FORMAT": "GeoJSON",
    "JDBC_TREAT_TIMESTAMP_NTZ_AS_UTC": "false",
    "JDBC_USE_SESSION_TIMEZONE": "true",
    "JSON_INDENT": "2",
    "LOCK_TIMEOUT": "43200",
    "LOG_EVENT_LEVEL": "OFF",
    "LOG_LEVEL": "OFF",
    "MULTI_STATEMENT_COUNT": "1",
    "NOORDER_SEQUENCE_AS_DEFAULT": "true",
    "ODBC_TREAT_DECIMAL_AS_INT": "false",
    "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "ARROW",
    "QUERY_TAG": "",
    "QUOTED_IDENTIFIERS_IGNORE_CASE": "false",
    "ROWS_PER_RESULTSET": "0",
    "S3_STAGE_VPCE_DNS_NAME": "",
    "SEARCH_PATH": "$current, $public",
    "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": "0",
    "STATEMENT_TIMEOUT_IN_SECONDS": "172800",
    "STRICT_JSON_OUTPUT": "false",
    "TIMESTAMP_DAY_IS_ALWAYS_24H": "false",
    "TIMESTAMP_INPUT_FORMAT": "AUTO",
    "TIMESTAMP_LTZ_OUTPUT_FORMAT": "",
    "TIMESTAMP_NTZ_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF3",
    "TIMESTAMP_OUTPUT_FORMAT": "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM",
    "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ",
    "TIMESTAMP_TZ_OUTPUT_FORMAT": "",
    "TIMEZONE": "UTC",
    "TIME_INPUT_FORMAT": "AUTO",
    "TIME_OUTPUT_FORMAT": "HH24:MI:SS",
    "TRACE_LEVEL": "OFF",
    "TRANSACTION_ABORT_ON_ERROR": "false",
    "TRANSACTION_DEFAULT_ISOLATION_LEVEL": "READ COMMITTED",
    "TWO_DIGIT_CENTURY_START": "1970",
    "UNSUPPORTED_DDL_ACTION": "ignore",
    "USE_CACHED_RESULT": "true",
    "WEEK_OF_YEAR_POLICY": "0",
    "WEEK_START": "0",
}

# A NUMBER has at most 38 digits. `isdigit` takes more for a digit than `int` reads, as `²`.
_WHOLE = re.compile("-?[0-9]{1,38}")
# Documented ranges (sql-reference/parameters), and that of JSON_INDENT: accounts accept 99, and every
# line of a value has so many blanks for each level.
_UNLIMITED = 2**63 - 1
_RANGES: dict[str, tuple[int, int]] = {
    "JSON_INDENT": (0, 99),
    "LOCK_TIMEOUT": (0, _UNLIMITED),
    "MULTI_STATEMENT_COUNT": (0, _UNLIMITED),
    "ROWS_PER_RESULTSET": (0, _UNLIMITED),
    "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": (0, _UNLIMITED),
    "STATEMENT_TIMEOUT_IN_SECONDS": (0, 604_800),
    "SUSPEND_TASK_AFTER_NUM_FAILURES": (0, 2**31 - 1),
    "TASK_AUTO_RETRY_ATTEMPTS": (0, 30),
    "TWO_DIGIT_CENTURY_START": (1900, 2100),
    "CLIENT_PREFETCH_THREADS": (1, 10),
    "DATA_RETENTION_TIME_IN_DAYS": (0, 90),
    "MAX_CONCURRENCY_LEVEL": (1, _UNLIMITED),
    "MAX_DATA_EXTENSION_TIME_IN_DAYS": (0, 90),
    "USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS": (10, 604_800),
    "USER_TASK_TIMEOUT_MS": (0, 604_800_000),
    "WEEK_OF_YEAR_POLICY": (0, 1),
    "WEEK_START": (0, 7),
}

_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF")
_SHAPES = ("GEOJSON", "WKT", "WKB", "EWKT", "EWKB")
# Sizes of serverless tasks, with the synonyms of warehouses' sizes.
_TASK_SIZES = ("XSMALL", "X-SMALL", "SMALL", "MEDIUM", "LARGE", "XLARGE", "X-LARGE", "XXLARGE", "X2LARGE", "2X-LARGE")
# Documented words (sql-reference/parameters), in upper case.
_WORDS: dict[str, tuple[str, ...]] = {
    "BINARY_INPUT_FORMAT": ("HEX", "BASE64", "UTF8", "UTF-8"),
    "BINARY_OUTPUT_FORMAT": ("HEX", "BASE64"),
    "CLIENT_TIMESTAMP_TYPE_MAPPING": ("TIMESTAMP_LTZ", "TIMESTAMP_NTZ"),
    "GEOGRAPHY_OUTPUT_FORMAT": _SHAPES,
    "GEOMETRY_OUTPUT_FORMAT": _SHAPES,
    "LOG_LEVEL": _LEVELS,
    "SERVERLESS_TASK_MAX_STATEMENT_SIZE": _TASK_SIZES,
    "SERVERLESS_TASK_MIN_STATEMENT_SIZE": _TASK_SIZES,
    "STORAGE_SERIALIZATION_POLICY": ("COMPATIBLE", "OPTIMIZED"),
    "TIMESTAMP_TYPE_MAPPING": ("TIMESTAMP_LTZ", "TIMESTAMP_NTZ", "TIMESTAMP_TZ"),
    "TRACE_LEVEL": ("ALWAYS", "ON_EVENT", "PROPAGATE", "OFF"),
    "TRANSACTION_DEFAULT_ISOLATION_LEVEL": ("READ COMMITTED",),
    "UNSUPPORTED_DDL_ACTION": ("IGNORE", "FAIL"),
    "USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE": _TASK_SIZES,
}

# Parameters whose other values would change results, which the sandbox cannot do: only these values are taken.
_ONLY: dict[str, str] = {
    "ERROR_ON_NONDETERMINISTIC_MERGE": "true",
    "ERROR_ON_NONDETERMINISTIC_UPDATE": "false",
    "QUOTED_IDENTIFIERS_IGNORE_CASE": "false",
    "SEARCH_PATH": "$current, $public",
    "TIMESTAMP_DAY_IS_ALWAYS_24H": "false",
    "TIMESTAMP_TYPE_MAPPING": "timestamp_ntz",
    "TIMESTAMP_TZ_OUTPUT_FORMAT": "",
    "TWO_DIGIT_CENTURY_START": "1970",
    "UNSUPPORTED_DDL_ACTION": "ignore",
    "WEEK_OF_YEAR_POLICY": "0",
    "WEEK_START": "0",
}

# The parameters sent to drivers at login and with each result. The last two are not user parameters: telemetry would be
# discarded, and 0 makes drivers send the values of executemany inline instead of through a temporary stage.
_SENT_TO_CLIENTS = (
    "AUTOCOMMIT",
    "BINARY_OUTPUT_FORMAT",
    "CLIENT_MEMORY_LIMIT",
    "CLIENT_METADATA_REQUEST_USE_CONNECTION_CTX",
    "CLIENT_PREFETCH_THREADS",
    "CLIENT_RESULT_CHUNK_SIZE",
    "CLIENT_RESULT_COLUMN_CASE_INSENSITIVE",
    "CLIENT_SESSION_KEEP_ALIVE",
    "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY",
    "CLIENT_TIMESTAMP_TYPE_MAPPING",
    "DATE_OUTPUT_FORMAT",
    "JDBC_TREAT_TIMESTAMP_NTZ_AS_UTC",
    "JDBC_USE_SESSION_TIMEZONE",
    "JS_TREAT_INTEGER_AS_BIGINT",
    "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT",
    "QUERY_TAG",
    "TIMESTAMP_LTZ_OUTPUT_FORMAT",
    "TIMESTAMP_NTZ_OUTPUT_FORMAT",
    "TIMESTAMP_OUTPUT_FORMAT",
    "TIMESTAMP_TZ_OUTPUT_FORMAT",
    "TIMEZONE",
    "TIME_OUTPUT_FORMAT",
)
_FIXED: tuple[dict[str, Any], ...] = (
    {"name": "CLIENT_TELEMETRY_ENABLED", "value": False},
    {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 0},
)


def text_of(value: Any) -> str:
    """Return a parameter's value as text, as in SHOW PARAMETERS."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def session_value(session: Session, name: str) -> Any:
    """Return the value in effect for a session: its own, or the default; None if there is no such parameter."""
    value = session.parameters.get(name)
    return SESSION.get(name) if value is None else value


def session_text(session: Session, name: str) -> str:
    """Return the value in effect for a session as text, as in SHOW PARAMETERS."""
    return text_of(session_value(session, name))


def typed(text: str) -> Any:
    """Convert a value to its JSON type, such as boolean or whole number."""
    if text in ("true", "false"):
        return text == "true"
    return int(text) if _WHOLE.fullmatch(text) else text


def wire_parameters(session: Session) -> list[dict[str, Any]]:
    """Return the `parameters` of a login or query response."""
    return [{"name": name, "value": typed(session_text(session, name))} for name in _SENT_TO_CLIENTS] + list(_FIXED)


def is_allowed(name: str, value: str) -> bool:
    """Whether a value is one of a parameter's documented words or in its range; true for those that have none here."""
    if name in _WORDS:
        return value.upper() in _WORDS[name]
    if name not in _RANGES:
        return True
    least, highest = _RANGES[name]
    return bool(_WHOLE.fullmatch(value)) and least <= int(value) <= highest


def require_supported(values: Mapping[str, Any]) -> None:
    """Refuse values of session parameters that would have no effect in the sandbox.

    Raises:
        SnowflakeError: 000002.
    """
    for name, value in values.items():
        if name in _ONLY and text_of(value).lower() != _ONLY[name]:
            raise errors.not_supported(f"{name} = {text_of(value).upper()}")


def checked(name: str, value: Any) -> Any:
    """Return a value of a session parameter, of its type and in its documented range.

    Raises:
        SnowflakeError: 001008.
    """
    expected, text = type_of(SESSION[name]), text_of(value).lower()
    if (expected != "STRING" and type_of(text) != expected) or not is_allowed(name, text):
        raise errors.invalid_value(text_of(value), name)
    return typed(text) if expected == "BOOLEAN" else value


def of_statement(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a client sends with a statement, for this statement alone.

    Raises:
        SnowflakeError: 001008 for a value that a session could not have.
    """
    return {
        name: checked(name, value) if name in SESSION and value is not None else value for name, value in sent.items()
    }


def type_of(default: str) -> str:
    """Return the `type` column of SHOW PARAMETERS."""
    if default in ("true", "false"):
        return "BOOLEAN"
    return "NUMBER" if _WHOLE.fullmatch(default) else "STRING"
