"""The result of a project's setup: the record that it writes, and the shell variables and report based on it.

Knows the record's format. Does not search the machine, so that it is fast and a run uses what setup recorded.
"""

import json
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from jobgraph.toolchain import layout
from jobgraph.toolchain.errors import NotSetUpError
from jobgraph.toolchain.sources import Component, Source

COMPONENTS = ("pulumi", layout.LANGUAGE_HOST, layout.SNOWFLAKE_PLUGIN)


def write_record(project: Path, components: Sequence[Component]) -> None:
    """Record the parts and their sources."""
    rows = [
        {"component": row.component, "version": row.version, "path": str(row.path), "source": row.source.value}
        for row in components
    ]
    if read_record(layout.private_home(project)) == list(components):
        return
    path = record_path(layout.private_home(project))
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
    new.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    new.replace(path)


def record_path(home: Path) -> Path:
    """Return the path of the record in a private PULUMI_HOME."""
    return home / "toolchain.json"


def read_record(home: Path) -> list[Component]:
    """Return the parts that setup recorded; empty before the first setup, or if the file is not valid."""
    try:
        rows = json.loads(record_path(home).read_text(encoding="utf-8"))
        return [Component(row["component"], row["version"], Path(row["path"]), Source(row["source"])) for row in rows]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []  # treated as not set up: setup writes it again


def report(project: Path) -> list[Component]:
    """Return the parts of the toolchain that a clone uses, in a fixed order, for `jobgraph doctor`.

    A part that setup did not install, or that has been removed since, has the source `missing`.
    """
    recorded = {row.component: row for row in read_record(layout.private_home(project))}
    rows = [recorded.get(name, Component(name, "", None, Source.MISSING)) for name in COMPONENTS]
    return [row if row.path and row.path.exists() else replace(row, source=Source.MISSING) for row in rows]


def environment(project: Path, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the toolchain's variables of an activated shell: PATH, PULUMI_HOME, PULUMI_SKIP_UPDATE_CHECK.

    PATH is the complete value: the folders of the virtual environment and the command line, then those of `base`, each
    once, so that activating a shell again changes nothing.

    Raises:
        NotSetUpError: If the setup was not run, or an installed part has been removed.
    """
    missing = [row.component for row in report(project) if row.source is Source.MISSING]
    if missing:
        raise NotSetUpError(project, f"{', '.join(missing)} missing")
    folders = [str(Path(sys.executable).parent), *(str(row.path.parent) for row in report(project)[:1] if row.path)]
    return {
        "PATH": os.pathsep.join(dict.fromkeys([*folders, *base.get("PATH", os.defpath).split(os.pathsep)])),
        "PULUMI_HOME": str(layout.private_home(project)),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
