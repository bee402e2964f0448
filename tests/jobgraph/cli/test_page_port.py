"""`jobgraph page` where another program listens already: another port, or an error that names one."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from jobgraph.cli.commands.local import page
from jobgraph.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.jobgraph.cli.conftest import Invoke


@pytest.fixture
def taken() -> Iterator[int]:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would take the place of this process."""
    commands: list[list[str]] = []
    monkeypatch.setattr("os.execve", lambda _path, command, _variables: commands.append(command))
    return commands


def test_a_port_that_was_chosen_and_is_taken_is_told_with_another(
    invoke: Invoke, taken: int, started: list[list[str]]
) -> None:
    result = invoke("page", "--port", str(taken))
    assert result.exit_code == 2
    assert f"Port {taken} is in use: another program listens there" in result.stderr
    assert "jobgraph page --port 85" in result.stderr
    assert not started


def test_the_usual_port_is_passed_over_where_it_is_taken(
    invoke: Invoke, taken: int, started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    monkeypatch.setattr(page, "_PORTS", (taken, free))
    result = invoke("page")
    assert result.exit_code == 0, result.output
    assert f"Port {taken} is in use" in result.stderr
    assert f"http://127.0.0.1:{free} " in result.stderr
    (command,) = started
    assert f"--server.port={free}" in command


def test_a_port_is_chosen_and_none_is_left() -> None:
    assert page.free_port(9000, lambda _: True) == 9000
    assert page.free_port(None, lambda port: port > 8502) == 8503
    with pytest.raises(UsageError, match="Each port from 8501 to 8520 is in use") as told:
        page.free_port(None, lambda _: False)
    assert "choose another with --port" in told.value.remedy


def test_a_port_on_which_nobody_listens_is_free(taken: int) -> None:
    assert not page.is_free(taken)
