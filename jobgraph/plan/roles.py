"""The roles around a deployment, and exactly the privileges that each needs in the account.

Knows the four roles (deployer, run role, operator, viewer) and Snowflake's privileges for them. Must not know who sends
a GRANT. The deploy itself grants the privileges of the run role (`privileges`); an administrator has to grant those of
the other roles, with the statements of `Role.sql`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobgraph.names import is_plain, quoted, upper
from jobgraph.plan.budgets import monitor_name
from jobgraph.plan.privileges import (
    Grant,
    Level,
    account_grants,
    call_grant,
    compute_grants,
    history_grants,
    needed_grants,
    notification_grants,
    storage_grants,
    watch_grants,
)
from jobgraph.settings import SYSTEM_ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jobgraph.plan.planning import Plan
    from jobgraph.settings import Settings

DEPLOYER, RUN_ROLE, OPERATOR, VIEWER = "deployer", "run role", "operator", "viewer"
USUAL_NAMES = {DEPLOYER: "JOBGRAPH_DEPLOYER", OPERATOR: "JOBGRAPH_OPERATOR", VIEWER: "JOBGRAPH_VIEWER"}
# The role that may grant privileges on the account: MANAGE GRANTS does not cover the account itself.
ADMINISTRATOR = "ACCOUNTADMIN"
# Database roles of the SNOWFLAKE database (user-guide/budgets, sql-reference/snowflake-db-roles).
BUDGET_CREATOR, USAGE_VIEWER = "SNOWFLAKE.BUDGET_CREATOR", "SNOWFLAKE.USAGE_VIEWER"
_IN_SCHEMA = ("FUNCTION", "IMAGE REPOSITORY", "PROCEDURE", "STAGE", "TABLE", "TASK", "VIEW")


@dataclass(frozen=True)
class Need:
    """A privilege that a role needs.

    Attributes:
        grant: The grant, with exactly one privilege.
        why: What the role needs it for.
        option: Whether it is granted WITH GRANT OPTION.
        every: The object type in the plural, if it is granted on all present and future objects of a schema.
    """

    grant: Grant
    why: str
    option: bool = False
    every: str = ""

    @property
    def privilege(self) -> str:
        """The privilege's name."""
        return self.grant.privileges[0]

    @property
    def target(self) -> str:
        """The object, as written in GRANT."""
        if self.grant.level is Level.ACCOUNT:
            return "ACCOUNT"
        if self.grant.level is Level.SCHEMA:
            return f"SCHEMA {self.grant.object}"
        name = self.grant.object
        if self.grant.level is Level.DATABASE_ROLE:
            return f"DATABASE ROLE {name}"
        # a schema object's name is quoted already, and a function's name includes its arguments
        return f"{self.grant.object_type} {name if self.grant.level is Level.SCHEMA_OBJECT else quoted(name)}"

    def statements(self, role: str, verb: str = "GRANT") -> list[str]:
        """Return the statements that grant the privilege to a role, or, with the verb REVOKE, revoke it."""
        give = verb == "GRANT"
        end = f"{'TO' if give else 'FROM'} ROLE {quoted(role)}" + (" WITH GRANT OPTION" if self.option and give else "")
        if self.grant.level is Level.DATABASE_ROLE:
            return [f"{verb} {self.target} {end}"]
        if self.every:
            return [
                f"{verb} {self.privilege} ON {which} {self.every} IN SCHEMA {self.grant.object} {end}"
                for which in ("ALL", "FUTURE")
            ]
        return [f"{verb} {self.privilege} ON {self.target} {end}"]


@dataclass(frozen=True)
class Role:
    """A role and what it needs.

    Attributes:
        roles: Roles that are granted to it.
        by_deploy: Whether the deploy itself creates the role and grants its privileges.
        remarks: What it needs but nobody can grant.
    """

    kind: str
    name: str
    purpose: str
    needs: tuple[Need, ...]
    roles: tuple[str, ...] = ()
    by_deploy: bool = False
    remarks: tuple[str, ...] = ()

    def sql(self) -> Iterator[str]:
        """Yield the statements that create the role and grant what it needs, without semicolons."""
        yield f"CREATE ROLE IF NOT EXISTS {quoted(self.name)}"
        for need in self.needs:
            yield from need.statements(self.name)
        for role in self.roles:
            yield f"GRANT ROLE {quoted(role)} TO ROLE {quoted(self.name)}"


def roles(plan: Plan, names: Mapping[str, str]) -> tuple[Role, ...]:
    """Return all four roles of a plan; `names` has the names that differ from the usual ones, by kind."""
    chosen = {**USUAL_NAMES, **names}
    settings = plan.settings
    existing_role = (settings.role,) if "role" in settings.existing else ()
    return (
        Role(
            DEPLOYER,
            chosen[DEPLOYER],
            "runs `pulumi up`",
            tuple(deployer_needs(plan)),
            existing_role,
            remarks=tuple(_not_granted(settings)),
        ),
        Role(RUN_ROLE, settings.role, "owns the tasks, runs the jobs", tuple(_run_role(plan)), by_deploy=True),
        Role(VIEWER, chosen[VIEWER], "looks at runs and their history", tuple(_viewer(plan))),
        Role(
            OPERATOR, chosen[OPERATOR], "runs, retries, cancels, reads logs", tuple(_operator(plan)), (chosen[VIEWER],)
        ),
    )


