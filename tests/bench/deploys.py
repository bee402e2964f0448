"""What a deploy costs: a first `up`, a preview without a change and one changed job, beside a bare program.

The bare program has the same tasks and nothing around them; its root is never started, so it need not be suspended.
Knows how statements are counted. Must not know how a deploy is ordered.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.figure import Figure, seconds
from tests.bench.preview import BARE, EXPORT, WIDTH, configuration
from tests.deploys.proxy import Proxy
from tests.deploys.snapshots import Snapshot
from tests.lifecycle import project as projects

if TYPE_CHECKING:
    from collections.abc import Iterator

JOBS = 998  # with root and finalizer a graph of 1,000 tasks
# Writes of one changed job: its task SUSPEND, MODIFY AS, RESUME; those of the root and of the staged file come with it.
MOST_WRITES = 4
PROCESS = "process.json"  # of a running sandbox
CHANGED = "--query=select 0'"
PLACES = (
    "CREATE DATABASE PR_CONTAINER_ORCHESTRATION",
    "CREATE WAREHOUSE SMALL_WAREHOUSE",
)


@dataclass
class Program:
    """A program with its own sandbox, whose statements are counted."""

    name: str
    project: projects.Project
    proxy: Proxy
    folder: Path
    taken: dict[str, list[float]] = field(default_factory=dict)
    worked: dict[str, list[float]] = field(default_factory=dict)
    reads: dict[str, int] = field(default_factory=dict)
    writes: dict[str, list[str]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    width: int = WIDTH

    def measured(self, what: str, *words: str) -> None:
        """Run pulumi; its time, on the clock and on the processors, and its statements are kept under that name."""
        self.proxy.clear()
        before = self._on_processors()
        environment = self.project.environment | self.variables | {"SNOWFLAKE_PORT": str(self.proxy.port)}
        through = projects.Project(self.project.folder, environment)
        command = ("pulumi", *words, "--stack", "dev", "--non-interactive")
        self.taken.setdefault(what, []).append(seconds(lambda: through.run(*command, timeout=3600)))
        self.worked.setdefault(what, []).append(self._on_processors() - before)
        self.writes[what] = self.proxy.writes
        self.reads[what] = len(self.proxy.statements) - len(self.writes[what])
        cost = f"{self.taken[what][-1]:.1f} s, {self.worked[what][-1]:.1f} CPU s"
        counts = f"{self.reads[what]} reads, {len(self.writes[what])} writes"
        print(f"{self.name}, {what}: {cost}, {counts}", file=sys.stderr, flush=True)

    def _on_processors(self) -> float:
        """CPU seconds of all commands so far and of the sandbox; on a busy machine they tell more than a clock."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        sandbox = json.loads((self.project.folder / ".jobgraph" / "sandbox" / PROCESS).read_text())["pid"]
        spent = Path(f"/proc/{sandbox}/stat").read_text().rpartition(")")[2].split()
        return ended.ru_utime + ended.ru_stime + (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK")

    def configure(self, jobs: int, *, changed: bool) -> None:
        """Write the graph; the first job is another one if it is `changed`."""
        text = configuration(jobs, self.width).replace("    jobs:\n", "    schedule: 59 minutes\n    jobs:\n", 1)
        new = text.replace(CHANGED, "--query=select 1000000'", 1) if changed else text
        assert changed == (new != text)
        (self.project.folder / "jobconfig.yaml").write_text(new)
        if self.name == "bare":
            self.project.run(str(projects.BIN / "python"), "-c", EXPORT)

    @property
    def seconds(self) -> dict[str, float]:
        """Median seconds, by what was measured."""
        return {what: statistics.median(taken) for what, taken in self.taken.items()}


@contextmanager
def _program(name: str, folder: Path, variables: dict[str, str], width: int) -> Iterator[Program]:
    # where the export of tasks puts them: ../bare/tasks.json
    project = projects.make(folder / name)
    proxy = Proxy(("127.0.0.1", int(project.environment["SNOWFLAKE_PORT"])))
    try:
        if name == "bare":
            (project.folder / "__main__.py").write_text(BARE)
            for statement in PLACES:
                project.query(statement)
        yield Program(name, project, proxy, folder / f"{name} before", variables=variables, width=width)
    finally:
        proxy.close()
        project.jobgraph("sandbox", "stop", check=False)


def _take(program: Program, jobs: int, *, first: bool) -> None:
    """One deploy from nothing, one preview, one change."""
    program.configure(jobs, changed=False)
    if first:
        Snapshot.take(program.project, program.folder)
    else:
        Snapshot(program.folder).restore(program.project)
    program.measured("first", "up", "--yes", "--skip-preview")
    program.measured("preview", "preview", "--expect-no-changes")
    program.configure(jobs, changed=True)
    program.measured("change", "up", "--yes", "--skip-preview")


def _ratio(name: str, what: str, goal: float, ours: Program, bare: Program) -> Figure:
    ratios = [one / other for one, other in zip(ours.taken[what], bare.taken[what], strict=True)]
    counts = "; ".join(f"{one.name}: {one.reads[what]} reads, {len(one.writes[what])} writes" for one in (ours, bare))
    worked = [statistics.median(one.worked[what]) for one in (ours, bare)]
    cpu = f"{worked[0]:.1f} / {worked[1]:.1f} = {worked[0] / worked[1]:.2f} CPU s"
    detail = f"{ours.seconds[what]:.1f} s / {bare.seconds[what]:.1f} s; {cpu}; {counts}"
    return Figure(name, statistics.median(ratios), goal, detail)


def measure(repeat: int, jobs: int = JOBS, *, width: int = WIDTH, state_at_end: bool = False) -> list[Figure]:
    """Ours and the bare program, alternating, `repeat` times; `jobs` jobs, two tasks more.

    Args:
        repeat: how often; medians are returned.
        jobs: of the graph.
        width: chains of jobs in it, at most 100. The provider walks from each task that it creates to the root, one
            SHOW for each step, in both programs. So the longer the chains, the less the difference between the programs
            weighs.
        state_at_end: the engine writes its state once, not after each step, for both programs. What it writes grows
            with the square of the number of tasks and is most of its work from some hundreds of tasks on: without it,
            the difference between the programs weighs more.
    """
    variables = {projects.STATE_AT_END: "true"} if state_at_end else {}
    with (
        tempfile.TemporaryDirectory() as folder,
        _program("ours", Path(folder), variables, width) as ours,
        _program("bare", Path(folder), variables, width) as bare,
    ):
        for number in range(repeat):
            for program in (ours, bare):
                _take(program, jobs, first=number == 0)
    tasks = jobs + 2
    job = [one for one in ours.writes["change"] if "ROOT_TASK" not in one.split("(")[0] and " TASK " in one]
    root = [one for one in ours.writes["change"] if '"ROOT_TASK"' in one.split("(")[0]]
    other = len(ours.writes["change"]) - len(job) - len(root)
    told = f"on the job's task {len(job)}, on the root {len(root)}, on the staged configuration {other}"
    unchanged = ours.reads["preview"] / tasks
    return [
        _ratio(f"first `up` of {tasks} tasks / bare program", "first", 1.1, ours, bare),
        _ratio("preview without a change / bare program", "preview", 1.1, ours, bare),
        _ratio("`up` with one changed job / bare program", "change", 1.1, ours, bare),
        Figure("reads per task, nothing changed", unchanged, bare.reads["preview"] / tasks * 1.1, "see above", "reads"),
        Figure("writes with one changed job, root and file apart", len(job), MOST_WRITES, told, "writes"),
        Figure("writes of a preview without a change", len(ours.writes["preview"]), 0, "", "writes"),
    ]
