"""Execution of a session's data SQL: SELECT, the statements that change rows, and transactions.

Knows the steps from a statement's text to its result; must not know files, nor how a connection is created
(adapter.py), nor the meaning of any function (rewrite.py, expand.py).
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
from sqlglot import exp

from snowflake_sandbox import errors
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.compute import needs
from snowflake_sandbox.data import (
    changes,
    column_names,
    data_errors,
    data_types,
    expand,
    load_metadata,
    merge_by_name,
    rewrite,
    table_columns,
    transactions,
    trees,
)
from snowflake_sandbox.data.adapter import duckdb_text, quoted
from snowflake_sandbox.dialect import permitted, translation
from snowflake_sandbox.dialect.whole_queries import result_types
from snowflake_sandbox.parameters import session_text
from snowflake_sandbox.result import INSERT, SELECT, Result, status
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from snowflake_sandbox.call import Call
    from snowflake_sandbox.data.adapter import Connection, DataPlane

# On a conflict with another transaction, DuckDB aborts instead of waiting for it, as Snowflake's lock would.
_ATTEMPTS = 100
_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.001, 0.05


_DOES_NOT_EXIST = 2003


def execute(call: Call) -> Result:
    """Run a data statement of a session.

    Raises:
        SnowflakeError: syntax errors, unknown names and conversion errors, with Snowflake's numbers.
    """
    call = replace(call, text=merge_by_name.expanded(call.text, lambda query: _names(call, query)))
    tree = trees.parse(call.text)
    if isinstance(tree, exp.TruncateTable) and tree.args.get("exists"):
        return _truncate_if_exists(call, tree)
    return _execute(call, tree)


def _names(call: Call, query: str) -> list[str]:
    return [column.name for column in describe(replace(call, text=query)).columns]


def _truncate_if_exists(call: Call, tree: exp.TruncateTable) -> Result:
    # DuckDB does not support IF EXISTS here.
    tree.set("exists", None)
    try:
        return _execute(call, tree)
    except errors.SnowflakeError as error:
        if error.errno != _DOES_NOT_EXIST:
            raise
        return status()


def _execute(call: Call, tree: exp.Expr) -> Result:
    connection = call.world.data.connection(call.session)
    with (
        _computing(call, tree),
        connection.lock,
        data_errors.placed(call.text),
        data_errors.translated(),
        _rewritten(call, connection, tree) as ready,
    ):
        # The statement may have been aborted before there was anything to interrupt.
        if call.cancelled.is_set():
            raise errors.cancelled()
        return _run(call, connection, ready)


@contextmanager
def _computing(call: Call, tree: exp.Expr) -> Iterator[None]:
    """Hold a slot of the session's warehouse for a statement that needs one.

    Raises:
        SnowflakeError: 000606 without a warehouse, but errors of the statement itself come first.
    """
    if not needs.needs_warehouse(tree, call.world.functions):
        yield
        return
    with needs.compute(call, lambda: describe(call) if isinstance(tree, exp.Query) else None):
        yield


def describe(call: Call) -> Result:
    """Return the columns of a query without running it or any function that has an effect."""
    call = replace(call, describing=True)
    tree = trees.parse(call.text)
    connection = call.world.data.connection(call.session)
    if not isinstance(tree, exp.Query):
        return Result(changes.result_columns(tree), (), changes.type_id(tree))
    for node in list(tree.find_all(exp.Placeholder)):
        node.replace(exp.null())
    with (
        connection.lock,
        data_errors.placed(call.text),
        data_errors.translated(),
        _rewritten(call, connection, tree) as ready,
    ):
        return _query(connection, ready, {}, rows=False)


def commit(call: Call) -> None:
    """Commit the session's transaction if one is open (ALTER SESSION SET AUTOCOMMIT)."""
    connection = call.world.data.connection(call.session)
    with connection.lock, data_errors.translated():
        transactions.commit(connection)


def evaluate(call: Call, text: str) -> Any:
    """Return the value of an expression, which may contain functions and variables (SET)."""
    query = f"SELECT {text} AS RESULT"
    result = execute(replace(call, text=query))
    return result.arrow.column(0)[0].as_py() if result.arrow is not None else None


