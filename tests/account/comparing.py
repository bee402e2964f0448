"""What an account answers held against the corpus: outcomes, the report, and a patch that settles what was a guess.

Knows the shape of a case (tests/sandbox/conformance/cases.yaml). Must not know how a statement is sent.
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.account.stopping import CIRCUMSTANCES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

Case = dict[str, Any]
# Of rows that nobody expected.
_MOST_ROWS = 2
# The start of an outcome's text of an error.
ERROR = "error "


@dataclass(frozen=True)
class Answer:
    """What came back: an error's number, or columns and rows; `broken` if the case could not be prepared."""

    errno: int | None = None
    columns: tuple[str, ...] = ()
    rows: tuple[Mapping[str, Any], ...] = ()
    broken: str = ""


@dataclass(frozen=True)
class Outcome:
    """A case and what the account made of it. `expected` and `got` are texts; empty `got` of one that agrees."""

    name: str
    basis: str
    agrees: bool
    expected: str
    got: str
    errno: int | None = None


def outcome(case: Case, answer: Answer) -> Outcome:
    """Hold an answer against what a case expects."""
    expected = _expected(case)
    if answer.broken:
        return Outcome(case["name"], case["basis"], agrees=False, expected=expected, got=f"setup: {answer.broken}")
    if "errno" in case or answer.errno is not None:
        agrees = case.get("errno") == answer.errno
        got = (
            f"{ERROR}{answer.errno:06d}"
            if answer.errno is not None
            else _shown(answer.columns, answer.rows[:_MOST_ROWS])
        )
        return Outcome(case["name"], case["basis"], agrees, expected, "" if agrees else got, answer.errno)
    columns = list(case.get("columns", answer.columns))
    listed = [{name: _plain(row.get(name, "<missing>")) for name in wanted} for row, wanted in _pairs(case, answer)]
    wanted_rows = [{name: _plain(value) for name, value in row.items()} for row in case.get("rows", ())]
    # as texts: to Python, True is 1
    agrees = list(answer.columns) == columns and _text(listed) == _text(wanted_rows)
    if "rows" in case and not case["rows"]:
        agrees = agrees and not answer.rows
        listed = [dict(row) for row in answer.rows[:_MOST_ROWS]]
    got = "" if agrees else _shown(answer.columns, listed if "rows" in case else ())
    return Outcome(case["name"], case["basis"], agrees, expected, got)


def _text(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps([dict(row) for row in rows], default=str, sort_keys=True)


def _pairs(case: Case, answer: Answer) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    return list(zip(answer.rows, case.get("rows", ()), strict=False))


def _plain(value: Any) -> Any:
    """Return a value as YAML has it: a client gives numbers and instants types of their own."""
    if isinstance(value, bool) or value is None or isinstance(value, int | str):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return int(number) if number.is_integer() else number


def _expected(case: Case) -> str:
    if "errno" in case:
        return f"{ERROR}{case['errno']:06d}"
    return _shown(case.get("columns", ()), case.get("rows", ()))


def _shown(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps({"columns": list(columns), "rows": [dict(row) for row in rows]}, default=str, sort_keys=True)


def differences(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return what the account answers otherwise."""
    return [each for each in outcomes if not each.agrees]


def report(
    outcomes: Sequence[Outcome], version: str, steps: Sequence[tuple[str, str]], cost: str, stopped: str = ""
) -> str:
    """Return the report as Markdown: what differs, then what was settled, then the lifecycle's steps.

    `stopped` says why not everything was asked.
    """
    lines = [f"# What an account answers (Snowflake {version})", "", cost, ""]
    lines += [f"**Stopped: {stopped}**", ""] if stopped else []
    lines += ["| case | basis | expected | got |", "| --- | --- | --- | --- |"]
    cells = ((each.name, each.basis, each.expected, each.got) for each in differences(outcomes))
    lines += ["| " + " | ".join(_cell(text) for text in row) + " |" for row in cells]
    settled = [each.name for each in outcomes if each.agrees and each.basis == "guess"]
    lines += ["", f"{len(outcomes)} cases, {len(differences(outcomes))} differ.", ""]
    lines += [f"Guesses that were right: {', '.join(settled) or 'none'}.", ""]
    lines += [f"- {name}: {result}" for name, result in steps]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def patch(corpus: str, outcomes: Sequence[Outcome], version: str, day: date, file: str) -> str:
    """Return a patch of the corpus: what agreed is recorded now, another number of an error is the account's.

    Cases are lines of their own, or blocks that begin with their name. Rows that differ are left to people: the report
    has them.
    """
    by_name = {each.name: each for each in outcomes}
    lines = corpus.splitlines(keepends=True)
    changed, name = [], ""
    for line in lines:
        match = re.match(r"- \{?name: (?:\"([^\"]+)\"|'([^']+)'|([^,}\n]+))", line)
        name = next((group for group in match.groups() if group), "").strip() if match else name
        changed.append(_settled(line, by_name.get(name), f"{day.isoformat()}, {version}"))
    return "".join(difflib.unified_diff(lines, changed, f"a/{file}", f"b/{file}"))


def _settled(line: str, each: Outcome | None, when: str) -> str:
    """Return a line with the account's number of an error, or as recorded; what people have to look at stays.

    That is a case that expects rows, and one that met a circumstance of this kit: no warehouse, a lacking privilege.
    """
    if each is None:
        return line
    if not each.agrees:
        if each.errno in {None, *CIRCUMSTANCES} or not each.expected.startswith(ERROR):
            return line
        line = re.sub(r"\berrno: -?\d+", f"errno: {each.errno}", line)
    return re.sub(r"\bbasis: (?:guess|docs)\b([}\s]*?)\n$", rf"basis: recorded\1 # {when}\n", line)
