"""Names in data SQL: tables checked and qualified, views and SQL functions replaced by what they stand for.

Knows the catalog, privileges and sqlglot's trees; must not know DuckDB. A view's or function's body is read in its own
schema and with its owner's rights, as Snowflake does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog, signature
from snowflake_sandbox.data import rewrite, trees
from snowflake_sandbox.data.column_names import name_columns
from snowflake_sandbox.objects import function
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.catalog.signature import Argument
    from snowflake_sandbox.result import Result

# How deep views and functions may stand on each other; Snowflake has a limit of its own.
_DEEPEST = 50
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
    """Where unqualified names are looked up, and whose rights count.

    Attributes:
        owner: the role whose rights count inside a view or function; None: the session's.
    """

    database: str | None
    schema: str | None
    owner: str | None = None
    depth: int = 0

    def inside(self, found: SnowflakeObject) -> Scopes:
        """The scopes of a view's or function's body."""
        if self.depth >= _DEEPEST:
            raise errors.SnowflakeError(
                2001, "42710", f"SQL compilation error:\nObject '{found.name.qualified}' is nested too deeply."
            )
        return Scopes(found.name.database, found.name.schema, found.owner, self.depth + 1)


@dataclass
class Expansion:
    """The expansion of one statement; tables of INFORMATION_SCHEMA become temporary tables of `rewriting`."""

    call: Call
    rewriting: rewrite.Rewriting

    def apply(self, tree: exp.Expr, scopes: Scopes) -> exp.Expr:
        """The tree with every name resolved. Changed in place as far as possible; use the returned one."""
        holder = exp.Paren(this=tree)
        self._functions(holder, scopes)
        names = {cte.alias_or_name.upper() for cte in holder.find_all(exp.CTE)}
        for node in list(holder.find_all(exp.Table)):
            self._table(node, names, scopes)
        return trees.unwrapped(holder)

    # --- tables and views --------------------------------------------------------------------------------------------

    def _table(self, node: exp.Table, common: set[str], scopes: Scopes) -> None:
        if not isinstance(node.this, exp.Identifier):
            self._refuse_stage(node)
            return
        name = _table_name(node)
        if (name.schema is None and name.name.upper() in common) or name.name in self.rewriting.tables:
            return
        resolved = _resolve(name, scopes)
        if resolved.schema == "INFORMATION_SCHEMA":
            self._information(node, resolved)
            return
        if resolved.qualified in self.call.world.system_tables:
            self._rows(node, resolved, self.call.world.system_tables[resolved.qualified](self.call))
            return
        privileges = _privileges(node)
        found = self._find(resolved)
        self._require(found, privileges, scopes)
        if found.kind == "VIEW":
            self._view(node, found, scopes)
            return
        for key, part in (("this", found.name.name), ("db", found.name.schema), ("catalog", found.name.database)):
            node.set(key, exp.to_identifier(part, quoted=True))

    def _refuse_stage(self, node: exp.Table) -> None:
        if isinstance(node.this, exp.Var) and node.this.name.startswith("@"):
            raise errors.not_supported("SELECT … FROM @stage")

    def _find(self, name: ObjectName) -> SnowflakeObject:
        with self.call.world.store.transaction() as tx:
            found = catalog.find(tx, "TABLE", name) or catalog.find(tx, "VIEW", name)
        if found is None:
            raise errors.SnowflakeError(
                2003,
                "42S02",
                f"SQL compilation error:\nObject '{name.qualified}' does not exist or not authorized.",
            )
        return found

    def _require(self, found: SnowflakeObject, privileges: tuple[str, ...], scopes: Scopes) -> None:
        if scopes.owner is None:
            try:
                access.require(self.call, privileges, found)
            except errors.SnowflakeError as error:
                raise _as_object(error, found) from error
        elif not access.role_has(self.call.world, scopes.owner, found, *privileges):
            raise errors.insufficient_privileges(found.kind, found.name.name)

    def _view(self, node: exp.Table, found: SnowflakeObject, scopes: Scopes) -> None:
        body = trees.parse(found["query"])
        name_columns(body, found["query"])
        inner = self.apply(body, scopes.inside(found))
        alias = node.args.get("alias")
        name = alias.name if alias is not None else found.name.name
        columns = [exp.to_identifier(kept["name"], quoted=True) for kept in found["columns"]]
        if alias is not None and alias.columns:
            columns = alias.columns
        quoted = alias is None or bool(alias.this.args.get("quoted"))
        table_alias = exp.TableAlias(this=exp.to_identifier(name, quoted=quoted), columns=columns)
        replacement = exp.Subquery(this=inner, alias=table_alias)
        for key in ("joins", "pivots", "sample"):
            if node.args.get(key):
                replacement.set(key, node.args[key])
        node.replace(replacement)

    def _information(self, node: exp.Table, name: ObjectName) -> None:
        made = self.call.world.information_schema.get(name.name)
        if made is None:
            raise errors.does_not_exist("Object", name.qualified)
        self._rows(node, name, made(self.call, name.database or ""))

    def _rows(self, node: exp.Table, name: ObjectName, rows: Result) -> None:
        """Put a temporary table with the rows in the place of a table that no database has."""
        table = self.rewriting.new_name()
        self.rewriting.tables[table] = rows
        alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name.name))
        node.replace(exp.Table(this=exp.to_identifier(table, quoted=True), alias=alias, joins=node.args.get("joins")))

    # --- SQL functions -----------------------------------------------------------------------------------------------

    def _functions(self, holder: exp.Expr, scopes: Scopes) -> None:
        for rows in list(holder.find_all(exp.TableFromRows)):
            self._table_function(rows, scopes)
        for node in list(holder.find_all(exp.Anonymous)):
            called = _outermost_dot(node)
            parts = trees.dotted_name(called)
            if parts and str(node.this).upper() not in self.call.world.functions:
                self._scalar_function(called, node, parts, scopes)

    def _scalar_function(self, called: exp.Expr, node: exp.Anonymous, parts: list[str], scopes: Scopes) -> None:
        found = self._function(parts, len(node.expressions), scopes, table=False)
        if found is None:
            return
        text = found["body"].strip().rstrip(";")
        is_query = text[:6].upper() in ("SELECT", "WITH\n") or text[:5].upper() == "WITH "
        value = exp.Subquery(this=trees.parse(text)) if is_query else trees.projections(text)[0].unalias()
        holder = exp.Paren(this=value)
        _substitute(holder, signature.arguments_of(found), node.expressions)
        inner = self.apply(holder.this, scopes.inside(found))
        called.replace(exp.Paren(this=exp.cast(inner, found["returns"], dialect="snowflake")))

    def _table_function(self, node: exp.TableFromRows, scopes: Scopes) -> None:
        called = node.this
        parts = trees.dotted_name(called)
        call = called.expression if isinstance(called, exp.Dot) else called
        if not parts or not isinstance(call, exp.Anonymous):
            return
        arguments = [
            argument.expression if isinstance(argument, exp.Kwarg) else argument for argument in call.expressions
        ]
        found = self._function(parts, len(arguments), scopes, table=True)
        if found is None:
            return
        body = trees.parse(found["body"].strip().rstrip(";"))
        name_columns(body, found["body"].strip().rstrip(";"))
        holder = exp.Paren(this=body)
        _substitute(holder, signature.arguments_of(found), arguments)
        inner = self.apply(holder.this, scopes.inside(found))
        columns = [exp.to_identifier(one.name, quoted=True) for one in signature.arguments_of(found, "result_columns")]
        alias = node.args.get("alias")
        name = alias.this if alias is not None and alias.this is not None else exp.to_identifier(parts[-1])
        replacement = exp.Subquery(this=inner, alias=exp.TableAlias(this=name, columns=columns))
        if node.args.get("joins"):
            replacement.set("joins", node.args["joins"])
        node.replace(replacement)

    def _function(self, parts: list[str], count: int, scopes: Scopes, *, table: bool) -> SnowflakeObject | None:
        name = ObjectName(parts[-1], *reversed([None, None, *parts[:-1]][-2:]))
        inside = ObjectName(name.name, name.schema or scopes.schema, name.database or scopes.database)
        return function.find_called(self.call, inside, count, table=table)


def _as_object(error: errors.SnowflakeError, found: SnowflakeObject) -> errors.SnowflakeError:
    """In data SQL, Snowflake says Object where SHOW would say Table or View."""
    if "does not exist or not authorized" not in error.message:
        return error
    text = f"SQL compilation error:\nObject '{found.name.qualified}' does not exist or not authorized."
    return errors.SnowflakeError(2003, "42S02", text)


def _table_name(node: exp.Table) -> ObjectName:
    parts = [node.args.get(key) for key in ("this", "db", "catalog")]
    texts = [None if part is None else part.name if part.args.get("quoted") else part.name.upper() for part in parts]
    return ObjectName(texts[0] or "", texts[1] or None, texts[2] or None)


def _resolve(name: ObjectName, scopes: Scopes) -> ObjectName:
    database, schema = name.database or scopes.database, name.schema or scopes.schema
    if database is None:
        raise errors.no_current_database("SELECT")
    if schema is None:
        raise errors.no_current_schema("SELECT")
    return ObjectName(name.name, schema, database)


def _privileges(node: exp.Table) -> tuple[str, ...]:
    """What the statement does with this table: it reads it, unless the table is the statement's target."""
    target: exp.Expr = node
    if isinstance(node.parent, exp.Schema):
        target = node.parent
    parent = target.parent
    for kind, privileges in _TARGET_PRIVILEGES.items():
        # TRUNCATE has its table in a list, the others have it as `this`; `is`, because trees compare by content.
        if isinstance(parent, kind) and (
            parent.this is target or any(one is target for one in parent.args.get("expressions") or [])
        ):
            return _merge_privileges(parent) if isinstance(parent, exp.Merge) else privileges
    return ("SELECT",)


def _merge_privileges(merge: exp.Merge) -> tuple[str, ...]:
    kinds = {type(when.args.get("then")) for when in merge.args["whens"].expressions}
    return ("INSERT",) if kinds == {exp.Insert} else ("UPDATE", "DELETE")


def _outermost_dot(node: exp.Expr) -> exp.Expr:
    while isinstance(node.parent, exp.Dot):
        node = node.parent
    return node


def _substitute(holder: exp.Expr, arguments: list[Argument], given: list[exp.Expr]) -> None:
    """Put the given values where the body names its arguments."""
    values = {}
    for position, argument in enumerate(arguments):
        value = given[position].copy() if position < len(given) else _default(argument)
        values[argument.name] = exp.cast(value, argument.base, dialect="snowflake")
    for column in list(holder.find_all(exp.Column)):
        name = column.this.name if column.this.args.get("quoted") else column.this.name.upper()
        if not column.table and name in values:
            column.replace(exp.Paren(this=values[name].copy()))


def _default(argument: Argument) -> exp.Expr:
    return trees.projections(str(argument.default))[0].unalias()


def session_scopes(call: Call) -> Scopes:
    """The scopes of a session's own statement."""
    return Scopes(call.session.database, call.session.schema)
