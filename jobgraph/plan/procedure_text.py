"""The text of a stored procedure: an entry file, joined with the files of the procedures' folder that it imports.

A procedure's body in Snowflake is one text. Knows Python's import statements. Must not know what the files do. Files
import names from each other (`from jobgraph.procedures.x import y`); in the joined text, which has one namespace, those
names are already defined.
"""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FOLDER = "procedures"
PACKAGE = f"jobgraph.{FOLDER}"
# the entry files, named as in `Procedures`; the other files are parts of their texts
ENTRIES = ("run_job", "finalize_graph", "drop_superseded", "notifying.watch_graphs")


class Folder(Protocol):
    """A file or folder of a package, as returned by `importlib.resources`."""

    @property
    def name(self) -> str:
        """The name without the path."""

    def iterdir(self) -> Iterator[Folder]:
        """Yield the entries of the folder."""

    def is_dir(self) -> bool:
        """Return whether it is a folder."""

    def read_text(self, encoding: str) -> str:
        """Return the file's text."""


def sources_in(folder: Folder) -> dict[str, str]:
    """Return the text of each file of the procedures' folder by its name; `folder.name` for a file in a subfolder."""
    sources = {}
    for entry in folder.iterdir():
        if entry.name.endswith(".py"):
            sources[entry.name.removesuffix(".py")] = entry.read_text("utf-8")
        elif entry.is_dir() and not entry.name.startswith("_"):
            sources |= {f"{entry.name}.{name}": text for name, text in sources_in(entry).items()}
    return sources


def texts(sources: Mapping[str, str]) -> dict[str, str]:
    """Return the text of each procedure, by its name in `Procedures`. Raises what `joined` raises."""
    return {entry.rpartition(".")[2]: joined(entry, sources) for entry in ENTRIES}


def joined(entry: str, sources: Mapping[str, str]) -> str:
    """Return the text of the procedure with the entry file `entry`; `sources` has the text of each file by its name.

    Raises:
        ValueError: a file is missing, two files define the same name, an import has a form that cannot be joined, or
            the text contains two dollar signs in a row, which would end it in CREATE PROCEDURE.
    """
    files = {name: _parsed(sources[name]) for name in _order(entry, sources, [])}
    _check_names(files)
    imports = _merged(node for tree in files.values() for node in _imports(tree) if not _is_ours(node))
    bodies = [_body(sources[name], tree) for name, tree in files.items()]
    heading = ast.get_docstring(files[entry], clean=False)
    text = "\n\n\n".join([f'"""{heading}"""\n\nfrom __future__ import annotations\n\n' + "\n".join(imports), *bodies])
    if "$$" in text:
        raise ValueError(f"the text of {entry} holds two dollar signs in a row; write them apart")
    return text + "\n"


@cache
def _parsed(source: str) -> ast.Module:
    """Return a file's syntax tree; callers must not change it. Cached, as most files are parts of several texts."""
    return ast.parse(source)


def _order(name: str, sources: Mapping[str, str], bodies: list[str]) -> list[str]:
    """Return the files that `name` imports, and then `name`, without the files in `bodies` (joined already)."""
    if name not in sources:
        raise ValueError(f"{FOLDER}/{name}.py is imported and is not there")
    order: list[str] = []
    for node in _imports(_parsed(sources[name])):
        if _is_ours(node) and isinstance(node, ast.ImportFrom):
            imported = str(node.module).removeprefix(f"{PACKAGE}.")
            if imported not in (*bodies, *order):
                order += _order(imported, sources, [*bodies, *order])
    return [*order, name]


def _imports(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the top-level imports of a file that are executed, except `from __future__`."""
    for node in tree.body:
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.module != "__future__"):
            yield node


def _is_ours(node: ast.Import | ast.ImportFrom) -> bool:
    names = [str(node.module)] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    ours = [name for name in names if f"{name}.".startswith(f"{PACKAGE}.")]
    plain = isinstance(node, ast.ImportFrom) and all(alias.asname is None for alias in node.names)
    if ours and (not plain or names == [PACKAGE]):
        raise ValueError(f"line {node.lineno}: write `from {PACKAGE}.x import y`, without `as`")
    return bool(ours)


def _merged(nodes: Iterable[ast.Import | ast.ImportFrom]) -> list[str]:
    """Return the imports as lines, one for each module."""
    whole: set[str] = set()
    parts: dict[str, set[str]] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            whole.add(ast.unparse(node))
        else:
            parts.setdefault(str(node.module), set()).update(ast.unparse(alias) for alias in node.names)
    return [*sorted(whole), *(f"from {module} import {', '.join(sorted(parts[module]))}" for module in sorted(parts))]


def _check_names(files: Mapping[str, ast.Module]) -> None:
    owners: dict[str, str] = {}
    for file, tree in files.items():
        for name in _defined(tree):
            if owners.setdefault(name, file) != file:
                raise ValueError(
                    f"{owners[name]}.py and {file}.py both define {name}; joined, one would hide the other"
                )


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            # also several names at once: `A, B = 1, 2`
            yield from (name.id for name in ast.walk(target) if isinstance(name, ast.Name))


def _body(source: str, tree: ast.Module) -> str:
    """Return a file's text after its docstring and imports, including comments."""
    start = 0
    for node in tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (docstring or isinstance(node, ast.Import | ast.ImportFrom) or _is_type_checking(node)):
            break
        start = node.end_lineno or start
    return "\n".join(source.splitlines()[start:]).strip("\n")


def _is_type_checking(node: ast.stmt) -> bool:
    """Return whether a statement holds imports for type checkers only; annotations are not evaluated."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
