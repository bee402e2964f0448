"""Variables for a shell, and the files that go with them."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobgraph.cli import environment

if TYPE_CHECKING:
    from pathlib import Path

NASTY = 'it\'s "$HOME" `id` \\ \n $(x) ; & ! *'


def test_a_shell_reads_back_what_was_meant() -> None:
    variables = {"PLAIN": "a", "NASTY": NASTY, "EMPTY": ""}
    script = (
        environment.exports(variables) + f"{sys.executable} -c 'import os, json; print(json.dumps(dict(os.environ)))'"
    )
    done = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True, env={})
    found = json.loads(done.stdout)
    assert {name: found[name] for name in variables} == variables


def test_every_line_has_the_same_form() -> None:
    assert environment.exports({"A": "1", "B": "x'y"}) == "export A='1'\nexport B='x'\\''y'\n"


@given(st.text(alphabet=st.characters(exclude_characters="'", exclude_categories=["Cs"])))
def test_a_value_without_a_quote_stands_as_it_is(value: str) -> None:
    assert environment.quoted(value) == f"'{value}'"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])))
def test_connections_are_toml(password: str) -> None:
    variables = {"SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_PORT": "8765", "SNOWFLAKE_PASSWORD": password}
    read = tomllib.loads(environment.connections(variables))
    assert read == {"sandbox": {"host": "127.0.0.1", "port": 8765, "password": password}}


def test_private_files_are_the_users_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "connections.toml"
    environment.write_private(path, "one")
    environment.write_private(path, "two")
    assert path.read_text() == "two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["connections.toml"]


@pytest.mark.parametrize("name", ["a", "with space"])
def test_the_backend_is_a_url(tmp_path: Path, name: str) -> None:
    variables = environment.pulumi(tmp_path / name)
    assert variables["PULUMI_BACKEND_URL"].startswith("file:///")
    assert variables["PULUMI_BACKEND_URL"].endswith("/.jobgraph/pulumi?metadata=skip")
