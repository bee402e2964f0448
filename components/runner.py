"""The stored procedures that tasks call.

Knows the provider's procedure resource. Must not know what the procedures do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_snowflake as snowflake

from components.options import grant_all
from jobgraph.privileges import runner_grants

if TYPE_CHECKING:
    from components.access import AccessComponent
    from jobgraph.planning import Plan, ProcedurePlan


@dataclass(frozen=True)
class RunnerArgs:
    """The plan with both procedures, and the components that make the role and the schema."""

    plan: Plan
    access: AccessComponent
    storage: pulumi.Resource


class RunnerComponent(pulumi.ComponentResource):
    """Both procedures. A changed text is a new procedure: made first, and the old one dropped after the tasks moved."""

    def __init__(self, name: str, args: RunnerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("jobgraph:index:Runner", name, None, opts)
        procedures = [self._procedure(procedure, args) for procedure in (args.plan.run_job, args.plan.finalize_graph)]
        grant_all(self, args.plan.settings.role, runner_grants(args.plan), args.access, *procedures)
        self.register_outputs({"run_job": args.plan.run_job.name, "finalize_graph": args.plan.finalize_graph.name})

    def _procedure(self, procedure: ProcedurePlan, args: RunnerArgs) -> snowflake.ProcedurePython:
        settings = args.plan.settings
        return snowflake.ProcedurePython(
            procedure.name,
            name=procedure.name,
            database=settings.database,
            schema=settings.schema,
            arguments=[
                snowflake.ProcedurePythonArgumentArgs(arg_name=argument, arg_data_type="VARCHAR")
                for argument in procedure.arguments
            ],
            return_type="VARCHAR",
            runtime_version="3.11",
            snowpark_package=settings.snowpark_version,
            handler="main",
            # SHOW, EXECUTE JOB SERVICE and CALL service!SPCS_WAIT_FOR are not for owner's rights
            execute_as="CALLER",
            procedure_definition=procedure.source,
            comment=args.access.mark.comment(procedure.comment),
            opts=args.access.mark.making(pulumi.ResourceOptions(parent=self, depends_on=[args.storage])),
        )
