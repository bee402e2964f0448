"""DuckDB's errors as Snowflake reports them.

Knows the texts of both; must not know what was executed. Numbers are Snowflake's documented ones; a text without an
equivalent is passed on after `SQL execution error:`, so that nothing is hidden.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb
import snowflake.connector.errors
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from snowflake_sandbox.data.compilation_errors import compilation_error
from snowflake_sandbox.dialect import time_formats
from snowflake_sandbox.errors import (
    SnowflakeError,
    cancelled,
    not_supported,
    number_out_of_range,
    of_disk,
    place,
    tables_closed,
    transaction_lost,
)
from snowflake_sandbox.statements.reader import tokenize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DIVISION_BY_ZERO = "Division by zero"
# Errors of the dialect's macros (dialect/macros.py), whose texts are Snowflake's own, with their numbers.
_OF_MACROS = (
    (re.compile(r"Timestamp '.*' is not recognized"), 100035, "22007"),
    (re.compile(r"Date '.*' is not recognized"), 100040, "22007"),
    (re.compile(r"Time '.*' is not recognized"), 100108, "22007"),
    (re.compile(r"Boolean value '.*' is not recognized"), 100037, "22018"),
    (re.compile(r"The following string is not a legal .*"), 100115, "22000"),
    (re.compile(r"Duplicate field key '.*'"), 100124, "22000"),
    (re.compile(r"Numeric value '.*' is not recognized"), 100038, "22018"),
    (re.compile(r"Error parsing URL: .*"), 100139, "22000"),
    (re.compile(r"Invalid IP address: .*"), 100147, "22000"),  # guess
    (re.compile(r"invalid identifier '.*\.NEXTVAL'"), 904, "42000"),
    (re.compile(r"Invalid floating point operation: .*"), 100183, "22000"),  # guess: the number
    (re.compile(r"String '.*' is too long and would be truncated", re.DOTALL), 100078, "22000"),
    (re.compile(r"String of \d+ characters is too long and would be truncated"), 100078, "22000"),  # guess: the text
    (re.compile(r"Binary value '.*' is too long and would be truncated"), 100145, "22000"),  # guess: the number
)
# DuckDB's texts for a number that is too large for a DECIMAL.
_TOO_LARGE = re.compile(
    r"""(?:cast value |Casting value "|convert string ")(?P<value>[-+\d.e]+)"?"""
    r""" to (?:type )?DECIMAL\((?P<p>\d+), ?(?P<s>\d+)\)"""
)
_NUMERIC = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.IGNORECASE)
_PROPOSAL = re.compile(r"\n\s*Did you mean")
_NOT_NULL = re.compile(r"NOT NULL constraint failed: (?:.*\.)?(.+)$", re.MULTILINE)
_CONVERSION = (
    (
        re.compile(r"""(?:timestamp|invalid timestamp) field value out of range: "(.*?)"|[Tt]imestamp.*"(.*?)\""""),
        100035,
        "22007",
        "Timestamp '{}' is not recognized",
    ),
    (re.compile(r"""[Dd]ate.*"(.*?)\""""), 100040, "22007", "Date '{}' is not recognized"),
    (re.compile(r"""[Tt]ime.*"(.*?)\""""), 100108, "22007", "Time '{}' is not recognized"),
    (
        re.compile(r"""Could not convert string ['"](.*?)['"] to BOOL"""),
        100037,
        "22018",
        "Boolean value '{}' is not recognized",
    ),
    (
        re.compile(r"""Could not convert string ['"](.*?)['"] to"""),
        100038,
        "22018",
        "Numeric value '{}' is not recognized",
    ),
)


# The maximum length of DuckDB's text, which may contain a whole value: the patterns above are slow for long texts.
_LONGEST = 4000

# The position of an error that does not have one.
_NO_PLACE = "error line 1 at position 0\ninvalid identifier"


@contextmanager
def placed(text: str) -> Iterator[None]:
    """Correct the position of an invalid identifier: DuckDB only knows its position in the translated text."""
    try:
        yield
    except SnowflakeError as error:
        name = error.message.rpartition("invalid identifier '")[2].rstrip("'")
        if _NO_PLACE not in error.message:
            raise
        start = _start_of(name, text)
        if start is None:
            raise
        where = f"error {place(text, start)}\ninvalid identifier"
        raise SnowflakeError(error.errno, error.sqlstate, error.message.replace(_NO_PLACE, where)) from error


def _start_of(name: str, text: str) -> int | None:
    """Return the position of the first occurrence in a text of a name, whose parts may be quoted; None if none."""
    words, sought = _words(text), [word for word, _ in _words(name)]
    for index, (_, start) in enumerate(words):
        if [word for word, _ in words[index : index + len(sought)]] == sought:
            return start
    return None


def _words(text: str) -> list[tuple[str, int]]:
    """Return the tokens of a text, in upper case unless quoted, each with its position."""
    return [
        (token.text if token.token_type is TokenType.IDENTIFIER else token.text.upper(), token.start)
        for token in tokenize(text)
    ]


