"""The permitted parts of a data statement: queries, Snowflake's functions, tables by name. Others are refused.

Pure. Knows sqlglot's trees; must not know the catalog or privileges (expand.py does). sqlglot parses the words of many
dialects, including DuckDB's, so each statement is checked against lists of Snowflake's constructs before DuckDB sees
it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox import errors
from snowflake_sandbox.dialect.snowflake_functions import TABLE_FUNCTIONS, is_built_in, is_lacking

if TYPE_CHECKING:
    from collections.abc import Collection

# The key under which the parser stores a function's name as written (Dialect.ORIGINAL_NAME_META_KEY).
WRITTEN = "written"

# Statements, which must not be inside another statement.
_STATEMENTS = (
    exp.Alter,
    exp.Analyze,
    exp.Attach,
    exp.Cache,
    exp.Command,
    exp.Comment,
    exp.Commit,
    exp.Create,
    exp.DML,
    exp.Declare,
    exp.Describe,
    exp.Detach,
    exp.Drop,
    exp.Get,
    exp.Grant,
    exp.Install,
    exp.Kill,
    exp.LoadData,
    exp.MultitableInserts,
    exp.Pragma,
    exp.Put,
    exp.Refresh,
    exp.Revoke,
    exp.Rollback,
    exp.Set,
    exp.Show,
    exp.Summarize,
    exp.Transaction,
    exp.TruncateTable,
    exp.Uncache,
    exp.Use,
)
# The statements that contain statements: WHEN … THEN INSERT, INSERT ALL INTO ….
_PARTS = (exp.When, exp.ConditionalInsert)
# Clauses of other dialects; each reads or writes more than the privileges checked here cover.
_CLAUSES = (exp.Into, exp.Returning, exp.OnConflict, exp.NextValueFor, exp.Stream)
# Functions with their own syntax, so that the parser stores no name: CAST(… AS …), a:b, ||, CURRENT_DATE ….
_SYNTAX = (
    exp.And,
    exp.ApproxTopK,
    exp.ArgMax,
    exp.ArgMin,
    exp.Array,
    exp.Case,
    exp.Cast,
    exp.Ceil,
    exp.Chr,
    exp.Coalesce,
    exp.Collate,
    exp.ConnectByRoot,
    exp.CurrentDate,
    exp.CurrentRole,
    exp.CurrentTime,
    exp.CurrentTimestamp,
    exp.CurrentUser,
    exp.Date,
    exp.DateTrunc,
    exp.Decode,
    exp.DecodeCase,
    exp.Exists,
    exp.Extract,
    exp.Floor,
    exp.GroupConcat,
    exp.If,
    exp.Initcap,
    exp.JSONExtract,
    exp.JSONExtractScalar,
    exp.JSONObject,
    exp.Localtime,
    exp.Localtimestamp,
    exp.Or,
    exp.Pow,
    exp.RegexpILike,
    exp.RegexpLike,
    exp.StrPosition,
    exp.Struct,
    exp.Substring,
    exp.TimestampTrunc,
    exp.Trim,
    exp.TryCast,
    exp.Xor,
)
_HISTORY = {"when": "AT | BEFORE", "changes": "CHANGES", "version": "AT | BEFORE"}


def check(tree: exp.Expr, functions: Collection[str]) -> exp.Expr:
    """Refuse constructs that no data statement of Snowflake has; calls of unknown functions become `exp.Anonymous`.

    Args:
        tree: a statement, or the body of a view or function, as parsed by `trees.parse`. Changed in place.
        functions: names of the sandbox's own functions (`World.functions`).

    Raises:
        SnowflakeError: 001003 for a construct that Snowflake lacks, 000002 for one that only the sandbox lacks.
    """
    holder = exp.Paren(this=tree)
    for node in list(holder.walk()):
        if isinstance(node, _CLAUSES):
            raise _unexpected(node)
        if isinstance(node, _STATEMENTS) and node is not tree and not isinstance(node.parent, _PARTS):
            raise _unexpected(node)
        if isinstance(node, exp.Table):
            _check_table(node)
        elif isinstance(node, exp.Func):
            _check_function(node, functions)
    result: exp.Expr = holder.this
    return result


def check_expression(node: exp.Expr, functions: Collection[str] = ()) -> None:
    """Refuse constructs that are not allowed in a column's default, a column of COPY INTO, or a constant.

    Raises:
        SnowflakeError: 001003, or 002140 for a function that is not Snowflake's.
    """
    holder = exp.Paren(this=node.copy())
    for part in holder.find_all(exp.Query, exp.Table, exp.Lateral, exp.Unnest, exp.UDTF, exp.Values):
        raise _unexpected(part)
    check(holder.this, functions)
    for called in holder.find_all(exp.Anonymous):
        if not is_known(called, functions):
            raise unknown_function(called.name)


def is_known(node: exp.Anonymous, functions: Collection[str]) -> bool:
    """Whether a call by an unqualified name is a call of Snowflake's function; a quoted name must match exactly."""
    name = str(node.name) if isinstance(node.this, exp.Identifier) else str(node.this).upper()
    return not isinstance(node.parent, exp.Dot) and (name in functions or (name == name.upper() and is_built_in(name)))


def is_table_function(node: exp.Expr) -> bool:
    """Whether a call in FROM is that of a table function that runs in DuckDB."""
    name = node.name if isinstance(node, exp.Anonymous) else str(node.meta.get(WRITTEN, ""))
    return name.upper() in TABLE_FUNCTIONS


def unknown_function(name: str) -> errors.SnowflakeError:
    """Return 002140 if there is no function of that name, 000002 if Snowflake documents it but the sandbox lacks it."""
    if is_lacking(name):
        return errors.not_supported(name.upper())
    return errors.SnowflakeError(2140, "42601", f"SQL compilation error:\nUnknown function {name.upper()}")


def _check_table(node: exp.Table) -> None:
    for key, words in _HISTORY.items():
        if node.args.get(key) is not None:
            raise errors.not_supported(words)
    source = node.this
    if isinstance(source, exp.Identifier | exp.DynamicIdentifier | exp.Parameter):
        return
    if isinstance(source, exp.Literal | exp.Var) and source.name.startswith("@"):
        raise errors.not_supported("SELECT … FROM @stage")
    if isinstance(source, exp.Func):
        raise unknown_function(source.meta.get(WRITTEN) or source.name)
    raise _unexpected(node)


def _check_function(node: exp.Func, functions: Collection[str]) -> None:
    if isinstance(node, exp.Anonymous | exp.DynamicIdentifier):
        return
    name = node.meta.get(WRITTEN)
    if name is None:
        if not isinstance(node, _SYNTAX) or isinstance(node.parent, exp.Dot):
            raise _unexpected(node)
        return
    is_in_from = isinstance(node.parent, exp.TableFromRows | exp.Lateral | exp.Dot)
    if is_in_from or name.upper() in functions or is_built_in(name):
        # A qualified name is that of a user-defined function, whatever the name is.
        if isinstance(node.parent, exp.Dot):
            node.replace(_anonymous(node, name))
        return
    node.replace(_anonymous(node, name))


def _anonymous(node: exp.Func, name: str) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in node.iter_expressions()])


def _unexpected(node: exp.Expr) -> errors.SnowflakeError:
    words = node.sql("snowflake", comments=False).split()
    return errors.syntax_error(words[0] if words else node.key.upper(), 0)
