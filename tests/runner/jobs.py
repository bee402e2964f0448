"""The jobs of test_containers.py, and how each ends: with a runner, and as its task's own statement.

Knows the behaviours of `program.py`. Must not know how a graph is deployed.
"""

from __future__ import annotations

from typing import Any

from jobgraph.config.model import DIRECT, MANAGED

SECRET = "correct-horse-battery"
HOSTILE = [
    "'); DROP TABLE JOBS_RUN_STATS; --",
    'she said "no" `id` $(id) ${HOME} $$ $',
    "\\ \\n \\u0024 \\\\",
    "two\nlines\r\nand\ttabs",
    "{{ jinja }} {% raw %} &anchor *alias !tag %x @y # comment: yes",
    "naïve 😀 \u2028 \u00a0 \x7f",
    "",
    " ",
    "~",
    "- 1e3",
]
JOBS: dict[str, dict[str, Any]] = {
    "exit": {"args": ["exit", "3"]},
    "memory": {"args": ["memory"], "resources": {"memory": "100Mi"}},
    "no_image": {"image": "missing:1", "retries": {"count": 0, "backoff": "1 second"}},
    "hang": {"args": ["hang"], "timeout": "2 seconds"},
    "stubborn": {"args": ["stubborn"], "timeout": "2 seconds"},
    "quiet": {"args": ["nothing"]},
    "big": {"args": ["big"]},
    "bytes": {"args": ["bytes"]},
    "secret": {"args": ["secret"], "env": {"DB_PASSWORD": SECRET}},
    "replica": {"args": ["replica"], "replicas": 3},
    "asleep": {
        "args": ["nothing"],
        "compute_pool": "ASLEEP",
        "timeout": "2 seconds",
        "retries": {"count": 0, "causes": {"infrastructure": 0}},
    },
    "no_warehouse": {"args": ["nothing"], "warehouse": "NO_SUCH_WAREHOUSE", "retries": 3},
    "bad_spec": {"args": ["nothing"], "retries": 3},
    "broken": {"args": ["nothing"]},
    "arguments": {"args": ["arguments", *HOSTILE], "env": {"HOSTILE": "".join(HOSTILE)}},
    "environment": {"args": ["environment"], "after": ["big"]},
    "cancelled_job": {"args": ["meet"]},
    "cancelled_task": {"args": ["meet"], "env": {"DB_PASSWORD": SECRET}},
    "preempted": {
        "args": ["lost"],
        "compute_pool": "SHAKY",
        "retries": {"count": 1, "backoff": "1 second", "causes": {"application": 0}},
    },
    "events": {"args": ["exit", "5"], "logs": "event_table"},
    "leaves": {"args": ["leave"], "outputs": {"file": "outputs.json"}},
    "takes": {"args": ["take"], "after": ["leaves"], "when": {"job": "leaves", "output": "rows", "above": 2}},
    "too_few": {"args": ["nothing"], "after": ["leaves"], "when": {"job": "leaves", "output": "rows", "above": 3}},
    "three": {"args": ["nothing"], "after": ["leaves"], "when": {"job": "leaves", "output": "rows", "is": 3}},
    "no_number": {
        "args": ["nothing"],
        "after": ["environment"],
        "when": {"job": "environment", "output": "TASK_NAME", "above": 0},
    },
    "leaves_nothing": {"args": ["nothing"], "outputs": {"file": "outputs.json"}},
    "rule": {
        "args": ["exit", "75"],
        "retries": {"count": 0, "rules": [{"exit_codes": ["70-79"], "message": "^RuntimeError", "count": 1}]},
    },
    "flaky": {"args": ["flaky", "3"], "retries": {"count": 0, "causes": {"application": 2}}},
}
# task -> status, class, exit code of the last attempt
EXPECTED = {
    "T_EXIT": ("FAILED", "app_error", 3),
    "T_MEMORY": ("FAILED", "out_of_memory", 137),
    "T_NO_IMAGE": ("FAILED", "image_pull", None),
    "T_HANG": ("TIMED_OUT", "timeout", 143),
    "T_STUBBORN": ("TIMED_OUT", "timeout", 137),
    "T_QUIET": ("DONE", None, 0),
    "T_BIG": ("DONE", None, 0),
    "T_BYTES": ("DONE", None, 0),
    "T_SECRET": ("DONE", None, 0),
    "T_REPLICA": ("FAILED", "app_error", 4),
    "T_ASLEEP": ("FAILED", "pool_unavailable", None),
    "T_NO_WAREHOUSE": ("FAILED", "permission", None),
    "T_BAD_SPEC": ("FAILED", "spec_invalid", None),
    "T_BROKEN": ("FAILED", "internal", None),
    "T_ARGUMENTS": ("DONE", None, 0),
    "T_ENVIRONMENT": ("DONE", None, 0),
    "T_CANCELLED_JOB": ("CANCELLED", "cancelled", 143),
    "T_CANCELLED_TASK": ("CANCELLED", "cancelled", 143),
    "T_PREEMPTED": ("DONE", None, 0),
    "T_EVENTS": ("FAILED", "app_error", 5),
    "T_LEAVES": ("DONE", None, 0),
    "T_TAKES": ("DONE", None, 0),
    "T_THREE": ("DONE", None, 0),
    "T_LEAVES_NOTHING": ("FAILED", "app_error", 0),
    "T_RULE": ("FAILED", "app_error", 75),
    "T_FLAKY": ("DONE", None, 0),
}
ATTEMPTS = {"T_PREEMPTED": 2, "T_RULE": 2, "T_FLAKY": 3, "T_NO_IMAGE": 3}

# what a job cannot have, or not show, without a runner: its own retries, a file of outputs, a broken definition
MANAGED_ONLY = ("broken", "leaves_nothing", "rule", "flaky")
NOT_DIRECT = ("retries", "outputs")
# a program that has to find out its run first needs longer to begin
PATIENT = {"hang": "20 seconds", "stubborn": "20 seconds"}
ENDS_DIRECTLY = {
    **{task: end for task, end in EXPECTED.items() if task.removeprefix("T_").lower() not in MANAGED_ONLY},
    "T_PREEMPTED": ("FAILED", "preempted", None),
}


def jobs_of(runner: str) -> dict[str, dict[str, Any]]:
    """Return the jobs that a runner can run, by name."""
    if runner == MANAGED:
        return {f"t_{name}": dict(job) for name, job in JOBS.items()}
    jobs = {
        f"t_{name}": {key: value for key, value in job.items() if key not in NOT_DIRECT}
        for name, job in JOBS.items()
        if name not in MANAGED_ONLY
    }
    for name, timeout in PATIENT.items():
        jobs[f"t_{name}"]["timeout"] = timeout
    return jobs


ENDS = {MANAGED: EXPECTED, DIRECT: ENDS_DIRECTLY}
TRIES = {MANAGED: ATTEMPTS, DIRECT: dict[str, int]()}
