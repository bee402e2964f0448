"""`preview-summary`: reads a file or standard input; connects only to ask what runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from click.testing import CliRunner

from jobgraph.cli.application import Application
from jobgraph.cli.command_line import cli
from tests.jobgraph.preview.test_engine_preview import around

if TYPE_CHECKING:
    from pathlib import Path

    from tests.jobgraph.cli.conftest import Invoke
    from tests.jobgraph.cli.recorded import Server


def test_a_file_is_summed_up_in_every_form(invoke: Invoke, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "preview.json"
    file.write_text(json.dumps(around()))
    assert "Destructive:" in invoke("preview-summary", str(file)).stdout
    assert "> **Destructive**" in invoke("preview-summary", str(file), "--format", "markdown").stdout
    assert json.loads(invoke("preview-summary", str(file), "--format", "json").stdout)["destructive"]
    assert server.sent == []


def test_standard_input_is_the_default() -> None:
    text = "a line before\n" + json.dumps({"steps": []})
    done = CliRunner().invoke(cli, ["preview-summary"], input=text, obj=Application())
    assert (done.exit_code, done.stdout) == (0, "Nothing changes\n")


def test_a_failed_preview_is_told_by_the_exit_code() -> None:
    text = json.dumps({"steps": [], "diagnostics": [{"severity": "error", "message": "no such pool"}]})
    done = CliRunner().invoke(cli, ["preview-summary", "-"], input=text, obj=Application())
    assert done.exit_code == 1
    assert "no such pool" in done.stdout


def test_what_cannot_be_read_is_an_error_with_its_remedy(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no preview")
    for name in ("text", "nothing-there"):
        done = invoke("preview-summary", str(tmp_path / name))
        assert done.exit_code == 2
        assert "pulumi preview --json" in done.stderr


def test_running_jobs_are_asked_for_on_demand(tmp_path: Path) -> None:
    class Pools:
        def rows(self, statement: object) -> list[dict[str, object]]:
            assert "SHOW COMPUTE POOLS" in str(statement)
            return [{"name": "POOL", "num_jobs": 2}]

    file = tmp_path / "preview.json"
    file.write_text(json.dumps(around()))
    application = Application(connect=lambda _: Pools())  # type: ignore[arg-type,return-value]  # only rows is used
    done = CliRunner().invoke(cli, ["preview-summary", str(file), "--running"], obj=application)
    assert "2 jobs run on it now" in done.stdout
