"""Builds the model from the sections read: fills in defaults, expands matrices, converts values.

Knows the sections that `keys` describes, and the model. Must not know the rules between values (`rules`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jobgraph.config import matrices
from jobgraph.config.document import Document, Places
from jobgraph.config.job_values import items, job_of
from jobgraph.config.keys import JOB_KEYS, OVERLAPS
from jobgraph.config.model import Config, Graph, Payload
from jobgraph.config.receivers import receivers_of
from jobgraph.errors import nearest
from jobgraph.names import upper

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import yaml

    from jobgraph.config.model import Job, Receiver
    from jobgraph.config.payloads import PayloadFolder
    from jobgraph.config.sections import Block

_EMPTY: dict[str, Any] = {key.name: key.default for key in JOB_KEYS}


@dataclass(frozen=True)
class Assembler:
    """Builds the model, and reports problems to the document. Without `payloads`, payload files are not looked for."""

    document: Document
    payloads: PayloadFolder | None = None

    def config(self, block: Block) -> Config:
        """Return the whole configuration."""
        defaults = block.values.get("defaults")
        notify = receivers_of(block, "", self.document) or ()
        graphs = tuple(
            replace(self._graph(key, node, graph, defaults), notify=self._notify(key, graph, notify))
            for key, (node, graph) in block.values.get("graphs", {}).items()
        )
        return Config(self.document.file, block.values.get("version", 1), graphs)

    def _notify(self, key: str, graph: Block, of_file: tuple[Receiver, ...]) -> tuple[Receiver, ...]:
        """Return the receivers of a graph's messages: its own, or those of the file."""
        own = receivers_of(graph, f"graphs.{key}.", self.document)
        return of_file if own is None else own

    def _graph(self, key: str, node: yaml.Node, block: Block, file_defaults: Block | None) -> Graph:
        values = block.values
        base = _Base.of(file_defaults, values)
        jobs: list[Job] = []
        members: dict[str, tuple[str, ...]] = {}
        for job_key, (job_node, job) in values.get("jobs", {}).items():
            own_jobs = tuple(self._jobs(f"graphs.{key}.jobs.{job_key}", job_key, job_node, job, base))
            jobs += own_jobs
            if "matrix" in job.values:
                members[upper(job_key)] = tuple(own_job.name for own_job in own_jobs)
        nodes = {name: value for name, value in block.nodes.items() if name not in block.wrong}
        return Graph(
            key=key,
            root_task=upper(values.get("root_task", f"{key}_ROOT")),
            finalizer_task=upper(values.get("finalizer_task", f"{key}_FINALIZER")),
            jobs=tuple(_expanded(job, members) for job in jobs) if members else tuple(jobs),
            schedule=values.get("schedule"),
            comment=values.get("comment", ""),
            config=values.get("config"),
            finalizer=values.get("finalizer", True),
            overlap=OVERLAPS.get(values.get("overlap", "")),
            suspend_after_failures=values.get("suspend_after_failures"),
            auto_retry=values.get("auto_retry"),
            timeout=values.get("timeout"),
            marks=Places(self.document, {"": node, **nodes}),
        )

    def _jobs(self, path: str, key: str, node: yaml.Node, block: Block, base: _Base) -> Iterator[Job]:
        """Yield the job, or the jobs of its matrix."""
        values, nodes = base.over(block)
        nodes[""] = node
        places = Places(self.document, nodes, block.nodes)
        payload = self._payload(path, values["payload"]) if values["payload"] else None
        matrix = {name: items(choices) for name, choices in (values["matrix"] or {}).items()}
        self._matrix_problems(path, block, matrix)
        if not matrix:
            yield job_of(key, values, payload, places, {})
        elif matrices.size(matrix) <= matrices.MOST_COMBINATIONS:
            for combination in matrices.combinations(matrix):
                yield job_of(matrices.name_of_combination(key, combination), values, payload, places, combination)
        else:
            limit = matrices.MOST_COMBINATIONS
            issue = f"the matrix has {matrices.size(matrix)} combinations; {limit} are allowed"
            remedy = f"Snowflake allows {limit} tasks that follow one: split it into several jobs"
            self.document.report(
                block.nodes["matrix"], f"{path}.matrix", rule="matrix-size", issue=issue, remedy=remedy
            )

    def _matrix_problems(self, path: str, block: Block, matrix: Mapping[str, tuple[str, ...]]) -> None:
        """Report `${{ matrix.NAME }}` with a name that the job's matrix does not have."""
        for key in ("after", "args", "command", "env", "table_name", "comment"):
            if key not in block.values:
                continue
            for text in _texts(block.values[key]):
                for name in matrices.unknown_names(text, matrix) if "${{" in text else ():
                    issue = f"`{name}` is not a name in the job's matrix"
                    remedy = f"use one of {', '.join(matrix)}" if matrix else "give the job a `matrix:` with that name"
                    close = nearest(name, matrix)
                    self.document.report(
                        block.nodes[key], f"{path}.{key}", rule="matrix-name", issue=issue, remedy=remedy, close=close
                    )
        for name, values in matrix.items():
            if not values:
                issue, remedy = f"`{name}` has no values, so the job would not be created at all", "give it values"
                node = block.nodes["matrix"]
                self.document.report(node, f"{path}.matrix.{name}", rule="matrix-empty", issue=issue, remedy=remedy)

    def _payload(self, path: str, block: Block) -> Payload | None:
        """Return the payload with its files; their problems are reported."""
        values = block.values
        if "path" not in values:
            return None
        entrypoint = values.get("entrypoint", values["path"].rpartition("/")[2]).removeprefix("./")
        packages = items(values.get("pip_requirements", ()))
        payload = Payload(values["path"], entrypoint, packages)
        if self.payloads is None:
            return payload
        content = self.payloads.read(values["path"])
        if content.rule:
            node, at = block.nodes["path"], f"{path}.payload.path"
            self.document.report(node, at, rule=content.rule, issue=content.issue, remedy=content.remedy)
        elif entrypoint not in content.files:
            node = block.nodes.get("entrypoint", block.node)
            issue = f"`{values['path']}` has no file `{entrypoint}`"
            if "entrypoint" not in values:
                issue = f"`{values['path']}` is a folder, and the file to run is not named"
            remedy, close = "name the file to run with `entrypoint:`", nearest(entrypoint, content.files)
            self.document.report(
                node, f"{path}.payload.entrypoint", rule="payload-missing", issue=issue, remedy=remedy, close=close
            )
        return replace(payload, files=content.files)


