"""Values that are refused, each with a remedy that helps: lists, quotes, images, settings, aliases, paths, patterns."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

import pytest

from jobgraph.config.reading import parse, read
from jobgraph.config.rules.patterns import pattern_problem
from jobgraph.errors import ConfigErrors, UsageError
from jobgraph.images import IMAGE_REFERENCE, image_problem, image_repository
from jobgraph.instance_families import FAMILIES
from jobgraph.procedures.patterns import can_follow
from jobgraph.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from jobgraph.errors import Problem


def one_job(keys: str) -> bytes:
    image = "" if keys.startswith("image:") else "image: 'x:1', "
    return f"version: 1\ngraphs: {{g: {{jobs: {{a: {{{image}compute_pool: P,\n{keys}\n}}}}}}}}\n".encode()


def problems(keys: str) -> list[Problem]:
    with pytest.raises(ConfigErrors) as caught:
        parse(one_job(keys), "x.yaml")
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("keys", "remedy"),
    [
        ("args: 7", 'write ["7"]'),
        ('args: "--a --b"', 'write ["--a", "--b"]'),
        ("args: \"--query='select 1'\"", 'write ["--query=select 1"]'),
        ("command: python main.py", 'write ["python", "main.py"]'),
        ("command: it's", 'write ["it\'s"]'),
        ("external_access: 'A, B'", 'write ["A", "B"]'),
        ("after: load", 'write ["load"]'),
        ("matrix: {region: eu}", 'write ["eu"]'),
        ("args: {a: b}", "write [first, second]"),
    ],
)
def test_a_single_value_is_no_list_and_the_list_to_write_is_shown(keys: str, remedy: str) -> None:
    (problem,) = problems(keys)
    assert problem.issue.startswith("expected a list")
    assert problem.remedy == remedy
    if remedy.startswith('write ["'):
        key = keys.partition(":")[0]
        written = f"{key}: {remedy.removeprefix('write ')}" if key != "matrix" else "matrix: {region: ['eu']}"
        if key != "after":  # there is no such job
            parse(one_job(written), "x.yaml")


@pytest.mark.parametrize(
    ("keys", "remedy"),
    [
        ("after: [off]", 'put it in quotes, so that YAML reads it as a text: "off"'),
        ("comment: 2026-01-01", 'put it in quotes, so that YAML reads it as a text: "2026-01-01"'),
        ("resources: {memory: 5}", "write 512Mi or 2Gi"),
        ("after: [~]", "write the name as plain text"),
    ],
)
def test_quotes_are_the_remedy_where_they_help(keys: str, remedy: str) -> None:
    assert problems(keys)[0].remedy == remedy


@pytest.mark.parametrize(
    ("image", "what", "remedy"),
    [
        ("python", "needs its version", "as python:1.0.0"),
        ("/db/sc/repo/img", "needs its version", "as /db/sc/repo/img:1.0.0"),
        ("ghcr.io/org/img:1", "not in a Snowflake image repository", "write img:1, or write /database/schema/"),
        ("ghcr.io/a/b/c/img:1", "not in a Snowflake image repository", "write img:1"),
        ("org/img:1", "not in a Snowflake image repository", "write img:1"),
        ("My_Image:1", "in lower case", "write my_image:1"),
        ("/db/repo/img:1", "not the name of an image", "/database/schema/repository/name:1.0.0"),
        ("a b", "not the name of an image", "my_job_image:1.1.0"),
    ],
)
def test_an_image_that_snowflake_cannot_run_is_refused_with_a_remedy_that_helps(
    image: str, what: str, remedy: str
) -> None:
    (problem,) = problems(f"image: '{image}'")
    assert what in problem.issue
    assert remedy in problem.remedy
    assert "latest" not in problem.remedy
    for word in re.findall(r"as (\S+:1\.0\.0)", problem.remedy):
        assert image_problem(word) == ("", "")


def test_an_image_may_lie_deep_in_its_repository() -> None:
    image = "/db/schema/repo/a/b/img:1"
    assert IMAGE_REFERENCE.fullmatch(image)
    assert image_repository(image) == "DB.SCHEMA.REPO"
    assert image_repository(f"o-a.registry.snowflakecomputing.com{image}") == "DB.SCHEMA.REPO"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"role": "ACCOUNTADMIN"}, "expected a role of the stack's own"),
        ({"role": "sysadmin"}, "expected a role of the stack's own"),
        ({"pools": {"P": {"instance_family": "CPU_X64_HUGE"}}}, ", ".join(FAMILIES)),
        ({"warehouse_size": "HUGE"}, "XSMALL, SMALL, MEDIUM"),
        ({"region_timezone": "Europe/Berlim"}, "perhaps you meant Europe/Berlin"),
        ({"keep_services_days": 99}, "a whole number from 0 to 30"),
    ],
)
def test_a_wrong_value_of_a_setting_is_told_with_what_is_allowed(given: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_settings(given, "Pulumi.dev.yaml")
    assert told in str(caught.value)
    assert "known settings" not in str(caught.value)


def test_a_wrong_value_within_a_setting_is_shown_once() -> None:
    with pytest.raises(UsageError) as caught:
        read_settings({"pools": {"P": {"max_nodes": 0}}}, "Pulumi.dev.yaml")
    assert str(caught.value).count("(given: ") == 1
    assert "(given: 0)" in str(caught.value)


def test_an_unknown_setting_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="known settings: database, schema"):
        read_settings({"databse": "X"}, "Pulumi.dev.yaml")


def nested(levels: int, width: int) -> bytes:
    lines = ["x0: &x0 [1]"]
    lines += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * width)}]" for n in range(1, levels + 1)]
    return "\n".join(["version: 1", "graphs:", "  g:", "    config:", *(f"      {line}" for line in lines)]).encode()


@pytest.mark.parametrize("content", [nested(8, 9), nested(40, 2), nested(5000, 2).replace(b", *", b", *")])
def test_aliases_of_aliases_are_refused_at_once(content: bytes) -> None:
    begun = time.monotonic()
    with pytest.raises(ConfigErrors, match=r"aliases .* to more than 100,000 values"):
        parse(content, "x.yaml")
    assert time.monotonic() - begun < 5


def test_a_thousand_jobs_may_share_what_an_anchor_says() -> None:
    shared = "x: &x {image: 'x:1', compute_pool: P, env: {" + ", ".join(f"V{n}: {n}" for n in range(30)) + "}}"
    jobs = "".join(
        f"      j{n}: {{<<: *x, after: [j{n // 90 - 1}]}}\n" if n > 89 else f"      j{n}: *x\n" for n in range(900)
    )
    text = f"version: 1\ngraphs:\n  g:\n    config: {{{shared}}}\n    jobs:\n{jobs}"
    assert len(parse(text.encode(), "x.yaml").graphs[0].jobs) == 900


def payload_problems(file: Path, payload: str) -> list[tuple[str, str]]:
    file.write_bytes(one_job(f"payload: {payload}"))
    try:
        read(file)
    except ConfigErrors as error:
        return [(problem.rule, problem.issue) for problem in error.problems]
    return []


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    """A payload's folder in a project; beside the project, a secret."""
    (tmp_path / "secret").write_text("hunter2")
    (tmp_path / "away").mkdir()
    folder = tmp_path / "project" / "jobs" / "src"
    folder.mkdir(parents=True)
    (tmp_path / "project" / "Pulumi.yaml").touch()
    (tmp_path / "project" / "shared").mkdir()
    for path in (folder / "main.py", tmp_path / "project" / "shared" / "lib.py"):
        path.write_text("print(1)\n")
    return folder


