"""Reports of a configuration file's problems for people and tools: text, JSON, SARIF, GitHub annotations.

Knows these formats. Must not know the rules, nor where a report goes. Scripts rely on the keys of the JSON format: add
some, but never rename one. SARIF 2.1.0 is the OASIS format for the results of checks; code hosts show it in pull
requests.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jobgraph.errors import ERROR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.errors import Problem

TEXT = "text"
JSON = "json"
SARIF = "sarif"
GITHUB = "github"
FORMATS = (TEXT, JSON, SARIF, GITHUB)

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_text(problems: Sequence[Problem]) -> str:
    """Return all problems as text, each in several lines."""
    return "".join(f"{problem}\n" for problem in problems)


def as_json(problem: Problem) -> dict[str, Any]:
    """Return a problem as plain values. Lines and columns count from 1."""
    return {
        "severity": problem.severity,
        "file": problem.mark.file,
        "line": problem.mark.line,
        "column": problem.mark.column,
        "rule": problem.rule,
        "path": problem.path,
        "value": problem.value,
        "what": problem.issue,
        "remedy": problem.remedy,
        "nearest": list(problem.nearest),
        "environments": list(problem.environments),
    }


def _message(problem: Problem) -> str:
    """Return the issue and the remedy in sentences."""
    hint = f" Perhaps you meant {' or '.join(problem.nearest)}." if problem.nearest else ""
    end = "" if problem.remedy.endswith(".") else "."
    where = f" (environment {' and '.join(problem.environments)})" if problem.environments else ""
    return f"{problem.issue}{where}.{hint} Remedy: {problem.remedy}{end}"


def as_sarif(problems: Sequence[Problem], version: str) -> str:
    """Return a SARIF log with one run; `version` is that of jobgraph."""
    rules = sorted({problem.rule for problem in problems})
    driver = {
        "name": "jobgraph",
        "semanticVersion": version,
        "rules": [{"id": rule, "shortDescription": {"text": rule.replace("-", " ")}} for rule in rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, rules) for problem in problems],
    }
    return json.dumps({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _result(problem: Problem, rules: Sequence[str]) -> dict[str, Any]:
    mark = problem.mark
    physical = {
        # a URI, so a Windows path needs slashes too
        "artifactLocation": {"uri": quote(mark.file.replace("\\", "/"))},
        "region": {"startLine": mark.line, "startColumn": mark.column},
    }
    place: dict[str, Any] = {"physicalLocation": physical}
    if problem.path:
        place["logicalLocations"] = [{"fullyQualifiedName": problem.path}]
    return {
        "ruleId": problem.rule,
        "ruleIndex": rules.index(problem.rule),
        "level": "error" if problem.severity == ERROR else "warning",
        "message": {"text": _message(problem)},
        "locations": [place],
    }


def as_github(problems: Sequence[Problem]) -> str:
    """Return workflow commands, one per line, which GitHub shows at the lines of a pull request."""
    return "".join(_annotation(problem) for problem in problems)


def _annotation(problem: Problem) -> str:
    mark = problem.mark
    level = "error" if problem.severity == ERROR else "warning"
    place = f"file={_property(mark.file)},line={mark.line},col={mark.column},title={_property(problem.rule)}"
    return f"::{level} {place}::{_data(_message(problem))}\n"


def _data(text: str) -> str:
    """Return a message with escaped line breaks, which would end the command (docs.github.com, "workflow commands")."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Return an escaped property, in which colons and commas are special too."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
