"""`make demo` on a fresh clone, the toolchain in place (its packages installed and the Pulumi CLI in the cache)."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
from pathlib import Path

from tests.bench.figure import Figure, seconds
from tests.lifecycle.project import ROOT


def _demo(folder: Path) -> float:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SNOWFLAKE_", "PULUMI_"))}
    try:
        subprocess.run(["make", "-s", "setup"], cwd=folder, env=environment, check=True, capture_output=True)
        return seconds(
            lambda: subprocess.run(["make", "-s", "demo"], cwd=folder, env=environment, check=True, capture_output=True)
        )
    finally:
        subprocess.run([".venv/bin/jobgraph", "sandbox", "stop"], cwd=folder, env=environment, check=False)


def measure(repeat: int) -> list[Figure]:
    """The median over at most three fresh clones."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [_demo(Path(folder) / str(number)) for number in range(min(repeat, 3))]
    return [Figure("make demo, toolchain in place", statistics.median(runs), 60, f"{len(runs)} fresh clones", "s")]
