"""What to do about a failed job, by its reason class; and how long a job waited.

Pure data and arithmetic. Knows the classes that the runner records (`procedures/outcome.py`). Must not know how the
advice is shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobgraph.runs.graph_run import JobRun

# reason class -> what to do; docs/operating.md says more
ADVICE = {
    "app_error": "read its log, and correct the program or what it was given",
    "out_of_memory": "raise its `resources.memory`, or choose a larger pool",
    "image_pull": "push the image for linux/amd64, or correct its name or tag",
    "timeout": "raise its `timeout`, or see why it, or its pool, was slow",
    "cancelled": "somebody cancelled it: retry the run if that was a mistake",
    "pool_unavailable": "resume its pool, or raise the pool's `max_nodes`",
    "preempted": "retry the run; give the job `retries` if it is safe to run twice",
    "spec_invalid": "correct what the message names in the job configuration",
    "permission": "grant to the run role what the message names, or correct the name",
    "internal": "retry the run; give the job `retries` if it is safe to run twice",
}


# Snowflake gives the same error for a missing object and for one that the role may not see
_NOT_AUTHORIZED = "not authorized"
NOT_SEEN = "create what its log says does not exist, or grant it to the run role"
# a job whose task was stopped before its first attempt has no recorded reason class
_CLASS_OF_STATE = {"CANCELLED": "cancelled"}


def reason_class(job: JobRun) -> str:
    """Return why a job was not DONE; empty if that is not known."""
    return (job.last.reason_class if job.last else "") or _CLASS_OF_STATE.get(job.state, "")


def advice(job: JobRun) -> str:
    """Return what to do about a job that failed; empty if its class is not known."""
    name = reason_class(job)
    if name == "app_error" and job.last and _NOT_AUTHORIZED in f"{job.last.error} {job.last.reason}".casefold():
        return NOT_SEEN
    return ADVICE.get(name, "")


def waited(job: JobRun) -> float | None:
    """Return how many seconds of a job's duration it did not run: waiting for a node, or between attempts.

    None if that is not known: while the job runs, or if its attempts belong to more than one try of the graph run.
    """
    if job.waited is not None:
        return job.waited
    spans = [attempt.duration for attempt in job.tries]
    if job.duration is None or not spans or job.service is not None:
        return None
    running = sum(span for span in spans if span is not None)
    return job.duration - running if None not in spans and running <= job.duration else None
