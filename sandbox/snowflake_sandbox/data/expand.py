"""Names in data SQL: tables are checked and qualified; views and SQL functions are replaced by their definitions.

Knows the catalog, privileges and sqlglot's trees; must not know DuckDB. A view's or function's body is resolved in its
own schema and with its owner's rights, as in Snowflake.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog, signature
from snowflake_sandbox.data import called_bodies, rewrite, sequences, trees
from snowflake_sandbox.data.column_names import name_columns
from snowflake_sandbox.dialect import permitted
from snowflake_sandbox.dialect.whole_queries import common_tables
from snowflake_sandbox.objects import function
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.result import Result

# The maximum depth of nested views and functions; Snowflake has its own limit.
_DEEPEST = 50
_READ = (("SELECT",),)
_IN_FROM = (exp.TableFromRows, exp.Lateral)
_TARGET_PRIVILEGES: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.Insert: ("INSERT",),
    exp.Update: ("UPDATE",),
    exp.Delete: ("DELETE",),
    exp.Merge: ("INSERT", "UPDATE", "DELETE"),
    exp.TruncateTable: ("TRUNCATE", "DELETE"),
    exp.Copy: ("INSERT",),
}


@dataclass(frozen=True)
class Scopes:
    """The context in which names are looked up, and the role whose privileges are checked.

    Attributes:
        owner: the role whose privileges are checked inside a view or function; None: the session's.
    """

    database: str | None
    schema: str | None
    owner: str | None = None
    depth: int = 0

    def inside(self, owner: SnowflakeObject) -> Scopes:
        """Return the scopes of a view's or function's body."""
        if self.depth >= _DEEPEST:
            raise errors.SnowflakeError(
                2001, "42710", f"SQL compilation error:\nObject '{owner.name.qualified}' is nested too deeply."
            )
        return Scopes(owner.name.database, owner.name.schema, owner.owner, self.depth + 1)


@dataclass
class Expansion:
    """The expansion of one statement; tables of INFORMATION_SCHEMA become temporary tables of `rewriting`."""

    call: Call
    rewriting: rewrite.Rewriting

    def apply(self, tree: exp.Expr, scopes: Scopes) -> exp.Expr:
        """Return the tree with every name resolved. It is changed in place if possible; use the returned one.

        Names first and functions last: a function's arguments are checked with the caller's rights, not the owner's.

        Raises:
            SnowflakeError: 002003 and 003001 for tables, 002140 for functions, 001003 for anything that can be neither.
        """
        holder = exp.Paren(this=tree)
        self._dynamic_names(holder)
        sequences.put_next_values(
            holder, lambda name: self._sequence(_resolve(name, scopes), scopes), describing=self.call.describing
        )
        common_tables.rename(holder, self.rewriting.new_name)
        for node in list(holder.find_all(exp.Table)):
            self._table(node, scopes)
        self._functions(holder, scopes)
        return trees.unwrapped(holder)

    def body(self, text: str, scopes: Scopes, owner: SnowflakeObject) -> exp.Expr:
        """Return the query of a view or table function, resolved in its own schema and with its owner's rights."""
        tree = permitted.check(trees.parse(text), self.call.world.functions)
        name_columns(tree, text)
        return self.apply(tree, scopes.inside(owner))

    # --- tables and views --------------------------------------------------------------------------------------------

    def _dynamic_names(self, holder: exp.Expr) -> None:
        """Replace IDENTIFIER('name'), and TABLE('name') in FROM, by the name."""
        for node in list(holder.find_all(exp.DynamicIdentifier)):
            parts = trees.name_parts(self.rewriting.value(node.this))
            table = node.parent
            if isinstance(table, exp.Table) and table.this is node:
                trees.set_name(table, parts)
            else:
                node.replace(exp.column(*reversed(parts)))
        for rows in list(holder.find_all(exp.TableFromRows)):
            if isinstance(rows.this, exp.Literal | exp.Placeholder):
                table = exp.Table(alias=rows.args.get("alias"), joins=rows.args.get("joins"))
                trees.set_name(table, trees.name_parts(self.rewriting.value(rows.this)))
                rows.replace(table)

    def _table(self, node: exp.Table, scopes: Scopes) -> None:
        if common_tables.is_common(node) or rewrite.is_temporary(node):
            return
        if not isinstance(node.this, exp.Identifier):
            raise errors.syntax_error(node.sql("snowflake"), 0)
        resolved = _resolve(_table_name(node), scopes)
        if resolved.schema == "INFORMATION_SCHEMA":
            self._information(node, resolved)
            return
        new_rows = self._new_rows(scopes)
        if resolved.qualified in self.call.world.system_tables:
            rows = self.call.world.system_tables[resolved.qualified](self.call) if new_rows is None else new_rows
            self._rows(node, resolved, rows)
            return
        with self.call.world.store.reading():  # one turn for the table and its privileges (store.py)
            table = self._find(resolved)
            for alternatives in _privileges(node):
                self._require(table, alternatives, scopes)
        if new_rows is not None:
            self._rows(node, resolved, new_rows)
            return
        if table.kind == "VIEW":
            self._view(node, table, scopes)
            return
        insert = node.find_ancestor(exp.Insert)
        if insert is not None and node in (insert.this, insert.this.this):
            sequences.put_defaults(insert, table, partial(self.call.world.data.default, table.name))
        trees.set_name(
            node, [trees.quoted(part or "") for part in (table.name.database, table.name.schema, table.name.name)]
        )

    def _new_rows(self, scopes: Scopes) -> Result | None:
        """Return the rows that replace the table in the condition of an alert on new data; None in other statements."""
        alert = self.call.session.alert
        return alert.new_rows if alert is not None and scopes.depth == 0 else None

    def _find(self, name: ObjectName) -> SnowflakeObject:
        with self.call.world.store.reading() as tx:
            table = catalog.find(tx, "TABLE", name) or catalog.find(tx, "VIEW", name)
        if table is None:
            raise errors.SnowflakeError(
                2003,
                "42S02",
                f"SQL compilation error:\nObject '{name.qualified}' does not exist or not authorized.",
            )
        return table

    def _sequence(self, name: ObjectName, scopes: Scopes) -> SnowflakeObject:
        with self.call.world.store.reading() as tx:
            sequence = catalog.find(tx, "SEQUENCE", name)
        if sequence is None:
            text = sequences.DROPPED_SEQUENCE.format(name.name)
            raise errors.SnowflakeError(904, "42000", f"SQL compilation error: error line 1 at position 0\n{text}")
        self._require(sequence, ("USAGE",), scopes)
        return sequence

    def _require(self, table: SnowflakeObject, privileges: tuple[str, ...], scopes: Scopes) -> None:
        try:
            if scopes.owner is None:
                access.require(self.call, privileges, table)
            else:
                access.require_of_role(self.call.world, scopes.owner, privileges, table)
        except errors.SnowflakeError as error:
            raise _as_object(error, table) from error

    def _view(self, node: exp.Table, view: SnowflakeObject, scopes: Scopes) -> None:
        if _privileges(node) != _READ:
            raise errors.SnowflakeError(
                2049,  # guess
                "42601",
                f"SQL compilation error:\nInvalid operation on the view '{view.name.qualified}': it cannot be changed.",
            )
        inner = self.body(view["query"], scopes, view)
        alias = node.args.get("alias")
        name = alias.name if alias is not None else view.name.name
        columns = [trees.quoted(record["name"]) for record in view["columns"]]
        if alias is not None and alias.columns:
            columns = alias.columns
        is_quoted = alias is None or bool(alias.this.args.get("quoted"))
        table_alias = exp.TableAlias(this=exp.to_identifier(name, quoted=is_quoted), columns=columns)
        replacement = exp.Subquery(this=inner, alias=table_alias)
        for key in ("joins", "pivots", "sample"):
            if node.args.get(key):
                replacement.set(key, node.args[key])
        node.replace(replacement)

    def _information(self, node: exp.Table, name: ObjectName) -> None:
        rows = self.call.world.information_schema.get(name.name)
        if rows is None:
            raise errors.does_not_exist("Object", name.qualified)
        self._rows(node, name, rows(self.call, name.database or ""))

    def _rows(self, node: exp.Table, name: ObjectName, rows: Result) -> None:
        """Replace a table that is in no database by a temporary table with the rows."""
        alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name.name))
        node.replace(self.rewriting.temporary(rows, alias=alias, joins=node.args.get("joins")))

    # --- functions ---------------------------------------------------------------------------------------------------

    def _functions(self, holder: exp.Expr, scopes: Scopes) -> None:
        for rows in list(holder.find_all(exp.TableFromRows)):
            self._table_function(rows, scopes)
        for lateral in list(holder.find_all(exp.Lateral)):
            if isinstance(lateral.this, exp.Func) and not permitted.is_table_function(lateral.this):
                raise permitted.unknown_function(trees.function_name(lateral.this))
        # Innermost first: an argument of a user-defined function is resolved before it is inserted into the body.
        for node in reversed(list(holder.find_all(exp.Anonymous))):
            if permitted.is_known(node, self.call.world.functions) or isinstance(node.parent, _IN_FROM):
                continue
            if sequences.is_next_value(node):
                continue
            called = _outermost_dot(node)
            if not isinstance(called.parent, _IN_FROM):
                self._scalar_function(called, node, scopes)

    def _scalar_function(self, called: exp.Expr, node: exp.Anonymous, scopes: Scopes) -> None:
        parts = trees.dotted_name(called)
        function = self._function(parts, len(node.expressions), scopes, table=False) if parts else None
        if function is None:
            raise permitted.unknown_function(".".join(parts) or node.name)
        text = function["body"].strip().rstrip(";")
        is_query = text[:6].upper() in ("SELECT", "WITH\n") or text[:5].upper() == "WITH "
        body = trees.parse(text) if is_query else trees.projections(text)[0].unalias()
        checked = permitted.check(body, self.call.world.functions)
        value = self._called(checked, function, node.expressions, scopes, rows=False)
        if isinstance(value, exp.Query):
            value = exp.Subquery(this=value)
        called.replace(exp.Paren(this=exp.cast(value, function["returns"], dialect="snowflake")))

    def _table_function(self, node: exp.TableFromRows, scopes: Scopes) -> None:
        called = node.this
        if self.rewriting.has_table_function(called) or permitted.is_table_function(called):
            return
        parts = trees.dotted_name(called)
        if parts == ["GETNEXTVAL"]:
            raise errors.not_supported("TABLE(GETNEXTVAL(…))")
        call = called.expression if isinstance(called, exp.Dot) else called
        arguments = list(call.expressions) if isinstance(call, exp.Anonymous) else []
        function = self._function(parts, len(arguments), scopes, table=True) if parts else None
        if function is None:
            self._refuse_procedure(parts, scopes)
            raise permitted.unknown_function(".".join(parts) or called.sql("snowflake"))
        text = function["body"].strip().rstrip(";")
        body = permitted.check(trees.parse(text), self.call.world.functions)
        name_columns(body, text)
        inner = self._called(body, function, arguments, scopes, rows=True)
        columns = [trees.quoted(column.name) for column in signature.arguments_of(function, "result_columns")]
        alias = node.args.get("alias")
        name = alias.this if alias is not None and alias.this is not None else exp.to_identifier(parts[-1])
        replacement = exp.Subquery(this=inner, alias=exp.TableAlias(this=name, columns=columns))
        if node.args.get("joins"):
            replacement.set("joins", node.args["joins"])
        node.replace(replacement)

    def _refuse_procedure(self, parts: list[str], scopes: Scopes) -> None:
        """Refuse TABLE(…) of a stored procedure, which accounts have, by name."""
        name = ObjectName(parts[-1], *reversed([None, None, *parts[:-1]][-2:])) if parts else None
        database, schema = (name.database or scopes.database, name.schema or scopes.schema) if name else (None, None)
        if name is None or database is None or schema is None:
            return
        with self.call.world.store.reading() as tx:
            procedures = catalog.listing(tx, "PROCEDURE", database, schema, name.name)
        if any(procedure.name.name == name.name for procedure in procedures):
            raise errors.not_supported("SELECT … FROM TABLE(a stored procedure)")

    def _called(
        self, body: exp.Expr, function: SnowflakeObject, values: list[exp.Expr], scopes: Scopes, *, rows: bool
    ) -> exp.Expr:
        """Return a function's body with a call's values, inserted last, so that they get no owner's rights."""
        holder = exp.Paren(this=body)
        markers = called_bodies.mark(holder, signature.arguments_of(function), values)
        resolved = exp.Paren(this=self.apply(holder.this, scopes.inside(function)))
        return called_bodies.put_values(resolved, markers, rows=rows)

    def _function(self, parts: list[str], count: int, scopes: Scopes, *, table: bool) -> SnowflakeObject | None:
        name = ObjectName(parts[-1], *reversed([None, None, *parts[:-1]][-2:]))
        inside = ObjectName(name.name, name.schema or scopes.schema, name.database or scopes.database)
        called = function.find_called(self.call, inside, count, table=table)
        if called is None:
            return None
        try:
            self._require(called, ("USAGE",), scopes)
        except errors.SnowflakeError as error:
            if error.errno != errors.does_not_exist("FUNCTION", "").errno:
                raise
            return None  # a function of which the role may not know is an unknown one
        return called


