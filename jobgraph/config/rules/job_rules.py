"""The rules of a single job and its pool: one function each.

Knows the model, Snowflake's limits for containers, and what a secret looks like. Must not know YAML, nor edges between
jobs (see `rules`). A rule yields a problem for every place that breaks it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jobgraph.config.rules.patterns import pattern_problem
from jobgraph.config.timing import LONGEST_TASK_SECONDS, duration_text, job_seconds, rounded_text
from jobgraph.errors import ERROR, WARNING, Mark, Problem, nearest
from jobgraph.instance_families import FAMILIES, GIB, cpus, size_bytes
from jobgraph.names import is_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from jobgraph.config.model import Config, Graph, Job, RetryRule, Volume

# docs.snowflake.com/en/developer-guide/snowpark-container-services/specification-reference, and the pages around it
MOST_SECRETS = 50
MOST_VOLUMES = 20
MOST_BLOCK_VOLUMES = 3
MOST_STAGE_VOLUMES = 8
MOST_INTEGRATIONS = 10
# the part of a job's name that fits into a service's name: 63 less a hash of 16, the attempt and two underscores
LONGEST_IN_SERVICE_NAME = 43
HIGHEST_EXIT_CODE = 255
MUTABLE_TAGS = frozenset({"latest", "main", "master", "dev", "develop", "edge", "nightly", "prod", "stable", "staging"})

_SECRET_NAME = re.compile(
    r"(^|[-_])(password|passwd|pwd|passphrase|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credentials?)$",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\b(AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36}"
    r"|\bgithub_pat_[A-Za-z0-9_]{50}"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10}"
    r"|\bsk-[A-Za-z0-9_-]{32}"
    r"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."
    r"|://[^/\s:@]+:[^/\s:@]+@",
)
_SIMPLER = r"write it without a repeat inside a repeat: `timed out` finds what `(\w+ *)+timed out` does"
_ARGUMENT = re.compile(r"--?([A-Za-z][\w-]*)(?:[= ](.*))?", re.DOTALL)


def mark_of(owner: Graph | Job, *keys: str) -> Mark:
    """Return the mark of the first key that is in the file; without one, the mark of the graph or job itself."""
    return next((owner.marks[key] for key in (*keys, "") if key in owner.marks), Mark("", 1, 1))


def path_of(graph: Graph, job: Job | None = None, *keys: str) -> str:
    """Return the path of a graph or a job in the document."""
    return ".".join(["graphs", graph.key, *(["jobs", job.key] if job else []), *keys])


def complete(graph: Graph) -> Iterator[Problem]:
    """A job needs a compute pool, and an image or a payload, of its own or from defaults."""
    for job in graph.jobs:
        for key, value in (("image", job.image or job.payload), ("compute_pool", job.compute_pool)):
            if not value and not (key in job.marks or (key == "image" and "payload" in job.marks)):
                issue = f"job `{job.key}` has no `{key}`, and there is none in the defaults"
                remedy = f"add `{key}:` to the job, or to `defaults:` of the graph or the file"
                yield Problem(mark_of(job), "job-complete", path_of(graph, job), issue, remedy)


def service_names(graph: Graph) -> Iterator[Problem]:
    """A job's name is the start of its services' names, which must be valid DNS labels of at most 63 characters."""
    for job in graph.jobs:
        if job.key.startswith("_") and is_plain(job.key):
            issue = f"the names of the services of `{job.key}` would begin with an underscore, which Snowflake refuses"
            remedy = "begin the name with a letter"
            yield Problem(mark_of(job), "service-name", path_of(graph, job), issue, remedy, job.key)
        elif len(job.key) > LONGEST_IN_SERVICE_NAME and is_plain(job.key):
            issue = f"the name has {len(job.key)} characters; names of services show only {LONGEST_IN_SERVICE_NAME}"
            remedy = "shorten the name, if you want to recognise its services by it"
            yield Problem(mark_of(job), "service-name-length", path_of(graph, job), issue, remedy, severity=WARNING)


def mutable_tags(graph: Graph) -> Iterator[Problem]:
    """A tag should not move: the image may change at any time, and no preview shows it."""
    reported = set()
    for job in graph.jobs:
        tag = job.image.rpartition(":")[2]
        if tag in MUTABLE_TAGS and "@" not in job.image:
            mark = mark_of(job, "image")
            if mark not in reported:
                reported.add(mark)
                issue = f"the tag `{tag}` moves: it may name another image tomorrow, and no preview shows it"
                remedy = "use a fixed version, as my_job_image:1.4.2, or a digest, as my_job_image@sha256:..."
                at = path_of(graph, job, "image")
                yield Problem(mark, "image-tag", at, issue, remedy, value=job.image, severity=WARNING)


def no_secrets(graph: Graph) -> Iterator[Problem]:
    """Values of env and args must not be secrets: they are in the task's text, Pulumi's state and the specification."""
    reported = set()
    for job in graph.jobs:
        for key, name, value in _literals(job):
            certain = _SECRET_VALUE.search(value) is not None
            if not certain and not (_SECRET_NAME.search(name) and value.strip()):
                continue
            mark = mark_of(job, key, key.partition(".")[0])
            if (mark, name) in reported:
                continue
            reported.add((mark, name))
            subject = f"`{name}`" if name else "this argument"
            issue = f"{subject} {'contains' if certain else 'seems to contain'} a secret, which anyone can read there"
            remedy = "create a Snowflake secret, and pass it with `secrets: [{secret: NAME, env: VARIABLE}]`"
            # the value is left out on purpose: the report must not repeat it
            at = path_of(graph, job, key.partition(".")[0])
            yield Problem(mark, "secret-literal", at, issue, remedy, severity=ERROR if certain else WARNING)


def _literals(job: Job) -> Iterator[tuple[str, str, str]]:
    """Yield the key, name and value of everything that is passed as plain text."""
    for name, value in job.env.items():
        yield f"env.{name}", name, value
    for number, argument in enumerate(job.command):
        yield f"command.{number}", "", argument
    for number, argument in enumerate(job.args):
        match = _ARGUMENT.fullmatch(argument)
        following = job.args[number + 1] if number + 1 < len(job.args) else ""
        name, value = (match[1], match[2]) if match else ("", argument)
        yield f"args.{number}", name, value if value is not None else following.removeprefix("-") and following


def volumes_whole(graph: Graph) -> Iterator[Problem]:
    """Memory and block volumes need a size, stage volumes a stage, and no two volumes may have the same path."""
    for job in graph.jobs:
        paths: set[str] = set()
        for volume in job.volumes:
            at, mark = path_of(graph, job, "volumes", volume.name), mark_of(job, f"volumes.{volume.name}", "volumes")
            issue, remedy = _volume_problem(volume)
            if issue:
                yield Problem(mark, "volume-complete", at, issue, remedy)
            if volume.path and volume.path in paths:
                issue = f"two volumes are mounted at {volume.path}"
                yield Problem(mark, "volume-path", at, issue, "mount one of them elsewhere", value=volume.path)
            if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", volume.name):
                issue, remedy = (
                    f"`{volume.name}` is not a name for a volume",
                    "use lower-case letters, digits and hyphens",
                )
                yield Problem(mark, "volume-name", at, issue, remedy, value=volume.name)
            paths.add(volume.path)


def _volume_problem(volume: Volume) -> tuple[str, str]:
    sized = volume.source in {"memory", "block"}
    if sized and volume.size is None:
        return f"a {volume.source} volume needs a size", "add `size: 1Gi`"
    if volume.source in {"local", "stage"} and volume.size is not None:
        return f"a {volume.source} volume cannot have a size", "remove `size`, or make it `source: memory` or `block`"
    if volume.source == "stage" and volume.stage is None:
        return "a stage volume needs its stage", "add `stage: my_stage/folder`"
    if sized and volume.stage is not None:
        return f"a {volume.source} volume cannot have a stage", "remove `stage`, or make it `source: stage`"
    return "", ""


def secrets_whole(graph: Graph) -> Iterator[Problem]:
    """A secret goes either into a variable, which `env` must not set, or into a folder."""
    for job in graph.jobs:
        for number, secret in enumerate(job.secrets):
            at, mark = path_of(graph, job, f"secrets[{number}]"), mark_of(job, f"secrets.{number}", "secrets")
            if (secret.env is None) == (secret.directory is None):
                issue = "a secret goes either into a variable or into a folder"
                yield Problem(mark, "secret-target", at, issue, "write `env: VARIABLE` or `directory: /folder`")
            elif secret.directory is not None and secret.key is not None:
                issue = "in a folder every part of the secret is a file; `key` is for variables"
                yield Problem(mark, "secret-target", at, issue, "remove `key`, or use `env`")
            elif secret.env in job.env:
                issue = f"the variable {secret.env} is set by `env` too"
                yield Problem(mark, "secret-target", at, issue, "remove it from `env`", value=secret.env or "")


def container_limits(graph: Graph) -> Iterator[Problem]:
    """Snowflake limits the number of secrets, volumes and integrations of a service."""
    for job in graph.jobs:
        if not (job.secrets or job.volumes or job.external_access):
            continue
        sources = [volume.source for volume in job.volumes]
        for key, count, limit, of in (
            ("secrets", len(job.secrets), MOST_SECRETS, "secrets"),
            ("volumes", len(sources), MOST_VOLUMES, "volumes"),
            ("volumes", sources.count("block"), MOST_BLOCK_VOLUMES, "block volumes"),
            ("volumes", sources.count("stage"), MOST_STAGE_VOLUMES, "stage volumes"),
            ("external_access", len(job.external_access), MOST_INTEGRATIONS, "external access integrations"),
        ):
            if count > limit:
                issue = f"job `{job.key}` has {count} {of}; Snowflake allows {limit}"
                at = path_of(graph, job, key)
                yield Problem(mark_of(job, key), "container-limit", at, issue, "use fewer")


def one_of_two(graph: Graph) -> Iterator[Problem]:
    """Some keys exclude one another, or need another key."""
    for job in graph.jobs:
        if job.payload is not None and job.command:
            issue = "a payload is started by the runtime image's own program; `command` would replace it"
            yield _twice(graph, job, "command", issue, "remove `command`; `args` go to the payload's entrypoint")
        if "table_name" in job.marks and any(text.startswith("--result_table") for text in job.args[:-1]):
            issue = "`table_name` adds the argument --result_table, which `args` has too"
            yield _twice(graph, job, "table_name", issue, "keep one of the two")
        if job.payload is not None and job.payload.pip_requirements and not job.external_access:
            issue = "pip cannot reach a package index: by default, a container reaches nothing outside Snowflake"
            remedy = "add `external_access:` with an integration for the index"
            key = "payload.pip_requirements"
            mark = mark_of(job, key, "payload")
            yield Problem(mark, "payload-access", path_of(graph, job, key), issue, remedy, severity=WARNING)


def _twice(graph: Graph, job: Job, key: str, issue: str, remedy: str) -> Problem:
    return Problem(mark_of(job, key), "one-of-two", path_of(graph, job, key), issue, remedy)


def time_limits(graph: Graph) -> Iterator[Problem]:
    """A job with all its attempts fits into the longest time of a task, and an attempt into the time of its graph."""
    reported = set()
    for job in graph.jobs:
        seconds = job_seconds(job)
        if seconds <= LONGEST_TASK_SECONDS and (graph.timeout is None or job.timeout <= graph.timeout):
            continue
        mark, at = mark_of(job, "timeout", "retries"), path_of(graph, job, "timeout")
        length = duration_text(job.timeout)
        if (mark, job.retries) in reported:  # the same defaults are reported only once
            continue
        reported.add((mark, job.retries))
        if seconds > LONGEST_TASK_SECONDS:
            issue = (
                f"{job.retries + 1} attempts of {length} each may take {rounded_text(seconds)}; a task may take "
                f"{rounded_text(LONGEST_TASK_SECONDS)}"
            )
            remedy = "give a shorter `timeout`, fewer `retries`, or `retries: {max_elapsed: ...}`"
            yield Problem(mark, "timeout-task", at, issue, remedy, value=length)
        if graph.timeout is not None and job.timeout > graph.timeout:
            whole = duration_text(graph.timeout)
            issue = f"job `{job.key}` may take {length}, but its whole graph only {whole}"
            remedy = f"give the job a `timeout` below {whole}, or the graph a longer one"
            yield Problem(mark, "timeout-graph", at, issue, remedy, value=length)


def pools_fit(config: Config, pools: Collection[str]) -> Iterator[Problem]:
    """A job runs on a compute pool of the stack whose nodes are large enough.

    `pools` are names, optionally as a mapping to their instance families. Problems of defaults are reported once.
    """
    pool_names = {pool.upper() for pool in pools}
    families: Mapping[str, str] = {k.upper(): v for k, v in pools.items()} if isinstance(pools, dict) else {}
    reported = set()
    for graph in config.graphs:
        for job in graph.jobs:
            if job.compute_pool in pool_names:
                if job.compute_pool in families:
                    yield from _too_large(graph, job, families[job.compute_pool])
                continue
            mark = mark_of(job, "compute_pool")
            if is_plain(job.compute_pool) and mark not in reported:
                reported.add(mark)
                yield _no_pool(graph, job, mark, pool_names)


def _no_pool(graph: Graph, job: Job, mark: Mark, pool_names: Collection[str]) -> Problem:
    issue = f"the stack has no compute pool `{job.compute_pool}`, which job `{job.key}` names"
    remedy = f"use one of {', '.join(sorted(pool_names)) or 'none'}, or add it to the pools of Pulumi.<stack>.yaml"
    close = nearest(job.compute_pool, pool_names)
    at = path_of(graph, job, "compute_pool")
    return Problem(mark, "pool-exists", at, issue, remedy, value=job.compute_pool, nearest=close)


def _too_large(graph: Graph, job: Job, family: str) -> Iterator[Problem]:
    """Yield the problem of each resource that a node of the family does not have."""
    resources, node = job.resources, FAMILIES.get(family)
    gpus = node.gpu if node else None
    too_much = []
    if node and resources.cpu is not None and cpus(resources.cpu) > node.cpu:
        too_much.append(("cpu", resources.cpu, f"{node.cpu} processor{'s' if node.cpu > 1 else ''}"))
    if node and resources.memory is not None and size_bytes(resources.memory) > node.memory * GIB:
        too_much.append(("memory", resources.memory, f"{node.memory}Gi of memory"))
    if gpus is not None and resources.gpu is not None and resources.gpu > gpus:
        too_much.append(("gpu", str(resources.gpu), f"{gpus} GPUs" if gpus else "no GPU"))
    for key, value, has in too_much:
        issue = f"job `{job.key}` requests {value} of {key}, but a node of {job.compute_pool} ({family}) has {has}"
        fitting = [name for name, n in FAMILIES.items() if _fits(job, n.cpu, n.memory, n.gpu)]
        remedy = f"request less, or use a pool of {', '.join(fitting[:3]) or 'larger nodes'}"
        mark, at = mark_of(job, f"resources.{key}", "resources"), path_of(graph, job, f"resources.{key}")
        yield Problem(mark, "pool-fits", at, issue, remedy, value=value)


def _fits(job: Job, cpu: int, memory: int, gpu: int) -> bool:
    resources = job.resources
    return (
        cpus(resources.cpu or "0") <= cpu
        and size_bytes(resources.memory or "0Gi") <= memory * GIB
        and (resources.gpu or 0) <= gpu
    )


def retry_rules_whole(graph: Graph) -> Iterator[Problem]:
    """A rule for retries names its failures, with possible exit codes and a valid regular expression."""
    reported = set()
    for job in graph.jobs:
        for number, rule in enumerate(job.retry_rules.rules if job.retry_rules else ()):
            mark, at = mark_of(job, "retries"), path_of(graph, job, f"retries.rules[{number}]")
            issue, remedy, value = _retry_rule_problem(rule)
            if issue and (mark, number) not in reported:  # the same defaults are reported only once
                reported.add((mark, number))
                yield Problem(mark, "retry-rule", at, issue, remedy, value=value)


def _retry_rule_problem(rule: RetryRule) -> tuple[str, str, str]:
    if not (rule.reasons or rule.exit_codes or rule.message):
        remedy = "add `reasons`, `exit_codes` or `message`; for all failures, use `count` beside `rules`"
        return "this rule does not say which failures it is for", remedy, ""
    for low, high in rule.exit_codes:
        if not low <= high <= HIGHEST_EXIT_CODE:
            text = str(low) if low == high else f"{low}-{high}"
            return f"{text} is not an exit code from 0 to 255 or a range of them", "write 75 or 100-110", text
    issue = pattern_problem(rule.message)
    remedy = (
        _SIMPLER if "could take forever" in issue else r"escape special characters that are meant literally: \( \[ \."
    )
    return (issue, remedy, rule.message) if issue else ("", "", "")


JOB_RULES: dict[str, Callable[[Graph], Iterator[Problem]]] = {
    "job-complete": complete,
    "service-name": service_names,
    "image-tag": mutable_tags,
    "secret-literal": no_secrets,
    "volume-complete": volumes_whole,
    "secret-target": secrets_whole,
    "container-limit": container_limits,
    "one-of-two": one_of_two,
    "timeout-task": time_limits,
    "retry-rule": retry_rules_whole,
}
