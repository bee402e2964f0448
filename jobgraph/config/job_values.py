"""A job's values in the file and in the model: read into a `Job`, and written as in the file.

The reading and the writing of each value are side by side. A new key of a job needs a row in `keys`, a field of the
model, and a line each in `job_of` and `job_in_file`; if the runner uses it, also an entry in
`jobgraph.plan.job_definition`. Knows the model and the values that the kinds in `keys` return. Must not know the rules
between values (see `rules`).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from jobgraph.config import matrices
from jobgraph.config.model import (
    Condition,
    Job,
    Payload,
    Resources,
    RetryRule,
    RetryRules,
    Secret,
    Volume,
)
from jobgraph.config.nested_keys import TESTS
from jobgraph.config.timing import duration_text
from jobgraph.names import upper

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobgraph.config.document import Places
    from jobgraph.config.sections import Block

_TIMES = ("backoff", "longest_backoff", "max_elapsed")
_NO_RESOURCES = Resources()


def items(entries: Any) -> tuple[Any, ...]:
    """Return the values of a list that was read."""
    return tuple([value for _, value, _ in entries]) if entries else ()


def job_of(
    key: str, values: Mapping[str, Any], payload: Payload | None, marks: Places, combination: dict[str, str]
) -> Job:
    """Return the job with these values, with the values of a matrix's `combination` inserted."""
    after = _filled(items(values["after"]), combination)
    args = _filled(items(values["args"]), combination)
    env = values["env"] or {}
    if combination:
        env = {name: matrices.filled(value, combination) for name, value in env.items()}
    if values["table_name"]:
        args = (*args, f"--result_table={matrices.filled(values['table_name'], combination)}")
    warehouse = values["warehouse"].values if values["warehouse"] else {}
    retries = values["retries"].values if values["retries"] else {}
    # a payload runs in the runtime image unless the job itself names another
    image = values["image"] or ""
    return Job(
        key=key,
        name=upper(key),
        image="" if payload and not marks.own("image") else image,
        compute_pool=upper(values["compute_pool"] or ""),
        after=tuple(map(upper, after)),
        after_as_written=after,
        args=args,
        command=_filled(items(values["command"]), combination),
        env=env,
        retries=retries.get("count", 0),
        retry_rules=_retry_rules(retries),
        timeout=values["timeout"],
        on_failure=values["on_failure"],
        comment=matrices.filled(values["comment"], combination),
        warehouse=upper(warehouse["query"]) if "query" in warehouse else None,
        task_warehouse=upper(warehouse["task"]) if "task" in warehouse else None,
        resources=Resources(**values["resources"].values) if values["resources"] else _NO_RESOURCES,
        enabled=values["enabled"],
        replicas=values["replicas"],
        when=_condition(values["when"]) if values["when"] else None,
        secrets=tuple(Secret(**{"secret": "", **block.values}) for block in items(values["secrets"])),
        volumes=tuple(_volume(name, block) for name, (_, block) in (values["volumes"] or {}).items()),
        external_access=tuple(map(upper, items(values["external_access"]))),
        payload=payload,
        outputs_file=values["outputs"].values.get("file") if values["outputs"] else None,
        logs=values["logs"],
        runner=values["runner"],
        runbook=values["runbook"] or None,
        marks=marks,
    )


def job_in_file(job: Job) -> dict[str, Any]:
    """Return the values of a job in the file, with defaults but without empty values."""
    values = {
        "image": job.image,
        "compute_pool": job.compute_pool,
        "warehouse": stated({"query": job.warehouse, "task": job.task_warehouse}),
        "after": list(job.after),
        "when": _condition_in_file(job.when) if job.when else None,
        "args": list(job.args),
        "command": list(job.command),
        "env": dict(job.env),
        "secrets": [stated(asdict(secret)) for secret in job.secrets],
        "resources": stated(asdict(job.resources)),
        "volumes": {v.name: stated({k: x for k, x in asdict(v).items() if k != "name"}) for v in job.volumes},
        "external_access": list(job.external_access),
        "replicas": job.replicas,
        "payload": _payload_in_file(job.payload) if job.payload else None,
        "timeout": duration_text(job.timeout),
        "retries": _retries_in_file(job),
        "on_failure": job.on_failure,
        "outputs": {"file": job.outputs_file} if job.outputs_file else None,
        "logs": job.logs,
        "runner": job.runner,
        "enabled": job.enabled,
        "comment": job.comment,
        "runbook": job.runbook,
    }
    return stated(values)


def stated(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values without empty ones: None, empty texts and empty collections."""
    return {name: value for name, value in values.items() if value is not None and value not in ("", [], {}, ())}


def _filled(texts: tuple[str, ...], combination: dict[str, str]) -> tuple[str, ...]:
    return tuple(matrices.filled(text, combination) for text in texts) if combination else texts


def _condition(block: Block) -> Condition | None:
    """Return the condition; None if the section is incomplete, which the rules or the reader report."""
    tests = [test for test in TESTS if test in block.values]
    values = block.values
    if len(tests) != 1 or ("job" in values) == ("config" in values) or {"output", "config"} <= values.keys():
        return None
    job = upper(values["job"]) if "job" in values else ""
    return Condition(job, tests[0], values[tests[0]], values.get("output"), values.get("config"))


def _condition_in_file(when: Condition) -> dict[str, Any]:
    if when.config is not None:
        return {"config": when.config, when.test: when.value}
    return {"job": when.job, **({"output": when.output} if when.output else {}), when.test: when.value}


def _volume(name: str, block: Block) -> Volume:
    return Volume(name, **{"source": "", "path": "", **block.values})


def _payload_in_file(payload: Payload) -> dict[str, Any]:
    packages = stated({"pip_requirements": list(payload.pip_requirements)})
    return {"path": payload.path, "entrypoint": payload.entrypoint, **packages}


def _retry_rules(values: Mapping[str, Any]) -> RetryRules | None:
    # no causes and no rules say nothing
    rules = {name: value for name, value in values.items() if name != "count" and value not in ({}, ())}
    if "rules" in rules:
        rules["rules"] = tuple(_retry_rule(block.values) for block in items(rules["rules"]))
    return RetryRules(**rules) if rules else None


def _retries_in_file(job: Job) -> int | dict[str, Any]:
    rules = job.retry_rules
    if rules is None:
        return job.retries
    details = {"causes": dict(rules.causes), "rules": [_retry_rule_in_file(rule) for rule in rules.rules]}
    return {"count": job.retries, **_times(rules), **stated(details)}


def _retry_rule(values: Mapping[str, Any]) -> RetryRule:
    codes = tuple(_exit_codes(text) for text in items(values.get("exit_codes")))
    # a rule without a count has been reported
    return RetryRule(**{"count": 0, **values, "reasons": items(values.get("reasons")), "exit_codes": codes})


def _retry_rule_in_file(rule: RetryRule) -> dict[str, Any]:
    codes = [str(low) if low == high else f"{low}-{high}" for low, high in rule.exit_codes]
    fits = stated({"reasons": list(rule.reasons), "exit_codes": codes, "message": rule.message})
    return {"count": rule.count, **fits, **_times(rule)}


def _exit_codes(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    return int(low), int(high or low)


def _times(rules: RetryRules | RetryRule) -> dict[str, str]:
    times = {name: getattr(rules, name, None) for name in _TIMES}
    return {name: duration_text(seconds) for name, seconds in times.items() if seconds is not None}
