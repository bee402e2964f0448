"""The other kinds of objects as CREATE statements. Pure: turns the catalog's row into text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.ddl.words import comment, literal
from snowflake_sandbox.statements.reader import ObjectName, identifier

if TYPE_CHECKING:
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_WAREHOUSE_PARAMETERS = (
    ("max_concurrency_level", "8"),
    ("statement_queued_timeout_in_seconds", "0"),
    ("statement_timeout_in_seconds", "172800"),
)


def database(item: SnowflakeObject, name: str) -> str:
    """Return `create or replace database D;`."""
    return f"create or replace {'transient ' if item['transient'] else ''}database {name}{comment(item)};"


def schema(item: SnowflakeObject, name: str) -> str:
    """Return `create or replace schema S;`."""
    access = " with managed access" if item["managed_access"] else ""
    return f"create or replace {'transient ' if item['transient'] else ''}schema {name}{access}{comment(item)};"


def sequence(item: SnowflakeObject, name: str) -> str:
    """Return `create or replace sequence S start with 1 increment by 1 noorder;`."""
    order = "order" if item["ordered"] else "noorder"
    return (
        f"create or replace sequence {name} start with {item['start']} increment by {item['increment']}"
        f" {order}{comment(item)};"
    )


def file_format(item: SnowflakeObject, name: str) -> str:
    """Return `CREATE OR REPLACE FILE FORMAT F …;` with the options that were set."""
    options = [
        f"\t{key.upper()} = {value if key == 'type' or isinstance(value, int) else literal(value)}"
        for key, value in item.properties.items()
        if value is not None and key not in ("comment", "session")
    ]
    return "\n".join([f"CREATE OR REPLACE FILE FORMAT {name}", *options]) + f"{comment(item)}\n;"


def warehouse(item: SnowflakeObject, name: str) -> str:
    """Return `create or replace warehouse W with …;` including defaults, as in the documentation."""
    lines = [
        f"warehouse_type={literal(item['warehouse_type'])}",
        f"warehouse_size={literal(item['warehouse_size'])}",
        *(
            f"{key}={_value(item[key])}"
            for key in ("max_cluster_count", "min_cluster_count", "scaling_policy", "auto_suspend", "auto_resume")
        ),
        f"initially_suspended={_value(item['state'] == 'SUSPENDED')}",
        *([f"COMMENT={literal(item['comment'])}"] if item["comment"] else []),
        f"enable_query_acceleration={_value(item['enable_query_acceleration'])}",
        f"query_acceleration_max_scale_factor={item['query_acceleration_max_scale_factor']}",
        *(f"{key}={item.parameters.get(key.upper(), default)}" for key, default in _WAREHOUSE_PARAMETERS),
    ]
    return "\n".join([f"create or replace warehouse {name}", "with", *(f"    {line}" for line in lines), ";"])


def _value(value: Any) -> str:
    return str(value).upper() if isinstance(value, bool) else str(value)


def task(item: SnowflakeObject, name: str) -> str:
    """Return `create or replace task T … as …;`."""
    lines = [f"create or replace task {name}"]
    lines += [f"warehouse={identifier(item['warehouse'])}"] if item["warehouse"] else []
    for key in ("schedule", "config", "overlap_policy", "target_completion_interval", "comment"):
        lines += [f"{key if key != 'comment' else 'COMMENT'}={literal(item[key])}"] if item[key] else []
    lines += ["allow_overlapping_execution=true"] if item["allow_overlapping_execution"] else []
    for key in ("error_integration", "success_integration"):
        lines += [f"{key}={identifier(item[key])}"] if item[key] else []
    lines += [f"{key}={_parameter(value)}" for key, value in sorted(item.parameters.items())]
    lines += [f"finalize={_beside(item, item['finalize'])}"] if item["finalize"] else []
    lines += [f"after {', '.join(_beside(item, before) for before in item['after'])}"] if item["after"] else []
    lines += [f"when {item['condition']}"] if item["condition"] else []
    return "\n\t".join([*lines, f"as {item['definition']};"])


def _beside(item: SnowflakeObject, name: str) -> str:
    return ObjectName(name, item.name.schema, item.name.database).written


def _parameter(value: Any) -> str:
    text = str(value)
    return text if text in ("true", "false") or text.lstrip("-").isdigit() else literal(text)


def alert(item: SnowflakeObject, name: str) -> str:
    """Return `create or replace alert A … if (exists(…)) then …;`."""
    lines = [f"create or replace alert {name}"]
    lines += [f"warehouse={identifier(item['warehouse'])}"] if item["warehouse"] else []
    for key in ("schedule", "config", "runbook", "comment"):
        lines += [f"{key if key != 'comment' else 'COMMENT'}={literal(item[key])}"] if item[key] else []
    return "\n\t".join([*lines, f"if (exists({item['condition']}))", f"then {item['action']};"])
