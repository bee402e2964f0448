r"""Prepares a container's log for history (without secrets and control characters, limited in size), and reads it.

Knows only texts. Shipped as a part of a stored procedure's text.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jobgraph.procedures.requested.json_texts import read_json, refuse_constant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MOST_LOG_BYTES = 128_000
LOG_HEAD_BYTES = 20_000
# SYSTEM$GET_SERVICE_LOGS returns the last 100 KB at most, from the start of a line on, without saying that it cut
PLATFORM_NEARLY_FULL = 80 * 1024
PLATFORM_CUT = "[jobgraph: Snowflake hands out the newest 100 KB of a log; earlier lines may be missing here]\n"
HIDDEN = "[hidden]"
SHORTEST_SECRET = 6
MOST_OF_TWO_DIGITS = 0xFF
URL_SAFE = str.maketrans("+/", "-_")
SECRET_NAME = r"(?:passw(?:or)?d|passphrase|secret|token|api_?key|access_?key|private_?key|credential)"  # noqa: S105  # it only finds them
SECRET_TEXTS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),  # JSON web tokens
    re.compile(r"\bver:\d-hint:[\w:.\-+/=]+"),  # Snowflake's session tokens
    re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),  # Amazon access keys
    re.compile(r"\b(?:gh[pousr]_|github_pat_|xox[abprs]-|sk-)[\w-]{16,}"),
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),  # user and password in an address
)
# program source in a traceback: a call or an index of a dotted name, or a call without arguments
CODE = r"(?:[a-z_]\w*(?:\.[a-z_]\w*)+[(\[]|[a-z_]\w*\(\))"
# a line of `env` or `export -p`, whose value extends to the end of the line
DUMPED = re.compile(
    rf"""^(?P<name>(?:declare -x |export )?[A-Z][A-Z0-9_]*(?:{SECRET_NAME.upper()})[A-Z0-9_]*=)"""
    r"""(?P<quote>)(?!["'\\]).+$""",
    re.MULTILINE,
)
# a name that suggests a secret, with its value in quotes (escaped ones, as in JSON within JSON, too) or up to a blank;
# numbers in JSON, such as counts of tokens, are not secrets
ASSIGNED = re.compile(
    rf"""(?P<name>{SECRET_NAME}[\w.-]{{0,40}}\\*["']?[ \t]*[=:][ \t]*)(?![\d.]+\s*[,}}\]])(?!{CODE})"""
    r"""(?:(?P<quote>\\*["'])(?:(?!(?P=quote))(?:\\(?P=quote)|.))*?(?=(?P=quote)|$)|[^\s"',;}\\]+)""",
    re.IGNORECASE | re.MULTILINE,
)
BEARER = re.compile(r"(?P<name>\bBearer )(?P<quote>)[\w.~+/=-]{8,}", re.IGNORECASE)
# all control characters except tab and newline, characters that change the writing direction, and invisible ones:
# they could manipulate the terminal of a reader
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
# what a program or a terminal may insert into a long value: a line break, and the start of the next line
FOLD = r"(?:[\\\"']?\r?\n[ \t\"']*)?"
TELLING = re.compile(r"error|exception|fatal|killed|panic", re.IGNORECASE)
# Python's lines around a stack; `|` and `+` draw the branches of an exception group
FRAME = re.compile(r"""(?P<margin>[ \t|+-]+)File ".*", line \d+""")
MARGIN = re.compile(r"[ \t|+-]*")
AROUND_A_STACK = re.compile(
    r"[ \t|+]*(?:(?:Exception Group )?Traceback \(most recent call last\):"
    r"|During handling of the above exception, another exception occurred:"
    r"|The above exception was the direct cause of the following exception:)\s*$"
)


def log_for_history(log: str, secrets: Iterable[str]) -> str:
    """Return a log prepared for history: secrets masked, control characters escaped, cut to 128,000 bytes."""
    cut = len(log.encode()) > PLATFORM_NEARLY_FULL
    return fit((PLATFORM_CUT if cut else "") + safe(masked(log, secrets)))


def secret_values(env: Mapping[str, str]) -> list[str]:
    """Return the values of variables whose names suggest a secret, longest first."""
    secrets = {
        value
        for name, value in env.items()
        if re.search(SECRET_NAME, name, re.IGNORECASE) and len(value) >= SHORTEST_SECRET
    }
    return sorted(secrets, key=lambda value: (-len(value), value))


def secrets_of(definition: Mapping[str, Any]) -> list[str]:
    """Return the values to hide in the logs of a job: those of all its containers, as two may share a name."""
    containers = definition.get("specification", {}).get("spec", {}).get("containers", ())
    variables = ({name: str(value) for name, value in c.get("env", {}).items()} for c in containers)
    values = {value for env in variables for value in secret_values(env)}
    return sorted(values, key=lambda value: (-len(value), value))


def masked(log: str, secrets: Iterable[str]) -> str:
    """Return a log without the given secrets, and without texts that look like tokens, keys or passwords.

    A secret is found literally, as JSON and URLs encode it, in base64 (even as a part of a longer text), and with line
    breaks inside it.
    """
    for form in _forms(secrets):
        log = re.sub(FOLD.join(map(re.escape, form)), HIDDEN, log) if form[:1] in log else log
    for pattern in SECRET_TEXTS:
        log = pattern.sub(HIDDEN, log)
    for pattern in (DUMPED, ASSIGNED, BEARER):
        log = pattern.sub(lambda match: match["name"] + (match["quote"] or "") + HIDDEN, log)
    return log


def _forms(secrets: Iterable[str]) -> list[str]:
    """Return all encodings of the secrets, longest first, because a shorter one may be a part of a longer one."""
    forms = {form for secret in secrets for form in (secret, *_written(secret), *_encoded(secret.encode()))}
    return sorted((form for form in forms if len(form) >= SHORTEST_SECRET), key=lambda form: (-len(form), form))


def _written(secret: str) -> tuple[str, ...]:
    plain, ascii_only = json.dumps(secret, ensure_ascii=False)[1:-1], json.dumps(secret)[1:-1]
    return (
        plain,
        ascii_only,
        json.dumps(plain)[1:-1],
        json.dumps(ascii_only)[1:-1],
        repr(secret)[1:-1],
        quote(secret, ""),
    )


def _encoded(secret: bytes) -> Iterator[str]:
    """Yield the base64 forms of a value at any offset in a text, without characters that depend on its neighbours."""
    for before in range(3):
        text = base64.b64encode(bytes(before) + secret).decode()
        letters = text[(0, 2, 3)[before] : (before + len(secret)) * 8 // 6]
        yield from (letters, letters.translate(URL_SAFE))


def safe(log: str) -> str:
    r"""Return a log with control characters escaped as `\x1b` or `\u202e`, and with newlines as line ends."""
    return CONTROL.sub(_written_out, log.replace("\r\n", "\n"))


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code <= MOST_OF_TWO_DIGITS else f"\\u{code:04x}"


def fit(log: str) -> str:
    """Return at most 128,000 bytes of a log: its head and its tail, with a line in between on the cut."""
    raw = log.encode()
    if len(raw) <= MOST_LOG_BYTES:
        return log
    tail = MOST_LOG_BYTES - LOG_HEAD_BYTES - 200
    cut = len(raw) - LOG_HEAD_BYTES - tail
    note = f"\n[... {cut} bytes cut here: jobgraph keeps {MOST_LOG_BYTES} bytes of a log ...]\n"
    return raw[:LOG_HEAD_BYTES].decode(errors="ignore") + note + raw[-tail:].decode(errors="ignore")


def last_json_line(log: str) -> str:
    """Return the last line of a log if it is a JSON object; else an empty text."""
    line = log.rstrip().rpartition("\n")[2].strip()
    # a line that only looks like JSON is not an output
    return line if isinstance(read_json(line, constant=refuse_constant), dict) else ""


def error_lines(log: str, *, has_failed_itself: bool = True) -> tuple[str, str]:
    """Return the first and the last line that mention an error.

    Without any, the last line twice: it is often why a program ended. If the program was killed instead, it has not
    `has_failed_itself`, its last line says nothing about that, and both are empty.

    In a Python traceback, only the line that names the exception counts, not the source lines.
    """
    lines = [line for line in log.splitlines() if line.strip()]
    exceptions, inside = _tracebacks(lines)
    telling = [
        line
        for place, line in enumerate(lines)
        if place in exceptions or (place not in inside and TELLING.search(line))
    ]
    telling = telling or (lines[-1:] if has_failed_itself else []) or [""]
    return telling[0].strip(), telling[-1].strip()


def _tracebacks(lines: list[str]) -> tuple[set[int], set[int]]:
    """Return the indices of the lines that name a Python exception, and of all other lines of tracebacks."""
    exceptions: set[int] = set()
    inside: set[int] = set()
    margin = 0  # the indentation of the present traceback's frames; 0 outside of a traceback
    for place, line in enumerate(lines):
        frame = FRAME.match(line)
        if frame:
            margin = len(frame["margin"])
        if margin and _margin(line) < margin and not AROUND_A_STACK.match(line):
            exceptions.add(place)
            margin = 0
        elif margin or AROUND_A_STACK.match(line):
            inside.add(place)
    return exceptions, inside


def _margin(line: str) -> int:
    match = MARGIN.match(line)
    return len(match[0]) if match else 0
