"""Whatever text a configuration holds, it reaches the container byte for byte, or is refused when it is read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some
from snowflake_sandbox.services import spec
from snowflake_sandbox.statements.reader import Reader

from jobgraph.config.reading import read
from jobgraph.errors import ConfigErrors
from jobgraph.plan import task_rows
from jobgraph.plan.planning import Procedures, plan
from jobgraph.procedures.attempt import RunContext
from jobgraph.procedures.logs import fit, last_json_line, masked, safe
from jobgraph.procedures.service import specification_text, start_statement
from jobgraph.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from jobgraph.plan.planning import TaskPlan

SPECIALS = (
    *("$$", "$", "'", '"', ";--", "\\", "\n", "\r\n", "\t", "\x7f", "\x85"),
    *("{{ x }}", "{% %}", "#", ": ", "&a *b !c"),
)
TEXTS = some.lists(some.one_of(some.sampled_from(SPECIALS), some.text(max_size=20)), max_size=6).map("".join)
RUN = RunContext("ROOT", "T_J", "run-1", "2026-03-01 11:59:00.000 Z", returned={"T_A": "$$ \u2028 'x' 😀"})


def _planned(folder: Path, values: list[str], **more: str) -> tuple[TaskPlan, ...]:
    job = {"image": "j:1", "compute_pool": "PR_STD_POOL_XS", "args": values, "env": {"TEXT": "".join(values)}, **more}
    file = folder / "jobs.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "graphs": {"g": {"jobs": {"t_j": job}}}}))
    return plan(read(file), Settings(), Procedures("run", "finalize")).graphs[0].tasks


def _definition(folder: Path, values: list[str]) -> dict[str, Any]:
    (task,) = _planned(folder, values)
    reader = Reader(task.sql.partition("(")[2])
    assert reader.string() == "T_J"
    reader.index = len(reader.tokens) - 2  # the definition is the last argument, before the closing parenthesis
    return dict(json.loads(reader.string()))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some.lists(TEXTS, min_size=1, max_size=4))
@example(["$$; DROP TABLE X; --", "😀\ud7ff\ue000\ufeff", "a\x85b\u2028c", "\\u0024", "'" * 3])
def test_arguments_and_variables_arrive_byte_for_byte(tmp_path: Path, values: list[str]) -> None:
    if any("\0" in value for value in values):
        with pytest.raises(ConfigErrors):
            _definition(tmp_path, values)
        return
    definition = _definition(tmp_path, values)
    statement = start_statement(definition, RUN, "D.S.T_J_1", 1)
    assert statement.count("$") == 4
    (container,) = spec.parse(statement.split("$" * 2)[1]).containers
    assert list(container.args or ()) == values
    assert container.env["TEXT"] == "".join(values)
    assert container.env["OUTPUTS_T_A"] == RUN.returned["T_A"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some.lists(TEXTS, min_size=1, max_size=4))
@example(["$$; DROP TABLE X; --", "😀\ud7ff\ue000\ufeff", "a\x85b\u2028c", "\\u0024", "'" * 3, "$$# {}\n{}$$"])
def test_a_direct_jobs_body_is_one_statement_that_hands_them_over_byte_for_byte(
    tmp_path: Path, values: list[str]
) -> None:
    """And its definition is read back from it as it was planned."""
    if any("\0" in value for value in values):
        return
    (task,) = _planned(tmp_path, values, runner="direct")
    assert task.sql.count("$") == 4
    reader = Reader(task.sql)
    reader.index = len(reader.tokens) - 1  # the specification is the last word of the statement
    text = reader.string()
    reader.end()
    (container,) = spec.parse(text).containers
    assert list(container.args or ()) == values
    assert container.env["TEXT"] == "".join(values)
    assert task_rows.definition({"definition": task.sql}) == task.definition


@pytest.mark.parametrize("value", ["a\0b", "x" * 130_001])
def test_what_no_program_can_be_given_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigErrors, match=r"NUL character|130,000 bytes"):
        _definition(tmp_path, [value])


@given(some.text())
def test_a_kept_log_has_no_control_characters_and_a_bounded_size(log: str) -> None:
    kept = fit(safe(masked(log, ["secret"])))
    assert not [c for c in kept if ord(c) < 32 and c not in "\n\t"]
    assert "\x7f" not in kept
    assert len(fit(safe(log * 3000)).encode()) <= 128_000


@given(some.text(max_size=200))
def test_outputs_are_json_or_nothing(log: str) -> None:
    outputs = last_json_line(log)
    assert not outputs or isinstance(json.loads(outputs), dict)


def test_an_escaped_pair_of_surrogates_would_not_survive() -> None:
    """Why the specification is not plain ASCII: a YAML reader takes each half for a character of its own."""
    specification = {"spec": {"containers": [{"name": "a", "env": {"X": "😀"}}]}}
    text = specification_text({"graph": "g", "specification": specification}, RUN, 1)
    assert "😀" in text
    assert yaml.safe_load(json.dumps("😀")) != "😀"
