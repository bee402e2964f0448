"""SnowflakeError, and the errors that several statements raise, with Snowflake's number, SQL state and text.

Knows only error texts; an error that a single statement raises is defined there. Numbers and texts are the documented
ones unless the comment says otherwise. Clients match substrings of these texts (the provider `does not exist or not
authorized`), so that a change of a text changes the protocol.
"""

from __future__ import annotations

import errno


class SnowflakeError(Exception):
    """An error as Snowflake reports it.

    Attributes:
        errno: Snowflake's error number, e.g. 2003; sent as six digits.
        sqlstate: five characters, e.g. "02000".
        message: the text shown to the user, complete.
    """

    def __init__(self, errno: int, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.errno = errno
        self.sqlstate = sqlstate
        self.message = message


def _title(kind: str) -> str:
    return kind[:1].upper() + kind[1:].lower()


def does_not_exist(kind: str, name: str) -> SnowflakeError:
    """002003: the object does not exist, or the role may not see it. The provider matches this text."""
    # Seen for DESCRIBE TABLE and SELECT; that the others of tables and views have this state too is a guess.
    state = "42S02" if kind.upper() in ("TABLE", "VIEW") else "02000"
    return SnowflakeError(
        2003, state, f"SQL compilation error:\n{_title(kind)} '{name}' does not exist or not authorized."
    )


def nothing_to_enter() -> SnowflakeError:
    """002043: USE, or SHOW … IN, of what does not exist or is not visible; dbt and `snow` check the number."""
    return SnowflakeError(
        2043, "02000", "SQL compilation error:\nObject does not exist, or operation cannot be performed."
    )


def already_exists(name: str) -> SnowflakeError:
    """002002: CREATE without IF NOT EXISTS with a name that is in use."""
    return SnowflakeError(2002, "42710", f"SQL compilation error:\nObject '{name}' already exists.")


def exists_as(name: str, kind: str) -> SnowflakeError:
    """001998: the name belongs to an object of another kind that shares its names, such as a view's to a table."""
    return SnowflakeError(1998, "42710", f"SQL compilation error:\nObject '{name}' already exists as {kind}")


def other_kind(kind: str, expected: str) -> SnowflakeError:
    """002203: DROP or ALTER TABLE of a view, or the reverse."""
    return SnowflakeError(
        2203, "02000", f"SQL compilation error: Object found is of type '{kind}', not specified type '{expected}'."
    )


def future_owner_exists(kind: str, place: str) -> SnowflakeError:
    """003504: only one role can own future objects; the grant to the other role must be revoked first."""
    return SnowflakeError(
        3504,
        "01000",
        f"A future grant with privilege OWNERSHIP on object type {kind} already exists in the {place}.",
    )


def other_width() -> SnowflakeError:
    """002026: the declared number of columns differs from that of the query."""
    return SnowflakeError(
        2026, "42601", "SQL compilation error:\nInvalid column definition list: it has another length than the query."
    )


def place(text: str, position: int) -> str:
    """Return a position in a statement as compilation errors show it."""
    return f"line {text.count(chr(10), 0, position) + 1} at position {position - text.rfind(chr(10), 0, position) - 1}"


def syntax_error(token: str, position: int, text: str = "") -> SnowflakeError:
    """001003: the statement has a syntax error."""
    return SnowflakeError(
        1003, "42000", f"SQL compilation error:\nsyntax error {place(text, position)} unexpected '{token}'."
    )


def too_deep() -> SnowflakeError:
    """001003 (guess): too many nested parentheses, calls or operators for the parser."""
    return SnowflakeError(
        1003, "42000", "SQL compilation error:\nThe statement is nested too deeply. Split it, or use fewer parentheses."
    )


def too_long(length: int, longest: int) -> SnowflakeError:
    """001003 (guess): the text of the statement is many megabytes long."""
    return SnowflakeError(
        1003,
        "42000",
        f"SQL compilation error:\nThe statement has {length} characters; at most {longest} are read."
        " Bind the values, or load them from a file.",
    )


def too_many_expressions(text: str, position: int, limit: int, count: int) -> SnowflakeError:
    """001795: a list of values that is too long."""
    return SnowflakeError(
        1795,
        "42601",
        f"SQL compilation error: error {place(text, position)}\n"
        f"maximum number of expressions in a list exceeded, expected at most {limit:,}, got {count:,}",
    )


def invalid_property(name: str, statement: str) -> SnowflakeError:
    """001420: this kind of object does not have the property."""
    return SnowflakeError(1420, "22023", f"SQL compilation error:\ninvalid property '{name}' for '{statement}'")


def invalid_value(value: str, name: str) -> SnowflakeError:
    """001008: the property does not allow the value."""
    return SnowflakeError(1008, "22023", f"SQL compilation error:\ninvalid value [{value}] for parameter '{name}'")


def invalid_type(call: str, function: str) -> SnowflakeError:
    """Return 001007 for a type that a conversion does not take."""
    return SnowflakeError(
        1007, "22023", f"SQL compilation error:\ninvalid type [{call}] for parameter '{function.removeprefix('TRY_')}'"
    )


def duplicate_common_table(name: str) -> SnowflakeError:
    """Return 002025 (guess) for two common table expressions of the same name in one WITH."""
    return SnowflakeError(2025, "42S21", f"SQL compilation error:\nduplicate common table expression '{name}'")


def invalid_size(name: str, number: int, least: int, most: int) -> SnowflakeError:
    """001008 (guess): the type has no such length or precision."""
    return SnowflakeError(
        1008,
        "22023",
        f"SQL compilation error:\nInvalid {name}: {number:,}. Must be between {least:,} and {most:,}.",
    )


def duplicate_column(name: str) -> SnowflakeError:
    """002025: a column is named twice."""
    return SnowflakeError(2025, "42S21", f"SQL compilation error:\nduplicate column name '{name}'")


def too_large_indented(largest: int) -> SnowflakeError:
    """Return 100082 (guess): the semi-structured values of a result are too large with their indentation."""
    return SnowflakeError(
        100082,
        "22000",
        f"The result's VARIANT, OBJECT and ARRAY values have more than {largest} characters when they are indented."
        " Select TO_JSON(...) of them, or set JSON_INDENT = 0.",
    )


def too_long_text(text: str) -> SnowflakeError:
    """100078: a text has more characters than its column or type."""
    return SnowflakeError(100078, "22000", f"String '{text}' is too long and would be truncated")


def too_long_binary(digits: str) -> SnowflakeError:
    """100145 (guess: the number): a BINARY value, written in hexadecimal digits, is longer than its column."""
    return SnowflakeError(100145, "22000", f"Binary value '{digits}' is too long and would be truncated")


# The most digits of a NUMBER that is stored in so many bytes.
_BYTES_OF_DIGITS = ((2, 1), (4, 2), (9, 4), (18, 8), (38, 16))


def number_out_of_range(value: str, precision: int, scale: int) -> SnowflakeError:
    """100046: a number has more digits than its column or type; the text names the bytes of the type."""
    width = next(width for digits, width in _BYTES_OF_DIGITS if precision <= digits)
    return SnowflakeError(
        100046,
        "22003",
        f"Number out of representable range: type FIXED[SB{width}]({precision},{scale}){{nullable}}, value {value}",
    )


def replaced_and_kept() -> SnowflakeError:
    """001004: CREATE OR REPLACE … IF NOT EXISTS."""
    return SnowflakeError(
        1004, "0A000", "SQL compilation error:\noptions IF NOT EXISTS and OR REPLACE are incompatible."
    )


def missing_property(name: str, statement: str) -> SnowflakeError:
    """002029 (guess): CREATE without a required property."""
    return SnowflakeError(2029, "42601", f"SQL compilation error:\nMissing option(s): [{name}] for '{statement}'.")


def insufficient_privileges(kind: str, name: str) -> SnowflakeError:
    """003001: the role lacks a privilege on an object that it can see."""
    return SnowflakeError(
        3001, "42501", f"SQL access control error:\nInsufficient privileges to operate on {kind.lower()} '{name}'."
    )


def no_current_database(command: str) -> SnowflakeError:
    """090105: an unqualified name in a session without a current database."""
    return SnowflakeError(
        90105,
        "22000",
        f"Cannot perform {command}. This session does not have a current database."
        " Call 'USE DATABASE', or use a qualified name.",
    )


def no_current_schema(command: str) -> SnowflakeError:
    """090106: an unqualified name in a session without a current schema."""
    return SnowflakeError(
        90106,
        "22000",
        f"Cannot perform {command}. This session does not have a current schema."
        " Call 'USE SCHEMA', or use a qualified name.",
    )


def not_supported(feature: str) -> SnowflakeError:
    """000002: a feature that the sandbox lacks. It is refused by name, never silently accepted (docs/deviations.md)."""
    return SnowflakeError(
        2, "0A000", f"Unsupported feature '{feature}'. (The sandbox does not have it: docs/deviations.md.)"
    )


def transaction_lost() -> SnowflakeError:
    """000002: a statement failed in a transaction. Snowflake undoes only that statement; the sandbox cannot."""
    return not_supported("continuing or committing a transaction after a statement in it failed: use ROLLBACK")


def statement_count(count: int, desired: int = 1) -> SnowflakeError:
    """000008: the number of statements in a request differs from MULTI_STATEMENT_COUNT."""
    return SnowflakeError(
        8, "0A000", f"Actual statement count {count} did not match the desired statement count {desired}."
    )


def statement_of_several(statement: str, line: int, position: int, message: str) -> SnowflakeError:
    """100132: a statement in a request with several failed; `message` is that statement's error."""
    return SnowflakeError(
        100132,
        "P0000",
        f'JavaScript execution error: Uncaught Execution of multiple statements failed on statement "{statement}"'
        f" (at line {line}, position {position}).\n{message} in SYSTEM$MULTISTMT at '    throw `Execution of multiple"
        " statements failed on statement {0} (at line {1}, position {2}).`.replace('{1}', LINES[i])' position 4\n"
        "stackstrace: \nSYSTEM$MULTISTMT line: 10",
    )


def invalid_state(message: str, errno: int = 91088, sqlstate: str = "55000") -> SnowflakeError:
    """Return an error for an operation that the object's state does not allow; callers pass the documented text."""
    return SnowflakeError(errno, sqlstate, message)


def cancelled() -> SnowflakeError:
    """000604: the statement was aborted by its client or by a timeout."""
    return SnowflakeError(604, "57014", "SQL execution canceled")


def too_many_statements(limit: int) -> SnowflakeError:
    """000619 (guess): too many statements in flight, so that one session cannot take all threads from the others."""
    return SnowflakeError(
        619,
        "57014",
        f"Too many statements are running in this session (the sandbox allows {limit} at once). Wait for some of them"
        " to end, or cancel them in another session with SYSTEM$CANCEL_ALL_QUERIES.",
    )


def no_active_warehouse() -> SnowflakeError:
    """000606: the statement needs compute, and the session has no warehouse that it may use."""
    return SnowflakeError(
        606,
        "57P03",
        "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse'"
        " command.",
    )


def took_too_long(seconds: int) -> SnowflakeError:
    """000630: STATEMENT_TIMEOUT_IN_SECONDS has passed."""
    return SnowflakeError(
        630, "57014", f"Statement reached its statement or warehouse timeout of {seconds} second(s) and was canceled."
    )


def queued_too_long() -> SnowflakeError:
    """000630 (guess, the number of a statement's own timeout): STATEMENT_QUEUED_TIMEOUT_IN_SECONDS has passed."""
    return SnowflakeError(
        630, "57014", "SQL execution canceled: the statement was queued for longer than its queued timeout allows."
    )


def disk_full() -> SnowflakeError:
    """000603: the disk is full, which no account ever reports; the text is the sandbox's own."""
    return SnowflakeError(
        603,
        "53100",
        "The disk that holds the sandbox's data folder is full: nothing was changed. Make room, then send the"
        " statement again; tasks and jobs continue by themselves.",
    )


def unwritable() -> SnowflakeError:
    """000603: the data folder cannot be written, which no account ever reports; the text is the sandbox's own."""
    return SnowflakeError(
        603,
        "58030",
        "The sandbox cannot write to its data folder: nothing was changed. Usual cause: the file system became"
        " read-only, or its disk has failed. Make it writable, and send the statement again; if that does not help,"
        " restart the sandbox.",
    )


def tables_closed() -> SnowflakeError:
    """000603: DuckDB accepts no more statements after a failed write to its files; the text is the sandbox's own."""
    return SnowflakeError(
        603,
        "58030",
        "The sandbox could not write the files of its tables, has closed them, and stops. Start it again: acknowledged"
        " changes are not lost. Its log has the details.",
    )


_UNWRITABLE = ("read-only file system", "readonly database", "disk i/o error", "input/output error")


def is_disk_full(error: BaseException) -> bool:
    """Whether an error of the system, SQLite or DuckDB means that the disk is full."""
    if getattr(error, "errno", None) == errno.ENOSPC:
        return True
    text = str(error).lower()
    return any(words in text for words in ("no space left on device", "disk is full", "out of disk", "disk full"))


def of_disk(error: BaseException) -> SnowflakeError | None:
    """Return the error for one of the system, SQLite or DuckDB that means that nothing can be written; else None."""
    if is_disk_full(error):
        return disk_full()
    if getattr(error, "errno", None) in {errno.EROFS, errno.EIO}:
        return unwritable()
    text = str(error).lower()
    return unwritable() if any(words in text for words in _UNWRITABLE) else None


def of_failure(error: BaseException, query_id: str) -> SnowflakeError:
    """Return the error for a failure that no code expected where it happened: the disk's, a huge number, a defect."""
    if disk := of_disk(error):
        return disk
    # Python refuses to read numbers of so many digits, because it would take long.
    if isinstance(error, ValueError) and "integer string conversion" in str(error):
        return invalid_value("more than 4300 digits", "number")
    return internal(query_id)


def internal(query_id: str) -> SnowflakeError:
    """000603: a defect of the sandbox. Its log has the traceback with the query id."""
    return SnowflakeError(
        603, "XX000", f"SQL execution internal error:\nProcessing aborted by error 300010; incident {query_id}."
    )
