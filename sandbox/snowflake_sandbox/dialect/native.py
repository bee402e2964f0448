"""Functions in Python that DuckDB calls, for what its SQL and its own functions cannot express. Pure.

Knows texts; only `call` builds calls of these functions. None of them uses a pattern from the statement: matching it
could take forever, and would stop the whole process.
"""

from __future__ import annotations

import hashlib
import ipaddress
import itertools
import json
import re
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from sqlglot import exp

from snowflake_sandbox import errors
from snowflake_sandbox.dialect import number_formats
from snowflake_sandbox.dialect.conversions import Formats, plain_cast, to_text

if TYPE_CHECKING:
    from collections.abc import Callable

# The schema of DuckDB that has them, which each session can access.
SCHEMA = "SYSTEM.MAIN"
_WORD = 0xFFFFFFFF
_SHA2 = (224, 256, 384, 512)
# A step of a path: a key, a quoted key or an index.
_STEP = re.compile(r"([A-Za-z_][\w$]*)|\['([^']*)'\]|\[(\d+)\]")
_PLAIN_KEY = re.compile(r"[A-Za-z_][\w$]*")


def number_text(number: str, form: str) -> str:
    """TO_CHAR(number, format)."""
    return number_formats.write(number, form)


def number_of(text: str, form: str) -> str:
    """TO_NUMBER(text, format), as text."""
    number = number_formats.read(text, form)
    if number is None:
        raise ValueError(f"Numeric value '{text}' is not recognized")
    return number


def soundex(text: str) -> str:
    """SOUNDEX: the first letter and three digits; letters with the same digit around h or w count once."""
    codes = {
        letter: code for code, letters in enumerate(("BFPV", "CGJKQSXZ", "DT", "L", "MN", "R"), 1) for letter in letters
    }
    letters = [letter for letter in text.upper() if letter.isascii() and letter.isalpha()]
    if not letters:
        return ""
    digits, last = [], codes.get(letters[0])
    for letter in letters[1:]:
        code = codes.get(letter)
        if code is not None and code != last:
            digits.append(str(code))
        if letter not in "HW":
            last = code
    return (letters[0] + "".join(digits) + "000")[:4]


def url(text: str, permissive: int) -> str:
    """PARSE_URL, as JSON; `permissive`: the result contains an error instead of raising it."""
    parts = urlsplit(text)
    if not parts.scheme or ":" not in text:
        if permissive:
            return json.dumps({"error": "scheme not specified"})
        raise ValueError("Error parsing URL: scheme not specified")
    host, _, port = (
        parts.netloc.rpartition(":") if parts.netloc.rpartition(":")[2].isdigit() else (parts.netloc, "", "")
    )
    pairs = [pair.partition("=") for pair in parts.query.split("&")] if parts.query else []
    described: dict[str, Any] = {
        "fragment": parts.fragment or None,
        "host": host or None,
        "parameters": {name: value or None for name, _, value in pairs} or None,
        "path": parts.path.removeprefix("/"),
        "port": port or None,
        "query": parts.query or None,
        "scheme": parts.scheme,
    }
    return json.dumps(described)


def ip(text: str, permissive: int) -> str:
    """PARSE_IP(text, 'INET'), as JSON."""
    address, _, length = text.partition("/")
    try:
        parsed = ipaddress.ip_address(address)
        prefix = int(length) if length else None
        network = None if prefix is None else ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        if permissive:
            return json.dumps({"error": f"Failed to parse the input: {error}"})
        raise ValueError(f"Invalid IP address: {text}") from error
    described: dict[str, Any] = {
        "family": parsed.version,
        "host": address,
        "ip_type": "inet",
        "netmask_prefix_length": prefix,
        "snowflake$type": "ip_address",
    }
    ends = () if network is None else (("start", network.network_address), ("end", network.broadcast_address))
    if isinstance(parsed, ipaddress.IPv4Address):
        described |= {"ip_fields": [int(parsed), 0, 0, 0], "ipv4": int(parsed)}
        described |= {f"ipv4_range_{end}": int(bound) for end, bound in ends}
    else:
        described["ip_fields"] = [int(parsed) >> shift & _WORD for shift in (96, 64, 32, 0)]
        described["hex_ipv6"] = f"{int(parsed):032X}"
        described |= {f"hex_ipv6_range_{end}": f"{int(bound):032X}" for end, bound in ends}
    return json.dumps(described)


def arrays_to_object(keys: str, values: str) -> str:
    """ARRAYS_TO_OBJECT; a NULL among the keys is left out."""
    pairs = zip(json.loads(keys), json.loads(values), strict=True)
    return json.dumps({key: value for key, value in pairs if key is not None})


