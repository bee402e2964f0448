"""The properties that a program may set with the stand-in: those compared with the official plugin.

Knows names. Must not know the meaning of a property. The resource types declare more properties: values that somebody
else has set on an object are read, shown as drift and removed. But properties that no project sets were never compared
with the official plugin, so setting them is refused by name.
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
    """Return a failure for each property that the program sets although it is not offered.

    A value that equals the state's (`olds`) is not the program's: the engine inserts it for ignored properties, e.g.
    those of an imported object.
    """
    names = {prop.name for prop in resource.properties}
    return [
        Failure(name, _reason(name))
        for name, value in news.items()
        if name in names - OFFERED[resource.kind] and olds.get(name) != value
    ]


def _reason(name: str) -> str:
    return (
        f"`{name}` can be read by the stand-in for the Snowflake provider plugin, and not set. Leave it out, or install"
        " the official plugin: `pulumi plugin install resource snowflake`."
    )
