"""Reading a control statement: a cursor over the tokens of sqlglot's Snowflake lexer.

Knows tokens, names and literals; must not know any statement's grammar (each kind's file has its own) nor any state.
sqlglot parses data SQL; most control statements are not in its grammar, but its lexer knows Snowflake's strings,
`$$` bodies, quoted names and comments.
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

# The provider appends this to nearly every statement (contract section 1); it must be gone before bodies are stored.
_TRACKING = "--terraform_provider_usage_tracking {"


class _Lexer(Snowflake):
    """sqlglot's Snowflake without its habit of taking CALL, EXECUTE and the like as one opaque word plus text."""

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
    """A name as written, resolved or not: parts that were not given are None. Unquoted parts are upper-cased."""

    name: str
    schema: str | None = None
    database: str | None = None

    @property
    def qualified(self) -> str:
        """Dot-joined, unquoted: as in error messages and `predecessors`."""
        return ".".join(part for part in (self.database, self.schema, self.name) if part is not None)

    @property
    def written(self) -> str:
        """Every part as SQL needs it: quoted where it could not be read otherwise."""
        return ".".join(identifier(part) for part in (self.database, self.schema, self.name) if part is not None)

    @property
    def quoted(self) -> str:
        """Every part double-quoted: safe to put into SQL."""
        parts = (self.database, self.schema, self.name)
        return ".".join('"' + part.replace('"', '""') + '"' for part in parts if part is not None)


def identifier(name: str) -> str:
    """A name as SQL needs it: quoted where it could not be read otherwise."""
    return name if _PLAIN_NAME.fullmatch(name) else '"' + name.replace('"', '""') + '"'


# Types that, with parentheses, hold values of declared types.
_STRUCTURED = frozenset({"OBJECT", "ARRAY", "MAP", "VECTOR"})
# Synonyms under the name that SHOW and DESCRIBE use (docs: sql-reference/intro-summary-data-types).
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
# What a type is given when its precision or length is left out.
_DEFAULT_NUMBERS = {"NUMBER": (38, 0), "VARCHAR": (16_777_216,), "BINARY": (8_388_608,), "TIME": (9,)}


@dataclass(frozen=True)
class DataType:
    """A data type under its main name.

    Attributes:
        base: e.g. "NUMBER", "VARCHAR", "TIMESTAMP_LTZ".
        numbers: precision and scale, or length, as written; () where left out.
    """

    base: str
    numbers: tuple[int, ...] = ()

    @property
    def full(self) -> str:
        """As DESCRIBE TABLE shows it: `NUMBER(38,0)`, `VARCHAR(16777216)`, `TIMESTAMP_NTZ(9)`, `BOOLEAN`."""
        default = _DEFAULT_NUMBERS.get(self.base, (9,) if self.base.startswith("TIMESTAMP") else ())
        numbers = self.numbers + default[len(self.numbers) :]
        return f"{self.base}({','.join(map(str, numbers))})" if numbers else self.base


def strip_tracking(text: str) -> str:
    """The statement without the provider's usage-tracking comment and without trailing `;` and blanks."""
    start = text.rfind(_TRACKING)
    comment = text[start:].rstrip() if start >= 0 else ""
    if comment.endswith("}") and "\n" not in comment:
        text = text[:start]
    return text.strip().rstrip(";").rstrip()


def leading_words(text: str) -> str:
    """The words that say what a statement is, for an error: three, or five after CREATE OR REPLACE."""
    words = text.upper().split()
    return " ".join(words[: 5 if words[1:2] == ["OR"] else 3])


def is_block(reader: Reader) -> bool:
    """Whether a block of Snowflake Scripting comes next; `BEGIN;`, `BEGIN WORK` and the like start a transaction."""
    word = reader.peek()
    has_body = reader.index + 1 < len(reader.tokens) and reader.peek(1) not in (";", "WORK", "TRANSACTION", "NAME")
    return word == "DECLARE" or (word == "BEGIN" and has_body)


