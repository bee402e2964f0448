"""Problems as text, JSON, SARIF and GitHub annotations."""

from __future__ import annotations

import json

from jobgraph.config.explain.problem_reports import as_github, as_json, as_sarif, as_text
from jobgraph.errors import WARNING, Mark, Problem

WRONG = Problem(
    Mark("my jobs/a,b.yaml", 8, 20), "unknown-key", "graphs.g.jobs.a.retrys", "`retrys` is not a key here", "remove it",
    "retrys", ("retries", "retry")
)  # fmt: skip
WARNED = Problem(Mark("x.yaml", 3, 1), "image-tag", "", "100%\nmoves", "name a version", severity=WARNING)


def test_as_text() -> None:
    assert as_text([WRONG, WARNED]).splitlines() == [*str(WRONG).splitlines(), *str(WARNED).splitlines()]


def test_as_json() -> None:
    assert as_json(WRONG) == {
        "severity": "error",
        "file": "my jobs/a,b.yaml",
        "line": 8,
        "column": 20,
        "rule": "unknown-key",
        "path": "graphs.g.jobs.a.retrys",
        "value": "retrys",
        "what": "`retrys` is not a key here",
        "remedy": "remove it",
        "nearest": ["retries", "retry"],
        "environments": [],
    }


def test_as_github_annotations() -> None:
    assert as_github([WRONG, WARNED]) == (
        "::error file=my jobs/a%2Cb.yaml,line=8,col=20,title=unknown-key::`retrys` is not a key here. "
        "Perhaps you meant retries or retry. Remedy: remove it.\n"
        "::warning file=x.yaml,line=3,col=1,title=image-tag::100%25%0Amoves. Remedy: name a version.\n"
    )


def test_as_sarif() -> None:
    log = json.loads(as_sarif([WRONG, WARNED, WRONG], "1.2.3"))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["semanticVersion"]) == ("jobgraph", "1.2.3")
    assert [rule["id"] for rule in driver["rules"]] == ["image-tag", "unknown-key"]
    wrong, warned, _ = run["results"]
    assert [wrong["level"], warned["level"]] == ["error", "warning"]
    assert driver["rules"][wrong["ruleIndex"]]["id"] == wrong["ruleId"] == "unknown-key"
    (place,) = wrong["locations"]
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "my%20jobs/a%2Cb.yaml"},
        "region": {"startLine": 8, "startColumn": 20},
    }
    assert place["logicalLocations"] == [{"fullyQualifiedName": "graphs.g.jobs.a.retrys"}]
    assert "logicalLocations" not in warned["locations"][0]
    assert wrong["message"]["text"].endswith("Remedy: remove it.")


def test_sarif_of_a_file_without_problems() -> None:
    (run,) = json.loads(as_sarif([], "1"))["runs"]
    assert run["results"] == run["tool"]["driver"]["rules"] == []