def constant(call: Call, node: exp.Expr) -> Any:
    """Return the value of an expression without columns, as DuckDB computes it.

    Raises:
        SnowflakeError: 001003 or 002140 for an expression that is not constant.
    """
    permitted.check_expression(node)
    connection = call.world.data.connection(call.session)
    tree = translation.translate(exp.select(node.copy()), _context(call, {}))
    with connection.lock, data_errors.translated():
        result = _query(connection, tree, call.binds)
    return result.arrow.column(0)[0].as_py() if result.arrow is not None else None


def _context(call: Call, rows: Mapping[str, Result]) -> translation.Context:
    columns = table_columns.TableColumns(call, rows)
    return translation.Context(columns, call.binds, table_columns.session_formats(call.session))


@contextmanager
def _rewritten(call: Call, connection: Connection, tree: exp.Expr) -> Iterator[exp.Expr]:
    column_names.name_columns(tree, call.text)
    result_types.mark_literals(tree)
    rewriting = rewrite.Rewriting(call, connection.new_name, lambda node: constant(call, node))
    ready = rewriting.apply(permitted.check(tree, call.world.functions))
    ready = expand.Expansion(call, rewriting).apply(ready, expand.session_scopes(call))
    # Bodies of views and functions may also call functions.
    ready = rewriting.apply(ready)
    context = _context(call, rewriting.tables)
    result_types.remember(ready, context.columns)
    known = ready.meta
    ready = translation.translate(ready, context)
    ready.meta.update(known)
    for name, rows in rewriting.tables.items():
        data_types.make_table(connection.duck, name, rows)
    try:
        yield ready
    finally:
        for name in rewriting.tables:
            connection.duck.execute(f"DROP TABLE IF EXISTS temp.{quoted(name)}")


def _run(call: Call, connection: Connection, tree: exp.Expr) -> Result:
    if isinstance(tree, exp.Query):
        with transactions.reading(connection):
            return _query(connection, tree, call.binds, most=int(session_text(call.session, "ROWS_PER_RESULTSET")))
    if isinstance(tree, exp.Transaction | exp.Commit | exp.Rollback):
        return _transaction(connection, tree)
    if isinstance(tree, exp.Insert | exp.Update | exp.Delete | exp.Merge | exp.TruncateTable):
        with transactions.changing(call.session, connection):
            return _change(call, connection, tree)
    raise errors.not_supported(" ".join(call.text.split()[:3]).upper())


def _transaction(connection: Connection, tree: exp.Expr) -> Result:
    if isinstance(tree, exp.Transaction):
        transactions.begin(connection)
    elif isinstance(tree, exp.Commit):
        transactions.commit(connection)
    else:
        transactions.rollback(connection)
    return status()


def _query(
    connection: Connection, tree: exp.Expr, binds: Mapping[str, Any], *, rows: bool = True, most: int = 0
) -> Result:
    """Run a query; `most`: the largest number of rows, 0 for no limit."""
    values = trees.remaining_binds(tree, binds)
    kinds = [projection.type for projection in tree.selects] if isinstance(tree, exp.Query) else []
    names = trees.full_names(tree)
    *before, last = _translate(connection, tree)
    for statement in before:
        connection.duck.execute(duckdb_text(statement))
    text = duckdb_text(last)
    connection.need_functions(text)
    connection.require_only(names, duckdb_text(last.transform(_without_bind)) if values else text)
    relation = connection.duck.sql(text, params=values or None)
    relation = relation.limit(most) if most else relation
    columns = result_types.described(data_types.semi_structured(data_types.columns(relation), kinds), tree)
    return Result(columns, (), SELECT, arrow=relation.to_arrow_table() if rows else data_types.no_rows(columns))


def _without_bind(node: exp.Expr) -> exp.Expr:
    return exp.null() if isinstance(node, exp.Placeholder) else node


def _translate(connection: Connection, tree: exp.Expr) -> list[exp.Expr]:
    # fakesnow would sum as DOUBLE, and convert DISTINCT; calls that it does not know are not changed.
    for node in list(tree.find_all(exp.Sum, exp.Avg)):
        node.replace(exp.Anonymous(this=node.sql_name(), expressions=[node.this]))
    # Innermost first: what is copied below must already have been changed.
    for division in reversed(list(tree.find_all(exp.Div))):
        _refuse_zero(division)
    return connection.translate(tree)


