"""`SELECT 1` through the official connector: the sandbox beside fakesnow's own server."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import fakesnow
import snowflake.connector

from tests.bench.figure import Figure, paired
from tests.lifecycle import project as projects

if TYPE_CHECKING:
    from collections.abc import Callable

STATEMENTS = 200


def _many(connection: snowflake.connector.SnowflakeConnection) -> Callable[[], None]:
    cursor = connection.cursor()

    def run() -> None:
        for _ in range(STATEMENTS):
            cursor.execute("SELECT 1")
            cursor.fetchall()

    return run


def measure(repeat: int) -> list[Figure]:
    """The ratio of 200 statements each, alternating."""
    with tempfile.TemporaryDirectory() as folder, fakesnow.server() as address:
        project = projects.make(Path(folder) / "project")
        try:
            with (
                project.connect(database=None, schema=None, warehouse=None) as ours,
                snowflake.connector.connect(**address) as theirs,
            ):
                ratio, mine, other = paired(_many(ours), _many(theirs), repeat)
        finally:
            project.jobgraph("sandbox", "stop", check=False)
    detail = f"{mine / STATEMENTS * 1000:.2f} ms / {other / STATEMENTS * 1000:.2f} ms a statement"
    return [Figure("SELECT 1: sandbox / fakesnow's server", ratio, 1.0, detail)]
