"""A deployed project as it is at an instant: kept, put back, and told apart from another.

Knows where a sandbox and the engine keep their data, and what of it differs between two deploys that are the same. Must
not know why anybody wants to know.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import snowflake.connector

from tests.deploys.driver import COLUMNS, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.lifecycle.project import Project

# Listings, and the columns that say what a deploy decided.
LISTINGS: dict[str, tuple[str, ...]] = {
    "ROLES": ("comment", "assigned_to_users", "granted_to_roles"),
    "WAREHOUSES": ("size", "auto_suspend", "comment"),
    "COMPUTE POOLS": ("min_nodes", "max_nodes", "auto_suspend_secs", "comment"),
    "DATABASES": ("comment", "owner"),
    "SCHEMAS IN ACCOUNT": ("database_name", "comment", "owner"),
    "IMAGE REPOSITORIES IN ACCOUNT": ("comment", "owner"),
    "STAGES IN ACCOUNT": ("comment", "owner"),
    "TABLES IN ACCOUNT": ("comment", "owner"),
    "VIEWS IN ACCOUNT": ("comment", "owner", "text"),
    "USER FUNCTIONS IN ACCOUNT": ("description", "arguments"),
    "PROCEDURES IN ACCOUNT": ("description", "arguments"),
    "TASKS IN ACCOUNT": (*COLUMNS, "owner", "config"),
}
ROLE = "SPCS_DEMO_ROLE"
GRANTS = (f"SHOW GRANTS TO ROLE {ROLE}", f"SHOW GRANTS OF ROLE {ROLE}", f"SHOW FUTURE GRANTS TO ROLE {ROLE}")
MARK = re.compile(r"\(stack [0-9a-f]{8}\)")
# of the deploy that sent a statement; the text stays in the state
DEPLOY = re.compile(r"/\* deploy [0-9a-f]{8} \*/")
STATE = ".jobgraph/pulumi/.pulumi/stacks/jobgraph/dev.json"


@dataclass(frozen=True)
class Snapshot:
    """A copy of the sandbox's data, of the engine's state and of the job configuration."""

    folder: Path

    PARTS = (".jobgraph/sandbox", ".jobgraph/pulumi", "jobconfig.yaml", "Pulumi.dev.yaml")

    @staticmethod
    def take(project: Project, folder: Path) -> Snapshot:
        """Copy everything; the sandbox is stopped meanwhile."""
        project.jobgraph("sandbox", "stop")
        for part in Snapshot.PARTS:
            _copy(project.folder / part, folder / part)
        project.jobgraph("sandbox", "start")
        return Snapshot(folder)

    def restore(self, project: Project) -> None:
        """Put everything back. The sandbox listens where it did."""
        project.jobgraph("sandbox", "stop")
        for part in Snapshot.PARTS:
            _copy(self.folder / part, project.folder / part)
        project.jobgraph("sandbox", "start")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)


def account(project: Project) -> dict[str, Any]:
    """Everything in the account that a deploy makes, by listing and name."""
    with project.connect() as connection, connection.cursor(snowflake.connector.DictCursor) as cursor:

        def rows(statement: str) -> list[dict[str, Any]]:
            try:
                return list(cursor.execute(statement) or ())
            except snowflake.connector.ProgrammingError as error:
                if "does not exist" not in str(error):
                    raise
                return []

        return listed(rows)


def listed(rows: Callable[[str], list[dict[str, Any]]]) -> dict[str, Any]:
    """Everything in the account that a deploy makes; `rows` are those of a statement, none where there is no schema."""
    found: dict[str, Any] = {
        listing: {_name(row): [plain(row.get(column)) for column in columns] for row in rows(f"SHOW {listing}")}
        for listing, columns in LISTINGS.items()
    }
    for statement in GRANTS:
        found[statement] = sorted(_grant(row) for row in rows(statement))
    found["files"] = sorted(row["name"] for row in rows(f"LIST @{SCHEMA}.JOBS"))
    return found


def _name(row: dict[str, Any]) -> str:
    place = [row.get(name) for name in ("database_name", "catalog_name", "schema_name")]
    return ".".join(str(part) for part in (*place, row["name"], row.get("arguments")) if part)


def plain(value: Any) -> str:
    return DEPLOY.sub("/* deploy */", MARK.sub("(stack)", str(value)))


def _grant(row: dict[str, Any]) -> list[str]:
    return [str(value) for name, value in sorted(row.items()) if name not in {"created_on", "granted_by"}]


def state(project: Project) -> dict[str, Any]:
    """The engine's state: inputs by resource, and what it has still to do.

    The engine keeps the note of a creation that was cut off, with a warning at each command, until
    `pulumi refresh --clear-pending-creates`; what is to be created is created all the same.
    """
    kept = json.loads((project.folder / STATE).read_text())
    latest = kept["checkpoint"].get("latest") or {}
    operations = [one["type"] for one in latest.get("pending_operations") or ()]
    found: dict[str, Any] = {"pending": [one for one in operations if one != "creating"]}
    for resource in latest.get("resources") or ():
        name = resource["urn"].rpartition("$")[2] + (" (to be deleted)" if resource.get("delete") else "")
        # the query of a step says since when it is not as planned: it is sent, and changes nothing. Whether a root is
        # started is as the last refresh saw it, and ignored
        ignored = {"__defaults", "query", *({"started"} if name.endswith("_ROOT") else ())}
        # a guard that is made beside a suspended root resumes it, and the finalizer's slot unsets a finalizer only if
        # there is another one than planned; their texts are ignored from then on
        ignored |= {"execute"} if name.endswith(("-removal", "-finalizer-slot")) else set()
        inputs = {key: value for key, value in resource.get("inputs", {}).items() if key not in ignored}
        found[name] = json.loads(plain(json.dumps(inputs, sort_keys=True)))
    return {name: value for name, value in found.items() if "pulumi:providers" not in name and "Stack::" not in name}


def differences(found: Any, expected: Any, where: str = "") -> list[str]:
    """What differs, each with its place."""
    if isinstance(found, dict) and isinstance(expected, dict):
        return [
            line
            for key in sorted(found.keys() | expected.keys())
            for line in differences(found.get(key), expected.get(key), f"{where}/{key}")
        ]
    return [] if found == expected else [f"{where}: {found} instead of {expected}"]