def test_a_payload_may_lie_anywhere_in_the_project_and_nowhere_else(payload: Path, tmp_path: Path) -> None:
    file = payload.parent / "jobs.yaml"
    assert payload_problems(file, "{path: src/main.py}") == []
    assert payload_problems(file, "{path: ../shared/lib.py}") == []
    for path in (str(tmp_path / "secret"), "../../secret", "../..", "/etc/passwd"):
        ((rule, what),) = payload_problems(file, f"{{path: {path}, entrypoint: secret}}")
        assert (rule, "leads out of the project" in what) == ("payload-outside", True)
    (payload.parent / "way").symlink_to(tmp_path)
    assert payload_problems(file, "{path: way/secret}")[0][0] == "payload-outside"


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("../../../secret", "`odd` in `src` is a link that leads out of the project"),
        ("/etc/passwd", "`odd` in `src` is a link that leads out of the project"),
        ("../../../away", "`odd` in `src` is a link to a folder"),
        ("nowhere", "`odd` in `src` is a broken link"),
    ],
)
def test_a_link_in_a_payload_that_leads_elsewhere_is_refused(payload: Path, target: str, told: str) -> None:
    (payload / "odd").symlink_to(target)
    ((rule, what),) = payload_problems(payload.parent / "jobs.yaml", "{path: src, entrypoint: main.py}")
    assert rule == "payload-outside"
    assert told in what


def test_a_link_to_a_file_of_the_project_is_that_file(payload: Path) -> None:
    (payload / "lib.py").symlink_to("../../shared/lib.py")
    assert payload_problems(payload.parent / "jobs.yaml", "{path: src, entrypoint: lib.py}") == []


def test_a_pipe_in_a_payload_is_not_waited_for(payload: Path) -> None:
    os.mkfifo(payload / "pipe")
    ((rule, what),) = payload_problems(payload.parent / "jobs.yaml", "{path: src, entrypoint: main.py}")
    assert (rule, "not a regular file" in what) == ("payload-outside", True)


@pytest.mark.parametrize(
    "pattern",
    [
        *(r"(a+)+$", r"(a*)*", r"(\w+\s?)*x", r"(?:.*foo)*", r"(\d+\.\d+)*", r"(.|\n)*x", r"(x+x+)+y"),
        *(r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(?=(a+)+$)x", r"(a|b|ab)*c", r"(a?){50}a{50}", r"(?i)(a|A+)+b"),
    ],
)
def test_a_pattern_that_could_take_forever_is_refused(pattern: str) -> None:
    assert "could take forever" in pattern_problem(pattern)
    (problem,) = problems(f"retries: {{count: 1, rules: [{{count: 1, message: '{pattern}'}}]}}")
    assert problem.rule == "retry-rule"


@pytest.mark.parametrize(
    "pattern",
    [
        *(r"(?i)deadlock|lock timeout", r"(?:foo\d+,)*", r'(?:[^"\\]|\\.)*', r".*timeout.*", r"\bORA-\d{5}\b"),
        *(r"(?:\s*\w+\s*,)*", r"(?>a+)+", r"(a++)+", r"\d{1,3}(\.\d{1,3}){3}", r"(\d{1,3}\.)*\d", r"(a)\1+"),
        *(r"429|50[023]|too many requests", r"(?:connection|socket) (?:reset|closed)( by peer)?", r"(?(1)a|b)?"),
    ],
)
def test_a_pattern_whose_next_character_decides_is_accepted(pattern: str) -> None:
    assert "could take forever" not in pattern_problem(pattern)


@pytest.mark.parametrize("pattern", [r"(a)\1", r"(?>a+)b", "x(a++|b)", r"(a)?(?(1)b|c)"])
def test_patterns_that_the_runner_cannot_follow_are_refused(pattern: str) -> None:
    assert "cannot follow" in pattern_problem(pattern)
    assert not can_follow(pattern)
