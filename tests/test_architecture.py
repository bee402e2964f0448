"""The boundaries of docs/architecture.md and the mechanical rules of the house, read off the source itself."""

from __future__ import annotations

import ast
import functools
import re
import statistics
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import vocabulary, yaml_files
from tests.vocabulary import nodes, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
OURS = ("jobgraph", "components", "procedures", "sandbox", "toolchain", "images", "page", "policies")
# folder in the clone -> the package it is imported as; jobgraph/ links to the four before its own
PACKAGES = {
    "sandbox/snowflake_sandbox": "snowflake_sandbox",
    "components": "jobgraph.components",
    "procedures": "jobgraph.procedures",
    "toolchain": "jobgraph.toolchain",
    "page": "jobgraph.page",
    "jobgraph": "jobgraph",
    "images": "images",
    "policies": "policies",
}


@dataclass(frozen=True)
class Boundary:
    """What one package may use: packages of ours, modules that reach out of the process, installed libraries."""

    folders: frozenset[str]
    io: frozenset[str]
    libraries: frozenset[str]


RULES = yaml_files.content(ROOT / "tests" / "boundaries.yaml")
PURE_MODULES, IO_MODULES = frozenset(RULES["pure"]), frozenset(RULES["reaching_out"])
BOUNDARIES = {
    package: Boundary(*(frozenset(rule.get(key, ())) for key in ("folders", "io", "libraries")))
    for package, rule in RULES["packages"].items()
}
MOST_MODULES = 20
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


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and full name of every import, those inside functions too: `a.b.c` for `from a.b import c`."""
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    for node in nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, (node.end_lineno or node.lineno) - node.lineno + 1


def package_of(path: Path) -> str:
    """Return the package that a source file belongs to, such as `jobgraph.config`."""
    relative = path.relative_to(ROOT).as_posix()
    folder, package = next((folder, package) for folder, package in PACKAGES.items() if relative.startswith(folder))
    inner = Path(relative).parent.relative_to(folder).as_posix().replace("/", ".")
    return package if inner == "." else f"{package}.{inner}"


@functools.cache
def packages() -> dict[str, list[Path]]:
    """Return every package of ours with its files."""
    files: dict[str, list[Path]] = {}
    for path in sources(*OURS):
        files.setdefault(package_of(path), []).append(path)
    return files


def package_named(module: str) -> str | None:
    """Return the package of ours that a full import name lies in, None if it is not ours."""
    names = module.split(".")
    prefixes = (".".join(names[:end]) for end in range(len(names), 0, -1))
    return next((prefix for prefix in prefixes if prefix in packages()), None)


def boundary_of(package: str) -> Boundary:
    """Return the rule for a package: its own, or that of the nearest package above."""
    names = package.split(".")
    return next(rule for end in range(len(names), 0, -1) if (rule := BOUNDARIES.get(".".join(names[:end]))))


def violations(path: Path, tree: ast.Module, package: str) -> Iterator[str]:
    """Yield every import of a file that its package's boundary does not allow."""
    rule = boundary_of(package)
    for line, module in imported(tree):
        top = module.partition(".")[0]
        target = package_named(module)
        if target is not None and target != package and target not in rule.folders:
            yield f"{path.name}:{line} of {package} imports {module}"
        if target is None and top in sys.stdlib_module_names and top not in PURE_MODULES | rule.io:
            yield f"{path.name}:{line} of {package} uses {module}, and may not"
        if target is None and top not in sys.stdlib_module_names and top not in rule.libraries:
            yield f"{path.name}:{line} of {package} uses the library {module}"


def test_a_package_imports_only_what_its_boundary_allows() -> None:
    wrong = [
        row
        for package, files in packages().items()
        for path in files
        for row in violations(path, parsed(path), package)
    ]
    assert not wrong, "\n".join(wrong)


def test_a_boundary_allows_no_more_than_is_used() -> None:
    """An entry that nothing needs any more is a door left open."""
    idle = []
    for package, rule in BOUNDARIES.items():
        names = {
            name
            for other, files in packages().items()
            if boundary_of(other) is rule
            for path in files
            for _, name in imported(parsed(path))
        }
        used = {package_named(name) for name in names} | {name.partition(".")[0] for name in names}
        idle += [f"{package}: {entry}" for entry in sorted((rule.folders | rule.io | rule.libraries) - used)]
    assert not idle, "\n".join(idle)


