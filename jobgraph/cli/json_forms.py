"""The JSON forms of runs, jobs, attempts, graphs and configuration files.

Pure. Scripts rely on the keys: add some, but never rename one. Unknown values are null. Must not know where output
goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobgraph.runs import advice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.config.model import Config
    from jobgraph.runs.attempts import Attempt
    from jobgraph.runs.comparison import Difference
    from jobgraph.runs.graph_run import GraphRun, JobRun
    from jobgraph.runs.overview import GraphOverview

# Durations come from clocks of milliseconds; differences of them have more digits, which mean nothing.
_MILLISECONDS = 3


def job_json(job: JobRun) -> dict[str, Any]:
    """Return a job of a run for JSON."""
    waited = advice.waited(job)
    return {
        "job": job.name,
        "state": job.state,
        "attempts": job.attempts,
        "duration_seconds": job.duration,
        "rows_written": job.rows_written,
        "outputs": job.outputs,
        "exit_code": job.last.exit_code if job.last else None,
        "reason_class": (job.last.reason_class or None) if job.last else None,
        "cause": job.cause or None,
        "service": job.service.name if job.service else (job.last.service or None) if job.last else None,
        "service_status": job.service.status if job.service else None,
        "compute_pool": job.service.compute_pool
        if job.service
        else (job.last.compute_pool or None)
        if job.last
        else None,
        "waited_seconds": None if waited is None else round(waited, _MILLISECONDS),
        "advice": (advice.advice(job) or None) if job.cause else None,
        "log_location": (job.last.log_location or None) if job.last else None,
        "tries": [attempt_json(attempt) for attempt in job.tries],
    }


def attempt_json(attempt: Attempt) -> dict[str, Any]:
    """Return a recorded attempt for JSON; unknown values are null."""
    return {
        "attempt": attempt.number,
        "state": attempt.state,
        "reason_class": attempt.reason_class or None,
        "exit_code": attempt.exit_code,
        "reason": attempt.reason or None,
        "error": attempt.error or None,
        "started": attempt.started.isoformat() if attempt.started else None,
        "completed": attempt.completed.isoformat() if attempt.completed else None,
        "duration_seconds": attempt.duration,
        "service": attempt.service or None,
        "compute_pool": attempt.compute_pool or None,
        "node_family": attempt.node_family or None,
        "replicas": attempt.replicas,
        "image_digest": attempt.image_digest or None,
        "query_id": attempt.query_id or None,
        "log_location": attempt.log_location or None,
        "outputs": attempt.outputs,
    }


def run_json(run: GraphRun) -> dict[str, Any]:
    """Return a run for JSON; instants are ISO 8601 with an offset."""
    return {
        "graph": run.graph,
        "root_task": run.root_task,
        "run_id": run.run_id,
        "state": run.state,
        "ended": run.ended,
        "scheduled_from": run.scheduled_from or None,
        "started": run.started.isoformat() if run.started else None,
        "completed": run.completed.isoformat() if run.completed else None,
        "duration_seconds": run.duration,
        "elapsed_seconds": run.elapsed,
        "graph_attempt": run.attempt,
        "cause": run.cause or None,
        "config": run.config or None,
        "request": run.request.entry or None,
        "jobs": [job_json(job) for job in run.jobs],
    }


def line_json(line: GraphOverview) -> dict[str, Any]:
    """Return a line of the overview of graphs for JSON."""
    run = line.run
    return {
        "graph": line.graph.key,
        "root_task": line.graph.root_task,
        "deployed": line.graph.deployed is not None,
        "run_id": run.run_id if run else None,
        "state": run.state if run else None,
        "failed_jobs": [job.name for job in run.failed] if run else [],
        "started": run.started.isoformat() if run and run.started else None,
        "duration_seconds": run.duration if run else None,
        "usual_seconds": line.usual,
        "part": {"run_id": line.part.run_id, "state": line.part.state, "left_out": list(line.part.request.left_out)}
        if line.part
        else None,
        "trouble": list(line.trouble),
        "next_start": line.next_start.isoformat() if line.next_start else None,
        "suspended": line.suspended,
        "suspended_because": line.suspended_because or None,
        "remarks": list(line.remarks),
        "well": line.well,
    }


def config_json(config: Config) -> dict[str, Any]:
    """Return a valid configuration file for JSON."""
    return {
        "file": config.file,
        "valid": True,
        "problems": [],
        "graphs": [
            {
                "graph": graph.key,
                "root_task": graph.root_task,
                "finalizer_task": graph.finalizer_task,
                "schedule": str(graph.schedule) if graph.schedule else None,
                "jobs": [
                    {
                        "job": job.name,
                        "after": list(job.after),
                        "image": job.image,
                        "compute_pool": job.compute_pool,
                        "retries": job.retries,
                    }
                    for job in graph.jobs
                ],
            }
            for graph in config.graphs
        ],
    }


def comparison_json(first: GraphRun, second: GraphRun, differences: Sequence[Difference]) -> dict[str, Any]:
    """Return the differences between two runs for JSON."""
    return {
        "graph": first.graph,
        "first": first.run_id,
        "second": second.run_id,
        "runs": [
            {"run_id": run.run_id, "state": run.state, "request": run.request.entry or None} for run in (first, second)
        ],
        "differences": [
            {
                "job": difference.job or None,
                "fact": difference.fact,
                "first": difference.first,
                "second": difference.second,
            }
            for difference in differences
        ],
    }
