"""Shows the progress of the setup: a live line on a terminal, otherwise a line from time to time.

Knows how to show progress; knows nothing of the work. The clock is passed as an argument.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

QUIET_SECONDS = 15.0
"""Without a terminal: how long an unfinished step stays silent, so that a log of CI shows life but stays short."""


class Step(Protocol):
    """A running piece of work."""

    def update(self, detail: str, done: int = 0, total: int = 0) -> None:
        """Report progress: a detail and, if known, `done` of `total`."""

    def tick(self) -> None:
        """Report that time has passed without news from the work."""


class Reporter:
    """Prints notes and the progress of steps.

    Args:
        stream: The output stream; default: standard error, because standard output is for results.
        clock: Returns seconds since any fixed time.
    """

    def __init__(self, clock: Callable[[], float], stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._console = Console(file=self._stream, highlight=False)
        self._clock = clock

    def note(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, markup=False, soft_wrap=True)

    @contextmanager
    def step(self, label: str) -> Iterator[Step]:
        """Show a step from beginning to end; if it fails, the caller reports the error."""
        if self._console.is_terminal:
            with _live(self._console) as progress:
                yield _LiveStep(progress, label)
        else:
            yield _LoggedStep(self._clock, self.note, label)


def _live(console: Console) -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(24), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


class _LiveStep:
    def __init__(self, progress: Progress, label: str) -> None:
        self._progress, self._what = progress, label
        self._task = progress.add_task(label, total=None)

    def update(self, detail: str, done: int = 0, total: int = 0) -> None:
        text = f"{self._what}: {detail}"[: self._progress.console.width - 40]
        self._progress.update(self._task, description=text, completed=done, total=total or None)

    def tick(self) -> None:
        """Do nothing: the live line shows the time by itself."""


class _LoggedStep:
    def __init__(self, clock: Callable[[], float], write: Callable[[str], None], label: str) -> None:
        self._clock, self._write, self._what = clock, write, label
        self._started = self._last = clock()
        self._text = "started"
        write(f"{label} ...")

    def update(self, detail: str, done: int = 0, total: int = 0) -> None:
        self._text = f"{detail} ({100 * done // total} %)" if total else detail
        self.tick()

    def tick(self) -> None:
        now = self._clock()
        if now - self._last >= QUIET_SECONDS:
            self._last = now
            self._write(f"{self._what}: {self._text}, {elapsed(now - self._started)}")


def elapsed(seconds: float) -> str:
    """Return a duration as minutes and seconds: `3:07`."""
    minutes, remainder = divmod(int(seconds), 60)
    return f"{minutes}:{remainder:02d}"
