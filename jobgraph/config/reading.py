"""Reads `jobconfig.yaml` into the model, or reports all of its problems.

Knows YAML's errors and which files belong together. Must not know the valid values of keys (see `keys`), the rules
between values (see `rules`), nor how anything is deployed. Only this module and `payloads` read files here.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from jobgraph import garbage_collector
from jobgraph.config.assembly import Assembler
from jobgraph.config.document import Document, as_written, report_repeated
from jobgraph.config.keys import FILE
from jobgraph.config.overlays import from_file, merged, settle_names, take_environment
from jobgraph.config.payloads import PayloadFolder
from jobgraph.config.rules.graph_rules import broken_rules
from jobgraph.errors import ERROR, ConfigErrors, Mark, Problem, UsageError, in_order

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from jobgraph.config.model import Config

DEEPEST = 100
# the most nodes that aliases may repeat: enough for a thousand jobs with a hundred each
MOST_REPEATED = 100_000


# libyaml's loader needs a tenth of the time for a thousand jobs; PyYAML's wheels include it on every platform.
class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # the base class is known only at run time
    """A loader that refuses deep nesting, with which libyaml's own loader would crash the process."""

    depth = 0

    def descend_resolver(self, parent: yaml.Node | None, index: object) -> None:
        """Count one more level. Called for every node."""
        self.depth += 1
        if self.depth > DEEPEST:
            mark = parent.start_mark if parent is not None else None
            raise yaml.composer.ComposerError(problem=f"more than {DEEPEST} levels are nested here", problem_mark=mark)
        super().descend_resolver(parent, index)

    def ascend_resolver(self) -> None:
        """Count one level less."""
        self.depth -= 1
        super().ascend_resolver()


@garbage_collector.paused()
def read(  # noqa: PLR0913  # the facts on the stack; all but three are named at the call
    path: str | Path,
    pools: Collection[str] | None = None,
    environment: str | None = None,
    *,
    region_timezone: str | None = None,
    strict: bool = False,
    payloads: PayloadFolder | None = None,
) -> Config:
    """Read and check a job configuration.

    `pools` are the names of the stack's compute pools, optionally as a mapping to their instance families; without
    them, pool names are not checked. `environment` is the name of the Pulumi stack: its entry in the file's
    `environments`, and the file of the same name with `.<environment>` before the ending, are merged over the file.
    `region_timezone` is the time zone of the account's region. With `strict`, warnings are errors. `payloads` are below
    the file's folder, unless said otherwise.

    Raises:
        ConfigErrors: if there is an error; lists all problems of the file, warnings included.
        UsageError: if the file cannot be read.
    """
    path, file = Path(path), str(path)
    root = compose(_content(path), file)
    document = Document(file)
    for overlay in _overlays(root, path, environment, document):
        root = merged(root, settle_names(root, overlay, document))
    payloads = payloads or PayloadFolder(path.parent, project_of(path))
    return understand(root, document, pools, region_timezone=region_timezone, strict=strict, payloads=payloads)


def _overlays(root: yaml.Node, path: Path, environment: str | None, document: Document) -> Iterator[yaml.Node]:
    """Yield the changes of an environment: from the file's `environments`, then from the environment's own file.

    Keys that stand twice in that file are reported; `environments` are read with the file itself, which does so too.
    """
    if environment is None:
        return
    own = take_environment(root, environment)
    if own is not None:
        yield own
    overlay = overlay_of(path, environment)
    if overlay.exists():
        node = from_file(compose(_content(overlay), str(overlay)), str(overlay))
        report_repeated(node, document)
        yield node


def overlay_of(path: Path, environment: str) -> Path:
    """Return the path of an environment's overlay: `jobconfig.prod.yaml` for `jobconfig.yaml`."""
    return path.parent / f"{path.stem}.{environment}{path.suffix}"


def project_of(path: Path) -> Path:
    """Return the folder of the Pulumi project that a configuration belongs to; its own folder if it belongs to none."""
    folders = path.absolute().parents
    return next((folder for folder in folders if (folder / "Pulumi.yaml").is_file()), folders[0])


