"""Sessions: the user, the role, and the current database, schema and warehouse.

Knows session state and name resolution; must not know HTTP (server.py) nor any statement.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from datetime import datetime

    from snowflake_sandbox.result import Result


class ObjectScope(Enum):
    """Where the objects of a kind exist; the value is the number of parts of their names."""

    ACCOUNT = 1
    DATABASE = 2
    SCHEMA = 3


@dataclass(frozen=True)
class TaskContext:
    """The task run of a session, for SYSTEM$TASK_RUNTIME_INFO and SYSTEM$SET_RETURN_VALUE.

    Attributes:
        task_run_id: key of the task run in the store (tasks/).
    """

    task_run_id: str


@dataclass(frozen=True)
class AlertContext:
    """The evaluation of an alert for which a session was opened.

    Attributes:
        config: the alert's CONFIG.
        condition_query_id: the query id of its condition.
        scheduled: the scheduled time of this evaluation.
        last_success: the scheduled time of the newest evaluation without an error.
        new_rows: while the condition of an alert on new data is evaluated, the rows that replace those of its table.
        condition: the result of the condition, after its evaluation.
    """

    config: str | None
    condition_query_id: str
    scheduled: datetime
    last_success: datetime | None = None
    new_rows: Result | None = None
    condition: Result | None = None


@dataclass
class Session:
    """A session of a login, a procedure, a task, an alert or a container.

    Attributes:
        id: shown by CURRENT_SESSION(); a JSON number on the wire (contract section 3).
        token: what the client sends in its Authorization header; never logged.
        task: the task run of this session, if any.
        alert: the evaluation of an alert of this session, if any.
        data: the session's connection to the data plane (data/), created on first use.
        variables: the variables of SET, by upper-case name.
        secondary_roles: "ALL" or "NONE" (USE SECONDARY ROLES).
        service: the qualified name of the service whose container logged in, if any.
        login: what the client logged in with: `user <id in the catalog>` or `token <hash>`; "" if no client did.
        serverless: whether the session belongs to a task without a warehouse, for which Snowflake supplies compute.
        slot_warehouses: ids of the warehouses in whose slots the session's statements run: a CALL's body uses the
            CALL's slots.
        copies_files: whether its client copies stage files on this machine itself (LOCAL_FS) instead of using HTTP.
        bodies: the calls whose Python bodies run in it; a body sees no files of stages.
        owners_rights: whether a procedure with its owner's rights runs in it, so that its role cannot change.
    """

    id: int
    token: str
    user: str
    role: str
    created_on: datetime
    warehouse: str | None = None
    database: str | None = None
    schema: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    task: TaskContext | None = None
    alert: AlertContext | None = None
    service: str | None = None
    login: str = ""
    data: Any = None
    last_query_id: str | None = None
    previous_query_id: str | None = None
    secondary_roles: str = "NONE"
    variables: dict[str, Any] = field(default_factory=dict)
    owners_rights: bool = False
    serverless: bool = False
    copies_files: bool = True
    bodies: list[str] = field(default_factory=list)
    slot_warehouses: list[int] = field(default_factory=list)

    @property
    def principal(self) -> tuple[str, str, str]:
        """Return the owner of its statements and results: a user, a service, or a role for its tasks and procedures.

        Who calls a procedure with its owner's rights may not see what its statements read.
        """
        is_of_role = self.owners_rights or (self.service is None and (self.task is not None or self.alert is not None))
        return self.user, self.service or "", self.role if is_of_role else ""

    @property
    def keeps_its_role(self) -> bool:
        """Whether the session cannot change its role, because no user logged in who could choose one."""
        return self.owners_rights or self.service is not None

    def resolve(self, name: ObjectName, scope: ObjectScope, command: str) -> ObjectName:
        """Return the name with the session's database and schema filled in, as far as the scope needs them.

        Raises:
            SnowflakeError: 090105 or 090106 if the name lacks a part for which the session has no value; 001003 for a
                name with more parts than the scope has.
        """
        if len([part for part in (name.database, name.schema) if part is not None]) >= scope.value:
            raise errors.syntax_error(".", 0)
        if scope is ObjectScope.ACCOUNT:
            return ObjectName(name.name)
        if scope is ObjectScope.DATABASE:
            database = name.schema or self.database
            if database is None:
                raise errors.no_current_database(command)
            return ObjectName(name.name, database)
        database = name.database or self.database
        if database is None:
            raise errors.no_current_database(command)
        schema = name.schema or self.schema
        if schema is None:
            raise errors.no_current_schema(command)
        return ObjectName(name.name, schema, database)
