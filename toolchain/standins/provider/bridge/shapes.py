"""The forms of the resource types, as terraform-provider-snowflake 2.20 and Pulumi's bridge write them.

Knows the properties' names and defaults (recorded states: tests/toolchain/provider/recorded). Must not know statements.
"""

from typing import Any

from jobgraph.toolchain.standins.provider.bridge.shape import LEFT_TO_SNOWFLAKE, LISTED, Nested, Shape
from jobgraph.toolchain.standins.provider.data_types import TableType, data_type, result_type

_ROWS = {"showOutputs": "show_output"}
_DESCRIBED = _ROWS | {"describeOutputs": "describe_output"}
_NO_OBJECT = Nested()
_BULK = Nested(fields={"inDatabase": "", "inSchema": ""})


def _spelled_arguments(arguments: Any) -> Any:
    return [argument | {"argDataType": data_type(argument["argDataType"]).full()} for argument in arguments]


def _spelled_result(written: Any) -> str:
    result = result_type(str(written))
    if not isinstance(result, TableType):
        return result.full()
    return "TABLE(" + ", ".join(f"{name} {column_type.full()}" for name, column_type in result.columns) + ")"


_ROUTINE: dict[str, Any] = {
    "parameters": True,
    "renamed": _ROWS,
    "defaults": {"isSecure": LEFT_TO_SNOWFLAKE},
    "spelled": {"arguments": _spelled_arguments, "returnType": _spelled_result},
}
_ARGUMENTS = Nested(fields={"argDefaultValue": ""}, many=True)

