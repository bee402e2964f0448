"""The command `init`: writes a new project from the template that `pulumi new` also uses.

Knows which files the template has and which words in them are replaced. Must not know the content of the files.
"""

from __future__ import annotations

import json
import re
import shlex
from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import click

from jobgraph.cli.application import examples, note, say
from jobgraph.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

DESCRIPTION = "Graphs of containerized jobs on Snowflake"
# Files that Python adds to the template's folder when it is imported.
_IGNORED = frozenset({"__pycache__"})
_PROJECT_FILE = "Pulumi.yaml"
# The last section of the template's Pulumi.yaml.
_TEMPLATE_SECTION = "\ntemplate:"

# The template's requirements.txt installs these from a package index.
_DISTRIBUTIONS = ("jobgraph", "snowflake-sandbox")


@click.command(
    short_help="Write a small project into a folder.",
    epilog=examples("jobgraph init shop", "jobgraph init . --name shop"),
)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--name", metavar="NAME", help="Name of the Pulumi project; by default the folder's name.")
def init(folder: Path, name: str | None) -> None:
    """Write a small project into FOLDER: jobs, an image, stacks for the sandbox and for an account, workflows.

    Existing files are not overwritten: the command refuses and names them. `pulumi new` uses the same template,
    given the folder that contains it.
    """
    project = name or folder.resolve().name
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", project):
        raise UsageError(
            f"'{project}' is not a name for a Pulumi project.",
            remedy="Give --name with at most 100 letters, digits, hyphens, underscores and dots.",
        )
    texts = dict(_template(project))
    present = sorted(path for path in texts if (folder / path).exists())
    if present:
        raise UsageError(
            f"{folder} has {', '.join(present)} already; nothing was written.",
            remedy="`jobgraph init FOLDER` creates it in another folder.",
        )
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
        say(str(folder / path))
    place = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(str(folder))}   then "
    note(f"Next: {place}follow README.md")
    folders = [source for name in _DISTRIBUTIONS if (source := _installed_from(name))]
    if folders:
        command = shlex.join(["pip", "install", *folders])
        note(f"This jobgraph was installed from a folder. In the new environment, before requirements.txt: {command}")


def _installed_from(name: str) -> str | None:
    """Return the folder that a distribution was installed from; None for one that an index, or nothing, has."""
    try:
        origin = distribution(name).read_text("direct_url.json")
    except PackageNotFoundError:
        return None
    address = urlsplit(json.loads(origin)["url"]) if origin else None
    return unquote(address.path) if address is not None and address.scheme == "file" else None


def _template(project: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each file of a new project."""
    for path, file in _files(files("jobgraph") / "template", ""):
        text = file.read_text(encoding="utf-8").replace("${PROJECT}", project).replace("${DESCRIPTION}", DESCRIPTION)
        yield path, _without_template_section(text) if path == _PROJECT_FILE else text


def _files(folder: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir() and entry.name not in _IGNORED:
            yield from _files(entry, f"{path}{entry.name}/")
        elif entry.is_file():
            yield f"{path}{entry.name}", entry


def _without_template_section(text: str) -> str:
    """Return a Pulumi.yaml without its section on the template, which `pulumi new` removes too."""
    return text.partition(_TEMPLATE_SECTION)[0] + "\n"