class _AtTheEnd:
    """The function to call when DuckDB has closed its files for good, so that the process must be restarted."""

    def __init__(self) -> None:
        self.tell: Callable[[str], None] = lambda _why: None


at_the_end = _AtTheEnd()


@contextmanager
def translated() -> Iterator[None]:
    """Raise a SnowflakeError instead of the errors of DuckDB, fakesnow and sqlglot."""
    try:
        yield
    except duckdb.FatalException as error:
        # DuckDB failed to write its own log, and accepts no statement until it is reopened.
        at_the_end.tell(str(error).splitlines()[-1])
        raise tables_closed() from error
    except duckdb.Error as error:
        raise (of_disk(error) or from_duckdb(error)) from error
    except snowflake.connector.errors.Error as error:
        raise SnowflakeError(error.errno or 603, error.sqlstate or "XX000", error.raw_msg or str(error)) from error
    except (SqlglotError, NotImplementedError) as error:
        raise SnowflakeError(2, "0A000", f"Unsupported feature: {error}") from error


def from_duckdb(error: duckdb.Error) -> SnowflakeError:  # noqa: PLR0911  # one return per kind of error
    """Return the equivalent SnowflakeError."""
    # DuckDB's suggestions contain names of other users' tables.
    text = _PROPOSAL.split(str(error)[:_LONGEST].split("\nLINE ")[0])[0]
    if isinstance(error, duckdb.InterruptException):
        return cancelled()
    if isinstance(error, duckdb.CatalogException | duckdb.BinderException):
        return compilation_error(text)
    if isinstance(error, duckdb.ConversionException):
        return _conversion(text)
    if isinstance(error, duckdb.ParserException):
        return SnowflakeError(1003, "42000", f"SQL compilation error:\n{text}")
    if isinstance(error, duckdb.ConstraintException):
        match = _NOT_NULL.search(text)
        if match:
            return SnowflakeError(100072, "22000", f"NULL result in a non-nullable column '{match[1]}'")
        return SnowflakeError(200001, "22000", f"SQL execution error:\n{text}")
    if isinstance(error, duckdb.TransactionException):
        return transaction_lost() if "transaction is aborted" in text else _conflict()
    if "same target row more than once" in text:
        return SnowflakeError(100090, "42P18", "Duplicate row detected during DML action")
    return _of_text(text) or _of_macro(text) or SnowflakeError(100183, "22000", f"SQL execution error:\n{text}")


# DuckDB's text has the file's path on this machine.
_IN_FILE = re.compile(r'in file ".*?", ')
_NOT_IN_FORMAT = re.compile(r'Could not parse string "(.*?)" according to format specifier "(.*?)"', re.DOTALL)


def _of_text(text: str) -> SnowflakeError | None:
    """Return the error for a text that is no JSON, or not in the format of a date or time."""
    if DIVISION_BY_ZERO.lower() in text.lower():
        return SnowflakeError(100051, "22012", DIVISION_BY_ZERO)
    if "Malformed JSON" in text:
        problem = _IN_FILE.sub("", text.partition("Malformed JSON ")[2])
        return SnowflakeError(100069, "22P02", f"Error parsing JSON: {problem}")
    match = _NOT_IN_FORMAT.search(text)
    if match is None:
        return None
    form = time_formats.elements(match[2])
    return SnowflakeError(100096, "22007", f"Can't parse '{match[1]}' as date with format '{form}'")


def _conflict() -> SnowflakeError:
    return SnowflakeError(625, "57014", "Statement has locked table or was locked: transaction conflict; try again.")


def _of_macro(text: str) -> SnowflakeError | None:
    for pattern, errno, sqlstate in _OF_MACROS:
        if match := pattern.search(text):
            return SnowflakeError(errno, sqlstate, match[0])
    return None


def _too_large(match: re.Match[str]) -> SnowflakeError:
    if "string" in match[0] and not _NUMERIC.fullmatch(match["value"]):
        return SnowflakeError(100038, "22018", f"Numeric value '{match['value']}' is not recognized")
    if "string" in match[0]:
        return SnowflakeError(100039, "22003", f"Numeric value '{match['value']}' is out of range")
    return number_out_of_range(match["value"], int(match["p"]), int(match["s"]))


def _conversion(text: str) -> SnowflakeError:
    if match := _TOO_LARGE.search(text):
        return _too_large(match)
    if "for the destination type INT64" in text and "can't be cast" in text:
        return not_supported("whole numbers of more than 64 bits")
    for pattern, errno, sqlstate, message in _CONVERSION:
        if match := pattern.search(text):
            return SnowflakeError(
                errno, sqlstate, message.format(next(group for group in match.groups() if group is not None))
            )
    return SnowflakeError(100038, "22018", f"SQL execution error:\n{text}")
