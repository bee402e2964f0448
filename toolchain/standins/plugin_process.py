"""Runs a plugin that is a Python program, such as a policy pack, as a process of its own.

Knows how the engine names such a plugin, and passes on what it prints. Knows nothing of what the plugin does.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO

from pulumi.runtime.proto import language_pb2

CHUNK = 64 * 1024
"""Most bytes passed on in one message."""


def refusal(request: language_pb2.RunPluginRequest) -> str | None:
    """Why a plugin cannot be started; None if it can."""
    if request.attach_debugger:
        return (
            "jobgraph's stand-in for pulumi-language-python cannot attach a debugger. "
            "Install the official Pulumi command line, or run without --attach-debugger."
        )
    program, python = Path(request.info.program_directory), interpreter(request)
    if not (program / "__main__.py").is_file():
        return f"There is no plugin to run: {program / '__main__.py'} does not exist."
    if not python.is_file():
        folder = python.parents[1]
        return (
            f"{program} runs in the virtual environment {folder}, which does not exist. Create it:\n"
            f"python3 -m venv {folder} && {python} -m pip install -r {program / 'requirements.txt'}"
        )
    return None


def interpreter(request: language_pb2.RunPluginRequest) -> Path:
    """The Python of the virtual environment that the plugin's project names, or else the one that runs this."""
    virtualenv = str(dict(request.info.options).get("virtualenv") or "")
    return Path(request.info.root_directory, virtualenv, "bin", "python") if virtualenv else Path(sys.executable)


class PluginProcess:
    """A plugin that runs.

    Args:
        request: One for which there is no `refusal`.
    """

    def __init__(self, request: language_pb2.RunPluginRequest) -> None:
        self._process = subprocess.Popen(
            [interpreter(request), "-u", request.info.program_directory, *request.args],
            cwd=request.pwd or None,
            env=dict(text.split("=", 1) for text in request.env if "=" in text),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # what the plugin starts ends with it
        )

    def outputs(self) -> Iterator[language_pb2.RunPluginResponse]:
        """What it prints, as it comes, and at last its exit code."""
        response = language_pb2.RunPluginResponse
        lines: queue.SimpleQueue[language_pb2.RunPluginResponse | None] = queue.SimpleQueue()
        streams = (
            (self._process.stdout, lambda part: response(stdout=part)),
            (self._process.stderr, lambda part: response(stderr=part)),
        )
        for stream, wrap in streams:
            threading.Thread(target=partial(_read, stream, wrap, lines), daemon=True).start()
        for _ in streams:
            yield from iter(lines.get, None)
        yield response(exitcode=self._process.wait())

    def end(self) -> None:
        """End it, and what it started; nothing if it has ended."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def _read(
    stream: IO[bytes] | None,
    wrap: Callable[[bytes], language_pb2.RunPluginResponse],
    lines: "queue.SimpleQueue[language_pb2.RunPluginResponse | None]",
) -> None:
    if stream is not None:
        while part := os.read(stream.fileno(), CHUNK):
            lines.put(wrap(part))
        stream.close()
    lines.put(None)
