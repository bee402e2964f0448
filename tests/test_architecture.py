"""The boundaries of design section 2 and the mechanical rules of the house, read off the source itself."""

from __future__ import annotations

import ast
import functools
import re
import statistics
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
OURS = ("jobgraph", "components", "procedures", "sandbox", "toolchain", "images")

# part -> top-level packages that it must not import
FORBIDDEN = {
    "jobgraph": {"pulumi", "pulumi_snowflake", "snowflake", "components", "sandbox", "toolchain", "time", "random"},
    "components": {"snowflake", "sandbox", "toolchain", "sqlite3", "duckdb"},
    "procedures": {"jobgraph", "components", "sandbox", "toolchain", "images", "pulumi", "pulumi_snowflake"},
    "sandbox": {"jobgraph", "components", "toolchain", "procedures", "images", "pulumi", "pulumi_snowflake"},
    "toolchain": {"jobgraph", "components", "sandbox", "procedures", "images"},
    "images": {"jobgraph", "components", "sandbox", "toolchain", "procedures", "pulumi", "pulumi_snowflake"},
}
# jobgraph/cli is the shell of jobgraph/: it talks to the connector, starts the sandbox, reports the toolchain.
FORBIDDEN_IN_COMMAND = {"pulumi", "pulumi_snowflake", "components", "procedures", "images"}
# What may be shown of a log is one rule, whether the runner keeps it or the command reads it live: pure text.
SHARED_WITH_COMMAND = {"procedures.logs"}
ABBREVIATIONS = {"utils", "util", "helpers", "helper", "common", "misc"}


def sources(*parts: str) -> list[Path]:
    return sorted(path for part in parts for path in (ROOT / part).rglob("*.py"))


def tracked_python() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [path for line in listing.stdout.splitlines() if (path := ROOT / line).exists()]


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and full module name of every import, those inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module


def functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, (node.end_lineno or node.lineno) - node.lineno + 1


def is_command(path: Path) -> bool:
    return path.is_relative_to(ROOT / "jobgraph" / "cli")


@pytest.mark.parametrize("part", FORBIDDEN)
def test_a_part_imports_only_what_the_design_allows(part: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in sources(part)
        for line, module in imported(parsed(path))
        if module.split(".")[0] in (FORBIDDEN_IN_COMMAND if is_command(path) else FORBIDDEN[part])
        and not (is_command(path) and module in SHARED_WITH_COMMAND)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_command_reaches_the_sandbox_and_the_toolchain_in_their_own_commands_only() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in sources("jobgraph/cli")
        for line, module in imported(parsed(path))
        if module.split(".")[0] in {"sandbox", "toolchain"}
        and (
            path.stem not in {"sandbox", "doctor", "environment"}
            or module not in {"sandbox", "sandbox.control", "toolchain"}
        )
    ]
    assert not wrong, "\n".join(wrong)


def test_only_the_adapter_imports_fakesnow() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in sources("sandbox")
        if any(module.split(".")[0] == "fakesnow" for _, module in imported(parsed(path)))
    ]
    assert found == ["sandbox/data.py"]


def test_the_pure_core_reads_no_clock_and_no_randomness() -> None:
    calls = re.compile(r"\b(datetime\.now|datetime\.utcnow|date\.today|uuid4?\(|os\.environ|open\()")
    pure = [path for path in sources("jobgraph") if not is_command(path)]
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in pure
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if calls.search(line)
    ]
    assert not wrong, "\n".join(wrong)


def test_functions_are_short() -> None:
    sizes: list[int] = []
    wrong = []
    for path in [*sources(*OURS), ROOT / "__main__.py"]:
        for node, size in functions(parsed(path)):
            sizes.append(size)
            if size > 60:
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {size} lines")
    assert not wrong, "\n".join(wrong)
    assert statistics.median(sizes) <= 15


def test_files_are_short_and_named_for_what_they_hold() -> None:
    wrong = []
    for path in tracked_python():
        size = len(path.read_text().splitlines())
        if size > 400:
            wrong.append(f"{path.relative_to(ROOT)}: {size} lines")
        if path.stem in ABBREVIATIONS:
            wrong.append(f"{path.relative_to(ROOT)}: a name that says nothing")
    assert not wrong, "\n".join(wrong)


def test_every_module_says_what_it_knows() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in [*sources(*OURS), ROOT / "__main__.py"]
        if path.read_text().strip() and not ast.get_docstring(parsed(path))
    ]
    assert not wrong, wrong


def test_the_program_is_thin() -> None:
    assert len((ROOT / "__main__.py").read_text().splitlines()) < 40


def test_every_lint_exception_gives_its_reason() -> None:
    bare = re.compile(r"# (noqa|type: ignore)(?!(: [A-Z0-9, ]+|\[[a-z-, ]+\])\s+# \S)")
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in tracked_python()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if bare.search(line) and path != Path(__file__)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_exception_is_swallowed() -> None:
    """`except …: pass` needs contextlib.suppress with a narrow type instead; a bare or broad one must act or raise."""
    wrong = []
    for path in sources(*OURS):
        wrong += [
            f"{path.relative_to(ROOT)}:{node.lineno}"
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.ExceptHandler) and all(isinstance(step, ast.Pass) for step in node.body)
        ]
    assert not wrong, "\n".join(wrong)


def test_every_test_file_is_collected() -> None:
    """A file named so that pytest passes it over would be a test that cannot fail."""
    stray = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("*.py")
        if re.search(r"^\s*(async )?def test_", path.read_text(), re.MULTILINE) and not path.name.startswith("test_")
    ]
    assert not stray, stray
