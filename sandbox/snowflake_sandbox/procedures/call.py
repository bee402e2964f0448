"""CALL: of SYSTEM$ functions, of a service's methods (`name!METHOD(…)`) and of stored procedures in Python and SQL.

Knows the statement and how a procedure's result becomes a row; must not know how a process is run (host.py), nor what
any function does.
"""

from __future__ import annotations

import json
import re
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog, signature
from snowflake_sandbox.compute import needs
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.objects import budget
from snowflake_sandbox.objects.procedure import require_packages
from snowflake_sandbox.procedures import answers, arguments
from snowflake_sandbox.procedures.host import LOGS, Cancelled, ProcedureHost, ProcessDied
from snowflake_sandbox.procedures.worker import CallRequest
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.result import CALL, Result, ResultColumn
from snowflake_sandbox.scripting import run
from snowflake_sandbox.scripting.values import SEMI_STRUCTURED, Value
from snowflake_sandbox.services.methods import call_method
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import DataType
from snowflake_sandbox.tables import stage_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from snowflake_sandbox.call import Call, ScalarFunction, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.procedures.arguments import CallArguments
    from snowflake_sandbox.session import Session
    from snowflake_sandbox.statements.reader import ObjectName

# logs of calls help to investigate a failure; old ones would only fill the disk
_MOST_LOGS = 1000
_SNOWPARK_ALONE = re.compile(r"snowflake[-_]snowpark[-_]python\s*([=<>~!*].*)?")


def call_statement(call: Call) -> Result:
    """CALL <name>(<arguments>).

    Raises:
        SnowflakeError: 002140 unknown procedure, 001044 wrong arguments, 100357 an exception in the body, and any error
            of a function or method.
    """
    written = call.reader.object_name()
    if call.reader.accept("!"):
        method = call.reader.identifier()
        supplied = arguments.read(call)
        call.reader.end()
        method_of = budget.call_method if method in budget.METHODS else call_method
        return method_of(call, written, method, supplied.positional)
    function = _own_function(call, written)
    supplied = arguments.read(call)
    call.reader.end()
    if function is not None:
        return Result((ResultColumn(written.name),), ((function(call, supplied.positional),),), CALL)
    return _call_procedure(call, written, supplied)


def _own_function(call: Call, written: ObjectName) -> ScalarFunction | None:
    world = call.world
    if written.schema is not None:
        return world.functions.get(written.qualified)
    return world.procedures.get(written.name) or world.functions.get(written.name)


def _call_procedure(call: Call, written: ObjectName, supplied: CallArguments) -> Result:
    procedure, values = _find(call, written, supplied)
    access.require(call, "USAGE", procedure)
    if procedure["language"] == "PYTHON" and procedure["execute_as"] == "CALLER":
        require_packages(call.world, call.session)
    # An SQL body needs no warehouse until a statement of it does (guess); otherwise the CALL holds a slot to its end.
    needless = procedure["language"] == "SQL" and needs.active(call.world, call.session) is None
    with nullcontext() if needless else needs.compute(call):
        return _computed(call, procedure, values)


def _computed(call: Call, procedure: SnowflakeObject, values: tuple[Any, ...]) -> Result:
    """Run the body in the CALL's slot."""
    if procedure["execute_as"] == "CALLER":
        with needs.body(call, call.session):
            return run_procedure(call, procedure, values, call.session)
    # Owner's rights: run in a session with the owner's role, in the procedure's own database and schema.
    session = logins.open_session(
        call.world,
        call.session.user,
        procedure.owner,
        warehouse=call.session.warehouse,
        database=procedure.name.database,
        schema=procedure.name.schema,
        task=call.session.task,
        service=call.session.service,
    )
    session.owners_rights, session.serverless = True, call.session.serverless
    try:
        with needs.body(call, session):
            return run_procedure(call, procedure, values, session)
    finally:
        logins.close_session(call.world, session)


def _find(call: Call, written: ObjectName, supplied: CallArguments) -> tuple[SnowflakeObject, tuple[Any, ...]]:
    name = call.session.resolve(written, ObjectScope.SCHEMA, "CALL")
    with call.world.store.reading() as tx:
        listed = catalog.listing(tx, "PROCEDURE", name.database, name.schema, _exactly(name.name))
    overloads = access.visible(call, [overload for overload in listed if overload.name.name == name.name])
    if not overloads:
        raise SnowflakeError(2140, "42601", f"SQL compilation error:\nUnknown function {name.qualified}")
    for procedure in sorted(overloads, key=lambda overload: len(overload["arguments"])):
        values = arguments.bind(name.name, signature.arguments_of(procedure), supplied)
        if values is not None:
            return procedure, values
    signatures = "; ".join(signature.show_arguments(overload) for overload in overloads)
    raise SnowflakeError(
        1044,
        "42P13",
        f"SQL compilation error: error line 1 at position 5\nInvalid argument types for function '{name.name}':"
        f" {supplied.count} given. Known: {signatures}",
    )


def _exactly(name: str) -> str:
    return name.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")


