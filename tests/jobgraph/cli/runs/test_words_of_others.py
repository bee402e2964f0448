"""Names, causes and notes are anybody's to write: the command shows them as the text they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from jobgraph.cli.application import Harmless
from jobgraph.cli.tables import fitted
from tests.jobgraph.cli.recorded import Row, Server, quickstart, task

if TYPE_CHECKING:
    from tests.jobgraph.cli.conftest import Invoke

# rich would colour the words, make a link of them, draw a face, or end the command with a MarkupError
WORDS = "no file [/data/x] [red]17[/red] [link=http://evil.test]here[/link] :smile: [i]"
FOREIGN = "not a plain name"


@pytest.mark.parametrize("terminal", [False, True])
def test_no_cell_and_no_heading_is_markup(*, terminal: bool) -> None:
    table = fitted(["job", WORDS], [["J", WORDS]], [], terminal=terminal, width=200)
    console = Console(width=400)
    with console.capture() as captured:
        console.print(Harmless(table))
    assert captured.get().count(WORDS) == 2


def of_somebody_else() -> list[Row]:
    """Tasks that nobody deployed with jobgraph, with a name that only works in quotes."""
    rows = [task(FOREIGN, []), task("CHILD", [FOREIGN])]
    rows[1]["predecessors"] = json.dumps([f'DB.PUBLIC."{FOREIGN}"'])
    return rows


@pytest.mark.parametrize("command", ["run", "suspend", "resume", "retry", "cancel", "status", "history", "wait"])
def test_a_graph_that_jobgraph_cannot_name_is_refused_in_a_sentence(
    invoke: Invoke, server: Server, command: str
) -> None:
    server.tasks = of_somebody_else() + quickstart()
    done = invoke(command, FOREIGN)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert FOREIGN in done.output