@dataclass(frozen=True)
class _Base:
    """The defaults for every job of a graph: the values and their nodes."""

    values: dict[str, Any]
    nodes: dict[str, yaml.Node]

    @staticmethod
    def of(file: Block | None, graph: Mapping[str, Any]) -> _Base:
        """Merge the defaults of the file, the graph's own keys for its jobs, and the graph's defaults."""
        base = _Base(_EMPTY, {})
        if "timeout" in graph:  # by default, a job may not take longer than its graph
            base = _Base({**_EMPTY, "timeout": min(_EMPTY["timeout"], graph["timeout"])}, {})
        if file is not None:
            base = _Base(*base.over(file))
        own = {key: graph[key] for key in ("on_failure", "runner") if key in graph}
        base = _Base({**base.values, **own}, base.nodes)
        return _Base(*base.over(graph["defaults"])) if graph.get("defaults") is not None else base

    def over(self, block: Block) -> tuple[dict[str, Any], dict[str, yaml.Node]]:
        """Return the values and nodes of a section merged over the defaults; variables are merged name by name."""
        values = {**self.values, **block.values}
        for name in block.wrong:
            values[name] = _EMPTY.get(name)
        nodes = {**self.nodes, **block.nodes}
        for name in block.wrong - nodes.keys():
            nodes[name] = block.node
        if self.values["env"] and "env" in block.values:
            values["env"] = {**self.values["env"], **block.values["env"]}
        return values, nodes


def _texts(value: Any) -> Iterator[str]:
    """Yield all texts within a value that was read."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value.values()
    else:
        yield from (text for _, text, _ in value)


def _expanded(job: Job, members: Mapping[str, tuple[str, ...]]) -> Job:
    """Return the job with every matrix name in its `after` replaced by the names of the matrix's jobs."""
    if not any(name in members for name in job.after):
        return job
    pairs = [(member, place) for place, name in enumerate(job.after) for member in members.get(name, (name,))]
    places = tuple(place for _, place in pairs)
    return replace(
        job,
        after=tuple(member for member, _ in pairs),
        after_as_written=tuple(job.after_as_written[place] for place in places),
        marks=job.marks.rearranged("after", places) if isinstance(job.marks, Places) else job.marks,
    )
