"""Names and errors of others on a terminal: characters that it would obey are written out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from rich.table import Table
from rich.text import Text

from jobgraph.cli import application, progress
from tests.jobgraph.cli.recorded import FAILING, RUN

if TYPE_CHECKING:
    from tests.jobgraph.cli.conftest import Invoke
    from tests.jobgraph.cli.recorded import Server

# Clears the screen; sets the window's title; eight-bit control; right to left; isolates; backspace; carriage return.
HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\u202etxt.exe\u2066\u200f\x08\rend"
WRITTEN_OUT = r"\x1b[2J\x1b]0;title\x07\x9b31m\u202etxt.exe\u2066\u200f\x08\x0dend"
_OBEYED = ("\x1b[2J", "\x1b]0", "\x07", "\x9b", "\u202e", "\u2066", "\u200f", "\x08", "\rend")


def _is_harmless(output: str) -> bool:
    return not any(text in output for text in _OBEYED)


@pytest.mark.parametrize("terminal", [True, False])
def test_what_a_command_writes_has_no_control_characters(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, terminal: bool
) -> None:
    monkeypatch.setattr(application, "is_terminal", lambda: terminal)
    monkeypatch.setenv("COLUMNS", "300")
    table = Table("name")
    table.add_row(Text(HOSTILE, style="red"))
    application.show(table)
    application.show(Text(HOSTILE, style="bold"))
    application.say(HOSTILE)
    application.note(HOSTILE)
    written = capsys.readouterr()
    assert _is_harmless(written.out + written.err)
    assert (written.out + written.err).count(r"\u202etxt.exe") == 4
    assert written.err == f"{WRITTEN_OUT}\n"


def test_the_error_of_a_task_has_no_control_characters(server: Server, invoke: Invoke) -> None:
    server.steps = tuple(
        dataclasses.replace(step, error=f"Numeric value '{HOSTILE}' is not recognized") if step.error else step
        for step in FAILING
    )
    for command in (("status", "--run", RUN), ("run", "--wait"), ("history",), ("logs", "--failed")):
        result = invoke(*command)
        assert _is_harmless(result.output), command
    assert r"\u202etxt.exe" in invoke("status", "--run", RUN).output


def test_the_progress_of_a_run_has_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.screen() as draw:
        draw(Text(HOSTILE))
    assert _is_harmless(capsys.readouterr().out)
