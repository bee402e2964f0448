"""Reading a control statement: a cursor over the tokens of sqlglot's Snowflake lexer.

Knows tokens, names and literals; must not know any statement's grammar (each kind's file has its own) nor any state.
sqlglot parses data SQL. Most control statements are not in its grammar, but its lexer handles Snowflake's strings, `$$`
bodies, quoted names and comments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from sqlglot.dialects.snowflake import Snowflake
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from snowflake_sandbox import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

# The provider appends this to nearly every statement (contract section 1); it must be removed before bodies are stored.
_TRACKING = "--terraform_provider_usage_tracking {"


class _Lexer(Snowflake):
    """sqlglot's Snowflake dialect, changed not to read CALL, EXECUTE and similar as one word plus opaque text."""

    class Tokenizer(Snowflake.Tokenizer):
        """See above."""

        COMMANDS: ClassVar[set[TokenType]] = set()


_PLAIN_NAME = re.compile(r"[A-Z_][A-Z0-9_$]*")
# database.schema.name
_MOST_PARTS = 3
_STRINGS = (TokenType.STRING, TokenType.RAW_STRING, TokenType.HEREDOC_STRING)
_LEXER = _Lexer()


@dataclass(frozen=True)
class ObjectName:
    """A name, resolved or as written: missing parts are None, and unquoted parts are in upper case."""

    name: str
    schema: str | None = None
    database: str | None = None

    @property
    def qualified(self) -> str:
        """The parts joined by dots without quotes, as in error messages and `predecessors`."""
        return ".".join(part for part in (self.database, self.schema, self.name) if part is not None)

    @property
    def written(self) -> str:
        """The parts joined by dots, each quoted only if SQL requires it."""
        return ".".join(identifier(part) for part in (self.database, self.schema, self.name) if part is not None)

    @property
    def quoted(self) -> str:
        """The parts joined by dots, each double-quoted, so that the name is safe in SQL."""
        parts = (self.database, self.schema, self.name)
        return ".".join('"' + part.replace('"', '""') + '"' for part in parts if part is not None)


def identifier(name: str) -> str:
    """Return a name, quoted only if SQL requires it."""
    return name if _PLAIN_NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'


# The range of a type's length or precision (sql-reference/data-types-text, data-types-datetime), and its name.
_SIZES = {
    "VARCHAR": ("character length", 1, 134_217_728),
    "BINARY": ("binary length", 1, 67_108_864),
    "TIME": ("time scale", 0, 9),
    **dict.fromkeys(("TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ"), ("timestamp scale", 0, 9)),
}
# Types that may declare the types of their values in parentheses.
_STRUCTURED = frozenset({"OBJECT", "ARRAY", "MAP", "VECTOR"})
# Synonym -> the name that SHOW and DESCRIBE use (docs: sql-reference/intro-summary-data-types).
_SYNONYMS = {
    **dict.fromkeys(
        ("DECIMAL", "DEC", "NUMERIC", "INT", "INTEGER", "BIGINT", "SMALLINT", "TINYINT", "BYTEINT"), "NUMBER"
    ),
    **dict.fromkeys(("STRING", "TEXT", "CHAR", "CHARACTER", "NVARCHAR", "NVARCHAR2", "NCHAR"), "VARCHAR"),
    **dict.fromkeys(("FLOAT4", "FLOAT8", "DOUBLE", "REAL"), "FLOAT"),
    **dict.fromkeys(("DATETIME", "TIMESTAMP", "TIMESTAMPNTZ"), "TIMESTAMP_NTZ"),
    "TIMESTAMPLTZ": "TIMESTAMP_LTZ",
    "TIMESTAMPTZ": "TIMESTAMP_TZ",
    "VARBINARY": "BINARY",
    "BOOL": "BOOLEAN",
}
_OF_TWO_WORDS = {
    "DOUBLE PRECISION": "FLOAT",
    **dict.fromkeys(("CHAR VARYING", "CHARACTER VARYING", "NCHAR VARYING"), "VARCHAR"),
}
_ZONES = {
    "WITHOUT TIME ZONE": "TIMESTAMP_NTZ",
    "WITH LOCAL TIME ZONE": "TIMESTAMP_LTZ",
    "WITH TIME ZONE": "TIMESTAMP_TZ",
}
# The defaults for omitted precision, scale or length.
_DEFAULT_NUMBERS = {"NUMBER": (38, 0), "VARCHAR": (16_777_216,), "BINARY": (8_388_608,), "TIME": (9,)}


@dataclass(frozen=True)
class DataType:
    """A data type under its main name.

    Attributes:
        base: e.g. "NUMBER", "VARCHAR", "TIMESTAMP_LTZ".
        numbers: precision and scale, or length, as written; () if omitted.
    """

    base: str
    numbers: tuple[int, ...] = ()

    @property
    def full(self) -> str:
        """The type as in DESCRIBE TABLE: `NUMBER(38,0)`, `VARCHAR(16777216)`, `TIMESTAMP_NTZ(9)`, `BOOLEAN`."""
        default = _DEFAULT_NUMBERS.get(self.base, (9,) if self.base.startswith("TIMESTAMP") else ())
        numbers = self.numbers + default[len(self.numbers) :]
        return f"{self.base}({','.join(map(str, numbers))})" if numbers else self.base


