"""Runs a Pulumi program inside this process as `python .` would, and describes its failures to its author.

Knows Python's rules for running a folder and the SDK's loop; knows nothing of the engine's calls.
"""

import asyncio
import logging
import runpy
import sys
import traceback
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types
from pulumi import RunError
from pulumi.runtime import run_in_stack, stack

from jobgraph.toolchain import layout

HIDDEN = ("<frozen ", str(Path(__file__).parent), runpy.__file__, str(Path(asyncio.__file__).parent), stack.__file__)
"""Where the frames lie that start a program and are not its author's business."""


@dataclass(frozen=True)
class Program:
    """A program as the engine specifies it.

    Attributes:
        folder: The program's folder.
        entry: The part to run: `.`, which is the folder's `__main__.py`, or a file.
    """

    folder: Path
    entry: str

    @property
    def path(self) -> Path:
        """Return the folder or file to run."""
        return self.folder / (self.entry or ".")

    def missing(self) -> str | None:
        """Return why there is nothing to run; None if there is."""
        expected = self.path / "__main__.py" if self.path.is_dir() else self.path
        if expected.is_file():
            return None
        return f"There is no program to run: {expected} does not exist. See `main` in Pulumi.yaml."

    def run(self) -> None:
        """Run the program to its end; it sends the resources that it creates to the engine.

        Raises:
            RunError: If the program ended itself with a message or an exit code.
            BaseException: Any exception of the program.
        """
        first = str(self.path if self.path.is_dir() else self.path.parent)
        if sys.path and Path(sys.path[0]) == layout.CODE:
            sys.path.pop(0)  # added by the launcher; the program must see only its own path
        sys.path.insert(0, first)
        sys.argv = [str(self.path)]
        try:
            runpy.run_path(str(self.path), run_name="__main__")
        except SystemExit as ended:
            _raise_exit(ended)


def run_to_end(program: Program, parallel: int) -> str | None:
    """Run a program and its pending tasks in a new loop.

    Args:
        program: The program.
        parallel: How many resources the engine processes at once; the SDK blocks up to four threads for each.

    Returns:
        The message for the user; None if all succeeded or the engine itself has ended the run.
    """
    # The SDK leaves failed tasks behind whose errors have already been shown.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(max_workers=max(parallel, 1) * 4))
    loop.set_exception_handler(_stop_on_lost_engine)
    try:
        loop.run_until_complete(run_in_stack(program.run))
    except BaseException as error:  # noqa: BLE001  # a program may raise anything, and all of it must be shown
        return describe(error, program.path)
    finally:
        _cancel_pending(loop)
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()
    return None


def describe(error: BaseException, program: Path) -> str | None:
    """Return the message for a program's author about the error that ended it; None if the engine has shown it.

    For a `RunError` or an exit, it is only the program's message to the user. Anything else is a bug in the program,
    and gets a traceback that starts at the program's first line.
    """
    if _engine_has_ended(error):
        return None
    if isinstance(error, SystemExit):
        return _exit_message(error)
    if isinstance(error, RunError):
        return str(error)
    if isinstance(error, grpc.Call):
        return f"RPC error: {error.details()}"
    chain = traceback.TracebackException.from_exception(error)
    for part in _chain(chain):
        part.stack = traceback.StackSummary.from_list(_own_frames(part.stack, program))
    return "Program failed with an unhandled exception:\n" + "".join(chain.format()).rstrip()


def _own_frames(stack: Iterable[traceback.FrameSummary], program: Path) -> list[traceback.FrameSummary]:
    """Return the frames from the program's first on; if none is the program's, all except those that start it."""
    frames = list(stack)
    folder = program.resolve() if program.is_dir() else program.resolve().parent
    for index, frame in enumerate(frames):
        path = Path(frame.filename).resolve()
        if path.is_relative_to(folder) and "site-packages" not in path.parts and not _hidden(frame):
            return frames[index:]
    return [frame for frame in frames if not _hidden(frame)]


def _hidden(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith(HIDDEN)


def _chain(link: traceback.TracebackException) -> Iterable[traceback.TracebackException]:
    yield link
    for cause in (link.__cause__, link.__context__, *(link.exceptions or ())):
        if cause:
            yield from _chain(cause)


def _engine_has_ended(error: BaseException) -> bool:
    """Whether the error only reports that the engine has ended, which it does after showing the real cause."""
    causes = [error, error.__cause__, error.__context__]
    return any(isinstance(cause, grpc.Call) and cause.code() is grpc.StatusCode.UNAVAILABLE for cause in causes)


def _exit_message(ended: SystemExit) -> str | None:
    if ended.code is None or ended.code == 0:
        return None
    return f"The program ended with exit code {ended.code}." if isinstance(ended.code, int) else str(ended.code)


def _raise_exit(ended: SystemExit) -> None:
    """Turn an exit into an error of the SDK, so that pending requests to the engine are awaited."""
    message = _exit_message(ended)
    if message:
        raise RunError(message) from ended


def _stop_on_lost_engine(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if isinstance(context.get("exception"), grpc.RpcError):
        loop.stop()
    else:
        loop.default_exception_handler(context)


def _cancel_pending(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel the tasks that a failed program leaves; otherwise Python warns of each when the loop is closed."""
    pending = asyncio.all_tasks(loop)
    for task in pending:
        task.cancel()
    if pending:
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
