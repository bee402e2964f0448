"""The page as a user starts it, for a browser to look at."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def served(variables: Mapping[str, str]) -> Iterator[str]:
    """The page, served by the command as a user starts it."""
    port = free_port()
    script = "from jobgraph.cli.main import main; main()"
    command = [sys.executable, "-c", f"import sys; sys.argv[0] = 'jobgraph'; {script}", "page", "--port", str(port)]
    with subprocess.Popen(
        command, env={**os.environ, **variables}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as server:
        try:
            for _ in range(200):
                assert server.poll() is None, server.stderr.read().decode() if server.stderr else ""
                with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1):
                    break
                with suppress(subprocess.TimeoutExpired):
                    server.wait(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(20)
