"""The resource types of the stand-in, one file each, every file defining `RESOURCE`.

Knows the list of them. A new type is a new file of the same structure and a line in both lists here.
"""

from jobgraph.toolchain.standins.provider.definition import ResourceType
from jobgraph.toolchain.standins.provider.resources import (
    account_role,
    compute_pool,
    database,
    execute,
    function_sql,
    grant_account_role,
    grant_ownership,
    grant_privileges_to_account_role,
    image_repository,
    procedure_python,
    schema,
    stage_internal,
    table,
    task,
    view,
    warehouse,
)

_MODULES = (
    account_role,
    compute_pool,
    database,
    execute,
    function_sql,
    grant_account_role,
    grant_ownership,
    grant_privileges_to_account_role,
    image_repository,
    procedure_python,
    schema,
    stage_internal,
    table,
    task,
    view,
    warehouse,
)

BY_TOKEN: dict[str, ResourceType] = {module.RESOURCE.token: module.RESOURCE for module in _MODULES}
