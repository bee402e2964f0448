"""The stored procedures that tasks call.

Knows the provider's procedure resource. Must not know what the procedures do.

A run in progress calls the procedures of the previous deploy, so a deploy must not delete them. Each procedure
therefore depends on a step. When the step is created, it removes the mark "superseded" from a procedure with the same
text, if one still exists. When the step is undone, at the end of a later deploy, it marks the procedure as superseded;
the procedure is dropped as soon as no run needs it. Because the procedure is `deleted_with` its step, the engine does
not delete it itself (docs/decisions/0004).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_snowflake as snowflake

from jobgraph.components.options import grant_all
from jobgraph.components.part import Part, Scope
from jobgraph.deploy import retirement
from jobgraph.plan import sql
from jobgraph.plan.privileges import call_grant, needed_grants

if TYPE_CHECKING:
    from jobgraph.components.access import AccessComponent
    from jobgraph.plan.planning import Plan, ProcedurePlan
    from jobgraph.plan.privileges import Grant
    from jobgraph.settings import Settings


@dataclass(frozen=True)
class RunnerArgs:
    """The plan, and the components that must exist first.

    Attributes:
        compute: its warehouse runs the procedure that drops superseded ones, also while the stack is destroyed.
        has_schema: False before the first deploy; then procedures are not looked up, as the provider would warn that it
            finds none.
    """

    plan: Plan
    access: AccessComponent
    compute: pulumi.Resource
    storage: pulumi.Resource
    has_schema: bool = True


class RunnerComponent(Part):
    """The runner, the finalizer, and the procedure that drops superseded ones. A changed text is a new procedure."""

    def __init__(self, name: str, args: RunnerArgs, scope: Scope) -> None:
        super().__init__("Runner", name, scope)
        plan, self._args = args.plan, args
        self._superseded = _superseded_procedures(self, plan.settings) if args.has_schema else frozenset()
        options = pulumi.ResourceOptions(parent=self, depends_on=[args.storage])
        self._dropping = self._procedure(plan.drop_superseded, options)
        own = call_grant(plan.drop_superseded)
        granted = grant_all(self, plan.settings.role, [own], args.access, self._dropping)
        # what the steps' reverts need: the procedure, the privilege to call it, its warehouse
        self._undoing = [self._dropping, *granted, args.compute]
        for procedure in filter(None, (plan.run_job, plan.finalize_graph, plan.watch)):
            self._kept(procedure)
        for grant in needed_grants(plan.needs):
            self._granted(grant)
        for pool in plan.settings.pools:
            if not pool.existing:
                self._needed(f"compute pool {pool.name}", args.compute)
        self._payloads()
        self.register_outputs({"run_job": plan.run_job.name, "finalize_graph": plan.finalize_graph.name})

    def _tied(self, statement: pulumi.Input[str]) -> pulumi.Output[str]:
        """Return the statement of a step as an output that depends on the procedure its revert calls.

        The engine then undoes the step while that procedure still exists, even if the procedure is to be replaced in
        another schema.
        """
        return pulumi.Output.all(statement, self._dropping.name).apply(lambda both: str(both[0]))

    def _granted(self, grant: Grant) -> None:
        """Grant a privilege that jobs need on an object of another owner.

        A step's revert revokes the privilege once no run needs it, provided that the object still exists. The engine's
        own REVOKE is not used: it would fail in every later deploy once somebody has dropped the object.
        """
        plan, role = self._args.plan, self._args.plan.settings.role
        label = f"{role}-{grant.label}"
        step = snowflake.Execute(
            self.named(f"{label}-needed"),
            execute=self._tied(sql.nothing(f"{label} goes when no run needs it")),
            revert=retirement.give_back(plan.settings, grant, role, plan.drop_superseded),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self._args.access, *self._undoing]),
        )
        grant_all(self, role, [grant], self._args.access, step, deleted_with=step)

    def _needed(self, label: str, needed: pulumi.Resource) -> None:
        """Register a step that does nothing, and whose revert fails while runs may still need `needed`."""
        plan = self._args.plan
        snowflake.Execute(
            self.named(f"{label}-needed"),
            execute=self._tied(sql.nothing(f"{label} goes when no run needs it")),
            revert=retirement.take_away(plan.settings, label, plan.drop_superseded),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[needed, *self._undoing]),
        )

    def _payloads(self) -> None:
        """Register a step that is replaced when payloads change; the old step's revert removes files no run needs."""
        plan = self._args.plan
        snowflake.Execute(
            self.named("payloads-needed"),
            execute=self._tied(sql.nothing("files of payloads go when no run needs them")),
            revert=retirement.remove_payloads(plan.settings, plan.payloads, plan.drop_superseded),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[self._args.storage, *self._undoing],
                replace_on_changes=["revert"],
            ),
        )

    def _kept(self, procedure: ProcedurePlan) -> None:
        """Create a procedure that stays as long as runs need it, and grant the privilege to call it."""
        args, settings = self._args, self._args.plan.settings
        comment = args.access.mark.comment(procedure.comment)
        step = snowflake.Execute(
            self.named(f"{procedure.name}-in-use"),
            execute=self._tied(comment.apply(lambda text: retirement.use(procedure, text))),
            revert=retirement.supersede(settings, procedure, args.plan.drop_superseded),
            # when the step is replaced, the old one is undone first; otherwise the mark "superseded" would remain
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[args.storage, *self._undoing], delete_before_replace=True
            ),
        )
        is_present = procedure.name in self._superseded
        options = pulumi.ResourceOptions(
            parent=self,
            depends_on=[args.storage, step],
            deleted_with=step,
            import_=procedure.signature if is_present else None,
            # the comment still has the mark "superseded" when the engine compares it
            ignore_changes=["comment"] if is_present else None,
        )
        resource = self._procedure(procedure, options)
        grant_all(self, settings.role, [call_grant(procedure)], args.access, step, resource, deleted_with=step)

    def _procedure(self, procedure: ProcedurePlan, options: pulumi.ResourceOptions) -> snowflake.ProcedurePython:
        mark, settings = self._args.access.mark, self._args.plan.settings
        return snowflake.ProcedurePython(
            self.named(procedure.name),
            name=procedure.name,
            database=settings.database,
            schema=settings.schema,
            arguments=[
                snowflake.ProcedurePythonArgumentArgs(arg_name=argument, arg_data_type="VARCHAR")
                for argument in procedure.arguments
            ],
            **procedure.properties,
            comment=mark.comment(procedure.comment),
            opts=mark.making(options),
        )


def _superseded_procedures(parent: pulumi.Resource, settings: Settings) -> frozenset[str]:
    """Return the names of the schema's procedures that a deploy has superseded and that still exist.

    Raises:
        Exception: the provider's own, if Snowflake cannot be queried during an update. A preview warns and continues.
    """
    try:
        procedures = snowflake.get_procedures(
            database=settings.database, schema=settings.schema, opts=pulumi.InvokeOptions(parent=parent)
        )
    except Exception as error:
        if not pulumi.runtime.is_dry_run():
            raise
        pulumi.warn(
            "Snowflake could not be asked for the existing procedures, so this preview cannot tell whether one "
            f"of them is used again. {error}"
        )
        return frozenset()
    # `procedures` is None if there are none
    return frozenset(row.name for row in procedures.procedures or () if retirement.is_superseded(row.comment))
