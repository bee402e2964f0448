"""All loads, each on a sandbox of its own: `make reliability`, or `python -m tests.reliability load`.

Knows their order. Must not know what any of them does.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.reliability.load import containers, lasting, sessions
from tests.reliability.load.client import running
from tests.reliability.load.figures import Report


def run(_seed: int, _count: int) -> tuple[list[str], list[str]]:
    """Carry out all loads, which have no random part; returns figures and what is above its limit."""
    report = Report()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running(folder / "sessions") as sandbox:
            client = sandbox.client()
            sessions.prepare(client)
            measured = sessions.measure(sandbox)
            sessions.tell(measured, report)
            sessions.check(client, measured, report)
        with running(folder / "containers", containers.image(folder / "images")) as sandbox:
            containers.run(sandbox, sandbox.client(), report)
        with running(folder / "lasting") as sandbox:
            lasting.abandon(sandbox, sandbox.client(), report)
            lasting.runs(sandbox, sandbox.client(), report)
    return report.lines, report.failures
