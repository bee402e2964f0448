"""Sessions: who is connected, as which role, with which current database, schema and warehouse.

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
    """Where a kind of object lives; the value is the number of parts of its name."""

    ACCOUNT = 1
    DATABASE = 2
    SCHEMA = 3


@dataclass(frozen=True)
class TaskContext:
    """The task run inside which a session works: what SYSTEM$TASK_RUNTIME_INFO and SYSTEM$SET_RETURN_VALUE see.

    Attributes:
        task_run_id: key of the task run in the store (sandbox/tasks).
    """

    task_run_id: str


@dataclass(frozen=True)
class AlertContext:
    """The evaluation of an alert inside which a session works.

    Attributes:
        config: its CONFIG.
        condition_query_id: the query of its condition.
        scheduled: when this evaluation was scheduled.
        last_success: when the newest one that met no error was.
        new_rows: while the condition of an alert on new data is evaluated, the rows that its table stands for.
        condition: what the condition gave, once it has been evaluated.
    """

    config: str | None
    condition_query_id: str
    scheduled: datetime
    last_success: datetime | None = None
    new_rows: Result | None = None
    condition: Result | None = None


@dataclass
class Session:
    """One login, or the session of a procedure or container.

    Attributes:
        id: shown by CURRENT_SESSION(); a JSON number on the wire (contract section 3).
        token: what the client sends in its Authorization header; never logged.
        task: the task run this session works for, if any.
        alert: the evaluation of an alert this session works for, if any.
        data: the session's connection to the data plane (data.py), made on first use.
        variables: of SET, by upper-case name.
        secondary_roles: "ALL" or "NONE" (USE SECONDARY ROLES).
        service: the qualified name of the service whose container logged in, if one did.
        serverless: whether it is that of a task without a warehouse: Snowflake gives it compute.
        held: ids of the warehouses in whose slots the session's statements run, those of a CALL's body in the CALL's.
        copies_files: whether its client copies files of stages on this machine itself (LOCAL_FS), else by HTTP.
        owners_rights: whether it is the session of a procedure with its owner's rights, which keeps its role.
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
    data: Any = None
    last_query_id: str | None = None
    previous_query_id: str | None = None
    secondary_roles: str = "NONE"
    variables: dict[str, Any] = field(default_factory=dict)
    owners_rights: bool = False
    serverless: bool = False
    copies_files: bool = True
    held: list[int] = field(default_factory=list)

    @property
    def principal(self) -> tuple[str, str]:
        """Whose statements and results these are: a user's, a service's, or those of a role's tasks."""
        return self.user, self.service or (self.role if self.task is not None or self.alert is not None else "")

    @property
    def keeps_its_role(self) -> bool:
        """Whether the session has the one role that it was opened with: there is no user who could choose."""
        return self.owners_rights or self.service is not None

    def resolve(self, name: ObjectName, scope: ObjectScope, command: str) -> ObjectName:
        """The name with database and schema filled in from the session, as far as the scope needs them.

        Raises:
            SnowflakeError: 090105 or 090106, when the session lacks what the name leaves out; 001003 for a name with
                more parts than the scope has.
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
