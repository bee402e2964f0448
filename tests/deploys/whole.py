"""A whole JobGraph in the model: every resource of the program, from the role to the guards, and what it asks first.

Knows what the program asks of Snowflake and the engine before it registers anything, and runs the procedure that steps
call when they are undone. Must not know any claim.
"""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from snowflake.snowpark import Row
from snowflake.snowpark.exceptions import SnowparkSQLException
from snowflake_sandbox import errors

from jobgraph.components.job_graph import JobGraph, JobGraphArgs
from jobgraph.components.present import Present
from jobgraph.deploy import retirement
from jobgraph.plan.sql import literal
from jobgraph.procedures import drop_superseded
from tests.deploys.model import Deployer
from tests.in_process import rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pulumi

    from jobgraph.plan.planning import GraphPlan
    from jobgraph.settings import Settings
    from tests.deploys.turns import Disturbance

# As the stack of the sandbox has it.
SETTINGS: dict[str, Any] = {"retain": False}
CALL = re.compile(r'(?:USE WAREHOUSE "\w+" ->> )?CALL (\S+?)\(\$\$(.*)\$\$\)', re.DOTALL)


class WholeStack(Deployer):
    """A stack with a JobGraph. A procedure's process cannot reach a sandbox without a server: its code runs here."""

    settings = SETTINGS

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The rows of one statement, sent at once."""
        called = CALL.match(sql)
        if called is None:
            return super().rows(sql)
        name, request = called.groups()
        place = json.loads(request)
        if not super().rows(f"SHOW PROCEDURES LIKE '{_plain(name)}' IN SCHEMA {place['database']}.{place['schema']}"):
            raise errors.SnowflakeError(2141, "42601", f"Unknown user-defined function {name}")
        return [{"DROP_SUPERSEDED": drop_superseded.main(_Session(self), request)}]  # type: ignore[arg-type]  # as far as used

    def up(self, file: Path, disturbance: Disturbance | None = None) -> list[str]:  # type: ignore[override]  # of a whole
        """Deploy what the file says; the writes that were sent.

        Raises:
            ProviderError: the first step that failed.
        """
        with ExitStack() as patches:
            for name, replacement in (
                ("jobgraph.components.job_graph.tasks_present", self._tasks_present),
                ("jobgraph.components.job_graph.plugin_noted", lambda *_: "stand-in"),
                ("jobgraph.components.job_graph.reading_the_state", lambda _scope: self.recorded),
                ("jobgraph.components.job_graph.warn_of_missing_images", lambda *_, **__: None),
                ("jobgraph.components.runner._superseded_procedures", self._superseded),
                ("pulumi.get_stack", lambda: "dev"),
            ):
                patches.enter_context(patch(name, replacement))
            return self.deploy(lambda: JobGraph("jobgraph", JobGraphArgs(str(file), self.settings, "dev")), disturbance)

    def _tasks_present(self, settings: Settings, graphs: Sequence[GraphPlan], _parent: pulumi.Resource) -> Present:
        try:
            return Present(self.present(graphs, settings))
        except errors.SnowflakeError as error:
            if "does not exist" not in error.message:
                raise
            return Present([], has_schema=False)

    def _superseded(self, _parent: pulumi.Resource, settings: Settings) -> frozenset[str]:
        shown = self.rows(f"SHOW PROCEDURES IN SCHEMA {settings.qualified()}")
        return frozenset(str(row["name"]) for row in shown if retirement.is_superseded(str(row["description"])))


class _Session:
    """What a procedure takes for its session."""

    def __init__(self, stack: WholeStack) -> None:
        self._stack = stack

    def sql(self, text: str, params: Sequence[Any] = ()) -> _Session:
        """Keep a statement until it is collected."""
        self._statement = (text, params)
        return self

    def collect(self, **_options: Any) -> list[Row]:
        """Send it.

        Raises:
            SnowparkSQLException: the sandbox refuses it.
        """
        text, params = self._statement
        for value in params:
            text = text.replace("?", literal(str(value)), 1)
        try:
            return [Row(**row) for row in rows(self._stack.world, self._stack.session, text)]
        except errors.SnowflakeError as error:
            raise SnowparkSQLException(error.message, sql_error_code=error.errno) from error


def _plain(name: str) -> str:
    return name.rpartition(".")[2].strip('"')