def arrays_zip(first: str, second: str) -> str:
    """ARRAYS_ZIP of two arrays; the shorter one is filled up with NULLs."""
    pairs = itertools.zip_longest(json.loads(first), json.loads(second))
    return json.dumps([{"$1": one, "$2": two} for one, two in pairs])


def sha2(text: str, size: int) -> str:
    """SHA2(text, size)."""
    if size not in _SHA2:
        raise ValueError(f"Invalid digest size {size}")
    return hashlib.new(f"sha{size}", text.encode()).hexdigest()


def flatten(value: str, path: str, mode: str, outer: int, recursive: int) -> str:
    """FLATTEN: a list of [key, path, index, this, value], as JSON; the value is missing in the row of no parts.

    Args:
        value: the JSON to expand; "" for NULL.
        path: to the element that is expanded, such as `a.b[0]`.
        mode: OBJECT, ARRAY or BOTH.
        outer: whether an element without parts has a row.
        recursive: whether parts are expanded, too.
    """
    element = json.loads(value) if value else None
    for name, quoted, number in _STEP.findall(path):
        container: Any = dict(enumerate(element)) if isinstance(element, list) else element
        key = int(number) if number else name or quoted
        element = container.get(key) if isinstance(container, dict) else None
    rows = _parts(element, path, mode, recursive=bool(recursive))
    if not rows and outer:
        rows = [[None, path, None, *([] if element is None else [element])]]
    return json.dumps(rows)


def _parts(element: Any, path: str, mode: str, *, recursive: bool) -> list[list[Any]]:
    rows: list[list[Any]] = []
    parts: list[tuple[str | None, str, int | None, Any]]
    if isinstance(element, dict) and mode != "ARRAY":
        prefix = path + "." if path else ""
        parts = [(key, f"{prefix}{_key(key)}", None, part) for key, part in sorted(element.items())]
    elif isinstance(element, list) and mode != "OBJECT":
        parts = [(None, f"{path}[{index}]", index, part) for index, part in enumerate(element)]
    else:
        return rows
    for key, place, index, part in parts:
        rows.append([key, place, index, element, part])
        if recursive:
            rows += _parts(part, place, mode, recursive=True)
    return rows


def _key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) else f"['{key}']"


# Name -> the function and DuckDB's types of its arguments.
FUNCTIONS: dict[str, tuple[Callable[..., str], tuple[Literal["varchar", "bigint"], ...]]] = {
    "sf_number_text": (number_text, ("varchar", "varchar")),
    "sf_number_of": (number_of, ("varchar", "varchar")),
    "sf_soundex": (soundex, ("varchar",)),
    "sf_url": (url, ("varchar", "bigint")),
    "sf_ip": (ip, ("varchar", "bigint")),
    "sf_arrays_to_object": (arrays_to_object, ("varchar", "varchar")),
    "sf_arrays_zip": (arrays_zip, ("varchar", "varchar")),
    "sf_sha2": (sha2, ("varchar", "bigint")),
    "sf_flatten": (flatten, ("varchar", "varchar", "varchar", "bigint", "bigint")),
}


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """Return a call of the function `sf_<name>`."""
    assert f"sf_{name}" in FUNCTIONS, name  # noqa: S101  # a misspelt name would only fail in DuckDB
    return exp.Anonymous(this=f"{SCHEMA}.sf_{name}", expressions=list(arguments))


def parse_url(name: str, arguments: list[exp.Expr], formats: Formats) -> exp.Expr:
    """PARSE_URL(text [, permissive]), TRY_PARSE_URL(text)."""
    permissive = arguments[1] if len(arguments) > 1 else exp.Literal.number(int(name.startswith("TRY_")))
    return plain_cast(call("url", to_text(arguments[0], formats), plain_cast(permissive, "BIGINT")), "JSON")


def parse_ip(_name: str, arguments: list[exp.Expr], formats: Formats) -> exp.Expr:
    """PARSE_IP(text, 'INET' [, permissive])."""
    text, kind, *permissive = arguments
    if kind.name.upper() != "INET":
        raise errors.invalid_value(kind.name, "type")
    flag = plain_cast((permissive or [exp.Literal.number(0)])[0], "BIGINT")
    return plain_cast(call("ip", to_text(text, formats), flag), "JSON")


def soundex_of(_name: str, arguments: list[exp.Expr], formats: Formats) -> exp.Expr:
    """SOUNDEX(text)."""
    return call("soundex", to_text(arguments[0], formats))
