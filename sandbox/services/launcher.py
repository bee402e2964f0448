"""The first moments of a container's process: bind its life to the sandbox's, then become the container's program.

Run as a script by containers.py with `python -I -S`; imports the standard library only, to start in milliseconds.
Arguments: the sandbox's process id, then the program and its arguments. The parent-death signal is set here and not
between fork and exec of the sandbox, because code run there in a process with threads may deadlock.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
# What a shell answers for a program that is not there, or that may not be executed.
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends (Linux alone has that)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before the signal was set
            os._exit(_NOT_FOUND)


def main(parent: str, *command: str) -> None:
    """Become the program; leave with 126 or 127 and a line of log if that is impossible."""
    die_with_parent(int(parent))
    try:
        os.execvp(command[0], command)  # noqa: S606  # no shell is wanted
    except OSError as error:
        sys.stderr.write(f"exec {command[0]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(_NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE)


if __name__ == "__main__":
    main(*sys.argv[1:])
