"""The statements of Snowflake Scripting outside of procedures: anonymous blocks and EXECUTE IMMEDIATE.

Knows their grammar; must not know the language inside a block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.data import execution
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.scripting import parser, run
from snowflake_sandbox.statements.reader import Reader, is_block
from snowflake_sandbox.tables import stage_files

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.result import Result

_MARK_OF_TEMPLATES = "--!jinja"
_MOST_STATEMENTS = 6


def register(world: World) -> None:
    """Add the statements."""
    world.statements |= {
        "DECLARE": _block,
        "BEGIN": _begin,
        "EXECUTE IMMEDIATE": _execute_immediate,
        "EXECUTE IMMEDIATE FROM": _execute_file,
    }


def _block(call: Call) -> Result:
    return run.block(call, call.text)


def _begin(call: Call) -> Result:
    """Run BEGIN, which starts a block or a transaction."""
    if is_block(Reader(call.reader.text, tokens=call.reader.tokens)):
        return run.block(call, call.text)
    return execution.execute(call)


def _execute_immediate(call: Call) -> Result:
    """EXECUTE IMMEDIATE <text> [USING (<value>, …)]; inside a block, the parser handles it.

    Raises:
        SnowflakeError: 000006 for several statements, and any error of the statement.
    """
    reader = call.reader
    if reader.accept("$"):
        name = reader.identifier()
        if name not in call.session.variables:
            raise SnowflakeError(2211, "02000", f"SQL compilation error: Session variable '${name}' does not exist")
        text = str(call.session.variables[name])
    else:
        text = reader.string()
    binds: dict[str, Any] = {}
    if reader.accept("USING"):
        reader.expect("(")
        while not reader.accept(")"):
            binds[str(len(binds) + 1)] = reader.value()
            reader.accept(",")
    reader.end()
    if len(parser.split(Reader(text))) > 1:
        raise SnowflakeError(
            6,
            "0A000",
            "Multiple SQL statements in a single API call are not supported; use one API call per statement instead.",
        )
    return run.statement(call, text, binds)


def _execute_file(call: Call) -> Result:
    """EXECUTE IMMEDIATE FROM @stage/file: runs its statements in order and returns the result of the last one.

    Raises:
        SnowflakeError: 001003 for a syntax error, with the file's name; errors of statements; 000002 for a template.
    """
    location = call.reader.rest()
    if location[:1] != "@":
        raise errors.not_supported("EXECUTE IMMEDIATE FROM a relative path")
    if " USING" in location.upper() or " DRY_RUN" in location.upper():
        raise errors.not_supported("EXECUTE IMMEDIATE FROM … USING (templates)")
    text = stage_files.text_of(call, location)
    if text.lstrip().startswith(_MARK_OF_TEMPLATES):
        raise errors.not_supported("EXECUTE IMMEDIATE FROM a Jinja template")
    reader = Reader(text)
    result: Result | None = None
    for first, last in parser.split(reader):
        piece = text[reader.tokens[first].start : reader.tokens[last - 1].end + 1]
        try:
            result = run.statement(call, piece, {}, number=first)
        except SnowflakeError as error:
            place = errors.place(text, reader.tokens[first].start)
            message = f"Uncaught exception of type 'STATEMENT_ERROR' in file {location} on {place}:\n{error.message}"
            raise SnowflakeError(error.errno, error.sqlstate, message) from error
    if result is None:
        raise SnowflakeError(900, "42601", "SQL compilation error:\nEmpty SQL statement.")
    return result