def strip_tracking(text: str) -> str:
    """Return the statement without the provider's usage-tracking comment, trailing `;` and blanks."""
    start = text.rfind(_TRACKING)
    comment = text[start:].rstrip() if start >= 0 else ""
    if comment.endswith("}") and "\n" not in comment:
        text = text[:start]
    return text.strip().rstrip(";").rstrip()


def leading_words(text: str) -> str:
    """Return the first words of a statement, for an error message: three, or five after CREATE OR REPLACE."""
    words = text.upper().split()
    return " ".join(words[: 5 if words[1:2] == ["OR"] else 3])


def is_block(reader: Reader) -> bool:
    """Whether a block of Snowflake Scripting comes next; `BEGIN;`, `BEGIN WORK` and the like start a transaction."""
    word = reader.peek()
    has_body = reader.index + 1 < len(reader.tokens) and reader.peek(1) not in (";", "WORK", "TRANSACTION", "NAME")
    return word == "DECLARE" or (word == "BEGIN" and has_body)


def tokenize(text: str) -> list[Token]:
    """Return the tokens of a statement.

    Raises:
        SnowflakeError: 001003 if a string or a comment is not closed.
    """
    try:
        return list(_LEXER.tokenize(text))
    except TokenError as error:
        raise errors.syntax_error(text[:40], 0) from error


def _sized(kind: DataType) -> DataType:
    """Refuse a length or precision that the type does not have."""
    name, least, most = _SIZES.get(kind.base, ("", 0, 0))
    for number in kind.numbers if name else ():
        if not least <= number <= most:
            raise errors.invalid_size(name, number, least, most)
    return kind


