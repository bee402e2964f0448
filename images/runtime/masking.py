"""Runs a program whose output must not contain the values of secrets that Snowflake put into the container.

Also returns the last line of the output. Knows where secrets are: JOB_SECRETS, which jobgraph's specification sets, is
a JSON list of variables and folders. Must not know what the program does. This must happen here: outside the container
nobody may read a secret's value.

A value is recognized as it is, as JSON, Python and URLs write it, and in base64 (also within a longer text). Lines
longer than a megabyte are searched in pieces of that size; a value that is split by such a border or by a line's end,
or that the program has changed otherwise, is not recognized.
"""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HIDDEN = b"[hidden]"
# shorter values occur in words that are not secrets
SHORTEST = 6
PIECE = 1 << 20


def secret_values(environment: Mapping[str, str]) -> list[bytes]:
    """Return the texts to hide, longest first: the values, each line of a value with several, and their other forms.

    Raises:
        ValueError: if JOB_SECRETS is not a JSON list.
    """
    lines = {line.strip() for text in _texts(environment) for line in text.splitlines()}
    values = {form for line in lines if len(line) >= SHORTEST for form in _forms(line)}
    return sorted((line for line in values if len(line) >= SHORTEST), key=lambda line: (-len(line), line))


def _forms(value: bytes) -> Iterator[bytes]:
    yield value
    text = value.decode(errors="ignore")
    for written in (json.dumps(text)[1:-1], repr(text)[1:-1], repr(value)[2:-1], quote(text, "")):
        yield written.encode()
    for before in range(3):  # base64 without the characters that depend on the text next to the value
        letters = base64.b64encode(bytes(before) + value)[(0, 2, 3)[before] : (before + len(value)) * 8 // 6]
        yield from (letters, letters.translate(bytes.maketrans(b"+/", b"-_")))


def _texts(environment: Mapping[str, str]) -> Iterator[bytes]:
    for place in json.loads(environment.get("JOB_SECRETS", "[]")):
        if str(place).startswith("/"):
            for file in Path(place).glob("*"):
                if file.is_file():
                    yield file.read_bytes()
        else:
            yield environment.get(place, "").encode()


def run(command: Sequence[str], environment: Mapping[str, str], secrets: Sequence[bytes]) -> tuple[int, str]:
    """Run the command and pass on its output without the secrets.

    Returns the exit code, 128 + n after signal n, and the last line of the output that is not empty.
    """
    last, whole = b"", True
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as program:
        # Snowflake ends a container with this signal; the program may have to finish something
        signal.signal(signal.SIGTERM, lambda number, _: program.send_signal(number))
        assert program.stdout is not None  # noqa: S101  # it is a pipe
        while piece := program.stdout.readline(PIECE):
            for secret in secrets:
                piece = piece.replace(secret, HIDDEN)
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            if piece.strip() or not whole:
                last, whole = (piece if whole else last[:PIECE] + piece), piece.endswith(b"\n")
        code = program.wait()
    return (code if code >= 0 else 128 - code), last.decode(errors="replace")