SHAPES: dict[str, Shape] = {
    "AccountRole": Shape(renamed=_ROWS, fields={"comment": ""}),
    "ComputePool": Shape(
        renamed=_DESCRIBED,
        defaults={"initiallySuspended": LEFT_TO_SNOWFLAKE, "autoResume": LEFT_TO_SNOWFLAKE, "autoSuspendSecs": -1},
        fields={"backupInstanceFamilies": LISTED, "comment": None, "forApplication": None},
    ),
    "Database": Shape(
        version="1",
        fields={"comment": None, "dropPublicSchemaOnCreation": None, "isTransient": False, "replication": _NO_OBJECT},
    ),
    "Execute": Shape(minutes=60, fields={"execute": None, "query": None, "revert": None}),
    "FunctionSql": Shape(**_ROUTINE, fields={"arguments": _ARGUMENTS, "returnResultsBehavior": None}),
    "GrantAccountRole": Shape(fields={"parentRoleName": None, "userName": None}),
    "GrantOwnership": Shape(
        fields={
            "databaseRoleName": None,
            "outboundPrivileges": None,
            "on": Nested(fields={"all": _BULK, "future": _BULK, "objectName": "", "objectType": ""}),
        }
    ),
    "GrantPrivilegesToAccountRole": Shape(
        fields={
            "allPrivileges": False,
            "alwaysApply": False,
            "alwaysApplyTrigger": None,
            "onAccount": False,
            "onAccountObject": Nested(fields={"inherited": _NO_OBJECT}),
            "onSchema": Nested(
                fields={
                    "allSchemasInDatabase": "",
                    "futureSchemasInDatabase": "",
                    "inherited": _NO_OBJECT,
                    "schemaName": "",
                }
            ),
            "onSchemaObject": Nested(
                fields={
                    "all": _BULK,
                    "future": _BULK,
                    "inherited": _NO_OBJECT,
                    "objectName": "",
                    "objectType": "",
                }
            ),
            "strictPrivilegeManagement": False,
            "withGrantOption": False,
        }
    ),
    "ImageRepository": Shape(version="1", renamed=_ROWS, fields={"comment": None, "encryption": None}),
    "ProcedurePython": Shape(
        **_ROUTINE,
        fields={
            "arguments": _ARGUMENTS,
            "executeAs": None,
            "externalAccessIntegrations": LISTED,
            "imports": [],
            "nullInputBehavior": None,
            "packages": LISTED,
            "secrets": [],
        },
    ),
    "Schema": Shape(
        version="2",
        parameters=True,
        renamed=_DESCRIBED,
        defaults={"isTransient": LEFT_TO_SNOWFLAKE, "withManagedAccess": LEFT_TO_SNOWFLAKE},
        fields={"comment": None},
    ),
    "StageInternal": Shape(
        version="1",
        renamed=_DESCRIBED
        | {"directoryTables": "directory_table", "fileFormats": "file_format", "nullIfs": "null_if"}
        | {f"{kind}s": kind for kind in ("avro", "csv", "json", "orc", "parquet", "xml")},
        fields={
            "comment": None,
            "directory": Nested(defaults={"autoRefresh": LEFT_TO_SNOWFLAKE}),
            "encryption": Nested(fields={"snowflakeFull": _NO_OBJECT, "snowflakeSse": _NO_OBJECT}),
            "fileFormat": _NO_OBJECT,
        },
    ),
    "Table": Shape(
        renamed={"clusterBies": "cluster_by", "columns": "column", "tags": "tag"},
        defaults={"dataRetentionTimeInDays": -1},
        fields={
            "changeTracking": False,
            "clusterBies": LISTED,
            "columns": Nested(
                many=True,
                defaults={"nullable": True},
                fields={
                    "collate": "",
                    "comment": "",
                    "default": Nested(fields={"constant": "", "expression": "", "sequence": ""}),
                    "identity": _NO_OBJECT,
                    "maskingPolicy": "",
                    "schemaEvolutionRecord": "",
                },
            ),
            "comment": None,
            "primaryKey": _NO_OBJECT,
            "tags": [],
        },
    ),
    "Task": Shape(
        version="1",
        parameters=True,
        renamed=_ROWS
        | {
            "afters": "after",
            "targetCompletionIntervals": "target_completion_interval",
            "timestampDayIsAlways24h": "timestamp_day_is_always_24h",
        },
        defaults={"allowOverlappingExecution": LEFT_TO_SNOWFLAKE},
        fields={
            "afters": LISTED,
            "comment": "",
            "config": "",
            "errorIntegration": "",
            "finalize": "",
            "schedule": Nested(fields={"hours": 0, "minutes": 0, "seconds": 0, "usingCron": ""}),
            "targetCompletionInterval": Nested(fields={"hours": 0, "minutes": 0, "seconds": 0}),
            "warehouse": "",
            "when": "",
        },
    ),
    "View": Shape(
        version="1",
        renamed=_DESCRIBED | {"columns": "column", "dataMetricFunctions": "data_metric_function"},
        computed=frozenset({"columns"}),
        defaults=dict.fromkeys(("changeTracking", "isRecursive", "isSecure", "isTemporary"), LEFT_TO_SNOWFLAKE),
        fields={
            "aggregationPolicy": _NO_OBJECT,
            "columns": Nested(
                many=True, fields={"comment": "", "maskingPolicy": _NO_OBJECT, "projectionPolicy": _NO_OBJECT}
            ),
            "comment": None,
            "copyGrants": False,
            "dataMetricFunctions": [],
            "dataMetricSchedule": _NO_OBJECT,
            "rowAccessPolicy": _NO_OBJECT,
        },
    ),
    "Warehouse": Shape(
        version="2",
        parameters=True,
        renamed=_ROWS,
        defaults={
            "autoResume": LEFT_TO_SNOWFLAKE,
            "autoSuspend": -1,
            "enableQueryAcceleration": LEFT_TO_SNOWFLAKE,
            "queryAccelerationMaxScaleFactor": -1,
        },
        fields=dict.fromkeys(
            [
                *("comment", "generation", "initiallySuspended", "maxClusterCount", "minClusterCount"),
                *("resourceConstraint", "resourceMonitor", "scalingPolicy", "warehouseSize", "warehouseType"),
            ]
        ),
    ),
}