def deployer_needs(plan: Plan) -> Iterator[Need]:
    """Yield what the deploying role needs. It owns what it creates, so it mostly needs privileges to create."""
    settings = plan.settings
    makes = {
        "CREATE ROLE": "role" not in settings.existing and f"makes the run role {settings.role}",
        "CREATE WAREHOUSE": "warehouse" not in settings.existing and f"makes the warehouse {settings.warehouse}",
        "CREATE COMPUTE POOL": any(not pool.existing for pool in settings.pools) and "makes the compute pools",
        "CREATE DATABASE": "database" not in settings.existing and f"makes the database {settings.database}",
        "CREATE INTEGRATION": bool(plan.notifying.integrations) and "makes the integrations that send messages",
    }
    for privilege, why in makes.items():
        if why:
            yield _on_account(privilege, str(why))
    for privilege in account_grants()[0].privileges:
        yield _on_account(privilege, "gives it to the run role", option=True)
    if plan.alert is not None:
        for privilege in watch_grants(settings)[0].privileges:
            yield _on_account(privilege, "gives it to the run role, which owns the alert", option=True)
    yield _on_account("MANAGE GRANTS", "makes the run role the owner of future tasks, and grants what jobs name")
    yield from _of_existing(plan)
    if settings.budget is not None:
        yield _database_role(BUDGET_CREATOR, "makes Snowflake's budget (`budget`)")
        yield _database_role(USAGE_VIEWER, "is asked of who makes a budget")


def _not_granted(settings: Settings) -> Iterator[str]:
    """Yield remarks on what only an administrator may do (sql-reference/sql/create-resource-monitor)."""
    if (monitor := monitor_name(settings)) is not None:
        yield (
            f"CREATE RESOURCE MONITOR {monitor} (`budget: {{suspend: true}}`) is {ADMINISTRATOR}'s alone and cannot be"
            " granted: deploy as that, or leave `suspend` out"
        )


def deploying_role(name: str, settings: Settings) -> tuple[str, ...]:
    """Return the deploying role if it must be granted the run role. Otherwise it could not see the tasks it creates.

    The run role owns tasks from their creation. The account's system roles inherit from SYSADMIN, which usually has the
    run role (`parent_roles`).
    """
    role = upper(name)
    parents = {upper(parent) for parent in settings.parent_roles}
    return () if not is_plain(role) or role in SYSTEM_ROLES | parents else (role,)


def _of_existing(plan: Plan) -> Iterator[Need]:
    """Yield what the deploying role needs on existing objects that others own."""
    settings = plan.settings
    kinds = [*_IN_SCHEMA, *(["ALERT"] if plan.alert is not None else []), *(["STREAMLIT"] if settings.page else [])]
    kinds += ["SNOWFLAKE.CORE.BUDGET"] if settings.budget is not None else []
    database = Grant("database", ("USAGE",), Level.ACCOUNT_OBJECT, "DATABASE", settings.database)
    if "database" in settings.existing:
        yield Need(database, "reaches the schema")
        if "schema" not in settings.existing:
            create = Grant("database", ("CREATE SCHEMA",), Level.ACCOUNT_OBJECT, "DATABASE", settings.database)
            yield Need(create, f"makes the schema {settings.schema}")
    if "schema" in settings.existing:
        for privilege in ("USAGE", *(f"CREATE {kind}" for kind in kinds)):
            if privilege == "CREATE IMAGE REPOSITORY" and "image_repository" in settings.existing:
                continue
            grant = Grant("schema", (privilege,), Level.SCHEMA, object=settings.qualified())
            yield Need(grant, "makes the stack's objects" if privilege != "USAGE" else "reaches the objects in it")
    if "warehouse" in settings.existing:
        grant = Grant("warehouse", ("USAGE",), Level.ACCOUNT_OBJECT, "WAREHOUSE", settings.warehouse)
        yield Need(grant, "calls the procedure that drops earlier versions, makes tasks")


def _run_role(plan: Plan) -> Iterator[Need]:
    """Yield what the deploy grants to the run role, privilege by privilege."""
    settings = plan.settings
    procedures = (plan.run_job, plan.finalize_graph, plan.drop_superseded, *filter(None, [plan.watch]))
    grants = (
        *account_grants(),
        *(watch_grants(settings) if plan.alert is not None else ()),
        *notification_grants(integration.name for integration in plan.notifying.integrations),
        *storage_grants(settings),
        *compute_grants(settings),
        *history_grants(settings),
        *(call_grant(procedure) for procedure in procedures),
        *needed_grants(plan.needs),
    )
    for grant in grants:
        yield from _each(grant, _RUN_ROLE_WHY)