def test_what_counts_as_pure_and_what_as_io_is_said_once() -> None:
    assert not PURE_MODULES & IO_MODULES
    assert {module for rule in BOUNDARIES.values() for module in rule.io} <= IO_MODULES


@pytest.mark.parametrize(
    ("package", "line"),
    [
        ("jobgraph.config", "import subprocess"),
        ("jobgraph.plan", "import socket"),
        ("jobgraph.deploy", "from jobgraph.cli import views"),
        ("jobgraph.drawing", "from jobgraph.account import client"),
        ("jobgraph.runs", "import time"),
        ("jobgraph.preview", "import snowflake.connector"),
        ("jobgraph.importing", "import pulumi"),
        ("jobgraph.diff", "from jobgraph.deploy import repair"),
        ("jobgraph.account", "import pulumi"),
        ("jobgraph.cli", "import snowflake.connector"),
        ("jobgraph.cli.commands", "from jobgraph import components"),
        ("jobgraph.procedures", "from jobgraph.plan import sql"),
        ("jobgraph.components", "import snowflake.connector"),
        ("jobgraph.components", "from snowflake_sandbox import store"),
        ("jobgraph.toolchain", "from jobgraph.config import reading"),
        ("snowflake_sandbox.statements", "from snowflake_sandbox.protocol import server"),
        ("snowflake_sandbox.data", "from snowflake_sandbox.protocol import server"),
        ("snowflake_sandbox.tasks", "import fakesnow"),
        ("snowflake_sandbox.objects", "from jobgraph.plan import sql"),
        ("snowflake_sandbox.services", "import duckdb"),
        ("images", "import jobgraph"),
        ("jobgraph.page_model", "import streamlit"),
        ("jobgraph.page.markup", "import streamlit"),
        ("jobgraph.page.views", "from jobgraph.cli import views"),
    ],
)
def test_a_planted_import_is_noticed(package: str, line: str) -> None:
    assert list(violations(Path("planted.py"), ast.parse(line), package))


def test_a_folder_holds_few_modules() -> None:
    modules = Counter(path.parent.relative_to(ROOT) for path in tracked_python() if path.name != "__init__.py")
    assert not {str(folder): count for folder, count in modules.items() if count > MOST_MODULES}


def test_only_the_adapter_imports_fakesnow() -> None:
    importers = [
        str(path.relative_to(ROOT))
        for path in sources("sandbox")
        if any(module.split(".")[0] == "fakesnow" for _, module in imported(parsed(path)))
    ]
    assert importers == ["sandbox/snowflake_sandbox/data/adapter.py"]


def test_the_pure_core_reads_no_clock_and_no_randomness() -> None:
    calls = re.compile(r"\b(datetime\.now|datetime\.utcnow|date\.today|uuid4?\(|os\.environ|open\()")
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for package, files in packages().items()
        if package.split(".")[0] == "jobgraph"
        and package.split(".")[1:2] not in (["cli"], ["account"], ["toolchain"], ["template"])
        if package not in ("jobgraph.components", "jobgraph.page", "jobgraph.procedures")
        for path in files
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
    assert len((ROOT / "__main__.py").read_text().splitlines()) <= 15


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
            for node in nodes(parsed(path))
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


def test_few_names_are_vague() -> None:
    """`python -m tests.vocabulary PACKAGE` lists the places; words and share are in tests/vocabulary.yaml."""
    wrong = []
    for package, paths in packages().items():
        total, places = vocabulary.vague_names(paths)
        if len(places) > max(1, total * vocabulary.HIGHEST_SHARE):
            wrong.append(f"{package}: {len(places)} of {total} names: {', '.join(places)}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "folders",
    [("jobgraph", "components", "procedures", "page", "policies"), ("sandbox",), ("toolchain",)],
    ids=["product", "sandbox", "toolchain"],
)
def test_a_class_name_has_one_meaning(folders: tuple[str, ...]) -> None:
    """A reader of `Interval` need not ask which of three it is. Functions are told apart by their module."""
    assert vocabulary.repeated_classes(sources(*folders)) == {}
