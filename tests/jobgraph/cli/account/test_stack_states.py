"""A stack's state as `pulumi stack export` gives it; if it gives none, why."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from jobgraph.cli.inspecting import read_state
from jobgraph.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

EXPORT = (
    '{"version": 3, "deployment": {"resources": [{"type": "snowflake:index/warehouse:Warehouse",'
    ' "urn": "urn:pulumi:prod::p::t::W", "inputs": {"name": "W"}}]}}'
)


@pytest.fixture
def pulumi(tmp_path: Path) -> Path:
    """A command `pulumi` that answers with the environment's ANSWER, on the environment's PATH."""
    command = tmp_path / "pulumi"
    command.write_text('#!/bin/sh\necho "$@" > called\neval "$ANSWER"\n')
    command.chmod(0o755)
    return tmp_path


def environment(folder: Path, answer: str) -> dict[str, str]:
    return {"PATH": f"{folder}:{os.environ['PATH']}", "ANSWER": answer}


def test_the_state_is_read_by_the_engine_s_command(pulumi: Path) -> None:
    (pulumi / "export.json").write_text(EXPORT)
    state = read_state(pulumi, "prod", environment(pulumi, "cat export.json"))
    assert state.objects == {("WAREHOUSE", "W")}
    assert (pulumi / "called").read_text() == "stack export --stack prod --non-interactive\n"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("echo \"error: no stack named 'prod' found\" >&2; exit 255", "^no stack named 'prod' found$"),
        ("exit 3", "^pulumi ended with 3$"),
        ("echo nothing", "stack export"),
        ("echo '[1]'", "stack export"),
        ("""echo '{"deployment": {"resources": [1]}}'""", "stack export"),
    ],
)
def test_a_state_that_cannot_be_read_says_why(pulumi: Path, answer: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read_state(pulumi, "prod", environment(pulumi, answer))


def test_without_a_stack_or_an_engine_there_is_no_state(pulumi: Path) -> None:
    with pytest.raises(UsageError, match="no stack is named"):
        read_state(pulumi, None, environment(pulumi, ""))
    with pytest.raises(UsageError, match="not on the PATH"):
        read_state(pulumi, "prod", {"PATH": ""})
