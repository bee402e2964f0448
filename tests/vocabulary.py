"""The names that the code binds: the share of vague ones, and public classes that are defined in more than one module.

Run it for a table by package and the places: `python -m tests.vocabulary [PACKAGE]`.
"""

from __future__ import annotations

import ast
import functools
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests import yaml_files

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
RULES = yaml_files.content(ROOT / "tests" / "vocabulary.yaml")
VAGUE = frozenset(RULES["vague"])
HIGHEST_SHARE: float = RULES["highest_share"]


@functools.cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file; several tests read each."""
    return ast.parse(path.read_text("utf-8"), filename=str(path))


@functools.cache
def nodes(tree: ast.Module) -> tuple[ast.AST, ...]:
    """Return all nodes of a syntax tree; several tests look at them, and each walk takes longer than the look."""
    return tuple(ast.walk(tree))


def bound_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and name of every variable, parameter, loop target, function and class that a module binds."""
    for node in nodes(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield 0, node.name


def is_vague(name: str) -> bool:
    """Tell whether a name consists of vague words only, such as `found` or `_what`; `found_rows` names the thing."""
    return name.strip("_").lower() in VAGUE


def vague_names(paths: list[Path]) -> tuple[int, list[str]]:
    """Return how many names the files bind, and the places of the vague ones."""
    names = [(path, line, name) for path in paths for line, name in bound_names(parsed(path))]
    return len(names), [f"{path.relative_to(ROOT)}:{line} {name}" for path, line, name in names if is_vague(name)]


def repeated_classes(paths: list[Path]) -> dict[str, list[str]]:
    """Return the names of public classes that more than one module defines, with those modules."""
    places: dict[str, list[str]] = {}
    for path in paths:
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    return {name: files for name, files in sorted(places.items()) if len(files) > 1}


def _report(only: str | None) -> None:
    from tests.test_architecture import packages  # noqa: PLC0415  # that module imports this one

    for package, paths in sorted(packages().items()):
        total, places = vague_names(paths)
        if only is None or package == only:
            sys.stdout.write(f"{package:<50} {len(places):>4} of {total:>5}  {len(places) / max(total, 1):6.1%}\n")
        if package == only:
            sys.stdout.write("\n".join(places) + "\n")
            words = Counter(place.rpartition(" ")[2].strip("_") for place in places)
            sys.stdout.write(", ".join(f"{word} {count}" for word, count in words.most_common()) + "\n")


if __name__ == "__main__":
    _report(sys.argv[1] if len(sys.argv) > 1 else None)
