"""Runs a Pulumi program inside this process the way `python .` would, and words its failures for its author.

Knows Python's rules for running a folder and the SDK's loop; knows nothing of the calls by which the engine asks.
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
    """A program as the engine names it.

    Attributes:
        folder: Folder of the program.
        entry: What to run in it: `.`, the folder's `__main__.py`, or a file.
    """

    folder: Path
    entry: str

    @property
    def path(self) -> Path:
        """The folder or file to run."""
        return self.folder / (self.entry or ".")

    def missing(self) -> str | None:
        """Why there is nothing to run, or None."""
        expected = self.path / "__main__.py" if self.path.is_dir() else self.path
        if expected.is_file():
            return None
        return f"There is no program to run: {expected} does not exist. See `main` in Pulumi.yaml."

    def run(self) -> None:
        """Run it to its end; what it creates goes to the engine meanwhile.

        Raises:
            RunError: The program ended itself with a message or an exit code.
            BaseException: Whatever the program raised.
        """
        first = str(self.path if self.path.is_dir() else self.path.parent)
        if sys.path and Path(sys.path[0]) == layout.CODE:
            sys.path.pop(0)  # put there by the launcher; the program must find only what it would find without us
        sys.path.insert(0, first)
        sys.argv = [str(self.path)]
        try:
            runpy.run_path(str(self.path), run_name="__main__")
        except SystemExit as ended:
            _raise_exit(ended)


def run_to_end(program: Program, parallel: int) -> str | None:
    """Run a program and all that it leaves pending, in a loop of its own.

    Args:
        program: What to run.
        parallel: How many resources the engine works on at once; the SDK blocks up to four threads for each.

    Returns:
        What to tell the user, or None if all went well or the engine itself has ended the run.
    """
    # The SDK leaves failed tasks behind whose errors were shown already.
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
    """What to tell the author of a program about the error that ended it; None if the engine has told already.

    A `RunError` or an exit is a message to the user and stands alone. Anything else is a bug in the program: it gets
    its traceback, from the program's first line on.
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
    """The frames from the program's first on; where none is the program's, all but those that only start it."""
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
    """Whether it only says that the engine is gone, which the engine does after it has shown the real cause."""
    causes = [error, error.__cause__, error.__context__]
    return any(isinstance(cause, grpc.Call) and cause.code() is grpc.StatusCode.UNAVAILABLE for cause in causes)


def _exit_message(ended: SystemExit) -> str | None:
    if ended.code is None or ended.code == 0:
        return None
    return f"The program ended with exit code {ended.code}." if isinstance(ended.code, int) else str(ended.code)


def _raise_exit(ended: SystemExit) -> None:
    """Turn an exit into an error of the SDK's, so that what is already on its way to the engine is waited for."""
    message = _exit_message(ended)
    if message:
        raise RunError(message) from ended


def _stop_on_lost_engine(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if isinstance(context.get("exception"), grpc.RpcError):
        loop.stop()
    else:
        loop.default_exception_handler(context)


def _cancel_pending(loop: asyncio.AbstractEventLoop) -> None:
    """End the tasks that a failed program leaves behind; else Python complains about each when the loop is closed."""
    pending = asyncio.all_tasks(loop)
    for task in pending:
        task.cancel()
    if pending:
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
