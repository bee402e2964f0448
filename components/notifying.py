"""Messages about runs: notification integrations (created before the graphs) and the alert on late runs (after them).

Knows the provider's steps and grants. Must not know what a message says (see `jobgraph.plan.notifying`). The provider
has no webhook integration, and its alert requires a warehouse, so each of the two is a step with a revert.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_snowflake as snowflake

from jobgraph.components.options import explained, grant_all, named
from jobgraph.components.part import Part, Scope
from jobgraph.errors import UserError
from jobgraph.inspection.questions import SHOW_USERS
from jobgraph.inspection.receivers import strangers
from jobgraph.plan import sql
from jobgraph.plan.notifying import missing, suspended
from jobgraph.plan.privileges import notification_grants, watch_grants

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.components.access import AccessComponent
    from jobgraph.plan.notifying import AlertPlan, IntegrationPlan
    from jobgraph.plan.planning import Plan


@dataclass(frozen=True)
class NotifyingArgs:
    """The plan and the components that come first: `access` creates the role, `needs` every object the plan names."""

    plan: Plan
    access: AccessComponent
    needs: Sequence[pulumi.Resource]


def warn_of_strangers(plan: Plan, scope: Scope) -> None:
    """Warn of addresses in `notify` that belong to no user, also in a preview: a deploy would fail at them."""

    def warn(_: object) -> None:
        try:
            with scope.login.connected() as ask:
                rows = ask(SHOW_USERS)
        except UserError as error:
            pulumi.warn(f"Not known whether the addresses in `notify` are those of users: {error.message}", scope.owner)
            return
        for sentence in strangers(plan, rows):
            pulumi.warn(sentence, scope.owner)

    scope.login.known.apply(warn)


class IntegrationsComponent(Part):
    """The notification integrations that the stack creates, and the run role's privilege to send through them."""

    def __init__(self, name: str, args: NotifyingArgs, scope: Scope) -> None:
        super().__init__("Integrations", name, scope)
        integrations = args.plan.notifying.integrations
        for integration in integrations:
            resource = self._integration(integration, args)
            grants = notification_grants([integration.name])
            grant_all(self, args.plan.settings.role, grants, args.access, resource)
        self.register_outputs({"integrations": [integration.name for integration in integrations]})

    def _integration(self, integration: IntegrationPlan, args: NotifyingArgs) -> snowflake.Execute:
        resource = snowflake.Execute(
            self.named(integration.name),
            execute=integration.create,
            revert=integration.drop,
            opts=explained(self, named(self, *args.needs)),
        )
        if integration.settle:
            snowflake.Execute(
                self.named(f"{integration.name}-settings"),
                execute=integration.settle,
                revert=sql.nothing(f"{integration.name} goes, or is settled anew"),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[resource], delete_before_replace=True),
            )
        return resource


class WatchComponent(Part):
    """The alert. It is replaced when its definition changes, resumed last, and dropped with the stack.

    The run role owns it from its creation, as it owns the tasks, because an alert runs with its owner's privileges.
    """

    def __init__(self, name: str, args: NotifyingArgs, alert: AlertPlan, scope: Scope) -> None:
        super().__init__("Watch", name, scope)
        settings = args.plan.settings
        granted = grant_all(self, settings.role, watch_grants(settings), args.access)
        owner = snowflake.GrantOwnership(
            self.named("owner-of-alerts"),
            account_role_name=settings.role,
            on=snowflake.GrantOwnershipOnArgs(
                future=snowflake.GrantOwnershipOnFutureArgs(object_type_plural="ALERTS", in_schema=settings.qualified())
            ),
            opts=explained(self, named(self, *args.needs)),
        )
        watch = snowflake.Execute(
            self.named(settings.alert),
            execute=alert.create,
            revert=alert.drop,
            opts=explained(self, named(self, *args.needs, *granted, owner)),
        )
        resumed = snowflake.Execute(
            self.named(f"{settings.alert}-resumed"),
            execute=alert.resume,
            revert=alert.suspend,
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[watch], delete_before_replace=True, replace_with=[watch]
            ),
        )
        self._keep_awake(alert, settings.alert, scope, resumed)
        self.register_outputs({"alert": alert.full_name})

    @staticmethod
    def _keep_awake(alert: AlertPlan, name: str, scope: Scope, resumed: snowflake.Execute) -> None:
        """Create the alert again if somebody dropped it, and resume it if a person or its own failures suspended it.

        The unchanged steps themselves send nothing.
        """
        if pulumi.runtime.is_dry_run():
            return

        def resume(_: str) -> None:
            try:
                with scope.login.connected() as ask:
                    rows = ask(alert.show)
                    is_missing = missing(name, rows)
                    if is_missing or suspended(name, rows):
                        was, now = ("missing", "created again") if is_missing else ("suspended", "resumed")
                        pulumi.warn(
                            f"The alert {alert.full_name} was {was}, so late runs were not reported; it is {now}."
                        )
                        for statement in (*((alert.create,) if is_missing else ()), alert.resume):
                            ask(statement)
            except UserError as error:
                # only a warning: the deploy itself has already succeeded
                pulumi.warn(f"Not known whether the alert {alert.full_name} is suspended: {error.message}")

        resumed.id.apply(resume)