@dataclass
class Reader:
    """A cursor over one statement. Methods named `accept_*` move only on a match; the others raise 001003.

    Attributes:
        text: the statement, already stripped of the tracking comment.
        binds: values of `?` placeholders by position, from 1 as text ("1"), or by name.
        variables: the session's variables, which `IDENTIFIER($name)` reads.
    """

    text: str
    binds: dict[str, Any] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)
    index: int = 0
    placeholders_read: int = 0
    variables: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.tokens:
            self.tokens = tokenize(self.text)

    def statement_count(self) -> int:
        """How many statements the text contains, separated by semicolons."""
        return 1 + sum(token.token_type == TokenType.SEMICOLON for token in self.tokens)

    @property
    def at_end(self) -> bool:
        """Whether every token has been read."""
        return self.index >= len(self.tokens)

    def peek(self, ahead: int = 0) -> str:
        """Return a coming token's text in upper case, without moving; "" at the end, for strings and quoted names."""
        if self.index + ahead >= len(self.tokens):
            return ""
        token = self.tokens[self.index + ahead]
        if token.token_type in _STRINGS or self._is_quoted(token):
            return ""
        return token.text.upper()

    def accept(self, words: str) -> bool:
        """Move past `words` (separated by blanks, in any case) if all of them come next; return whether they did."""
        expected_words = words.upper().split()
        # The lexer joins some pairs into one token ("GROUP BY", but not "ORDER BY" or "NOT NULL"), so compare by words.
        next_words: list[str] = []
        ahead = 0
        while len(next_words) < len(expected_words):
            piece = self.peek(ahead).split()
            if not piece:
                return False
            next_words += piece
            ahead += 1
        if next_words != expected_words:
            return False
        self.index += ahead
        return True

    def expect(self, words: str) -> None:
        """Move past `words` or raise."""
        if not self.accept(words):
            raise self.unexpected()

    def unexpected(self) -> errors.SnowflakeError:
        """Return error 001003 for the present token."""
        if self.at_end:
            return errors.syntax_error("<EOF>", len(self.text), self.text)
        token = self.tokens[self.index]
        return errors.syntax_error(token.text, token.start, self.text)

    def end(self) -> None:
        """Raise unless every token has been read, so that nothing in a statement is silently ignored."""
        if not self.at_end:
            raise self.unexpected()

    def rest(self) -> str:
        """Return the raw text from the present token on, and move to the end. Bodies after AS are kept as sent."""
        if self.at_end:
            return ""
        start = self.tokens[self.index].start
        self.index = len(self.tokens)
        return self.text[start:].strip()

    def identifier(self) -> str:
        """Read one name: a quoted name keeps its case, any other is upper-cased."""
        if self.at_end:
            raise self.unexpected()
        token = self.tokens[self.index]
        if token.token_type in _STRINGS:
            raise self.unexpected()
        if not self._is_quoted(token) and not re.fullmatch(r"[A-Za-z_][\w$]*", token.text):
            raise self.unexpected()
        self.index += 1
        return token.text if self._is_quoted(token) else token.text.upper()

    def object_name(self) -> ObjectName:
        """Read one to three names joined by dots, or `IDENTIFIER('a.b')`."""
        if self.peek() == "IDENTIFIER" and self.peek(1) == "(":
            self.index += 2
            text = self._variable() if self.accept("$") else self.string()
            self.expect(")")
            return Reader(text).object_name()
        parts = [self.identifier()]
        while len(parts) < _MOST_PARTS and self.accept("."):
            parts.append(self.identifier())
        return ObjectName(parts[-1], *reversed(parts[:-1]))

    def _variable(self) -> str:
        name = self.identifier()
        if name not in self.variables:
            raise errors.SnowflakeError(
                2211, "02000", f"SQL compilation error: Session variable '${name}' does not exist"
            )
        return str(self.variables[name])

    def quoted_name(self) -> ObjectName:
        """Read a name as a property's value, written as a name or as text that contains one (`WAREHOUSE = 'w'`)."""
        if not self.at_end and self.tokens[self.index].token_type in _STRINGS:
            return Reader(self.string()).object_name()
        return self.object_name()

    def string(self) -> str:
        """Read a quoted string, a `$$` body, or a bound text."""
        value = self.value()
        if not isinstance(value, str):
            raise self.unexpected()
        return value

    def value(self) -> Any:
        """Read a literal (str, int, float, bool, None) or a placeholder's value; a bare word is returned upper-case."""
        if self.at_end:
            raise self.unexpected()
        token = self.tokens[self.index]
        if token.token_type in _STRINGS:
            self.index += 1
            return token.text
        if token.text == "?":
            self.index += 1
            self.placeholders_read += 1
            return self.binds[str(self.placeholders_read)]
        negative = self.accept("-")
        token = self.tokens[self.index]
        if token.token_type == TokenType.NUMBER:
            self.index += 1
            number = float(token.text) if not token.text.isdigit() else int(token.text)
            return -number if negative else number
        words: dict[str, Any] = {"TRUE": True, "FALSE": False, "NULL": None}
        word = self.identifier()
        return words.get(word, word)

    def integer(self) -> int:
        """Read a whole number."""
        value = self.value()
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.unexpected()
        return value

    def boolean(self) -> bool:
        """Read TRUE or FALSE, bare or quoted (the documentation allows both)."""
        value = self.value()
        if isinstance(value, str) and value.upper() in ("TRUE", "FALSE"):
            return value.upper() == "TRUE"
        if not isinstance(value, bool):
            raise self.unexpected()
        return value

    def word(self) -> str:
        """Read a bare or quoted value, e.g. a warehouse size; a quoted value keeps its case."""
        value = self.value()
        return str(value)

    def parenthesized(self) -> str:
        """Read balanced parentheses and return the raw text between them."""
        self.expect("(")
        start, depth = self.index, 1
        while depth:
            if self.at_end:
                raise self.unexpected()
            depth += {"(": 1, ")": -1}.get(self.peek(), 0)
            self.index += 1
        if self.index - 1 == start:
            return ""
        return self.text[self.tokens[start].start : self.tokens[self.index - 2].end + 1]

    def data_type(self) -> DataType:
        """Read a data type such as `NUMBER(38, 0)`, `VARCHAR`, `TIMESTAMP_NTZ(9)`, `DOUBLE PRECISION`."""
        base = self._type_name()
        numbers: list[int] = []
        if base in _STRUCTURED and self.peek() == "(":
            raise errors.not_supported(f"data type {base}({self.parenthesized()})")
        if self.peek() == "(":
            inside = Reader(self.parenthesized())
            while not inside.at_end:
                numbers.append(inside.integer())
                inside.accept(",")
        if not numbers and base in ("CHAR", "CHARACTER", "NCHAR"):
            numbers = [1]
        return _sized(DataType(_SYNONYMS.get(base, base), tuple(numbers)))

    def _type_name(self) -> str:
        # The lexer takes two words, with any space between them, for one token.
        words = " ".join(self.peek().split())
        if words in _OF_TWO_WORDS:
            self.index += 1
            return _OF_TWO_WORDS[words]
        base = self.identifier()
        zones = _ZONES if base == "TIMESTAMP" else {}
        return next((name for zone, name in zones.items() if self.accept(zone)), base)

    def string_list(self) -> tuple[str, ...]:
        """Read a list such as `('a', 'b')` or `()`."""
        self.expect("(")
        items: list[str] = []
        while not self.accept(")"):
            items.append(self.string())
            self.accept(",")
        return tuple(items)

    def name_list(self, end: str = "") -> tuple[ObjectName, ...]:
        """Read names separated by commas; with `end`, up to and including that token."""
        names = [self.object_name()]
        while self.accept(","):
            names.append(self.object_name())
        if end:
            self.expect(end)
        return tuple(names)

    def _is_quoted(self, token: Token) -> bool:
        return token.token_type == TokenType.IDENTIFIER
