"""A shell in a project folder, for tests that start the command as a process."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lifecycle import fork_server

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Shell:
    """Commands are processes, and `activate` sets variables for those that follow."""

    folder: Path
    variables: dict[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `jobgraph` as a process, forked from one that has its libraries."""
        command = fork_server.as_forked(sys.executable, ("jobgraph", *arguments))
        environment = self.variables | {fork_server.VARIABLE: fork_server.address()}
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    def activate(self) -> None:
        script = f"{self.run('sandbox', 'env').stdout}\nenv -0"
        done = subprocess.run(["sh", "-euc", script], env=self.variables, capture_output=True, text=True, check=True)
        self.variables = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
