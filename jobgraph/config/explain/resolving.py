"""A job configuration written out: overlays merged, defaults filled in, matrices expanded, nothing left to look up.

Knows how each part of the model is said in the file: the way back of `assembly`. Must not know how text is laid out
(see `printing`). What is written reads as the same graphs again.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from jobgraph.config.explain.printing import printed
from jobgraph.config.keys import OVERLAPS
from jobgraph.config.timing import duration_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobgraph.config.model import Condition, Config, Graph, Job, RetryRule

OVERLAP_WORDS = {policy: word for word, policy in OVERLAPS.items()}


def resolved(config: Config) -> str:
    """Return the text of a file that says the same without defaults, environments and matrices."""
    return printed(resolved_document(config))


def resolved_document(config: Config) -> dict[str, Any]:
    """Return what the resolved file says, as plain values."""
    return {"version": config.version, "graphs": {graph.key: _graph(graph) for graph in config.graphs}}


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what says nothing: no value, no text, no entries."""
    return {name: value for name, value in values.items() if value is not None and value not in ("", [], {}, ())}


def _graph(graph: Graph) -> dict[str, Any]:
    values = {
        "schedule": graph.schedule.in_file if graph.schedule else None,
        "root_task": graph.root_task,
        "finalizer": graph.finalizer,
        "finalizer_task": graph.finalizer_task,
        "comment": graph.comment,
        "overlap": OVERLAP_WORDS[graph.overlap] if graph.overlap else None,
        "suspend_after_failures": graph.suspend_after_failures,
        "auto_retry": graph.auto_retry,
        "timeout": duration_text(graph.timeout) if graph.timeout else None,
    }
    # an empty configuration is one, too
    config = {} if graph.config is None else {"config": dict(graph.config)}
    return {**_said(values), **config, "jobs": {job.key: _job(job) for job in graph.jobs}}


def _job(job: Job) -> dict[str, Any]:
    values = {
        "image": job.image,
        "compute_pool": job.compute_pool,
        "warehouse": _said({"query": job.warehouse, "task": job.task_warehouse}),
        "after": list(job.after),
        "when": _condition(job.when) if job.when else None,
        "args": list(job.args),
        "command": list(job.command),
        "env": dict(job.env),
        "secrets": [_said(asdict(secret)) for secret in job.secrets],
        "resources": _said(asdict(job.resources)),
        "volumes": {v.name: _said({k: x for k, x in asdict(v).items() if k != "name"}) for v in job.volumes},
        "external_access": list(job.external_access),
        "replicas": job.replicas,
        "payload": _payload(job),
        "timeout": duration_text(job.timeout),
        "retries": _retries(job),
        "on_failure": job.on_failure,
        "outputs": {"file": job.outputs_file} if job.outputs_file else None,
        "logs": job.logs,
        "enabled": job.enabled,
        "comment": job.comment,
    }
    return _said(values)


def _condition(when: Condition) -> dict[str, Any]:
    return {"job": when.job, **({"output": when.output} if when.output else {}), when.test: when.value}


def _payload(job: Job) -> dict[str, Any] | None:
    if job.payload is None:
        return None
    payload = job.payload
    given = {"path": payload.path, "entrypoint": payload.entrypoint}
    return {**given, **_said({"pip_requirements": list(payload.pip_requirements)})}


def _retries(job: Job) -> int | dict[str, Any]:
    rules = job.retry_rules
    if rules is None:
        return job.retries
    times = {"backoff": rules.backoff, "longest_backoff": rules.longest_backoff, "max_elapsed": rules.max_elapsed}
    said = {name: duration_text(seconds) for name, seconds in times.items() if seconds is not None}
    more = {"causes": dict(rules.causes), "rules": [_retry_rule(rule) for rule in rules.rules]}
    return {"count": job.retries, **said, **_said(more)}


def _retry_rule(rule: RetryRule) -> dict[str, Any]:
    times = {"backoff": rule.backoff, "longest_backoff": rule.longest_backoff}
    codes = [str(low) if low == high else f"{low}-{high}" for low, high in rule.exit_codes]
    said = _said({"reasons": list(rule.reasons), "exit_codes": codes, "message": rule.message})
    return {"count": rule.count, **said, **{k: duration_text(v) for k, v in times.items() if v is not None}}
