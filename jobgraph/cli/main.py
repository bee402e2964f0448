"""Entry point of the `jobgraph` command.

Knows that its modules take a moment to load, in which people change their minds. Must not know any command.
"""

from __future__ import annotations

import sys

from jobgraph.errors import EXIT_INTERRUPTED


def main() -> None:
    """Run the command that the process was started with; ends the process with the command's exit code."""
    try:
        from jobgraph.cli.command_line import cli  # noqa: PLC0415  # so that an interrupt is met here
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        sys.exit(EXIT_INTERRUPTED)
    cli()
