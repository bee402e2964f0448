"""Reads `jobconfig.yaml` into the model, or says everything that is wrong with it.

Knows YAML's errors and how defaults are filled in. Must not know what a key may hold (see `keys`), which rules the
whole has to keep (see `rules`), nor anything of a deployment. The only module here that reads a file.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from jobgraph.document import Document
from jobgraph.errors import ERROR, ConfigErrors, Mark, Problem, UsageError, in_order
from jobgraph.keys import FILE, JOB_KEYS
from jobgraph.model import Config, Graph, Job, Resources
from jobgraph.names import upper
from jobgraph.rules import broken_rules

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from jobgraph.sections import Block

DEEPEST = 100


# libyaml's loader reads a thousand jobs in a tenth of the time; PyYAML has it on every platform with a wheel.
class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # which one is known only at run time
    """A loader that refuses what is nested too deeply: libyaml's own would crash the process."""

    depth = 0

    def descend_resolver(self, parent: yaml.Node | None, index: object) -> None:
        """Note one level more; called for every node."""
        self.depth += 1
        if self.depth > DEEPEST:
            mark = parent.start_mark if parent is not None else None
            raise yaml.composer.ComposerError(problem=f"more than {DEEPEST} levels are nested here", problem_mark=mark)
        super().descend_resolver(parent, index)

    def ascend_resolver(self) -> None:
        """Note one level less."""
        self.depth -= 1
        super().ascend_resolver()


