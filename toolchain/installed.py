"""What a setup put into a project: the record that it writes, and the shell variables and the report that follow.

Knows the record's format. Looks for nothing itself, so that asking costs no time and a run uses what setup said.
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
    """Keep which part comes from where."""
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
    """The record's place in a private PULUMI_HOME."""
    return home / "toolchain.json"


def read_record(home: Path) -> list[Component]:
    """The parts as setup found them; empty before the first setup, or when the file is not one of ours."""
    try:
        rows = json.loads(record_path(home).read_text(encoding="utf-8"))
        return [Component(row["component"], row["version"], Path(row["path"]), Source(row["source"])) for row in rows]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return []  # as good as never set up: setup writes it anew


def report(project: Path) -> list[Component]:
    """The parts of the toolchain that a clone uses, one row each, in a fixed order, for `jobgraph doctor`.

    A part that setup did not get to, or that is gone since, has the source `missing`.
    """
    recorded = {row.component: row for row in read_record(layout.private_home(project))}
    rows = [recorded.get(name, Component(name, "", None, Source.MISSING)) for name in COMPONENTS]
    return [row if row.path and row.path.exists() else replace(row, source=Source.MISSING) for row in rows]


def environment(project: Path, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The toolchain's part of an activated shell: PATH, PULUMI_HOME, PULUMI_SKIP_UPDATE_CHECK.

    PATH is the whole value: the virtual environment's and the command line's folder, then those of `base`, none twice,
    so activating a shell again changes nothing.

    Raises:
        NotSetUpError: the setup was not run, or what it installed is gone.
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
