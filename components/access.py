"""The run role: who holds it, and what it may do on the account.

Knows the provider's role resources. Must not know the objects on which the role gets privileges: the components of
those objects grant them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi_snowflake as snowflake

from jobgraph.components.options import adopting, grant_all, named
from jobgraph.components.part import Part, Scope
from jobgraph.components.stack_mark import StackMark
from jobgraph.plan.privileges import account_grants
from jobgraph.plan.roles import deploying_role

if TYPE_CHECKING:
    import pulumi

    from jobgraph.settings import Settings


@dataclass(frozen=True)
class AccessArgs:
    """The settings: they name the role, and the users and roles to which it is granted."""

    settings: Settings


class AccessComponent(Part):
    """The role that owns the tasks and so runs the jobs. `mark` is for the comments of all the stack's objects."""

    def __init__(self, name: str, args: AccessArgs, scope: Scope) -> None:
        super().__init__("Access", name, scope)
        settings, role = args.settings, args.settings.role
        self.mark = StackMark(self)
        resources = self._role(settings)
        for parent in [*settings.parent_roles, *deploying_role(scope.login.role, settings)]:
            snowflake.GrantAccountRole(
                self.named(f"{role}-to-role-{parent}"),
                role_name=role,
                parent_role_name=parent,
                opts=named(self, *resources),
            )
        for user in settings.users:
            snowflake.GrantAccountRole(
                self.named(f"{role}-to-user-{user}"), role_name=role, user_name=user, opts=named(self, *resources)
            )
        grant_all(self, role, account_grants(), *resources)
        self.register_outputs({"role": role})

    def _role(self, settings: Settings) -> list[pulumi.Resource]:
        if "role" in settings.existing:
            return []
        return [
            snowflake.AccountRole(
                self.named(settings.role),
                name=settings.role,
                comment=self.mark.comment("jobgraph: owns the tasks, runs the jobs"),
                opts=self.mark.making(adopting(named(self), settings, "role")),
            )
        ]
