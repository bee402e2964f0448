"""The statements that inspect an account before a deploy or a run. They change nothing and need no warehouse.

Knows SHOW statements and system functions. Must not know who sends them, nor what the answers mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.names import quoted
from jobgraph.plan.budgets import monitor_name, show_monitor
from jobgraph.plan.sql import literal

if TYPE_CHECKING:
    from jobgraph.plan.planning import Plan

# The newest behaviour change bundles that this version supports (release-notes/bcr-bundles).
BUNDLES = ("2026_06", "2026_07", "2026_08")
# Needed to create or run a Python procedure with Anaconda's packages (BCR-2379); PUBLIC has it by default.
ANACONDA_ROLE = "SNOWFLAKE.ANACONDA_REPOSITORY_USER"
GRANTS, RUN_ROLE_GRANTS = "grants", "run role grants"
ANACONDA, MAINTENANCE = "anaconda", "maintenance"
SHOW_USERS = "SHOW USERS"
BUDGET, BUDGET_LIMIT, BUDGET_USE, MONITORS = "budget", "budget limit", "budget use", "resource monitors"
NOTIFICATIONS, USERS, ALERT = "notification integrations", "users", "alert"


def questions(plan: Plan) -> dict[str, str]:
    """Return the statements by the name of the question."""
    settings, needs = plan.settings, plan.needs
    place = settings.qualified()
    statements = {
        "warehouses": f"SHOW WAREHOUSES LIKE {_like(settings.warehouse)}",
        "pools": "SHOW COMPUTE POOLS",
        "roles": f"SHOW ROLES LIKE {_like(settings.role)}",
        "databases": f"SHOW DATABASES LIKE {_like(settings.database)}",
        "schemas": f"SHOW SCHEMAS LIKE {_like(settings.schema)} IN DATABASE {quoted(settings.database)}",
        "stages": f"SHOW STAGES LIKE {_like(settings.stage)} IN SCHEMA {place}",
        "repositories": f"SHOW IMAGE REPOSITORIES LIKE {_like(settings.image_repository)} IN SCHEMA {place}",
        "tables": f"SHOW TABLES IN SCHEMA {place}",
        "views": f"SHOW VIEWS IN SCHEMA {place}",
        "functions": f"SHOW USER FUNCTIONS LIKE {_like(settings.task_runs_function)} IN SCHEMA {place}",
        "tasks": f"SHOW TASKS IN SCHEMA {place}",
        RUN_ROLE_GRANTS: show_grants(settings.role),
        ANACONDA: f"SHOW GRANTS OF DATABASE ROLE {ANACONDA_ROLE}",
        MAINTENANCE: "SELECT SYSTEM$GET_COMPUTE_POOL_PENDING_MAINTENANCE() AS PENDING",
        f"images {repository(plan)}": f"SHOW IMAGES IN IMAGE REPOSITORY {place}.{quoted(settings.image_repository)}",
    }
    for name in needs.repositories:
        statements[f"images {name}"] = f"SHOW IMAGES IN IMAGE REPOSITORY {quoted(*name.split('.'))}"
    if {*needs.integrations} - {*plan.notifying.existing}:
        statements["integrations"] = "SHOW EXTERNAL ACCESS INTEGRATIONS"
    if plan.notifying.existing or plan.notifying.integrations:
        statements[NOTIFICATIONS] = "SHOW NOTIFICATION INTEGRATIONS"
    for integration in sorted({name for _, name in plan.notifying.recipients} & {*plan.notifying.existing}):
        statements[f"{NOTIFICATIONS} {integration}"] = f"DESCRIBE NOTIFICATION INTEGRATION {quoted(integration)}"
    if plan.alert is not None:
        statements[ALERT] = plan.alert.show
    if settings.page:
        statements["streamlits"] = f"SHOW STREAMLITS IN SCHEMA {place}"
    statements |= _of_budget(plan)
    if plan.notifying.recipients or (settings.budget and settings.budget.notify):
        statements[USERS] = SHOW_USERS
    for schema in sorted({name.rpartition(".")[0] for name in needs.secrets}):
        statements[f"secrets {schema}"] = f"SHOW SECRETS IN SCHEMA {quoted(*schema.split('.'))}"
    for bundle in BUNDLES:
        statements[f"bundle {bundle}"] = f"SELECT SYSTEM$BEHAVIOR_CHANGE_BUNDLE_STATUS({literal(bundle)}) AS STATUS"
    return statements


def _of_budget(plan: Plan) -> dict[str, str]:
    settings = plan.settings
    if settings.budget is None:
        return {}
    name = settings.qualified(settings.budget_name)
    statements = {
        BUDGET: f"SHOW SNOWFLAKE.CORE.BUDGET LIKE {_like(settings.budget_name)} IN SCHEMA {settings.qualified()}",
        BUDGET_LIMIT: f"CALL {name}!GET_SPENDING_LIMIT()",
    }
    if (monitor := monitor_name(settings)) is not None:
        statements[MONITORS] = show_monitor(monitor)
    return statements


def repository(plan: Plan) -> str:
    """Return the full name of the stack's own image repository."""
    settings = plan.settings
    return f"{settings.database}.{settings.schema}.{settings.image_repository}"


def show_grants(role: str) -> str:
    """Return the statement that lists a role's privileges and the roles granted to it."""
    return f"SHOW GRANTS TO ROLE {quoted(role)}"


def _like(name: str) -> str:
    """Return a LIKE pattern for one name; an unescaped `_` would match any character."""
    return literal(name.replace("_", "\\_"))
