"""snowflake.Warehouse (SQL contract, section 6.1).

Knows the statements and columns of warehouses. Must not know how statements are sent.
"""

from jobgraph.toolchain.standins.provider.cells import filled, flag_text, upper, warehouse_size, whole
from jobgraph.toolchain.standins.provider.definition import (
    Change,
    Observation,
    Pause,
    Property,
    ResourceType,
    Statement,
    Statements,
    Values,
)
from jobgraph.toolchain.standins.provider.objects import (
    Kind,
    alter,
    clauses,
    drop,
    observe,
    rename,
    show,
    with_parameters,
)
from jobgraph.toolchain.standins.provider.properties import COMMENT, size_literal, whole_parameter
from jobgraph.toolchain.standins.provider.sql import boolean, number, requoted, text

KIND = Kind(
    name="WAREHOUSE",
    plural="WAREHOUSES",
    between_sets=" ",
    columns="name state type size min_cluster_count# max_cluster_count# started_clusters# running# queued# is_default? "
    "is_current? auto_suspend# auto_resume? available~ provisioning~ quiescing~ other~ created_on resumed_on "
    "updated_on owner comment enable_query_acceleration? query_acceleration_max_scale_factor# resource_monitor "
    "scaling_policy owner_role_type resource_constraint generation",
)
_SIZES = (
    *("XSMALL", "X-SMALL", "SMALL", "MEDIUM", "LARGE", "XLARGE", "X-LARGE", "XXLARGE", "X2LARGE", "2X-LARGE"),
    *("XXXLARGE", "X3LARGE", "3X-LARGE", "X4LARGE", "4X-LARGE", "X5LARGE", "5X-LARGE", "X6LARGE", "6X-LARGE"),
)
_SUSPEND_CHECKS = 5
_SUSPEND_CHECK_SECONDS = 1.0


def _keyword(value: object) -> str:
    return text(upper(value))


PROPERTIES = (
    Property(name="name"),
    Property(
        name="warehouseType",
        sql="WAREHOUSE_TYPE",
        literal=_keyword,
        allowed=("STANDARD", "SNOWPARK-OPTIMIZED"),
        normal=upper,
        in_alter=False,
        column="type",
        read=filled,
        initial="STANDARD",
    ),
    Property(
        name="warehouseSize",
        sql="WAREHOUSE_SIZE",
        literal=size_literal,
        allowed=_SIZES,
        normal=warehouse_size,
        column="size",
        read=lambda cell: warehouse_size(cell) if filled(cell) else None,
    ),
    Property(
        name="maxClusterCount",
        sql="MAX_CLUSTER_COUNT",
        literal=number,
        form="number",
        column="max_cluster_count",
        read=whole,
        initial=1,
    ),
    Property(
        name="minClusterCount",
        sql="MIN_CLUSTER_COUNT",
        literal=number,
        form="number",
        column="min_cluster_count",
        read=whole,
        initial=1,
    ),
    Property(
        name="scalingPolicy",
        sql="SCALING_POLICY",
        literal=_keyword,
        allowed=("STANDARD", "ECONOMY"),
        normal=upper,
        column="scaling_policy",
        read=filled,
        initial="STANDARD",
    ),
    Property(
        name="autoSuspend",
        sql="AUTO_SUSPEND",
        literal=number,
        form="number",
        column="auto_suspend",
        read=whole,
        initial=600,
        on_unset="AUTO_SUSPEND = 600",
    ),
    Property(
        name="autoResume",
        sql="AUTO_RESUME",
        literal=boolean,
        form="boolean text",
        column="auto_resume",
        read=flag_text,
        initial="true",
    ),
    Property(name="initiallySuspended", sql="INITIALLY_SUSPENDED", literal=boolean, form="boolean", create_only=True),
    Property(
        name="resourceMonitor",
        sql="RESOURCE_MONITOR",
        literal=requoted,
        column="resource_monitor",
        read=filled,
        initial=None,
    ),
    COMMENT,
    Property(
        name="enableQueryAcceleration",
        sql="ENABLE_QUERY_ACCELERATION",
        literal=boolean,
        form="boolean text",
        column="enable_query_acceleration",
        read=flag_text,
        initial="false",
    ),
    Property(
        name="queryAccelerationMaxScaleFactor",
        sql="QUERY_ACCELERATION_MAX_SCALE_FACTOR",
        literal=number,
        form="number",
        column="query_acceleration_max_scale_factor",
        read=whole,
        initial=8,
    ),
    Property(
        name="resourceConstraint",
        sql="RESOURCE_CONSTRAINT",
        literal=_keyword,
        normal=upper,
        column="resource_constraint",
        read=filled,
    ),
    Property(name="generation", sql="GENERATION", literal=text, column="generation", read=filled),
    whole_parameter("maxConcurrencyLevel", "MAX_CONCURRENCY_LEVEL"),
    whole_parameter("statementQueuedTimeoutInSeconds", "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS"),
    whole_parameter("statementTimeoutInSeconds", "STATEMENT_TIMEOUT_IN_SECONDS"),
)


