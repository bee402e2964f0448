"""Every error that a user of the Pulumi program or of the `jobgraph` command can see: texts and exit codes.

Knows how an error is put into words and which exit code goes with it. Must not know what causes any of them,
nor anything of pulumi, of the connector or of a terminal.
"""

from __future__ import annotations

import difflib
import heapq
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# at most this many names are compared closely with a wrong one
_MOST_COMPARED = 30
# Names that are less alike than that are not suggested.
_ALIKE = 0.6
_LOOK_ALIKES = str.maketrans("lo", "10")

EXIT_DONE = 0
EXIT_RUN_FAILED = 1
EXIT_USAGE = 2
EXIT_NOT_CONNECTED = 3
EXIT_TIMED_OUT = 4
# what a shell reports for a command that an interrupt ended: 128 + SIGINT
EXIT_INTERRUPTED = 130

ERROR = "error"
WARNING = "warning"


class UserError(Exception):
    """What happened, where, its usual cause and what to do about it; `exit_code` is what a command ends with."""

    exit_code: ClassVar[int] = EXIT_RUN_FAILED

    def __init__(self, message: str, *, where: str = "", cause: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        """Return the whole text: the first line alone says what and where."""
        lines = [f"{self.where}: {self.message}" if self.where else self.message]
        if self.cause:
            lines.append(f"  usual cause: {self.cause}")
        if self.remedy:
            lines.append(f"  what to do:  {self.remedy}")
        return "\n".join(lines)


class RunFailedError(UserError):
    """A graph run or a job of it ended other than DONE."""

    exit_code = EXIT_RUN_FAILED


class UsageError(UserError):
    """A command, a setting or a file is unusable."""

    exit_code = EXIT_USAGE


class NotConnectedError(UserError):
    """Snowflake, or the sandbox, cannot be reached or does not accept the login."""

    exit_code = EXIT_NOT_CONNECTED


class TimedOutError(UserError):
    """What was awaited did not happen within the timeout; it may still be in progress."""

    exit_code = EXIT_TIMED_OUT


@dataclass(frozen=True, order=True)
class Mark:
    """A place in a file; line and column count from 1, as editors do."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """Return `file:line:column`, which terminals and editors turn into a link."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a configuration file.

    `rule` is the stable name of the rule that is broken, `path` the place in the document (`graphs.x.jobs.y.after`),
    `value` the value there (empty: there is none), `issue` one sentence, `remedy` the fix, `nearest` names that may
    have been meant. `severity` is ERROR, with which nothing is deployed, or WARNING. `environments` are those that
    alone have the problem; empty: the file has it in all.
    """

    mark: Mark
    rule: str
    path: str
    issue: str
    remedy: str
    value: str = ""
    nearest: tuple[str, ...] = ()
    severity: str = ERROR
    environments: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the problem as two or three lines, a warning named as one."""
        return self.text("warning: " if self.severity == WARNING else "")

    def text(self, lead: str = "") -> str:
        """Return the problem as two or three lines, with `lead` before what is wrong."""
        lines = [f"{self.mark}: {lead}{self.issue} [{self.rule}]"]
        if self.path:
            lines.append(f"    at:     {self.path}" + (f" = {self.value}" if self.value else ""))
        if self.environments:
            lines.append(f"    in:     environment {' and '.join(self.environments)}")
        if self.nearest:
            lines.append(f"    perhaps you meant {' or '.join(self.nearest)}")
        lines.append(f"    remedy: {self.remedy}")
        return "\n".join(lines)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems in the order of their places, each once."""
    return tuple(sorted(set(problems), key=lambda p: (p.mark, p.rule, p.issue)))


class ConfigErrors(UsageError):  # noqa: N818  # it is many errors
    """Everything that is wrong in a configuration file, warnings included, in the order of its lines."""

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.file = file
        self.problems: Sequence[Problem] = in_order(problems)
        count = len(self.problems)
        warnings = sum(problem.severity == WARNING for problem in self.problems)
        summary = f"{count} problem{'s' if count > 1 else ''} found{_warnings_among(count, warnings)}"
        super().__init__(f"{file}: {summary}, nothing was deployed or changed")

    def __str__(self) -> str:
        """Return the headline and every problem."""
        return "\n".join([self.message, *(str(problem) for problem in self.problems)])


def _warnings_among(count: int, warnings: int) -> str:
    """Return, in parentheses, how many of so many problems are warnings; empty if none is."""
    if not warnings:
        return ""
    if warnings == count:
        return " (a warning)" if count == 1 else " (all of them warnings)"
    return f" ({warnings} of them {'a warning' if warnings == 1 else 'warnings'})"


def nearest(name: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """Return at most three of the `candidates` that resemble `name`, best first, whatever their case."""
    # sorted, because `candidates` may be a set, and a message must not change from run to run
    by_folded = {candidate.casefold(): candidate for candidate in sorted(candidates)}
    written, likely = name.casefold(), list(by_folded)
    if len(by_folded) > _MOST_COMPARED:
        # comparing is slow, and a wrong name may occur in hundreds of places in a file with a thousand names
        pairs = _pairs(_looks(written))
        likely = heapq.nlargest(_MOST_COMPARED, by_folded, key=lambda folded: len(pairs & _pairs(_looks(folded))))
    shapes = {folded: _looks(folded) for folded in likely}
    close = set(difflib.get_close_matches(_looks(written), shapes.values(), n=_MOST_COMPARED, cutoff=_ALIKE))
    ranked = sorted(
        (-_likeness(shape, _looks(written)) - _likeness(folded, written), folded)
        for folded, shape in shapes.items()
        if shape in close
    )
    return tuple(by_folded[folded] for _, folded in ranked[:3])


def _looks(name: str) -> str:
    """Return a name in which characters that look alike are the same, as in `t_job_l` and `t_job_1`."""
    return name.translate(_LOOK_ALIKES)


def _likeness(first: str, second: str) -> float:
    """Return how alike two names are, from 0 to 1."""
    return difflib.SequenceMatcher(None, first, second).ratio()


def perhaps(name: str, candidates: Iterable[str]) -> str:
    """Return the end of a sentence on a wrong name: those of the `candidates` that may have been meant, if any."""
    close = nearest(name, candidates)
    return f"; perhaps you meant {' or '.join(close)}" if close else ""


@lru_cache(maxsize=20_000)
def _pairs(name: str) -> frozenset[str]:
    """Return the pairs of neighbouring characters; names that resemble one another share most of them."""
    return frozenset(map("".join, pairwise(name)))
