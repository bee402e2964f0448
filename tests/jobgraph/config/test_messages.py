"""Every rule's message, text and position, is in a golden. UPDATE_GOLDENS=1 rewrites golden/limits.txt."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from jobgraph.config.reading import read
from jobgraph.errors import ConfigErrors
from tests.golden import compare

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).parents[1] / "golden"
POOLS = {"P": "CPU_X64_XS"}
HEAD = 'version: 1\ndefaults: {image: "x:1", compute_pool: P}\ngraphs:\n  g:\n    jobs:\n'


def jobs(*lines: str) -> str:
    return HEAD + "".join(f"      {line}\n" for line in lines)


def names(count: int) -> str:
    return ", ".join(f"j{number}" for number in range(count))


# what no file of a readable size can show
FILES: dict[str, str | bytes] = {
    "empty": "# nothing\n",
    "not closed": "version: [1\n",
    "not UTF-8": b"version: 1\n# \xff\n",
    "not printable": "version: \x07\n",
    "nested": "a: " + "[" * 200,
    "tabs": "version: 1\n\tgraphs: {}\n",
    "twice": "version: 1\n---\nversion: 1\n",
    "a thousand jobs": jobs(
        *(f"j{number}: {{after: [j{number // 90 - 1}]}}" if number > 89 else f"j{number}:" for number in range(1000))
    ),
    "a hundred and one predecessors": jobs(
        *(f"j{n}: {{after: [a{n % 2}]}}" for n in range(101)), "a0:", "a1:", f"last: {{after: [{names(101)}]}}"
    ),
    "a hundred and one children": jobs(*(f"j{number}:" for number in range(101))),
    "neither image nor pool": "version: 1\ngraphs: {g: {jobs: {a: }}}\n",
    "long texts": jobs(f"a: {{comment: {'x' * 1001}}}"),
    "a cron expression as a text": HEAD.replace("    jobs:\n", "    schedule: '0 2 * * MON'\n    jobs: {a: }\n"),
    "a cron expression as Snowflake shows it": HEAD.replace(
        "    jobs:\n", "    schedule: USING CRON 0 2 * * MON Europe/Berlin\n    jobs: {a: }\n"
    ),
    "words as a schedule": HEAD.replace("    jobs:\n", "    schedule: every day at 2 am\n    jobs: {a: }\n"),
    "a cron expression and a time zone that are wrong": HEAD.replace(
        "    jobs:\n", "    schedule: {cron: 0 99 * * *, timezone: Europe/Berln}\n    jobs: {a: }\n"
    ),
    "a number in quotes": jobs("a: {retries: '3'}"),
    "long names": jobs(f"{'a' * 256}:"),
    "an anchor in itself": HEAD.replace("    jobs:\n", "    config: &c {again: *c}\n    jobs: {a: }\n"),
    "a large payload": jobs("a: {payload: {path: large, entrypoint: a.py}}"),
    "rules for retries": jobs(
        "a: {retries: {count: 1, rules: [{count: 1}, {count: 1, exit_codes: [1, 256]}]}}",
        "b: {retries: {count: 1, rules: [{count: 1, message: '(['}, {reasons: [cancelled], count: 2}, {message: x}]}}",
        "c: {retries: {count: 1, rules: [{count: 1, exit_codes: [9-3]}, {count: 1, message: '(a+)+$'}]}}",
    ),
    "direct jobs": jobs(
        "a: {runner: direct, on_failure: continue, outputs: {file: x.json}, warehouse: {task: W}}",
        "b: {runner: direct, retries: 2}",
        "c: {runner: direct, retries: {count: 0, causes: {timeout: 1}}, timeout: 3 days}",
        "d: {runner: managed, on_failure: continue, retries: 2, warehouse: {task: W}}",
        "e: {runner: other}",
    ).replace("jobs:", "finalizer: false\n    jobs:"),
    "direct jobs by default": jobs("a:", "b:", "c: {runner: managed}").replace(
        'image: "x:1"', 'image: "x:1", runner: direct, retries: 2'
    ),
    "direct jobs of a graph": jobs("a: {retries: 1}", "b: {retries: 1, runner: managed}").replace(
        "    jobs:", "    runner: direct\n    on_failure: continue\n    jobs:"
    ),
    "aliases of aliases": "a: &a0 [x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"b{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)),
    "payloads outside of the project": jobs("a: {payload: {path: /etc, entrypoint: a.py}}", "b: {payload: {path: ..}}"),
    "an empty payload": jobs("a: {payload: {path: hollow, entrypoint: a.py}}"),
}


def told(folder: Path, content: str | bytes, environment: str | None = None) -> str:
    file = folder / "jobs.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigErrors) as caught:
        read(file, POOLS, environment)
    return str(caught.value).replace(str(file), "jobs.yaml").replace(str(folder), "/project")


def test_limits_and_broken_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "large").mkdir()
    (tmp_path / "large" / "a.py").write_bytes(b"#" * 600_001)
    (tmp_path / "hollow").mkdir()
    found = "".join(f"=== {name}\n{told(tmp_path, content)}\n" for name, content in FILES.items())
    compare(GOLDEN / "limits.txt", found)


ENVIRONMENT = """\
graphs:
  graph: {schedule: ~}
  gone: ~
  own: {only_here: no, jobs: {b: }}
  fine: {only_here: true, jobs: {c: }}
  g:
    only_here: true
    jobs:
      lod: {retries: 2}
      repot: ~
      extra: {only_here: true, args: [x], after: [load]}