def _show_parameters(values: Values) -> Statement:
    return Statement(f"SHOW PARAMETERS IN WAREHOUSE {KIND.full_name(values)}")


def _must_replace(_olds: Values, news: Values, changed: frozenset[str]) -> frozenset[str]:
    """A size cannot be unset."""
    return frozenset({"warehouseSize"} & changed) if not news.get("warehouseSize") else frozenset()


def _create(values: Values) -> Observation:
    line = " ".join([f"CREATE WAREHOUSE {KIND.full_name(values)}", *clauses(PROPERTIES, values)])
    yield Statement(line, creates=True)
    return (yield from _read(values))


def _read(values: Values) -> Observation:
    live = yield from observe(KIND, PROPERTIES, KIND.parts(values))
    if live is None:
        return None
    rows = yield _show_parameters(values)
    output = live.outputs["showOutputs"][0]
    output |= {"size": warehouse_size(output["size"]), "resourceMonitor": filled(output["resourceMonitor"]) or ""}
    return with_parameters(live, PROPERTIES, rows, "WAREHOUSE", effective=True)


def _update(change: Change) -> Observation:
    yield from rename(KIND, change)
    if "warehouseType" in change.changed:
        yield from _change_type(change)
    for statement in alter(KIND, PROPERTIES, change, KIND.full_name(change.news)):
        # The size must be in effect before the next statement, which may require it.
        size = size_literal(change.news.get("warehouseSize"))
        waiting = f"WAREHOUSE_SIZE = {size} WAIT_FOR_COMPLETION = true"
        yield Statement(statement.sql.replace(f"WAREHOUSE_SIZE = {size}", waiting, 1))
    return (yield from _read(change.news))


def _change_type(change: Change) -> Statements:
    """Only a suspended warehouse can change its type."""
    target, parts = KIND.full_name(change.news), KIND.parts(change.news)
    row = yield from show(KIND, parts)
    started = row is not None and row.get("state") == "STARTED"
    if started:
        yield Statement(f"ALTER WAREHOUSE {target} SUSPEND")
        for _ in range(_SUSPEND_CHECKS):
            row = yield from show(KIND, parts)
            if row is None or row.get("state") == "SUSPENDED":
                break
            yield Pause(_SUSPEND_CHECK_SECONDS)
    kind = _keyword(change.news.get("warehouseType") or "STANDARD")
    yield Statement(f"ALTER WAREHOUSE {target} SET WAREHOUSE_TYPE = {kind}")
    if started:
        yield Statement(f"ALTER WAREHOUSE {target} RESUME IF SUSPENDED")


RESOURCE = ResourceType(
    token="snowflake:index/warehouse:Warehouse",  # noqa: S106  # a type token
    label="snowflake_warehouse",
    properties=PROPERTIES,
    computed=("fullyQualifiedName", "parameters", "showOutputs"),
    identity=KIND.bare_name,
    full_name=KIND.full_name,
    parse=KIND.parse,
    create=_create,
    read=_read,
    update=_update,
    delete=drop(KIND),
    level="WAREHOUSE",
    show_parameters=_show_parameters,
    must_replace=_must_replace,
)
