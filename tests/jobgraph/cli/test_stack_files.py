"""The files of a project's stacks: what Pulumi refuses in them, `validate` refuses too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.jobgraph.cli.conftest import Invoke


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "config:\n  jobgraph:file: a\n  jobgraph:file: b\n",
            "3:3: `jobgraph:file` is repeated here; it first appears on line 2",
        ),
        (
            "config:\n  jobgraph:settings: {pools: {P: {}, P: {}}}\n",
            "2:38: `P` is repeated here; it first appears on line 2",
        ),
        ("config: {}\nconfig: {}\n", "2:1: `config` is repeated here; it first appears on line 1"),
        ("config:\n  a: [{b: 1, b: 2}]\n", "2:14: `b` is repeated here; it first appears on line 2"),
    ],
)
@pytest.mark.usefixtures("project")
def test_a_key_that_stands_twice_in_a_stacks_file_is_an_error(
    invoke: Invoke, tmp_path: Path, text: str, problem: str
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: jobgraph\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text(text)
    done = invoke("validate")
    assert done.exit_code == 2
    assert f"Pulumi.dev.yaml:{problem} [stack-settings]\n" in done.stderr
