"""Runs a program whose output must not show the values of secrets that Snowflake has put into the container.

Tells the last line of the output, too. Knows where secrets are: JOB_SECRETS, which jobgraph's specification sets, is a
JSON list of variables and of folders. Must not know what the program does. No one else can do this: outside the
container nobody may read a secret's value.

A value is found as it is, as texts of JSON, Python and addresses write it, and in base64 (of a longer text, too). Lines
that are longer than a megabyte are looked at in pieces of that size; a value that is cut by such a border or by the end
of a line, or that the program has changed otherwise, is not found.
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
# shorter values are found in words that are no secrets
SHORTEST = 6
PIECE = 1 << 20


def secret_values(environment: Mapping[str, str]) -> list[bytes]:
    """Return what to hide, longest first: the values, of one with several lines each line, and what they may become.

    Raises:
        ValueError: if JOB_SECRETS is no JSON list.
    """
    lines = {line.strip() for text in _texts(environment) for line in text.splitlines()}
    values = {form for line in lines if len(line) >= SHORTEST for form in _forms(line)}
    return sorted((line for line in values if len(line) >= SHORTEST), key=lambda line: (-len(line), line))


def _forms(value: bytes) -> Iterator[bytes]:
    yield value
    text = value.decode(errors="ignore")
    for written in (json.dumps(text)[1:-1], repr(text)[1:-1], repr(value)[2:-1], quote(text, "")):
        yield written.encode()
    for before in range(3):  # base64 without the letters that what stands beside the value decides
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
        # the platform ends a container by this signal; the program may have something to finish
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
