"""The operators' page as an app in Snowflake: its files in the stage, and the statements that create and remove it.

Knows Snowflake's statements on Streamlit apps (docs.snowflake.com/en/sql-reference/sql/create-streamlit) and which
modules an app needs. Must not know what the page shows, nor read files: callers pass their texts.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from jobgraph.names import content_hash, quoted
from jobgraph.plan import sql
from jobgraph.plan.planning import StagedFile
from jobgraph.plan.privileges import Grant, Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jobgraph.settings import Settings

NAME = "JOBGRAPH_PAGE"
FOLDER = "page"
MAIN_FILE = "streamlit_app.py"
SOURCES_FILE = "sources.json"
ENTRY = "jobgraph.page.app"
# Without it, CREATE STREAMLIT creates an app that runs on a compute pool all the time (behaviour change 2342).
RUNTIME = "SYSTEM$WAREHOUSE_RUNTIME"
# From Snowflake's Anaconda channel. Snowpark and Streamlit itself are available in any case.
_ENVIRONMENT = """\
name: jobgraph_page
channels:
  - snowflake
dependencies:
  - python=3.11.*
  - python-igraph
  - pyyaml
  - streamlit
"""
_MAIN = '''\
"""The operators' page of jobgraph. Its modules are in sources.json; this file lays them out once for each process."""

import json
import sys
import tempfile
from pathlib import Path

if "jobgraph" not in sys.modules:
    folder = Path(tempfile.mkdtemp(prefix="jobgraph-page-"))
    for name, text in json.loads(Path(__file__).with_name("sources.json").read_text("utf-8")).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    sys.path.insert(0, str(folder))

from jobgraph.page.app import main

main()
'''


@dataclass(frozen=True)
class PagePlan:
    """The app: files in the stage, below a hash of their content, and statements in the order in which they are sent.

    `grants` are the privileges that each of the stack's `page_roles` gets, to find and to view the app.
    """

    files: tuple[StagedFile, ...]
    create: str
    go_live: str
    drop: str
    grants: tuple[Grant, ...]


def page(settings: Settings, sources: Mapping[str, str]) -> PagePlan:
    """Return the plan of the page.

    Args:
        settings: the settings of the stack.
        sources: the text of each of jobgraph's files by its path, such as `jobgraph/page/app.py`. Files that the page
            does not need are ignored.

    Raises:
        ValueError: if a module that the page imports is missing.
    """
    content = needed(sources)
    folder = f"{FOLDER}/{content_hash([_MAIN, _ENVIRONMENT, content])}"
    app = settings.qualified(NAME)
    texts = {MAIN_FILE: _MAIN, "environment.yml": _ENVIRONMENT}
    files = [_file(settings, f"{folder}/{name}", sql.write_text_to_stage, text) for name, text in texts.items()]
    location = f"@{settings.qualified(settings.stage)}/{folder}"
    create = (
        f"CREATE OR REPLACE STREAMLIT {app} FROM {sql.literal(location)} MAIN_FILE = {sql.literal(MAIN_FILE)}"
        f" QUERY_WAREHOUSE = {quoted(settings.warehouse)} RUNTIME_NAME = {sql.literal(RUNTIME)}"
        " TITLE = 'jobgraph' COMMENT = 'jobgraph: graphs, runs and logs'"
    )
    return PagePlan(
        files=(*files, _file(settings, f"{folder}/{SOURCES_FILE}", sql.write_to_stage, content)),
        create=create,
        go_live=f"ALTER STREAMLIT {app} ADD LIVE VERSION FROM LAST",
        drop=f"DROP STREAMLIT IF EXISTS {app}",
        grants=(
            Grant(f"{NAME}-database", ("USAGE",), Level.ACCOUNT_OBJECT, "DATABASE", settings.database),
            Grant(f"{NAME}-schema", ("USAGE",), Level.SCHEMA, object=settings.qualified()),
            Grant(NAME, ("USAGE",), Level.SCHEMA_OBJECT, "STREAMLIT", app),
        ),
    )


def _file(settings: Settings, name: str, write: Callable[[Settings, str, Any], str], content: Any) -> StagedFile:
    return StagedFile(name, write(settings, name, content), sql.remove_from_stage(settings, name))


def needed(sources: Mapping[str, str]) -> dict[str, str]:
    """Return the files that the page needs, by path: the modules it imports, their packages, and their data files.

    Raises:
        ValueError: if a module is missing.
    """
    modules: dict[str, str] = {}
    open_names = [ENTRY]
    while open_names:
        name = open_names.pop()
        if name in modules:
            continue
        path = _path(name, sources)
        if path is None and any(other.startswith(f"{name.replace('.', '/')}/") for other in sources):
            continue  # a folder without `__init__.py`, such as procedures/
        if path is None:
            raise ValueError(f"the page imports {name}, and there is no such module")
        modules[name] = path
        package = name.rpartition(".")[0]
        open_names += [package] if package else []
        open_names += [module for module in _imported(sources[path], sources) if module not in modules]
    folders = {path.rpartition("/")[0] for path in modules.values()}
    data = [path for path in sources if not path.endswith(".py") and _package_of(path) in folders]
    return {path: sources[path] for path in sorted({*modules.values(), *data})}


def _package_of(path: str) -> str:
    """Return the folder of a data file's package: the file's own folder, or the one above `assets`."""
    return path.rpartition("/")[0].removesuffix("/assets")


def _path(name: str, sources: Mapping[str, str]) -> str | None:
    base = name.replace(".", "/")
    return next((path for path in (f"{base}.py", f"{base}/__init__.py") if path in sources), None)


def _imported(text: str, sources: Mapping[str, str]) -> Iterator[str]:
    """Yield the jobgraph modules that a file imports when it runs, without imports for type checkers only."""
    for name, is_certain in _imports(text):
        if is_certain or _path(name, sources) is not None:
            yield name


@cache
def _imports(text: str) -> tuple[tuple[str, bool], ...]:
    """Return the names that a file imports from jobgraph, and whether each is surely a module, not something in one.

    Parsing all files takes longer than the rest of a page's plan, and each graph of a program has a page.
    """
    names: list[tuple[str, bool]] = []
    for node in _running(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [(alias.name, True) for alias in node.names if alias.name.startswith("jobgraph")]
        elif isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "jobgraph":
            names.append((str(node.module), True))
            names += [(f"{node.module}.{alias.name}", False) for alias in node.names]
    return tuple(names)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a tree's nodes, except those below `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from _running(child)
