"""The stored procedures that tasks call.

Knows the provider's procedure resource. Must not know what the procedures do.

A run in flight calls the procedures of the deploy before, so a deploy does not delete them. Each has a step before it:
taken, it takes the mark off a procedure of this text that is there still; undone, last of all, it marks the procedure
as superseded, and has it dropped as soon as no run needs it. The engine deletes a procedure whose step goes as well
with that step, that is: not by itself (docs/decisions/0004).
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
    """The plan, and the components that must be there before.

    Attributes:
        compute: its warehouse runs the procedure that drops others, also while the stack is destroyed.
        has_schema: False before the first deploy: the provider would warn that it finds no procedures.
    """

    plan: Plan
    access: AccessComponent
    compute: pulumi.Resource
    storage: pulumi.Resource
    has_schema: bool = True


class RunnerComponent(Part):
    """Runner and finalizer, and what drops those of earlier deploys. A changed text is a new procedure."""

    def __init__(self, name: str, args: RunnerArgs, scope: Scope) -> None:
        super().__init__("Runner", name, scope)
        plan, self._args = args.plan, args
        self._superseded = _superseded_procedures(self, plan.settings) if args.has_schema else frozenset()
        options = pulumi.ResourceOptions(parent=self, depends_on=[args.storage])
        self._dropping = self._procedure(plan.drop_superseded, options)
        own = call_grant(plan.drop_superseded)
        granted = grant_all(self, plan.settings.role, [own], args.access, self._dropping)
        # by what steps are undone: the procedure, the privilege to call it, its warehouse
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
        """Return the statement of a step as an output of the procedure that undoes the step.

        So the engine undoes it while that procedure is there, also where that is to be replaced, in another schema.
        """
        return pulumi.Output.all(statement, self._dropping.name).apply(lambda both: str(both[0]))

    def _granted(self, grant: Grant) -> None:
        """Grant what jobs need of others' objects; it is taken back when no run needs it, if the object is there.

        The step does that, because the engine's own REVOKE fails for good once somebody has dropped the object.
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
        """Take a step that does nothing, and that refuses to be undone while runs may need what goes after it."""
        plan = self._args.plan
        snowflake.Execute(
            self.named(f"{label}-needed"),
            execute=self._tied(sql.nothing(f"{label} goes when no run needs it")),
            revert=retirement.take_away(plan.settings, label, plan.drop_superseded),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[needed, *self._undoing]),
        )

    def _payloads(self) -> None:
        """Take a step whose old self, undone when other payloads have come, removes the files that no run needs."""
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
        """Make a procedure that stays while runs need it, and the privilege to call it."""
        args, settings = self._args, self._args.plan.settings
        comment = args.access.mark.comment(procedure.comment)
        step = snowflake.Execute(
            self.named(f"{procedure.name}-in-use"),
            execute=self._tied(comment.apply(lambda text: retirement.use(procedure, text))),
            revert=retirement.supersede(settings, procedure, args.plan.drop_superseded),
            # undone first where it is taken anew, or the mark would stay
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
            # the mark is still in it when the engine compares
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
    """Return the names of the schema's procedures that a deploy has superseded and that are there still.

    Raises:
        Exception: the provider's, when Snowflake cannot be asked during an update. A preview goes on without an answer,
            and says so.
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
    # an answer without procedures has no list
    return frozenset(row.name for row in procedures.procedures or () if retirement.is_superseded(row.comment))
