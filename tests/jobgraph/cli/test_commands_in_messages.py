"""Every command that a text of the program names is one that there is, with options that it has: in all its messages.

`test_printed_commands` runs those that recorded situations bring about; here nothing is left out.
"""

from __future__ import annotations

import ast
import difflib
import functools
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from jobgraph.cli.command_line import cli
from tests.vocabulary import nodes, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = ("jobgraph", "components", "page", "procedures", "toolchain", "images", "tests/account")
# what a message fills in
FILLED = "1"
QUOTED = re.compile(r"`(?:\.venv/bin/)?(jobgraph [^`]+)`")
# At the beginning of a line or of a text, or after a colon or three blanks; up to three blanks, a comma or the end.
IN_A_ROW = re.compile(r"(?:^ *|: +|   )(jobgraph -?[a-z](?:(?!   )[^`\n,;>(])*)(?=   |[,;>(]|$)", re.MULTILINE)
NAMES = list(cli.commands)


@functools.cache
def texts(file: Path) -> tuple[str, ...]:
    """The texts in a module, with what is filled in; without those that are parts of others."""
    return tuple(texts_of(parsed(file)))


def texts_of(tree: ast.Module) -> Iterator[str]:
    inner = {id(part) for node in nodes(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in nodes(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else FILLED for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.value


def commands_in(text: str) -> Iterator[str]:
    """The commands in a text: what is in backticks, and what stands alone and is one, or nearly one."""
    quoted = QUOTED.findall(text)
    alone = [
        command
        for command in IN_A_ROW.findall(QUOTED.sub("", text))
        if (name := command.split()[1]).startswith("-") or difflib.get_close_matches(name, NAMES, cutoff=0.75)
    ]
    for command in (*quoted, *alone):
        words = " ".join(command.partition(">")[0].split())
        yield words if words.endswith("...") else words.rstrip(".")


def problem(command: str) -> str:
    """What is wrong with a command; empty if nothing."""
    context = click.Context(cli, info_name="jobgraph")
    _, words, _ = cli.make_parser(context).parse_args(shlex.split(command.replace("...", FILLED).replace("[", ""))[1:])
    group: click.Command = cli
    while isinstance(group, click.Group):
        if not words or words[0] == FILLED:
            return ""
        name, *words = words
        if group.name == "backfill" and name not in group.commands:
            name, words = "start", [name, *words]
        if name not in group.commands:
            return f"there is no command {name!r} in {'jobgraph' if group is cli else group.name}"
        group = group.commands[name]
        context = click.Context(group, parent=context, info_name=name)
    try:
        group.make_parser(context).parse_args(list(words))
    except click.UsageError as error:
        return error.format_message()
    arguments = [parameter for parameter in group.params if isinstance(parameter, click.Argument)]
    _, rest, _ = group.make_parser(context).parse_args(list(words))
    return f"it takes no {' '.join(rest)}" if rest and all(a.nargs == 1 for a in arguments) else ""


FILES = sorted({path.resolve() for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")})


def test_every_command_of_a_text_is_one() -> None:
    found = {(file, command) for file in FILES for text in texts(file) for command in commands_in(text)}
    wrong = [f"{file.relative_to(ROOT)}: `{command}`: {why}" for file, command in found if (why := problem(command))]
    assert not wrong, "\n".join(sorted(wrong))
    named = {command.split()[1] for _, command in found}
    assert named >= {"status", "wait", "logs", "history", "retry", "run", "cancel", "backfill", "image", "cost", "page"}
    assert named >= {"notify", "doctor", "privileges", "validate", "sandbox"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Next: jobgraph stauts g   jobgraph wait g", "there is no command 'stauts' in jobgraph"),
        ("`jobgraph logs X --fllow` follows", "No such option"),
        ("`jobgraph backfill forget 1`", ""),
        ("`jobgraph backfill show 1 2`", "it takes no 2"),
        ("`jobgraph notify tset`", "there is no command 'tset' in notify"),
    ],
)
def test_a_command_that_is_none_is_found(text: str, why: str) -> None:
    problems = [problem(command) for command in commands_in(text)]
    assert any(why in told for told in problems) if why else problems


# where the file that a project has from the beginning is meant, or a file is made
DEFAULTS = {"jobgraph/cli/application.py", "jobgraph/cli/stacks.py", "jobgraph/components/job_graph.py"}
MAKING = {"jobgraph/cli/commands/import_.py", "jobgraph/cli/commands/init.py", "jobgraph/config/explain/reference.py"}
NOT_SENT = {"jobgraph/plan/history.py", "jobgraph/toolchain", "jobgraph/template"}


def test_no_message_speaks_of_a_file_that_the_stack_need_not_deploy() -> None:
    """`pulumi config set file` names another one. Help texts may say that it is the default, and examples use it."""
    for file in FILES:
        name = str(file.relative_to(ROOT))
        if name in DEFAULTS | MAKING | NOT_SENT or name.startswith((*NOT_SENT, "tests", "images", "components")):
            continue
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
        docstrings = {
            ast.get_docstring(node, clean=False) for node in nodes(parsed(file)) if isinstance(node, documented)
        }
        told = [text for text in texts(file) if "jobconfig.yaml" in text and text not in docstrings]
        assert not [text for text in told if not text.startswith("jobgraph ")], name


# a reason that finalizers of all versions record, and dependents read; `jobgraph.runs` tells it in the usual words
RECORDED = {
    "procedures/requested/left_out.py",
    "jobgraph/runs/skips.py",
    "jobgraph/procedures/requested/left_out.py",
}


def test_a_thing_has_one_word_in_all_texts() -> None:
    """A job passes its outputs on. Hidden in documents too: the word that is searched for is the one that is there."""
    other = re.compile(r"\bhand(s|ed)? on\b(?! it)")
    files = [file for file in FILES if str(file.relative_to(ROOT)) not in RECORDED | NOT_SENT]
    wrong = [f"{file.relative_to(ROOT)}: {text}" for file in files for text in texts(file) if other.search(text)]
    wrong += [str(file) for file in (ROOT / "docs").rglob("*.md") if other.search(file.read_text("utf-8"))]
    assert not wrong, "\n".join(wrong)
