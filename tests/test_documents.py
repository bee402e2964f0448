"""What the documents name is there: files, headings, commands and their options, settings."""

from __future__ import annotations

import re
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from jobgraph.cli.command_line import cli
from jobgraph.settings import Pool, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
]
PARTS = [path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")]
documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def anchors(document: Path) -> set[str]:
    """The headings of a document as GitHub's links name them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@documents
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", document.read_text("utf-8")):
        if not link.startswith("https://"):
            path, _, anchor = link.partition("#")
            target = (document.parent / path).resolve() if path else document
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


@documents
def test_files_and_folders_of_the_project_that_are_named_exist(document: Path) -> None:
    named = re.findall(rf"(?<![\w./])(?:{'|'.join(PARTS)})/[\w/.-]*\w", document.read_text("utf-8"))
    # `docs/decisions/0009` stands for the file that begins so
    places = (ROOT, document.parent)  # the template's README speaks of the project that it begins
    missing = [
        name
        for name in named
        if not any((place / name).exists() or list(place.glob(f"{name}[-.]*")) for place in places)
    ]
    assert missing == []


CITATION = re.compile(
    r"\b(?:contract|SQL contract,)(?: sections?)? (?P<contract>\d+(?:\.\d+)?(?:(?:, | and | to )\d+(?:\.\d+)?)*)"
    r"|\bfacts (?P<facts>C\d+(?:(?:, | and )C\d+)*)"
)
CITED = {"contract": ROOT / "docs" / "sql-contract.md", "facts": ROOT / "docs" / "snowflake-facts.md"}


def citations(text: str) -> Iterator[tuple[str, str]]:
    """Every section of the SQL contract or of the facts that a text cites."""
    for match in CITATION.finditer(text):
        kind = str(match.lastgroup)
        yield from ((kind, number) for number in re.split(", | and | to ", match[kind]))


def sections(document: Path) -> set[str]:
    """The numbers of a document's headings."""
    return {
        number.rstrip(".") for number in re.findall(r"^#+ ([A-Z]?[\d.]+) ", document.read_text("utf-8"), re.MULTILINE)
    }


def test_every_citation_leads_to_a_section() -> None:
    listing = subprocess.run(
        ["git", "ls-files", "*.py", "*.yaml", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    files = [ROOT / name for name in listing.stdout.splitlines() if (ROOT / name).is_file()]
    cited = [(path, *citation) for path in files for citation in citations(path.read_text("utf-8"))]
    assert len(cited) > 50, "the citations are not recognised any more"
    lost = [
        f"{path.relative_to(ROOT)}: {kind} {number}"
        for path, kind, number in cited
        if number not in sections(CITED[kind])
    ]
    assert not lost, "\n".join(lost)


def test_a_citation_that_leads_nowhere_is_noticed() -> None:
    words = ("contract", "SQL contract, sections", "facts")  # apart from the numbers: this file is searched as well
    numbers = ("6.12, 6.99", "5 and 6.98", "C5 and C97")
    texts = [f"{word} {listed}" for word, listed in zip(words, numbers, strict=True)]
    lost = [number for text in texts for kind, number in citations(text) if number not in sections(CITED[kind])]
    assert lost == ["6.99", "6.98", "C97"]


def known(command: click.Command) -> set[str]:
    """The options of a command, long and short, and of the commands below it."""
    context = click.Context(command)
    below = command.commands.values() if isinstance(command, click.Group) and command is not cli else ()
    own = {option for parameter in command.get_params(context) for option in parameter.opts}
    return own.union(*map(known, below))


@documents
def test_commands_and_their_options_exist(document: Path) -> None:
    fenced_or_not = r"^ *```\w*\n(.*?)^ *```$|`([^`\n]+)`"
    code = re.findall(fenced_or_not, document.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    calls = re.findall(r"\bjobgraph ([a-z-][^`|;#)\n]*)", "\n".join(block or span for block, span in code))
    for call in calls:
        words = call.split()
        options = {word.partition("=")[0] for word in words if re.match("--?[a-z]", word)}
        named = [word for word in words if word in cli.commands]
        assert named, f"jobgraph {call}"
        assert options <= known(cli) | known(cli.commands[named[0]]), f"jobgraph {call}"


@pytest.mark.parametrize("shape", [Settings, Pool])
def test_every_setting_of_a_stack_is_explained(shape: type[Settings | Pool]) -> None:
    """A row of a table each, with the default: as a number, a word or a list of words."""
    text = (ROOT / "docs" / "account.md").read_text("utf-8")
    for setting in fields(shape):
        if setting.name in {"name", "pools"} or not setting.metadata:
            continue  # a pool is usually called by its key, and the two usual pools are told below the table
        default = setting.default
        if isinstance(default, tuple):
            default = ", ".join(default) or "none"
        words = {str(default), str(default).lower(), f"`{default}`"}
        row = f"| `{setting.name}` | "
        assert any(f"{row}{word} | {setting.metadata['doc']} |\n" in text for word in words), row