def run_procedure(call: Call, procedure: SnowflakeObject, values: tuple[Any, ...], session: Session) -> Result:
    """Run a procedure in its caller's session, or in a session with its owner's rights."""
    if procedure["language"] == "SQL":
        return _run_block(call, procedure, values, session)
    return answers.result(procedure, _run_python(call, procedure, values, session))


def _run_block(call: Call, procedure: SnowflakeObject, values: tuple[Any, ...], session: Session) -> Result:
    """Run a procedure in Snowflake Scripting, whose arguments are variables of its block."""
    variables = {
        argument.name: Value(_variable(value, argument.base), argument.type)
        for argument, value in zip(signature.arguments_of(procedure), values, strict=True)
    }
    end = run.returned(call, session, procedure["body"], variables)
    if procedure["returns"] != "TABLE":
        kind = DataType(procedure["returns"])
        return run.as_result(replace(end, value=run.cast(call, end.value, kind)), procedure.name.name, kind)
    if end.rows is None:
        raise errors.not_supported("RETURNS TABLE of a block that returns no table")
    names = [argument.name for argument in signature.arguments_of(procedure, "result_columns")]
    return _with_names(end.rows.result, names) if names else end.rows.result


def _variable(value: Any, base: str) -> Any:
    return json.dumps(value) if base in SEMI_STRUCTURED and value is not None else value


def _with_names(result: Result, names: list[str]) -> Result:
    """Return a table with the column names that RETURNS TABLE declares.

    Raises:
        SnowflakeError: 002026 (guess: the number) if RETURNS TABLE declares another number of columns.
    """
    if len(names) != len(result.columns):
        raise errors.other_width()
    columns = tuple(replace(column, name=name) for column, name in zip(result.columns, names, strict=True))
    arrow = None if result.arrow is None else result.arrow.rename_columns(names)
    return replace(result, columns=columns, arrow=arrow)


def _has_data_frames(packages: Sequence[str]) -> bool:
    """Whether PACKAGES has pandas, or any package other than Snowpark, which may need pandas."""
    return any(not _SNOWPARK_ALONE.fullmatch(package.lower()) for package in packages)


def _run_python(call: Call, procedure: SnowflakeObject, values: tuple[Any, ...], session: Session) -> dict[str, Any]:
    log = log_path(call.world, call.query_id)
    log.parent.mkdir(parents=True, exist_ok=True)
    host: ProcedureHost = call.world.parts["procedures"]
    connection = connection_arguments(call.world, session)
    request = CallRequest(
        procedure.name.name,
        procedure["body"],
        procedure["handler"],
        values,
        connection,
        str(log),
        _imports(replace(call, session=session), procedure),
        data_frames=_has_data_frames(procedure["packages"] or ()),
    )
    session.bodies.append(call.query_id)
    try:
        answer = host.run(request, call.cancelled)
    except Cancelled as error:
        raise errors.cancelled() from error
    except ProcessDied as error:
        answer = {"error": "the interpreter's process ended without a result\n"}
        raise _failure(procedure, answer["error"]) from error
    finally:
        session.bodies.remove(call.query_id)
        if log.exists() and log.stat().st_size == 0:
            log.unlink()
        elif log.exists():
            prune(log.parent, _MOST_LOGS)
    if "error" in answer:
        raise _failure(procedure, answer["error"])
    return answer


def _imports(call: Call, procedure: SnowflakeObject) -> tuple[tuple[str, bytes], ...]:
    """Return the files of IMPORTS, whose stages the role needs to read with which the body runs (guess)."""
    files = [stage_files.import_file(call, procedure.name, reference) for reference in procedure["imports"] or ()]
    return tuple((file.name, file.read_bytes()) for file in files)


def log_path(world: World, query_id: str) -> Path:
    """Return the path of the file with a call's output; it does not exist if the call printed nothing."""
    return world.folder / LOGS / f"{query_id}.log"


def prune(folder: Path, limit: int) -> None:
    """Remove a folder's oldest files until `limit` remain; concurrent calls may remove some at the same time."""
    ages = []
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            ages.append((path.stat().st_mtime_ns, path))
    for _, path in sorted(ages)[: max(0, len(ages) - limit)]:
        path.unlink(missing_ok=True)


def connection_arguments(world: World, session: Session) -> dict[str, Any]:
    """Return arguments of the connector's `connect` that continue an open session instead of logging in again.

    As in Snowflake, a caller's-rights body works in its caller's session: its role, its temporary tables, its task.
    """
    host, port = world.address
    return {
        "host": host,
        "port": port,
        "protocol": "http",
        "account": f"{logins.ORGANIZATION}-{logins.ACCOUNT}",
        "user": session.user,
        "session_token": session.token,
        "master_token": "none",
        "role": session.role,
        "warehouse": session.warehouse,
        "database": session.database,
        "schema": session.schema,
    }


def _failure(procedure: SnowflakeObject, trace: str) -> SnowflakeError:
    return SnowflakeError(
        100357,
        "P0000",
        f"Python Interpreter Error:\n{trace} in function {procedure.name.name} with handler {procedure['handler']}",
    )
