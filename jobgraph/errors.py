"""The errors that users of the Pulumi program and of the `jobgraph` command see: their layout and exit codes.

Knows how an error is laid out and which exit code it has. Must not know what causes it, and must not use Pulumi, the
connector or the terminal.
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

# A wrong name is compared closely with at most this many candidates.
_MOST_COMPARED = 30
# Candidates with a lower similarity are not suggested.
_LEAST_SIMILARITY = 0.6
# A file that is wrong throughout would fill a terminal, and the summary of a step of CI, for minutes.
_MOST_SHOWN = 100
_LOOK_ALIKES = str.maketrans("lo", "10")

EXIT_DONE = 0
EXIT_RUN_FAILED = 1
EXIT_USAGE = 2
EXIT_NOT_CONNECTED = 3
EXIT_TIMED_OUT = 4
# `doctor --account`: a deploy would succeed, but runs fail
EXIT_RUNS_FAIL = 5
# the exit code that shells report after an interrupt: 128 + SIGINT
EXIT_INTERRUPTED = 130

ERROR = "error"
WARNING = "warning"


class UserError(Exception):
    """An error that the user can fix: what happened, where, the usual cause, and the remedy.

    A command that raises it ends with `exit_code`.
    """

    exit_code: ClassVar[int] = EXIT_RUN_FAILED

    def __init__(self, message: str, *, where: str = "", cause: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        """Return the whole text. The first line says what happened, and where."""
        lines = [f"{self.where}: {self.message}" if self.where else self.message]
        if self.cause:
            lines.append(f"  usual cause: {self.cause}")
        if self.remedy:
            lines.append(f"  what to do:  {self.remedy}")
        return "\n".join(lines)


class RunFailedError(UserError):
    """A graph run, or one of its jobs, did not end as DONE."""

    exit_code = EXIT_RUN_FAILED


class UsageError(UserError):
    """A command line, a setting or a file cannot be used."""

    exit_code = EXIT_USAGE


class SettingsError(UsageError):
    """The settings of a stack are wrong. `wrong` has the name of each setting and what is wrong with it."""

    def __init__(self, wrong: Sequence[tuple[str, str]], *, where: str, remedy: str) -> None:
        self.wrong = tuple(wrong)
        texts = "".join(f"\n    {text}" for _, text in self.wrong)
        super().__init__(f"wrong settings{texts}", where=where, remedy=remedy)


class NotConnectedError(UserError):
    """Snowflake or the sandbox cannot be reached, or rejects the login."""

    exit_code = EXIT_NOT_CONNECTED


class TimedOutError(UserError):
    """The timeout passed before the awaited event happened. The run or operation may still be in progress."""

    exit_code = EXIT_TIMED_OUT


@dataclass(frozen=True, order=True)
class Mark:
    """A position in a file. Lines and columns count from 1, as in editors."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """Return `file:line:column`, which terminals and editors turn into a link."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a configuration file.

    `rule` is the stable name of the broken rule, `path` the place in the document (`graphs.x.jobs.y.after`), `value`
    the value there (empty if none), `issue` one sentence, `remedy` the fix, and `nearest` similar valid names.
    `severity` is ERROR, which prevents a deploy, or WARNING. `environments` names the only environments with the
    problem; if it is empty, every environment has it.
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
        """Return the problem as several lines; a warning starts with the word."""
        return self.text("warning: " if self.severity == WARNING else "")

    def text(self, prefix: str = "") -> str:
        """Return the problem as several lines, with `prefix` before the issue."""
        lines = [f"{self.mark}: {prefix}{self.issue} [{self.rule}]"]
        if self.path:
            lines.append(f"    at:     {self.path}" + (f" = {self.value}" if self.value else ""))
        if self.environments:
            lines.append(f"    in:     environment {' and '.join(self.environments)}")
        if self.nearest:
            lines.append(f"    perhaps you meant {' or '.join(self.nearest)}")
        lines.append(f"    remedy: {self.remedy}")
        return "\n".join(lines)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems without duplicates, in the order of their positions."""
    return tuple(sorted(set(problems), key=lambda p: (p.mark, p.rule, p.issue)))


class ConfigErrors(UsageError):  # noqa: N818  # it is many errors
    """All errors and warnings of a configuration file, in the order of its lines."""

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.file = file
        self.problems: Sequence[Problem] = in_order(problems)
        count = len(self.problems)
        warnings = sum(problem.severity == WARNING for problem in self.problems)
        summary = f"{count} problem{'s' if count > 1 else ''} found{_warnings_among(count, warnings)}"
        super().__init__(f"{file}: {summary}, nothing was deployed or changed")

    def __str__(self) -> str:
        """Return the headline and the problems: of very many the first, and how many more there are."""
        lines = [self.message, *(str(problem) for problem in self.problems[:_MOST_SHOWN])]
        more = len(self.problems) - _MOST_SHOWN
        if more > 0:
            lines.append(f"{more} more problems are not shown: correct these first, or see all as JSON or SARIF")
        return "\n".join(lines)


def _warnings_among(count: int, warnings: int) -> str:
    """Return how many of `count` problems are warnings, in parentheses; empty if none are."""
    if not warnings:
        return ""
    if warnings == count:
        return " (a warning)" if count == 1 else " (all of them warnings)"
    return f" ({warnings} of them {'a warning' if warnings == 1 else 'warnings'})"


def nearest(name: str, candidates: Iterable[str]) -> tuple[str, ...]:
    """Return at most three of the `candidates` that resemble `name`, best first. Case is ignored."""
    # sorted, because `candidates` may be a set, and a message must not vary between runs
    by_folded = {candidate.casefold(): candidate for candidate in sorted(candidates)}
    written, likely = name.casefold(), list(by_folded)
    if len(by_folded) > _MOST_COMPARED:
        # The close comparison is slow, and a file with a thousand names may repeat a wrong one in hundreds of places.
        pairs = _pairs(_looks(written))
        likely = heapq.nlargest(_MOST_COMPARED, by_folded, key=lambda folded: len(pairs & _pairs(_looks(folded))))
    shapes = {folded: _looks(folded) for folded in likely}
    close = set(difflib.get_close_matches(_looks(written), shapes.values(), n=_MOST_COMPARED, cutoff=_LEAST_SIMILARITY))
    ranked = sorted(
        (-_likeness(shape, _looks(written)) - _likeness(folded, written), folded)
        for folded, shape in shapes.items()
        if shape in close
    )
    return tuple(by_folded[folded] for _, folded in ranked[:3])


def _looks(name: str) -> str:
    """Return the name with look-alike characters replaced, so that `t_job_l` equals `t_job_1`."""
    return name.translate(_LOOK_ALIKES)


def _likeness(first: str, second: str) -> float:
    """Return the similarity of two names, from 0 to 1."""
    return difflib.SequenceMatcher(None, first, second).ratio()


def perhaps(name: str, candidates: Iterable[str]) -> str:
    """Return the end of an error about a wrong name: it suggests similar `candidates`. Empty if there are none."""
    close = nearest(name, candidates)
    return f"; perhaps you meant {' or '.join(close)}" if close else ""


@lru_cache(maxsize=20_000)
def _pairs(name: str) -> frozenset[str]:
    """Return the pairs of neighbouring characters; similar names share most of them."""
    return frozenset(map("".join, pairwise(name)))
