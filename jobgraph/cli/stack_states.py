"""Reading the engine's state of a stack, by the engine's own command line.

Knows `pulumi stack export`, which needs no passphrase. Must not know what a state records
(jobgraph.inspection.stack_state).
"""

from __future__ import annotations

import json
import subprocess
from shutil import which
from typing import TYPE_CHECKING

from jobgraph.errors import UsageError
from jobgraph.inspection.stack_state import StackState, stack_state

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SECONDS = 60


def read_state(folder: Path, stack: str | None, environment: Mapping[str, str]) -> StackState:
    """Return the state of a stack of the project in `folder`.

    Raises:
        UsageError: the state cannot be read; its text says why.
    """
    engine = which("pulumi", path=environment.get("PATH"))
    if stack is None or engine is None:
        raise UsageError("no stack is named" if stack is None else "pulumi is not on the PATH")
    command = (engine, "stack", "export", "--stack", stack, "--non-interactive")
    try:
        done = subprocess.run(
            command, cwd=folder, env=dict(environment), capture_output=True, text=True, check=False, timeout=_SECONDS
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"pulumi ended with {done.returncode}"]
            raise UsageError(lines[0].removeprefix("error: "))
        return stack_state(json.loads(done.stdout))
    except (OSError, ValueError, AttributeError, KeyError, TypeError, subprocess.SubprocessError) as error:
        raise UsageError(f"`{' '.join(command[1:])}` failed: {error}") from None
