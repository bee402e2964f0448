"""The properties that a program may set with the stand-in: those that are held against the official plugin.

Knows names. Must not know what a property does. The tables of the resource types have more: what an object may have
been given by somebody else is read, shown as drift and taken away, but what nothing sets was never compared with the
official plugin, so setting it is refused by name.
"""

from collections.abc import Mapping

from jobgraph.toolchain.standins.provider.definition import Failure, ResourceType, Values

_IN_SCHEMA = "database schema name"
_NAMES = {
    "AccountRole": "name comment",
    "ComputePool": "name instanceFamily minNodes maxNodes autoResume autoSuspendSecs comment",
    "Database": "name comment",
    "Execute": "execute revert query",
    "FunctionSql": f"{_IN_SCHEMA} arguments returnType functionDefinition comment",
    "GrantAccountRole": "roleName parentRoleName userName",
    "GrantOwnership": "accountRoleName on",
    "GrantPrivilegesToAccountRole": "accountRoleName privileges onAccount onAccountObject onSchema onSchemaObject",
    "ImageRepository": f"{_IN_SCHEMA} comment",
    "ProcedurePython": f"{_IN_SCHEMA} arguments returnType runtimeVersion snowparkPackage handler "
    "nullInputBehavior isSecure procedureDefinition executeAs comment",
    "Schema": "database name isTransient comment",
    "StageInternal": f"{_IN_SCHEMA} directory encryption comment",
    "Table": f"{_IN_SCHEMA} columns comment",
    "Task": f"{_IN_SCHEMA} started sqlStatement warehouse schedule config userTaskManagedInitialWarehouseSize "
    "userTaskTimeoutMs suspendTaskAfterNumFailures taskAutoRetryAttempts comment afters finalize when",
    "View": f"{_IN_SCHEMA} statement comment",
    "Warehouse": "name warehouseSize maxClusterCount maxConcurrencyLevel autoSuspend autoResume initiallySuspended "
    "resourceMonitor comment",
}
OFFERED: Mapping[str, frozenset[str]] = {kind: frozenset(names.split()) for kind, names in _NAMES.items()}


def refused(resource: ResourceType, olds: Values, news: Values) -> list[Failure]:
    """The properties that the program sets and that are not offered.

    What is as in the state (`olds`) is not the program's: the engine puts it there for what is to be ignored, as of an
    object that was imported.
    """
    known = {prop.name for prop in resource.properties}
    return [
        Failure(name, _reason(name))
        for name, value in news.items()
        if name in known - OFFERED[resource.kind] and olds.get(name) != value
    ]


def _reason(name: str) -> str:
    return (
        f"`{name}` can be read by the stand-in for the Snowflake provider plugin, and not set. Leave it out, or install"
        " the official plugin: `pulumi plugin install resource snowflake`."
    )
