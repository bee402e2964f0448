"""snowflake.Table (SQL contract, section 6.11).

Knows the statements and columns of tables. Must not know how statements are sent.
"""

import re
from typing import Any

from jobgraph.toolchain.standins.provider.cells import flag, whole
from jobgraph.toolchain.standins.provider.columns import (
    alter_columns,
    column_text,
    columns_normal,
    described_column,
    needs_new_table,
)
from jobgraph.toolchain.standins.provider.definition import (
    Change,
    Failure,
    Observation,
    Observed,
    Property,
    ResourceType,
    Statement,
    Values,
)
from jobgraph.toolchain.standins.provider.diff import has_unknown
from jobgraph.toolchain.standins.provider.objects import (
    Kind,
    alter,
    clauses,
    columns_read,
    drop,
    pick,
    rename,
    run,
    show,
    show_text,
)
from jobgraph.toolchain.standins.provider.properties import COMMENT, IN_SCHEMA
from jobgraph.toolchain.standins.provider.sql import boolean, identifier_parts, number, quoted

KIND = Kind(
    name="TABLE",
    plural="TABLES",
    container=("database", "schema"),
    between_sets=" ",
    between_unsets=" ",
    columns="",
)


def _cluster_by(cell: Any) -> list[str] | None:
    """Return `LINEAR(a, b)` as a list of expressions."""
    match = re.fullmatch(r"LINEAR\s*\((.*)\)", str(cell or "").strip(), re.IGNORECASE)
    return [part.strip() for part in match[1].split(",")] if match else None


PROPERTIES = (
    *IN_SCHEMA,
    Property(name="name"),
    Property(name="columns", form="objects", required=True, normal=columns_normal),
    Property(name="clusterBies", form="texts", normal=tuple, column="cluster_by", read=_cluster_by, initial=None),
    Property(
        name="dataRetentionTimeInDays",
        sql="DATA_RETENTION_TIME_IN_DAYS",
        literal=number,
        form="number",
        column="retention_time",
        read=whole,
    ),
    Property(
        name="changeTracking",
        sql="CHANGE_TRACKING",
        literal=boolean,
        form="boolean",
        on_unset="CHANGE_TRACKING = false",
        column="change_tracking",
        read=flag,
        initial=False,
    ),
    COMMENT,
    Property(name="primaryKey", form="object", normal=lambda value: tuple(value["keys"])),
)


def _check(values: Values) -> list[Failure]:
    problems: list[Failure] = []
    if has_unknown(values["columns"]):
        return problems
    for position, column in enumerate(values["columns"]):
        if not (column.get("name") and column.get("type")):
            problems.append(Failure("columns", f"column {position + 1} needs a `name` and a `type`."))
        if column.get("maskingPolicy"):
            problems.append(Failure("columns", f"column {column.get('name')}: `maskingPolicy` is not supported here."))
    names = [column.get("name") for column in values["columns"]]
    problems += [
        Failure("columns", f"column {name} is there twice.") for name in {n for n in names if names.count(n) > 1}
    ]
    return problems


def _create(values: Values) -> Observation:
    listed = ", ".join(column_text(column) for column in values["columns"])
    words = [f"CREATE TABLE {KIND.full_name(values)} ({listed})"]
    if values.get("clusterBies"):
        words.append(f"CLUSTER BY ({', '.join(values['clusterBies'])})")
    yield Statement(" ".join([*words, *clauses(PROPERTIES, values)]), creates=True)
    return (yield from _read(values))


def _read(values: Values) -> Observation:
    parts = KIND.parts(values)
    row = yield from show(KIND, parts)
    if row is None:
        return None
    schemas = yield Statement(show_text(Kind("SCHEMA", "SCHEMAS", ""), parts[:2]))
    rows = yield Statement(f"DESCRIBE TABLE {quoted(*parts)} TYPE = COLUMNS")
    live = columns_read(PROPERTIES, row)
    inherited = whole((pick(schemas, parts[:2]) or {}).get("retention_time"))
    if "dataRetentionTimeInDays" not in values and live.get("dataRetentionTimeInDays") == inherited:
        live.pop("dataRetentionTimeInDays", None)
    live["columns"] = [
        described_column(column_row) for column_row in rows if str(column_row.get("kind")).upper() == "COLUMN"
    ]
    keys = [str(column_row["name"]) for column_row in rows if flag(column_row.get("primary key"))]
    if keys:
        live["primaryKey"] = dict(values.get("primaryKey") or {}) | {"keys": keys}
    return Observed(live, {"fullyQualifiedName": quoted(*parts), "owner": str(row.get("owner") or "")})


def _must_replace(olds: Values, news: Values, changed: frozenset[str]) -> frozenset[str]:
    if "columns" not in changed or has_unknown(news["columns"]):
        return frozenset()
    return frozenset({"columns"}) if needs_new_table(olds.get("columns") or [], news["columns"]) else frozenset()


def _update(change: Change) -> Observation:
    target = KIND.full_name(change.news)
    yield from rename(KIND, change)
    yield from run(alter(KIND, PROPERTIES, change, target))
    ends = []
    if "clusterBies" in change.changed:
        expressions = change.news.get("clusterBies")
        ends.append(f"CLUSTER BY ({', '.join(expressions)})" if expressions else "DROP CLUSTERING KEY")
    if "columns" in change.changed:
        ends += alter_columns(change.olds.get("columns") or [], change.news["columns"])
    if "primaryKey" in change.changed:
        ends += _primary_key(change)
    yield from run(Statement(f"ALTER TABLE {target} {end}") for end in ends)
    return (yield from _read(change.news))


def _primary_key(change: Change) -> list[str]:
    ends = ["DROP PRIMARY KEY"] if change.olds.get("primaryKey") else []
    new = change.news.get("primaryKey")
    if new:
        constraint = f"CONSTRAINT {new['name']} " if new.get("name") else ""
        keys = ", ".join(quoted(key) for key in new["keys"])
        ends.append(f"ADD {constraint}PRIMARY KEY ({keys})")
    return ends


def _parse(resource_id: str) -> Values:
    """Parse the official plugin's ids of tables, which have an older form: `database|schema|name`."""
    parts = resource_id.split("|")
    if len(parts) == 1:
        return KIND.parse(resource_id)
    return KIND.parse(quoted(*(identifier_parts(part)[0] for part in parts)))


def _identity(values: Values) -> str:
    return "|".join(KIND.parts(values))


RESOURCE = ResourceType(
    token="snowflake:index/table:Table",  # noqa: S106  # a type token
    label="snowflake_table",
    properties=PROPERTIES,
    computed=("fullyQualifiedName", "owner"),
    identity=_identity,
    full_name=KIND.full_name,
    parse=_parse,
    create=_create,
    read=_read,
    update=_update,
    delete=drop(KIND),
    check=_check,
    preview_feature="snowflake_table_resource",
    must_replace=_must_replace,
)
