"""Entry point of the `jobgraph` command.

Handles Ctrl-C while its modules load, which takes a moment. Must not know any command.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from jobgraph.errors import EXIT_INTERRUPTED, EXIT_RUN_FAILED
from jobgraph.optional_libraries import leave_out

# the disk or the user's quota is full, or the device has failed
_UNWRITTEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})


def main() -> None:
    """Run the command of this process, and exit with its exit code."""
    leave_out()
    try:
        from jobgraph.cli.application import Application, program_name  # noqa: PLC0415  # so that an interrupt is handled here
        from jobgraph.cli.command_line import cli  # noqa: PLC0415  # likewise
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        sys.exit(EXIT_INTERRUPTED)
    try:
        try:
            cli(obj=Application(program=program_name(sys.argv[0], Path.cwd())))
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.filename is not None or error.errno not in _UNWRITTEN:
            raise
        # otherwise the interpreter would try again to write the remaining output
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.stderr.write(f"error: The output could not be written: {error.strerror}\n")
        sys.exit(EXIT_RUN_FAILED)
