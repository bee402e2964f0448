"""A deployed project whose statements are seen, and whose engine can be killed at any of them.

Knows how to drive the real engine through the proxy. Must not know what any test claims.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.deploys.proxy import Proxy
from tests.lifecycle import project as projects

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SCHEMA = "PR_CONTAINER_ORCHESTRATION.PUBLIC"
# What tells two states of a graph apart; ids and instants do not.
COLUMNS = ("state", "predecessors", "task_relations", "schedule", "definition", "comment", "warehouse", "condition")


def document(graphs: Mapping[str, Mapping[str, Any]]) -> str:
    """A job configuration: graphs with their options, `jobs` as name -> predecessors; a schedule of None is none."""
    whole = {
        "version": 1,
        "defaults": {"image": "my_job_image:1", "compute_pool": "PR_STD_POOL_XS"},
        "graphs": {
            key: {
                **({"schedule": "59 minutes"} if "schedule" not in graph else {}),
                **{name: value for name, value in graph.items() if name != "jobs" and value is not None},
                "jobs": {
                    name: {"after": job} if isinstance(job, list) else dict(job) for name, job in graph["jobs"].items()
                },
            }
            for key, graph in graphs.items()
        },
    }
    return json.dumps(whole, indent=1)


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


@dataclass
class Deploys:
    """A project, set up; the engine's statements go through the proxy, the test's own do not."""

    project: projects.Project
    proxy: Proxy

    def write(self, graphs: Mapping[str, Mapping[str, Any]]) -> None:
        """Put a job configuration into the project."""
        (self.project.folder / "jobconfig.yaml").write_text(document(graphs))

    def pulumi(self, *words: str) -> tuple[int, str]:
        """Run pulumi through the proxy; its exit code and what it wrote."""
        process = self._start(*words, environment=self.project.environment)
        out, _ = process.communicate(timeout=600)
        return process.returncode, out

    def up(self, graphs: Mapping[str, Mapping[str, Any]] | None = None) -> list[str]:
        """Deploy, which must succeed; the writes that were sent, in order."""
        if graphs is not None:
            self.write(graphs)
        self.proxy.clear()
        code, out = self.pulumi("up", "--yes", "--skip-preview")
        assert code == 0, summary(out)
        return list(self.proxy.writes)

    def unlock(self) -> None:
        """Do what the engine asks for after it was killed: its lock is still there."""
        self.project.pulumi("cancel", "--yes", check=False)

    def killed(self, command: str, at: int, *, forward: bool = True) -> bool:
        """Run `up` or `destroy` and kill the engine, plugin and program at the write of that number.

        Args:
            command: `up` or `destroy`.
            at: the number of the write, from 1.
            forward: whether Snowflake still gets that write; the answer is lost in any case.

        Returns:
            Whether there was such a write; if not, the command has ended by itself, and well.
        """
        words = ["up"] if command == "up" else ["destroy"]
        holder: list[subprocess.Popen[str]] = []
        done: list[bool] = []

        def kill() -> None:
            if not done:
                done.append(True)
                projects.kill(holder[0], plugins=True)

        self.proxy.trap(at, kill, forward=forward)
        holder.append(self._start(*words, "--yes", "--skip-preview", environment=self.project.cold))
        out, _ = holder[0].communicate(timeout=600)
        self.proxy.clear()
        if not done:
            assert holder[0].returncode == 0, summary(out)
            return False
        self.unlock()
        return True

    def tasks(self) -> dict[str, dict[str, Any]]:
        """The tasks of the schema, as far as a deploy decides about them; predecessors, a set to the plugin, sorted."""
        rows = self.project.query(f"SHOW TASKS IN SCHEMA {SCHEMA}")
        for row in rows:
            relations = json.loads(row["task_relations"])
            row["predecessors"] = _compact(sorted(json.loads(row["predecessors"])))
            row["task_relations"] = _compact(relations | {"Predecessors": sorted(relations["Predecessors"])})
        return {row["name"]: {name: row[name] for name in COLUMNS} for row in sorted(rows, key=lambda row: row["name"])}

    def _start(self, *words: str, environment: dict[str, str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["pulumi", *words, "--stack", "dev", "--non-interactive"],
            cwd=self.project.folder,
            env=environment | {"SNOWFLAKE_PORT": str(self.proxy.port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


@contextmanager
def deploys(folder: Path) -> Iterator[Deploys]:
    """A project in a new folder, with its own sandbox."""
    project = projects.make(folder, forking=True)
    proxy = Proxy(("127.0.0.1", int(project.environment["SNOWFLAKE_PORT"])))
    try:
        yield Deploys(project, proxy)
    finally:
        proxy.close()
        project.jobgraph("sandbox", "stop", check=False)


def summary(out: str) -> str:
    """What went wrong, of the engine's many words."""
    return "\n".join(line for line in out.splitlines() if "error" in line or "warning" in line)[:3000]


def root_changes(writes: list[str], root: str) -> list[str]:
    """How often a root changed its state: SUSPEND and RESUME, each with `!` if other changes of tasks are outside them.

    A SUSPEND of a suspended root (the plugin sends two when the root itself changes) is no change of it.
    """
    tasks = [one for one in writes if " TASK " in one.upper()]
    verbs = [next((verb for verb in ("SUSPEND", "RESUME") if f'"{root}" {verb}' in one), "") for one in tasks]
    found = [(number, verb) for number, verb in enumerate(verbs) if verb]
    changed = [one for one, before in zip(found, [(0, ""), *found], strict=False) if one[1] != before[1]]
    return [verb if number == (0 if verb == "SUSPEND" else len(tasks) - 1) else f"{verb}!" for number, verb in changed]
