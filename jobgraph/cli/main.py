"""Entry point of the `jobgraph` command.

Knows that its modules take a moment to load, in which people change their minds. Must not know any command.
"""

from __future__ import annotations

import sys
from pathlib import Path

from jobgraph.errors import EXIT_INTERRUPTED


def main() -> None:
    """Run the command that the process was started with; ends the process with the command's exit code."""
    try:
        from jobgraph.cli.application import Application, program_name  # noqa: PLC0415  # so that an interrupt is met here
        from jobgraph.cli.command_line import cli  # noqa: PLC0415  # likewise
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        sys.exit(EXIT_INTERRUPTED)
    cli(obj=Application(program=program_name(sys.argv[0], Path.cwd())))
