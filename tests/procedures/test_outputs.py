"""The outputs file of a job becomes one line of JSON that Snowflake can store."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from jobgraph.procedures.attempt import AttemptRecord, RunContext
from jobgraph.procedures.notifying.messages import of_lateness
from jobgraph.procedures.outcome import returned_value
from jobgraph.procedures.outputs import file_outputs
from jobgraph.procedures.sending import Tagged

RUN = RunContext("ROOT", "T_J", "run-1", "2026-03-01 11:59:00.000 Z")


def session_with(content: str) -> Tagged:
    """A session whose stage holds one file, `outputs.json`."""

    def get(_: str, folder: str, **_options: Any) -> None:
        Path(folder, "outputs.json").write_text(content)

    row = SimpleNamespace(as_dict=lambda: {"name": "outputs.json", "size": len(content)})
    statement = SimpleNamespace(collect=lambda **_: [row])
    return Tagged(cast("Any", SimpleNamespace(sql=lambda *_, **__: statement, file=SimpleNamespace(get=get))), "tag")


def test_half_of_a_surrogate_pair_stays_escaped() -> None:
    job = {"outputs_file": "outputs.json", "results": "@S"}
    session = session_with('{\n "s": "\\ud800 \\u00e9"\n}')
    done = file_outputs(session, job, RUN, AttemptRecord(1, "S", "DONE"))
    assert done.status == "DONE", done.reason
    assert returned_value(done) == '{"s": "\\ud800 é"}'


def test_half_of_a_surrogate_pair_in_a_message_is_escaped() -> None:
    assert of_lateness("g", "ROOT", "broke \ud800", (), "")[0].endswith(r"broke \ud800")