def read(path: str | Path, pools: Collection[str] | None = None, *, strict: bool = False) -> Config:
    """Read and check a job configuration.

    `pools` are the names of the compute pools that the stack has; without them, pool names are not looked up.
    With `strict`, a warning is an error.

    Raises:
        ConfigErrors: with every problem of the file, warnings included, if one is an error.
        UsageError: if the file cannot be read at all.
    """
    file = str(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        remedy = "give the path of a job configuration; the project's own is jobconfig.yaml"
        raise UsageError(f"cannot be read: {error.strerror}", where=file, remedy=remedy) from error
    return parse(content, file, pools, strict=strict)


def parse(content: bytes, file: str, pools: Collection[str] | None = None, *, strict: bool = False) -> Config:
    """Read and check a job configuration from its bytes; `file` is the name used in messages.

    Raises:
        ConfigErrors: with every problem of the file.
    """
    return understand(compose(content, file), file, pools)


def understand(root: yaml.Node, file: str, pools: Collection[str] | None = None) -> Config:
    """Read and check a job configuration from its YAML nodes, wherever they come from; their marks are in `file`.

    Raises:
        ConfigErrors: with every problem found.
    """
    document = Document(file)
    block = FILE.read(root, "", document)
    if block is None:
        raise ConfigErrors(file, document.problems)
    config = _config(block, document)
    problems = [*document.problems, *broken_rules(config, pools)]
    if any(strict or problem.severity == ERROR for problem in problems):
        raise ConfigErrors(file, problems)
    return replace(config, warnings=in_order(problems))


def compose(content: bytes, file: str) -> yaml.Node:
    """Return the root node of the only document.

    Raises:
        ConfigErrors: if this is no YAML, or empty.
    """
    try:
        text = content.decode("utf-8-sig")
        node = yaml.compose(text, Loader=_Loader)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        what, remedy = f"byte 0x{content[error.start]:02x} is not UTF-8", "save the file in the encoding UTF-8"
        raise _unreadable(Mark(file, line, column), what, remedy) from error
    except yaml.MarkedYAMLError as error:
        raise _unreadable(_yaml_mark(file, error), _yaml_text(error), "mend the YAML here or just above") from error
    except yaml.YAMLError as error:
        what = str(error).strip().splitlines()[0]
        mark = _position_mark(file, text, getattr(error, "position", 0))
        raise _unreadable(mark, f"this is no YAML: {what}", "remove this character") from error
    if node is None:
        remedy = "write `version: 1` and `graphs:`; README.md shows an example"
        raise _unreadable(Mark(file, 1, 1), "the file is empty", remedy)
    return node


def _unreadable(mark: Mark, what: str, remedy: str) -> ConfigErrors:
    return ConfigErrors(mark.file, [Problem(mark, "yaml", "", what, remedy)])


def _yaml_mark(file: str, error: yaml.MarkedYAMLError) -> Mark:
    mark = error.problem_mark or error.context_mark
    return Mark(file, mark.line + 1, mark.column + 1) if mark else Mark(file, 1, 1)


def _yaml_text(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return "this is no YAML: " + ", ".join(parts)


def _position_mark(file: str, text: str, position: int | None) -> Mark:
    before = text[: position or 0]
    return Mark(file, before.count("\n") + 1, len(before) - before.rfind("\n"))


def _config(block: Block, document: Document) -> Config:
    defaults = block.values.get("defaults")
    graphs = tuple(
        _graph(key, document.mark(node), graph, defaults, document)
        for key, (node, graph) in block.values.get("graphs", {}).items()
    )
    return Config(document.file, block.values.get("version", 1), graphs)


def _graph(key: str, mark: Mark, block: Block, file_defaults: Block | None, document: Document) -> Graph:
    values = block.values
    levels = [level for level in (values.get("defaults"), file_defaults) if level is not None]
    jobs = tuple(
        _job(job_key, document.mark(node), [job, *levels], document)
        for job_key, (node, job) in values.get("jobs", {}).items()
    )
    return Graph(
        key=key,
        root_task=upper(values.get("root_task", f"{key}_ROOT")),
        finalizer_task=upper(values.get("finalizer_task", f"{key}_FINALIZER")),
        jobs=jobs,
        schedule=values.get("schedule"),
        comment=values.get("comment", ""),
        config=values.get("config"),
        marks={"": mark} | {name: document.mark(node) for name, node in block.nodes.items() if name not in block.wrong},
    )


def _job(key: str, mark: Mark, levels: list[Block], document: Document) -> Job:
    """Return the job; `levels` are its own section and those of the defaults, nearest first."""
    values: dict[str, Any] = {}
    marks = {"": mark}
    for spec in JOB_KEYS:
        for level in levels if spec.inherited else levels[:1]:
            if spec.name in level.nodes or spec.name in level.wrong:
                marks[spec.name] = document.mark(level.nodes.get(spec.name, level.node))
                values[spec.name] = level.values.get(spec.name, spec.default)
                break
        else:
            values[spec.name] = spec.default
    after = values["after"] or ()
    marks |= {f"after.{place}": item_mark for place, (_, _, item_mark) in enumerate(after)}
    return _made(key, values, _environment(levels), marks)


def _made(key: str, values: Mapping[str, Any], env: dict[str, str], marks: dict[str, Mark]) -> Job:
    resources = values["resources"].values if values["resources"] else {}
    return Job(
        key=key,
        name=upper(key),
        image=values["image"] or "",
        compute_pool=upper(values["compute_pool"] or ""),
        after=tuple(upper(name) for _, name, _ in values["after"] or ()),
        after_as_written=tuple(name for _, name, _ in values["after"] or ()),
        args=tuple(text for _, text, _ in values["args"] or ()),
        command=tuple(text for _, text, _ in values["command"] or ()),
        env=env,
        retries=values["retries"],
        timeout=values["timeout"],
        on_failure=values["on_failure"],
        comment=values["comment"],
        warehouse=upper(values["warehouse"]) if values["warehouse"] else None,
        resources=Resources(resources.get("cpu"), resources.get("memory")),
        marks=marks,
    )


def _environment(levels: list[Block]) -> dict[str, str]:
    """Return the variables of all levels together; the nearest level wins, name by name."""
    merged: dict[str, str] = {}
    for level in reversed(levels):
        merged |= level.values.get("env", {})
    return merged
