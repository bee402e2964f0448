"""The database, schema, image repository and stage, and the resolved job configuration in the stage.

Knows the provider's resources for them. Must not know the content of the configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_snowflake as snowflake

from jobgraph.components.options import adopting, grant_all, holding, named
from jobgraph.components.part import Part, Scope
from jobgraph.components.present import read_again
from jobgraph.plan import sql
from jobgraph.plan.privileges import storage_grants

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.components.access import AccessComponent
    from jobgraph.plan.planning import StagedFile
    from jobgraph.settings import Settings


@dataclass(frozen=True)
class StorageArgs:
    """Names (`settings`), the files for the stage, and the components that create the role and the warehouse.

    The statements that write files need the warehouse.
    """

    settings: Settings
    configuration: StagedFile
    payloads: Sequence[StagedFile]
    access: AccessComponent
    compute: pulumi.Resource


class StorageComponent(Part):
    """The database, the schema and their shared contents. The run role owns tasks that are created in the schema.

    `repository_id` is an output that resolves once the image repository exists.
    """

    def __init__(self, name: str, args: StorageArgs, scope: Scope) -> None:
        super().__init__("Storage", name, scope)
        self._settings, self._mark, self._compute = args.settings, args.access.mark, args.compute
        settings = args.settings
        self._place = self._schema(settings)
        stage = self._stage(settings)
        resources: list[pulumi.CustomResource] = [*self._images(settings), stage]
        # the stage's id if the repository belongs to others, because it exists already
        self.repository_id = resources[0].id
        self._tasks_belong_to_the_role(settings, args.access)
        self._put("configuration", args.configuration, stage)
        for payload in args.payloads:
            self._put(payload.name, payload, stage)
        grant_all(self, settings.role, storage_grants(settings), args.access, *self._place, *resources)
        self.register_outputs({"schema": settings.qualified(), "stage": settings.stage})

    def _schema(self, settings: Settings) -> list[pulumi.Resource]:
        comment = self._mark.comment("jobgraph: graphs of containerized jobs")
        resources: list[pulumi.Resource] = []
        if "database" not in settings.existing:
            opts = self._mark.making(adopting(holding(named(self), "isTransient"), settings, "database"))
            name = self.named(settings.database)
            resources.append(snowflake.Database(name, name=settings.database, comment=comment, opts=opts))
        if "schema" not in settings.existing:
            resources.append(
                snowflake.Schema(
                    self.named(f"{settings.database}.{settings.schema}"),
                    name=settings.schema,
                    database=settings.database,
                    # set, not ignored: if ignored, the engine would pass the plugin the word `default` from the
                    # state, which the plugin refuses
                    is_transient="false",
                    comment=comment,
                    opts=self._mark.making_schema(adopting(holding(named(self, *resources)), settings, "schema")),
                )
            )
        # a resource that depends on the last one depends on all of them
        return resources[-1:]

    def _images(self, settings: Settings) -> list[pulumi.CustomResource]:
        if "image_repository" in settings.existing:
            return []
        return [
            snowflake.ImageRepository(
                self.named(settings.image_repository),
                name=settings.image_repository,
                comment=self._mark.comment("jobgraph: images of the jobs"),
                opts=self._mark.making(adopting(named(self, *self._place), settings, "image_repository")),
                database=settings.database,
                schema=settings.schema,
            )
        ]

    def _stage(self, settings: Settings) -> snowflake.StageInternal:
        return snowflake.StageInternal(
            self.named(settings.stage),
            name=settings.stage,
            directory=snowflake.StageInternalDirectoryArgs(enable=True),
            # containers can mount only a stage with this encryption; a stage created with another keeps it, since it
            # holds files
            encryption=snowflake.StageInternalEncryptionArgs(
                snowflake_sse=snowflake.StageInternalEncryptionSnowflakeSseArgs(),  # type: ignore[no-untyped-call]  # theirs
            ),
            comment=self._mark.comment("jobgraph: the resolved job configuration"),
            opts=self._mark.making(adopting(holding(named(self, *self._place), "encryption"), settings, "stage")),
            database=settings.database,
            schema=settings.schema,
        )

    def _tasks_belong_to_the_role(self, settings: Settings, access: pulumi.Resource) -> None:
        """Make the run role the owner of tasks created from now on; existing tasks keep their owner.

        A task runs with its owner's privileges, so the deploying role must not stay the owner.
        """
        snowflake.GrantOwnership(
            self.named("owner-of-tasks"),
            account_role_name=settings.role,
            on=snowflake.GrantOwnershipOnArgs(
                future=snowflake.GrantOwnershipOnFutureArgs(object_type_plural="TASKS", in_schema=settings.qualified()),
            ),
            opts=pulumi.ResourceOptions.merge(
                self._mark.owning(named(self, access, *self._place)),
                pulumi.ResourceOptions(aliases=[pulumi.Alias(name=self.named(f"{settings.role}-owns-tasks"))]),
            ),
        )

    def _put(self, name: str, file: StagedFile, stage: snowflake.StageInternal) -> None:
        """Write a file to the stage, replacing the previous one, and remove it when the stack is destroyed.

        Writing and removing are separate steps, so that a changed file is only overwritten. The statement depends on an
        output of the stage, so that a replaced stage gets the file again.
        """
        before: list[pulumi.Resource] = [stage, self._compute]
        if file.remove is not None:
            nothing = sql.nothing(f"{file.name} is removed when this step is undone")
            opts = pulumi.ResourceOptions(parent=self, depends_on=before)
            # the writing step is undone first, so that an `up` after an interrupted destroy writes the file again
            before = [
                *before,
                snowflake.Execute(self.named(f"{name}-removal"), execute=nothing, revert=file.remove, opts=opts),
            ]
        write = stage.name.apply(lambda _name: file.write)
        stays = sql.nothing(f"{file.name} stays in the stage")
        opts = pulumi.ResourceOptions(parent=self, depends_on=before)
        written = snowflake.Execute(self.named(name), execute=write, revert=stays, opts=opts)
        # A refresh compares only the statements of an Execute, but the results of one that is read with `get`. This
        # read therefore shows a file that was changed or removed by hand; `pulumi up --replace '**::NAME'` rewrites it.
        listing = sql.list_on_stage(self._settings, file.name)
        read_again(self.named(f"{name}-in-the-stage"), written.id, listing, self)