def tokenize(text: str) -> list[Token]:
    """Tokens of a statement.

    Raises:
        SnowflakeError: 001003, when a string or a comment is not closed.
    """
    try:
        return list(_LEXER.tokenize(text))
    except TokenError as error:
        raise errors.syntax_error(text[:40], 0) from error


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
        """How many statements the text holds, counted at the semicolons between them."""
        return 1 + sum(token.token_type == TokenType.SEMICOLON for token in self.tokens)

    @property
    def at_end(self) -> bool:
        """True when every token was read."""
        return self.index >= len(self.tokens)

    def peek(self, ahead: int = 0) -> str:
        """The coming token's text, upper case, without moving; "" at the end. Strings and quoted names give ""."""
        if self.index + ahead >= len(self.tokens):
            return ""
        token = self.tokens[self.index + ahead]
        if token.token_type in _STRINGS or self._is_quoted(token):
            return ""
        return token.text.upper()

    def accept(self, words: str) -> bool:
        """Move past `words` (blank-separated, any case) if they come next, all of them."""
        expected_words = words.upper().split()
        # The lexer joins some pairs into one token ("ORDER BY", "NOT NULL" are two, "GROUP BY" one); compare word-wise.
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
        """001003 at the present token."""
        if self.at_end:
            return errors.syntax_error("<EOF>", len(self.text), self.text)
        token = self.tokens[self.index]
        return errors.syntax_error(token.text, token.start, self.text)

    def end(self) -> None:
        """Raise unless every token was read: nothing in a statement is silently ignored."""
        if not self.at_end:
            raise self.unexpected()

    def rest(self) -> str:
        """The raw text from the present token to the end, moving to the end. Bodies after AS are kept as sent."""
        if self.at_end:
            return ""
        start = self.tokens[self.index].start
        self.index = len(self.tokens)
        return self.text[start:].strip()

    def identifier(self) -> str:
        """One name: quoted ones keep their case, others are upper-cased."""
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
        """One to three dot-joined names, as written; `IDENTIFIER('a.b')` too."""
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
        """A name as a property's value: written as a name, or as a text that holds one (`WAREHOUSE = 'w'`)."""
        if not self.at_end and self.tokens[self.index].token_type in _STRINGS:
            return Reader(self.string()).object_name()
        return self.object_name()

    def string(self) -> str:
        """A quoted string, a `$$` body, or a bound text."""
        value = self.value()
        if not isinstance(value, str):
            raise self.unexpected()
        return value

    def value(self) -> Any:
        """A literal (str, int, float, bool, None) or the value of a placeholder; a bare word is given in upper case."""
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
        """A whole number."""
        value = self.value()
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.unexpected()
        return value

    def boolean(self) -> bool:
        """TRUE or FALSE, bare or quoted (the documentation allows both)."""
        value = self.value()
        if isinstance(value, str) and value.upper() in ("TRUE", "FALSE"):
            return value.upper() == "TRUE"
        if not isinstance(value, bool):
            raise self.unexpected()
        return value

    def word(self) -> str:
        """A value given either bare or quoted, e.g. a warehouse size; upper case is kept as written in quotes."""
        value = self.value()
        return str(value)

    def parenthesized(self) -> str:
        """The raw text between a balanced pair of parentheses, without them."""
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
        """A data type such as `NUMBER(38, 0)`, `VARCHAR`, `TIMESTAMP_NTZ(9)`, `DOUBLE PRECISION`."""
        base = self.identifier()
        if base == "DOUBLE":
            self.accept("PRECISION")
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
        return DataType(_SYNONYMS.get(base, base), tuple(numbers))

    def string_list(self) -> tuple[str, ...]:
        """`('a', 'b')`, `()` too."""
        self.expect("(")
        items: list[str] = []
        while not self.accept(")"):
            items.append(self.string())
            self.accept(",")
        return tuple(items)

    def name_list(self, end: str = "") -> tuple[ObjectName, ...]:
        """Names joined by commas; with `end`, up to and past that token."""
        names = [self.object_name()]
        while self.accept(","):
            names.append(self.object_name())
        if end:
            self.expect(end)
        return tuple(names)

    def _is_quoted(self, token: Token) -> bool:
        return token.token_type == TokenType.IDENTIFIER
