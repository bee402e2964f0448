"""Registration of the kinds in objects/, and of the statements and tables that belong to no kind.

Knows the list of them; must not know what any of them does. Tasks, services and the execution of procedures register
themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake_sandbox.access import database_roles, grants
from snowflake_sandbox.catalog import information_schema
from snowflake_sandbox.objects import (
    budget,
    compute_pool,
    database,
    file_format,
    function,
    image_repository,
    integration,
    network_rule,
    procedure,
    resource_monitor,
    role,
    schema,
    secret,
    sequence,
    stage,
    streamlit,
    table,
    user,
    view,
    warehouse,
)
from snowflake_sandbox.tables import (
    column_listing,
    comments,
    copy_into,
    file_urls,
    keys,
    relations,
    result_description,
    stage_files,
    stage_transfers,
)

if TYPE_CHECKING:
    from snowflake_sandbox.call import World

_KINDS = (
    role.KIND,
    user.KIND,
    warehouse.KIND,
    compute_pool.KIND,
    database.KIND,
    schema.KIND,
    image_repository.KIND,
    table.KIND,
    view.KIND,
    stage.KIND,
    file_format.KIND,
    network_rule.KIND,
    secret.KIND,
    sequence.KIND,
    integration.EXTERNAL_ACCESS,
    function.KIND,
    procedure.KIND,
    streamlit.KIND,
    resource_monitor.KIND,
    budget.KIND,
)


def register(world: World) -> None:
    """Add the kinds and statements to the world."""
    for kind in _KINDS:
        world.kinds[kind.name] = kind
    parts = (
        budget,
        database_roles,
        grants,
        stage_files,
        stage_transfers,
        copy_into,
        file_urls,
        column_listing,
        keys,
        comments,
        relations,
        result_description,
    )
    for part in (*parts, information_schema):
        part.register(world)
