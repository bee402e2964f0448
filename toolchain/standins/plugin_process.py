"""Runs a plugin that is a Python program, such as a policy pack, as a separate process.

Knows how the engine describes such a plugin, and passes on its output. Knows nothing of what the plugin does.
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
    """Return why a plugin cannot be started; None if it can."""
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
    """Return the Python of the virtual environment set in the plugin's project, or else the running one."""
    virtualenv = str(dict(request.info.options).get("virtualenv") or "")
    return Path(request.info.root_directory, virtualenv, "bin", "python") if virtualenv else Path(sys.executable)


class PluginProcess:
    """A running plugin.

    Args:
        request: A request for which `refusal` returns None.
    """

    def __init__(self, request: language_pb2.RunPluginRequest) -> None:
        self._process = subprocess.Popen(
            [interpreter(request), "-u", request.info.program_directory, *request.args],
            cwd=request.pwd or None,
            env=dict(text.split("=", 1) for text in request.env if "=" in text),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # so that the plugin's own processes end with it
        )

    def outputs(self) -> Iterator[language_pb2.RunPluginResponse]:
        """Yield its output as it comes, and finally its exit code."""
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
        """End it with its own processes; do nothing if it has ended."""
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
