"""snowflake.Execute: the program's own statements (SQL contract, section 6.16).

Knows their order: `execute` at creation, `revert` at deletion, `query` at every read, without the usage comment. Must
    not parse them, nor show them in an error.
"""

import uuid
from datetime import datetime
from typing import Any

from jobgraph.toolchain.standins.provider.cells import instant
from jobgraph.toolchain.standins.provider.definition import (
    Observation,
    Observed,
    Property,
    ResourceType,
    Statement,
    Statements,
    Values,
    Warn,
)
from jobgraph.toolchain.standins.provider.errors import NotThereError, SnowflakeError
from jobgraph.toolchain.standins.provider.objects import reread

PROPERTIES = (
    Property(name="execute", required=True, replaces=True),
    Property(name="revert", required=True),
    Property(name="query"),
)


def _identity(_values: Values) -> str:
    return str(uuid.uuid4())


def _parse(resource_id: str) -> Values:
    raise NotThereError(f"An Execute cannot be imported ({resource_id}): its statements are nowhere in Snowflake.")


def _create(values: Values) -> Observation:
    yield Statement(values["execute"], creates=True)
    return (yield from _read(values))


def _read(values: Values) -> Observation:
    if not values.get("query"):
        return Observed({}, {"queryResults": []})
    try:
        rows = yield Statement(values["query"], tracked=False)
    except SnowflakeError as error:
        yield Warn(f"The query of an Execute failed; its results are taken as empty. {error}")
        return Observed({}, {"queryResults": []})
    return Observed({}, {"queryResults": [{name: _cell(cell) for name, cell in row.items()} for row in rows]})


def _cell(cell: Any) -> str | None:
    """Return a cell as the official plugin, a Go program, prints it."""
    if isinstance(cell, datetime):
        return instant(cell)
    if isinstance(cell, bool):
        return str(cell).lower()
    return None if cell is None else str(cell)


def _delete(values: Values) -> Statements:
    yield Statement(values["revert"])


RESOURCE = ResourceType(
    token="snowflake:index/execute:Execute",  # noqa: S106  # a type token
    label="snowflake_execute",
    properties=PROPERTIES,
    computed=("queryResults",),
    identity=_identity,
    parse=_parse,
    create=_create,
    read=_read,
    update=reread(_read),
    delete=_delete,
)
