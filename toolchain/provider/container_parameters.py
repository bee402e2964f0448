"""The parameters of databases and schemas (SQL contract, section 5).

Knows names, literals and the order in which they are sent. Must not know the two resource types that use them.
"""

from toolchain.provider.cells import filled, flag_or_none, identifier, upper, warehouse_size, whole
from toolchain.provider.definition import Property
from toolchain.provider.sql import boolean, number, requoted, text

_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF")


def _whole(name: str, word: str) -> Property:
    return Property(name=name, sql=word, literal=number, form="number", parameter=True, read=whole)


def _flag(name: str, word: str) -> Property:
    return Property(name=name, sql=word, literal=boolean, form="boolean", parameter=True, read=flag_or_none)


def _keyword(name: str, word: str, allowed: tuple[str, ...] = ()) -> Property:
    return Property(name=name, sql=word, literal=text, allowed=allowed, normal=upper, parameter=True, read=filled)


def _pool(name: str, word: str) -> Property:
    return Property(name=name, sql=word, literal=text, normal=identifier, parameter=True, read=filled)


def _named(name: str, word: str) -> Property:
    return Property(name=name, sql=word, literal=requoted, normal=identifier, parameter=True, read=filled)


_FIRST = (
    _whole("dataRetentionTimeInDays", "DATA_RETENTION_TIME_IN_DAYS"),
    _whole("maxDataExtensionTimeInDays", "MAX_DATA_EXTENSION_TIME_IN_DAYS"),
    _named("externalVolume", "EXTERNAL_VOLUME"),
    _named("catalog", "CATALOG"),
)
_REST = (
    _flag("replaceInvalidCharacters", "REPLACE_INVALID_CHARACTERS"),
    Property(
        name="defaultDdlCollation",
        sql="DEFAULT_DDL_COLLATION",
        literal=text,
        parameter=True,
        read=filled,
    ),
    _pool("defaultNotebookComputePoolCpu", "DEFAULT_NOTEBOOK_COMPUTE_POOL_CPU"),
    _pool("defaultNotebookComputePoolGpu", "DEFAULT_NOTEBOOK_COMPUTE_POOL_GPU"),
    _keyword("storageSerializationPolicy", "STORAGE_SERIALIZATION_POLICY", ("COMPATIBLE", "OPTIMIZED")),
    _keyword("logLevel", "LOG_LEVEL", _LEVELS),
    _keyword("logEventLevel", "LOG_EVENT_LEVEL", _LEVELS),
    _keyword("traceLevel", "TRACE_LEVEL", ("ALWAYS", "ON_EVENT", "PROPAGATE", "OFF")),
    _whole("suspendTaskAfterNumFailures", "SUSPEND_TASK_AFTER_NUM_FAILURES"),
    _whole("taskAutoRetryAttempts", "TASK_AUTO_RETRY_ATTEMPTS"),
    Property(
        name="userTaskManagedInitialWarehouseSize",
        sql="USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE",
        literal=lambda value: text(warehouse_size(value)),
        normal=warehouse_size,
        parameter=True,
        read=filled,
    ),
    _whole("userTaskTimeoutMs", "USER_TASK_TIMEOUT_MS"),
    _whole("userTaskMinimumTriggerIntervalInSeconds", "USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS"),
    _flag("quotedIdentifiersIgnoreCase", "QUOTED_IDENTIFIERS_IGNORE_CASE"),
    _flag("enableConsoleOutput", "ENABLE_CONSOLE_OUTPUT"),
)

DATABASE_PARAMETERS = (*_FIRST, *_REST)
SCHEMA_PARAMETERS = (*_FIRST, _flag("pipeExecutionPaused", "PIPE_EXECUTION_PAUSED"), *_REST)
