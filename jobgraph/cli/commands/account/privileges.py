"""The command `privileges`: lists the privileges that each role needs, as a table or as statements.

Knows its options and output. Must not know which privileges there are (jobgraph.plan.roles). Makes no connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from jobgraph.cli import loading, tables
from jobgraph.cli.application import Application, examples, is_terminal, note, show, show_json
from jobgraph.cli.inspecting import planned
from jobgraph.errors import UsageError
from jobgraph.names import NAME_REMEDY, is_plain, upper
from jobgraph.plan import roles as account_roles

if TYPE_CHECKING:
    from jobgraph.plan.roles import Role

_KINDS = (account_roles.DEPLOYER, account_roles.RUN_ROLE, account_roles.VIEWER, account_roles.OPERATOR)


@click.command(
    short_help="List the privileges that a deployment needs.",
    epilog=examples(
        "jobgraph privileges",
        "jobgraph privileges --environment prod --role deployer --sql",
        "jobgraph privileges --operator TEAM_OPERATOR --role operator --sql",
    ),
)
@click.argument("file", required=False)
@click.option(
    "--environment", "-e", metavar="NAME", help="The Pulumi stack whose settings to use; by default the selected one."
)
@click.option("--role", "kinds", multiple=True, type=click.Choice(_KINDS), help="Only this role; can be repeated.")
@click.option("--deployer", metavar="NAME", help="Name of the role that deploys.")
@click.option("--operator", metavar="NAME", help="Name of the role that runs, retries and cancels.")
@click.option("--viewer", metavar="NAME", help="Name of the role that only views.")
@click.option("--sql", "as_sql", is_flag=True, help="Write the statements for an administrator.")
@click.option("--json", "as_json", is_flag=True, help="Write roles and privileges as JSON.")
@click.pass_context
def privileges(  # noqa: PLR0913  # one parameter for each option
    context: click.Context,
    file: str | None,
    *,
    environment: str | None,
    kinds: tuple[str, ...],
    deployer: str | None,
    operator: str | None,
    viewer: str | None,
    as_sql: bool,
    as_json: bool,
) -> None:
    """List the privileges that an account has to grant for a deployment, derived from the plan.

    The deploying role needs exactly the listed privileges; it owns what it creates. The deploy creates the run role
    and grants its privileges. The statements for operators and viewers name objects that the first deploy creates,
    so run them after it. Only ACCOUNTADMIN can grant privileges on the account itself. A project without a stack's file
    has the default settings.
    """
    application: Application = context.obj
    environment = loading.stack_of(application, file, environment)
    options = {account_roles.DEPLOYER: deployer, account_roles.OPERATOR: operator, account_roles.VIEWER: viewer}
    names = {kind: _role_name(name) for kind, name in options.items() if name}
    chosen = [
        role
        for role in account_roles.roles(planned(application, file, environment), names)
        if not kinds or role.kind in kinds
    ]
    if as_json:
        show_json([_as_json(role) for role in chosen])
    elif as_sql:
        click.echo(account_roles.as_sql(chosen), nl=False)
    else:
        rows = (
            (f"{role.kind} {role.name}", f"{need.privilege}{' +' if need.option else ''}", _where(need), need.why)
            for role in chosen
            for need in role.needs
        )
        show(tables.table(("role", "privilege", "on", "why"), rows, terminal=is_terminal()))
        for role in chosen:
            for remark in role.remarks:
                note(f"{role.kind} {role.name}: {remark}.")
        statements = (
            f"jobgraph privileges --environment {environment} --sql" if environment else "jobgraph privileges --sql"
        )
        note(f"+ means WITH GRANT OPTION. Next: {statements}")


def _where(need: account_roles.Need) -> str:
    return f"all {need.every} in {need.grant.object}" if need.every else need.target


def _as_json(role: Role) -> dict[str, Any]:
    return {
        "kind": role.kind,
        "name": role.name,
        "purpose": role.purpose,
        "made_by_deploy": role.by_deploy,
        "privileges": [
            {
                "privilege": need.privilege,
                "on": _where(need),
                "grant_option": need.option,
                "why": need.why,
                "statements": need.statements(role.name),
            }
            for need in role.needs
        ],
        "roles": list(role.roles),
        "remarks": list(role.remarks),
    }


def _role_name(name: str) -> str:
    if not is_plain(name):
        raise UsageError(f"{name!r} is not a valid name of a role: {NAME_REMEDY}")
    return upper(name)