def _as_object(error: errors.SnowflakeError, table: SnowflakeObject) -> errors.SnowflakeError:
    """Return the error with Object instead of Table or View, as Snowflake reports it in data SQL."""
    if "does not exist or not authorized" not in error.message or table.kind in ("FUNCTION", "SEQUENCE"):
        return error
    text = f"SQL compilation error:\nObject '{table.name.qualified}' does not exist or not authorized."
    return errors.SnowflakeError(2003, "42S02", text)


def _table_name(node: exp.Table) -> ObjectName:
    parts = [node.args.get(key) for key in ("this", "db", "catalog")]
    # Two dots omit the schema, which is then PUBLIC (sql-reference/name-resolution). The parser returns a text there.
    texts = [
        ("PUBLIC" if part == "" else part)
        if part is None or isinstance(part, str)
        else part.name
        if part.args.get("quoted")
        else part.name.upper()
        for part in parts
    ]
    return ObjectName(texts[0] or "", texts[1] or None, texts[2] or None)


def _resolve(name: ObjectName, scopes: Scopes) -> ObjectName:
    database, schema = name.database or scopes.database, name.schema or scopes.schema
    if database is None:
        raise errors.no_current_database("SELECT")
    if schema is None:
        raise errors.no_current_schema("SELECT")
    return ObjectName(name.name, schema, database)