def _content(path: Path) -> bytes:
    """Return the bytes of a file.

    Raises:
        UsageError: if it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        remedy = "give the path of a job configuration; a stack deploys the one that `pulumi config set file` names"
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path), remedy=remedy) from error


@garbage_collector.paused()
def parse(content: bytes, file: str, pools: Collection[str] | None = None, *, strict: bool = False) -> Config:
    """Read and check a job configuration from its bytes. Messages name `file`.

    Raises:
        ConfigErrors: with every problem of the file.
    """
    return understand(compose(content, file), Document(file), pools, strict=strict)


def understand(  # noqa: PLR0913  # the facts on the stack and the file; all but three are named at the call
    root: yaml.Node,
    document: Document,
    pools: Collection[str] | None = None,
    *,
    region_timezone: str | None = None,
    strict: bool = False,
    payloads: PayloadFolder | None = None,
) -> Config:
    """Read and check a job configuration from its YAML nodes.

    `document` names their file and may have problems already. Without `payloads`, files of payloads are not looked for.

    Raises:
        ConfigErrors: with every problem found.
    """
    block = FILE.read(root, "", document)
    if block is None:
        raise ConfigErrors(document.file, document.problems)
    config = Assembler(document, payloads).config(block)
    problems = [*document.problems, *as_written(broken_rules(config, pools, region_timezone), root, document)]
    if any(strict or problem.severity == ERROR for problem in problems):
        raise ConfigErrors(document.file, problems)
    return replace(config, warnings=in_order(problems))


def compose(content: bytes, file: str) -> yaml.Node:
    """Return the root node of a file with a single document.

    Raises:
        ConfigErrors: if the content is not YAML, or is empty.
    """
    try:
        text = content.decode("utf-8-sig")
        node = yaml.compose(text, Loader=_Loader)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        issue, remedy = f"byte 0x{content[error.start]:02x} is not UTF-8", "save the file in the encoding UTF-8"
        raise _unreadable(Mark(file, line, column), issue, remedy) from error
    except yaml.MarkedYAMLError as error:
        raise _unreadable(_yaml_mark(file, error), _yaml_text(error), "fix the YAML here or just above") from error
    except yaml.YAMLError as error:
        issue = str(error).strip().splitlines()[0]
        mark = _position_mark(file, text, getattr(error, "position", 0))
        raise _unreadable(mark, f"this is not YAML: {issue}", "remove this character") from error
    if node is None:
        remedy = "write `version: 1` and `graphs:`; README.md shows an example"
        raise _unreadable(Mark(file, 1, 1), "the file is empty", remedy)
    _bound_aliases(node, file)
    return node


def _bound_aliases(root: yaml.Node, file: str) -> None:
    """Refuse a file whose aliases repeat too many nodes: eight levels of nine aliases each make 43 million.

    An alias inside its own anchor counts once; the reader reports it.

    Raises:
        ConfigErrors: at the node that exceeds the limit.
    """
    sizes: dict[int, int] = {}
    stack = [root]
    while stack:
        node = stack[-1]
        if id(node) in sizes and sizes[id(node)]:
            stack.pop()
            continue
        children = _children(node)
        if id(node) not in sizes:
            sizes[id(node)] = 0  # being counted
            stack += [child for child in children if id(child) not in sizes]
            continue
        stack.pop()
        sizes[id(node)] = 1 + sum(sizes[id(child)] for child in children)
        if sizes[id(node)] - len(sizes) > MOST_REPEATED:
            mark = Mark(file, node.start_mark.line + 1, node.start_mark.column + 1)
            issue = f"aliases (`*name`) expand this to more than {MOST_REPEATED:,} values"
            raise _unreadable(mark, issue, "do not use aliases inside values that other aliases repeat")


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _unreadable(mark: Mark, issue: str, remedy: str) -> ConfigErrors:
    return ConfigErrors(mark.file, [Problem(mark, "yaml", "", issue, remedy)])


def _yaml_mark(file: str, error: yaml.MarkedYAMLError) -> Mark:
    mark = error.problem_mark or error.context_mark
    return Mark(file, mark.line + 1, mark.column + 1) if mark else Mark(file, 1, 1)


def _yaml_text(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return "this is not YAML: " + ", ".join(parts)


def _position_mark(file: str, text: str, position: int | None) -> Mark:
    before = text[: position or 0]
    return Mark(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
