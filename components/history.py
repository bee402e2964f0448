"""The history of runs: its tables, table function and views.

Knows the provider's resources for them. Must not know their columns or queries (see `jobgraph.plan.history`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_snowflake as snowflake

from jobgraph.components.options import adopting, explained, grant_all, holding, named
from jobgraph.components.part import Part, Scope
from jobgraph.errors import UserError
from jobgraph.plan import history, history_repair, sql
from jobgraph.plan.privileges import history_grants

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.components.access import AccessComponent
    from jobgraph.settings import Settings


@dataclass(frozen=True)
class HistoryArgs:
    """Names (`settings`), and the resources that create the role, the schema and any warehouse of the stack."""

    settings: Settings
    access: AccessComponent
    warehouse: Sequence[pulumi.Resource]
    storage: pulumi.Resource


class HistoryComponent(Part):
    """The tables that the procedures write, a function over the task history, and views for people."""

    def __init__(self, name: str, args: HistoryArgs, scope: Scope) -> None:
        super().__init__("History", name, scope)
        settings = args.settings
        self._settings, self._mark = settings, args.access.mark
        tables = [self._table(table, args.storage) for table in history.tables(settings)]
        control = [
            step for table in history.control_tables(settings) for step in self._control_table(table, args.storage)
        ]
        restored = self._restored([*tables, *control])
        function = self._function(history.task_runs_function(settings), args.storage)
        # the provider reads a view through INFORMATION_SCHEMA, which needs a warehouse
        tables_first = named(self, *tables, *control, *args.warehouse)
        restored_first = pulumi.ResourceOptions(depends_on=[restored])
        for view in history.views(settings):
            snowflake.View(
                self.named(view.name),
                name=view.name,
                statement=view.statement,
                comment=self._mark.comment(view.comment),
                opts=self._mark.making(pulumi.ResourceOptions.merge(tables_first, restored_first)),
                database=self._settings.database,
                schema=self._settings.schema,
            )
        grant_all(self, settings.role, history_grants(settings), args.access, *tables, *control, function)
        self.register_outputs({"tables": [table.name for table in history.tables(settings)]})

    def _table(self, table: history.TablePlan, storage: pulumi.Resource) -> snowflake.Table:
        columns = [
            snowflake.TableColumnArgs(
                name=column.name,
                type=column.type,
                comment=column.comment,
                default=snowflake.TableColumnDefaultArgs(expression=column.default) if column.default else None,
            )
            for column in table.columns
        ]
        # a dropped default cannot be restored; nothing depends on it (procedures/history.py)
        defaults = [f"columns[{place}].default" for place, column in enumerate(table.columns) if column.default]
        options = holding(named(self, storage), *defaults)
        return snowflake.Table(
            self.named(table.name),
            name=table.name,
            columns=columns,
            comment=self._mark.comment(table.comment),
            opts=self._mark.making(adopting(options, self._settings, "history", table.name)),
            database=self._settings.database,
            schema=self._settings.schema,
        )

    def _control_table(self, table: history.TablePlan, storage: pulumi.Resource) -> list[snowflake.Execute]:
        """Create a table if it does not exist yet, or add what it lacks. It is dropped only with its schema."""
        nothing = sql.nothing(f"{table.name} stays")
        created = snowflake.Execute(
            self.named(f"{table.name}-table"),
            execute=history.create_statement(self._settings, table),
            revert=nothing,
            opts=explained(self, named(self, storage)),
        )
        if not table.added:
            return [created]
        added = snowflake.Execute(
            self.named(f"{table.name}-columns"),
            execute=history.add_columns_statement(self._settings.qualified(table.name), table.added),
            revert=nothing,
            opts=explained(self, named(self, created)),
        )
        return [created, added]

    def _restored(self, tables: Sequence[pulumi.CustomResource]) -> pulumi.Output[pulumi.Resource]:
        """Restore tables and columns that somebody dropped: the engine's state still has them, so no step does.

        Return the last of `tables` as an output that resolves when that is done. The listing is not a resource: a
        refresh would show each other table of the schema as a change.
        """
        last: pulumi.Resource = tables[-1]
        if pulumi.runtime.is_dry_run():
            return pulumi.Output.from_input(last)

        def restore(values: Sequence[Any]) -> pulumi.Resource:
            try:
                with self.scope.login.connected() as ask:
                    rows = ask(history_repair.show_columns(self._settings))
            except UserError as error:
                pulumi.warn(f"Not known whether the history lacks tables or columns: {error.message}", self)
                return last
            lacking = history_repair.restorations(self._settings, rows, values[0])
            if lacking:
                with self.scope.login.connected() as ask:
                    for statement in (statement for entry in lacking for statement in entry.statements):
                        ask(statement)
                names = ", ".join(entry.lack for entry in lacking)
                gone = "If somebody dropped it, what was in it is lost."
                pulumi.warn(f"History lacked {names}, which is added. {gone}", self)
            return last

        ids = [table.id for table in tables]
        done: pulumi.Output[pulumi.Resource] = pulumi.Output.all(self._mark.comment(""), *ids).apply(restore)
        return done

    def _function(self, function: history.FunctionPlan, storage: pulumi.Resource) -> snowflake.FunctionSql:
        arguments = [
            snowflake.FunctionSqlArgumentArgs(arg_name=name, arg_data_type=kind) for name, kind in function.arguments
        ]
        return snowflake.FunctionSql(
            self.named(function.name),
            name=function.name,
            arguments=arguments,
            return_type=function.returns,
            function_definition=function.body,
            comment=self._mark.comment(function.comment),
            opts=self._mark.making(named(self, storage)),
            database=self._settings.database,
            schema=self._settings.schema,
        )