def _privileges(node: exp.Table) -> tuple[tuple[str, ...], ...]:
    """Return groups of privileges, of which one each is needed: SELECT, unless the statement changes the table."""
    target: exp.Expr = node
    if isinstance(node.parent, exp.Schema):
        target = node.parent
    parent = target.parent
    for kind, privileges in _TARGET_PRIVILEGES.items():
        # TRUNCATE has a list of tables, the others one as `this`; compared with `is`: trees compare by content.
        if isinstance(parent, kind) and (
            parent.this is target or any(item is target for item in parent.args.get("expressions") or [])
        ):
            return _merge_privileges(parent) if isinstance(parent, exp.Merge) else _of_target(parent, privileges)
    return _READ


def _of_target(statement: exp.Expr, privileges: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return (privileges, ("DELETE",)) if statement.args.get("overwrite") else (privileges,)


def _merge_privileges(merge: exp.Merge) -> tuple[tuple[str, ...], ...]:
    """Return a privilege for each kind of change in a MERGE."""
    actions = [when.args.get("then") for when in merge.args["whens"].expressions]
    names = {exp.Insert: "INSERT", exp.Update: "UPDATE"}
    return tuple((name,) for name in dict.fromkeys(names.get(type(action), "DELETE") for action in actions))


def _outermost_dot(node: exp.Expr) -> exp.Expr:
    while isinstance(node.parent, exp.Dot):
        node = node.parent
    return node


def session_scopes(call: Call) -> Scopes:
    """Return the scopes of a statement that a session sends."""
    return Scopes(call.session.database, call.session.schema)
