"""The parameters of databases and schemas (SQL contract, section 5).

Knows names, literals and the order of sending. Must not know the two resource types that use the parameters.
"""

from jobgraph.toolchain.standins.provider.cells import filled, identifier
from jobgraph.toolchain.standins.provider.definition import Property
from jobgraph.toolchain.standins.provider.properties import (
    flag_parameter,
    keyword_parameter,
    size_parameter,
    text_parameter,
    whole_parameter,
)
from jobgraph.toolchain.standins.provider.sql import requoted, text

_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF")


def _pool(name: str, word: str) -> Property:
    return Property(name=name, sql=word, literal=text, normal=identifier, parameter=True, read=filled)


def _name_parameter(name: str, word: str) -> Property:
    return Property(name=name, sql=word, literal=requoted, normal=identifier, parameter=True, read=filled)


_FIRST = (
    whole_parameter("dataRetentionTimeInDays", "DATA_RETENTION_TIME_IN_DAYS"),
    whole_parameter("maxDataExtensionTimeInDays", "MAX_DATA_EXTENSION_TIME_IN_DAYS"),
    _name_parameter("externalVolume", "EXTERNAL_VOLUME"),
    _name_parameter("catalog", "CATALOG"),
)
_LATER = (
    flag_parameter("replaceInvalidCharacters", "REPLACE_INVALID_CHARACTERS"),
    text_parameter("defaultDdlCollation", "DEFAULT_DDL_COLLATION"),
    _pool("defaultNotebookComputePoolCpu", "DEFAULT_NOTEBOOK_COMPUTE_POOL_CPU"),
    _pool("defaultNotebookComputePoolGpu", "DEFAULT_NOTEBOOK_COMPUTE_POOL_GPU"),
    keyword_parameter("storageSerializationPolicy", "STORAGE_SERIALIZATION_POLICY", ("COMPATIBLE", "OPTIMIZED")),
    keyword_parameter("logLevel", "LOG_LEVEL", _LEVELS),
    keyword_parameter("logEventLevel", "LOG_EVENT_LEVEL", _LEVELS),
    keyword_parameter("traceLevel", "TRACE_LEVEL", ("ALWAYS", "ON_EVENT", "PROPAGATE", "OFF")),
    whole_parameter("suspendTaskAfterNumFailures", "SUSPEND_TASK_AFTER_NUM_FAILURES"),
    whole_parameter("taskAutoRetryAttempts", "TASK_AUTO_RETRY_ATTEMPTS"),
    size_parameter("userTaskManagedInitialWarehouseSize", "USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE"),
    whole_parameter("userTaskTimeoutMs", "USER_TASK_TIMEOUT_MS"),
    whole_parameter("userTaskMinimumTriggerIntervalInSeconds", "USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS"),
    flag_parameter("quotedIdentifiersIgnoreCase", "QUOTED_IDENTIFIERS_IGNORE_CASE"),
    flag_parameter("enableConsoleOutput", "ENABLE_CONSOLE_OUTPUT"),
)

DATABASE_PARAMETERS = (*_FIRST, *_LATER)
SCHEMA_PARAMETERS = (*_FIRST, flag_parameter("pipeExecutionPaused", "PIPE_EXECUTION_PAUSED"), *_LATER)