def _refuse_zero(division: exp.Div) -> None:
    """Make a division by zero fail as in Snowflake; DuckDB returns infinity."""
    divided, divisor = division.this, division.expression
    if isinstance(divisor, exp.Literal) and (divisor.is_string or Decimal(divisor.this)):
        return
    is_zero: exp.Expr = exp.EQ(this=exp.paren(divisor), expression=exp.Literal.number(0))
    if not isinstance(divided, exp.Literal):
        # NULL divided by zero is NULL.
        is_zero = exp.and_(is_zero, exp.paren(divided).is_(exp.null()).not_())
    error = exp.Anonymous(this="ERROR", expressions=[exp.Literal.string(data_errors.DIVISION_BY_ZERO)])
    division.set("expression", exp.paren(exp.Case(ifs=[exp.If(this=is_zero, true=error)], default=divisor)))


def _change(call: Call, connection: Connection, tree: exp.Expr) -> Result:
    batch = changes.batch(trees.remaining_binds(tree, call.binds))
    columns, kind = changes.result_columns(tree), changes.type_id(tree)
    tables = [ObjectName(node.name, node.db, node.catalog) for node in tree.expressions if isinstance(node, exp.Table)]
    if isinstance(tree, exp.Merge):
        changes.prepare_merge(tree)
    statements = [duckdb_text(statement) for statement in _translate(connection, tree)]
    connection.need_functions(*statements)
    if isinstance(tree, exp.Merge):
        statements = [f"{statement} RETURNING merge_action" for statement in statements]
    try:
        counts = _change_once(connection, statements, batch, kind)
    except duckdb.TransactionException:
        if connection.in_transaction:
            raise
        counts = _change_after_conflict(call.world.data, connection, statements, batch, kind)
    if isinstance(tree, exp.TruncateTable):
        _forget_loads(call, connection, tables)
        return status()
    if isinstance(tree, exp.Merge):
        counts = changes.merge_counts(columns, counts)
    counts += [0] * (len(columns) - len(counts))
    return Result(columns, (tuple(counts[: len(columns)]),), kind)


def _forget_loads(call: Call, connection: Connection, tables: Sequence[ObjectName]) -> None:
    with call.world.store.reading() as tx:
        truncated = [catalog.get(tx, "TABLE", name) for name in tables]
    for table in truncated:
        load_metadata.forget(connection.duck, table)


def _change_after_conflict(
    data: DataPlane, connection: Connection, statements: Sequence[str], batch: Sequence[Sequence[Any]], kind: int
) -> list[int]:
    """Repeat a change, one session at a time: concurrent retries would only conflict with each other again.

    Statements that are not retries are not blocked and may conflict, so there is a pause before each further attempt.
    """
    with data.after_conflict:
        for attempt in range(_ATTEMPTS):
            with suppress(duckdb.TransactionException):
                return _change_once(connection, statements, batch, kind)
            time.sleep(min(_PAUSE_SECONDS * 2**attempt, _LONGEST_PAUSE_SECONDS))
        return _change_once(connection, statements, batch, kind)


def _change_once(
    connection: Connection, statements: Sequence[str], batch: Sequence[Sequence[Any]], kind: int
) -> list[int]:
    with connection.whole():
        counts: list[int] = []
        if len(batch) > 1 and kind == INSERT and len(statements) == 1:
            connection.duck.executemany(statements[0], [list(values) for values in batch])
            counts, batch = [len(batch)], ()
        for values in batch:
            row = _run_all(connection, statements, values)
            counts = [a + b for a, b in zip(counts or [0] * len(row), row, strict=True)]
    return counts


def _run_all(connection: Connection, statements: Sequence[str], values: Sequence[Any]) -> list[int]:
    counts: list[int] = []
    for statement in statements:
        connection.duck.execute(statement, list(values) if "$1" in statement else None)
        counts = changes.counts(connection.duck.fetchall(), statement)
    return counts