_RUN_ROLE_WHY = {
    "EXECUTE TASK": "its tasks run",
    "EXECUTE ALERT": "its alert runs",
    "EXECUTE MANAGED ALERT": "its alert runs without a warehouse",
    "EXECUTE MANAGED TASK": "its tasks without a warehouse run, such as the root",
    "CREATE SERVICE": "starts job services",
    "CREATE TABLE": "jobs create their own tables",
    "READ": "containers get images, files and secrets",
    "WRITE": "jobs leave files",
    "MONITOR": "the runner sees the state of a pool",
    "INSERT": "history is written",
    "SELECT": "history is read",
    "UPDATE": "a backfill goes on",
    "USAGE": "uses it",
}


def _operator(plan: Plan) -> Iterator[Need]:
    """Yield what operators need beyond a viewer's privileges, to start, stop and cancel."""
    settings, schema = plan.settings, plan.settings.qualified()
    operate, monitor = (
        Grant("schema", (privilege,), Level.SCHEMA, object=schema) for privilege in ("OPERATE", "MONITOR")
    )
    yield Need(operate, "runs, retries, cancels, suspends and resumes graphs", every="TASKS")
    yield Need(operate, "cancels the containers of a run", every="SERVICES")
    yield Need(monitor, "reads the logs of running containers", every="SERVICES")
    for name in settings.control_tables:
        grant = Grant(name, ("INSERT",), Level.SCHEMA_OBJECT, "TABLE", settings.qualified(name))
        yield Need(grant, "records notes, requests backfills, sends test messages")
    for name in (settings.backfills_table, settings.backfill_intervals_table):
        grant = Grant(name, ("UPDATE",), Level.SCHEMA_OBJECT, "TABLE", settings.qualified(name))
        yield Need(grant, "pauses, resumes and cancels backfills")


def _viewer(plan: Plan) -> Iterator[Need]:
    """Yield what is needed to see runs: `jobgraph status`, `history`, `logs`, `compare`, `cost`."""
    settings, schema = plan.settings, plan.settings.qualified()
    yield Need(Grant("database", ("USAGE",), Level.ACCOUNT_OBJECT, "DATABASE", settings.database), "reaches the schema")
    yield Need(Grant("schema", ("USAGE",), Level.SCHEMA, object=schema), "reaches the history")
    warehouse = Grant("warehouse", ("USAGE",), Level.ACCOUNT_OBJECT, "WAREHOUSE", settings.warehouse)
    yield Need(warehouse, "queries the history")
    yield Need(Grant("schema", ("MONITOR",), Level.SCHEMA, object=schema), "sees tasks and their runs", every="TASKS")
    for name in (*settings.history_tables, *settings.control_tables):
        grant = Grant(name, ("SELECT",), Level.SCHEMA_OBJECT, "TABLE", settings.qualified(name))
        yield Need(grant, "reads the history")
    yield _database_role(USAGE_VIEWER, "sees charges: `jobgraph cost --since 7d`, `jobgraph status` with a budget")
    # granted on all future views too, because deploys replace views
    yield Need(Grant("schema", ("SELECT",), Level.SCHEMA, object=schema), "reads the summaries", every="VIEWS")


def _on_account(privilege: str, why: str, *, option: bool = False) -> Need:
    return Need(Grant("account", (privilege,), Level.ACCOUNT), why, option=option)


def _database_role(name: str, why: str) -> Need:
    return Need(Grant(name, ("USAGE",), Level.DATABASE_ROLE, "DATABASE ROLE", name), why)


def _each(grant: Grant, reasons: Mapping[str, str]) -> Iterator[Need]:
    for privilege in grant.privileges:
        single = Grant(grant.label, (privilege,), grant.level, grant.object_type, grant.object)
        yield Need(single, reasons.get(privilege, "uses it"))


def as_sql(chosen: Sequence[Role]) -> str:
    """Return a script for an administrator; what the deploy grants itself is included as comments."""
    by_hand = any(not role.by_deploy for role in chosen)
    lines = [f"USE ROLE {ADMINISTRATOR}; -- no lesser role can grant all of this", ""] if by_hand else []
    for role in chosen:
        lines.append(f"-- {role.kind} {role.name}: {role.purpose}")
        if role.by_deploy:
            lines.append("-- made and filled by `pulumi up`; listed for whoever wants to know")
            lines += [f"--   {statement};" for statement in list(role.sql())[1:]]
        else:
            lines += [f"{statement};" for statement in role.sql()]
            lines += [f"-- {remark}" for remark in role.remarks]
        lines.append("")
    return "\n".join(lines)


def as_markdown(role: Role) -> str:
    """Return a role's privileges as a table."""
    lines = ["| Privilege | On | Why |", "| --- | --- | --- |"]
    for need in role.needs:
        where = f"all {need.every} in the schema, current and future" if need.every else need.target.replace('"', "")
        option = " WITH GRANT OPTION" if need.option else ""
        lines.append(f"| {need.privilege}{option} | {where} | {need.why} |")
    lines += [f"| role | {name} | has all privileges of that role |" for name in role.roles]
    return "\n".join(lines)
