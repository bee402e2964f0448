"""The rules of direct jobs (`runner: direct`), each of which is its task's statement, without our runner around it.

Knows the model and what the runner procedure does for other jobs. Must not know YAML.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jobgraph.config.model import CONTINUE
from jobgraph.config.rules.job_rules import mark_of, path_of
from jobgraph.config.timing import duration_text
from jobgraph.errors import Mark, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobgraph.config.model import Graph, Job

# docs.snowflake.com/en/sql-reference/parameters, STATEMENT_TIMEOUT_IN_SECONDS: the lower of this and the task's limit
LONGEST_STATEMENT_SECONDS = 172_800
_MANAGED = "leave the job `runner: managed`"


class _Refusal(NamedTuple):
    """A feature that a direct job cannot have; `key` is its key in the file."""

    key: str
    issue: str
    remedy: str


def direct_fits(graph: Graph) -> Iterator[Problem]:
    """A direct job uses no feature that needs the runner, or a finalizer that does not exist.

    Problems of defaults are reported once.
    """
    reported: set[tuple[Mark, str]] = set()
    direct = [job for job in graph.jobs if job.is_direct]
    for job in direct:
        for key, issue, remedy in _refusals(job):
            mark = mark_of(job, key, "runner")
            if (mark, key) not in reported:
                reported.add((mark, key))
                yield Problem(mark, "runner-direct", path_of(graph, job, key), issue, remedy)
    if direct and not graph.finalizer:
        issue = (
            f"job `{direct[0].key}` is `runner: direct`, and only the finalizer records history and logs of such jobs"
        )
        remedy = f"remove `finalizer: false`, or {_MANAGED}"
        at = path_of(graph, None, "finalizer")
        yield Problem(mark_of(graph, "finalizer"), "runner-direct", at, issue, remedy)


def _refusals(job: Job) -> Iterator[_Refusal]:
    if job.on_failure == CONTINUE:
        issue = f"job `{job.key}` is `runner: direct`: if it fails, its task fails, and its dependents cannot run"
        yield _Refusal("on_failure", issue, f"write `on_failure: stop`, or {_MANAGED}")
    if job.outputs_file is not None:
        issue = f"job `{job.key}` is `runner: direct`: no runner reads an outputs file when it is done"
        remedy = f"let the program print its outputs as the last line of its log, or {_MANAGED}"
        yield _Refusal("outputs", issue, remedy)
    if job.retries or job.retry_rules is not None:
        issue = f"job `{job.key}` is `runner: direct`: only Snowflake can retry it, together with its graph"
        remedy = f"write `retries: 0` for the job and `auto_retry` for the graph, or {_MANAGED}"
        yield _Refusal("retries", issue, remedy)
    if job.task_warehouse is not None:
        issue = f"job `{job.key}` is `runner: direct`: its task waits on no warehouse"
        remedy = f"remove `task` (`query` is for the container's own queries), or {_MANAGED}"
        yield _Refusal("warehouse", issue, remedy)
    if job.timeout > LONGEST_STATEMENT_SECONDS:
        longest = duration_text(LONGEST_STATEMENT_SECONDS)
        issue = f"job `{job.key}` is `runner: direct`: Snowflake ends a statement after {longest}"
        yield _Refusal("timeout", issue, f"give a `timeout` of {longest} at most, or {_MANAGED}")