"""


def test_names_in_an_environment_that_the_file_does_not_have_are_told(tmp_path: Path) -> None:
    base = jobs("load:", "report: {after: [load]}")
    sections = "environments:\n  dev:\n" + "".join(f"    {line}\n" for line in ENVIRONMENT.splitlines())
    in_section = told(tmp_path, f"{base}{sections}", "dev")
    compare(GOLDEN / "environment.txt", f"{in_section}\n")
    (tmp_path / "jobs.dev.yaml").write_text(ENVIRONMENT)
    in_file = told(tmp_path, base, "dev")
    texts = [re.sub(r"^\S+ ", "", line) for line in in_file.splitlines()[1:]]
    assert texts == [re.sub(r"^\S+ ", "", line) for line in in_section.splitlines()[1:]]


def test_every_rule_has_its_message_in_a_golden() -> None:
    shown = {
        rule for path in GOLDEN.glob("*.txt") for rule in re.findall(r"\[([a-z-]+)\]$", path.read_text(), re.MULTILINE)
    }
    sources = "".join(path.read_text() for path in (ROOT / "jobgraph" / "config").rglob("*.py"))
    named = re.findall(r'rule="([a-z-]+)"|Problem\([^"]*?,\s*"([a-z-]+)",', sources)
    rules = {one or other for one, other in named} - {""}
    assert len(rules) > 40
    assert rules - shown == set()


def test_a_misspelt_predecessor_is_suggested_by_likeness_and_never_one_that_would_make_a_cycle(tmp_path: Path) -> None:
    jobs: dict[str, dict[str, list[str]]] = {f"t_myjob_{number}": {} for number in range(1, 7)}
    jobs["t_myjob_2"] = {"after": ["t_myjob_l"]}
    jobs["t_myjob_3"] = {"after": ["t_myjob_2"]}
    assert suggested(tmp_path, jobs) == ("t_myjob_1", "t_myjob_4", "t_myjob_5")
    assert suggested(tmp_path, {"load": {"after": ["1oad_l", "1oad_l"]}, "loads": {}, "load_1": {}}) == (
        "load_1",
        "loads",
    )


def suggested(folder: Path, jobs: dict[str, dict[str, list[str]]]) -> tuple[str, ...]:
    document = {"version": 1, "defaults": {"image": "x:1", "compute_pool": "P"}, "graphs": {"g": {"jobs": jobs}}}
    (folder / "jobs.yaml").write_text(json.dumps(document))
    with pytest.raises(ConfigErrors) as caught:
        read(folder / "jobs.yaml", POOLS)
    return next(problem.nearest for problem in caught.value.problems if problem.rule == "predecessor-exists")


@pytest.mark.parametrize(
    ("schedule", "issue", "close"),
    [
        ("59 minuts", "`minuts` is not a unit here; seconds, minutes and hours are", ("59 minutes",)),
        ("3 parsecs", "`parsecs` is not a unit here; seconds, minutes and hours are", ()),
        ("2 days", "`days` is not a unit here; seconds, minutes and hours are", ()),
        ("5m", "`m` is not a unit here; seconds, minutes and hours are", ("5 minutes",)),
        ("1.5 hours", "`1.5` is not a whole number of at most 9 digits", ()),
        ("hourly", "expected a schedule: a number and a unit, as in `30 minutes`", ()),
    ],
)
def test_a_schedule_in_words_is_told_what_is_wrong_with_the_words(
    tmp_path: Path, schedule: str, issue: str, close: tuple[str, ...]
) -> None:
    graph = {"schedule": schedule, "jobs": {"a": {"image": "x:1", "compute_pool": "P"}}}
    (tmp_path / "jobs.yaml").write_text(json.dumps({"version": 1, "graphs": {"g": graph}}))
    with pytest.raises(ConfigErrors) as caught:
        read(tmp_path / "jobs.yaml", POOLS)
    (problem,) = caught.value.problems
    assert (problem.rule, problem.issue, problem.nearest) == ("value-form", issue, close)
    assert problem.remedy.startswith("write `59 minutes`")


def test_of_very_many_problems_the_first_are_shown_and_all_are_kept(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(jobs(*(f"j{number}: {{nope: 1}}" for number in range(1000))))
    with pytest.raises(ConfigErrors) as caught:
        read(tmp_path / "jobs.yaml", POOLS)
    count = len(caught.value.problems)
    assert count >= 1000
    text = str(caught.value)
    assert f"{count} problems found" in text
    assert text.count("remedy: ") == 100
    assert f"{count - 100} more problems are not shown" in text
