"""The run role: who has it, and what it may do on the account.

Knows the provider's role resources. Must not know the objects on which the role gets privileges: their components
grant those.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_snowflake as snowflake

from components.options import grant_all, named
from jobgraph.privileges import account_grants


@dataclass(frozen=True)
class AccessArgs:
    """The role's name, and the users and roles that get it."""

    role: str
    users: tuple[str, ...]
    parent_roles: tuple[str, ...]


class AccessComponent(pulumi.ComponentResource):
    """The role that owns the tasks and so runs the jobs."""

    def __init__(self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("jobgraph:index:Access", name, None, opts)
        comment = "jobgraph: owns the tasks, runs the jobs"
        self.role = snowflake.AccountRole(args.role, name=args.role, comment=comment, opts=named(self))
        for parent in args.parent_roles:
            snowflake.GrantAccountRole(
                f"{args.role}-to-role-{parent}",
                role_name=args.role,
                parent_role_name=parent,
                opts=named(self, self.role),
            )
        for user in args.users:
            snowflake.GrantAccountRole(
                f"{args.role}-to-user-{user}",
                role_name=args.role,
                user_name=user,
                opts=named(self, self.role),
            )
        grant_all(self, args.role, account_grants(), self.role)
        self.register_outputs({"role": args.role})
