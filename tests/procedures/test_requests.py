"""Others may set any text as the configuration of a run, and print any outputs: nothing that reads them fails."""

from __future__ import annotations

import importlib.util
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from jobgraph.procedures.attempt import RunContext
from jobgraph.procedures.logs import last_json_line
from jobgraph.procedures.requested import driving
from jobgraph.procedures.requested.backfills import IntervalRow
from jobgraph.procedures.requested.json_texts import MOST_DEPTH, read_json, read_object
from jobgraph.procedures.requested.request import REQUEST, Request, split_config
from jobgraph.runs import attempts, task_runs
from tests.jobgraph.runs.test_any_run import _attempt, _row

IMAGE = Path(__file__).resolve().parents[2] / "images" / "runtime"
SCALARS = some.none() | some.booleans() | some.integers() | some.floats() | some.text()
JSON = some.recursive(SCALARS, lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner))
ENTRIES = JSON | some.fixed_dictionaries({}, optional=dict.fromkeys(Request._fields, JSON))
DEEP = "[" * 100_000 + "]" * 100_000
ODD: list[Any] = [
    *({"interval": "x", "backfill": "b"}, {"left_out": 5}, {"left_out": [5]}, {"left_out": "A"}, {"interval": 1e400}),
    *(
        {"interval": True},
        {"interval": -1},
        {"interval": 10**30},
        {"backfill": 7},
        {"start": []},
        {"backfill": "\ud800"},
        5,
        [],
        None,
        "x",
    ),
]


def _job_run(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(IMAGE))
    spec = importlib.util.spec_from_file_location("job_run_of_image", IMAGE / "job_run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@given(ENTRIES)
def test_any_value_under_the_reserved_key_is_a_request_or_is_none(entry: Any) -> None:
    text = json.dumps({REQUEST: entry, "market": "us"})
    request, config = split_config(text)
    assert (request, config) == (Request(), text) or json.loads(config) == {"market": "us"}
    assert all(isinstance(name, str) for name in request.left_out)
    assert [type(value) for value in request[1:]] == [str, int, str, str]
    assert len(request.span) < 40 or request.start


@given(some.text())
@example(DEEP)
@example(f'{{"{REQUEST}": {DEEP}}}')
@example("9" * 5000)
def test_any_text_is_a_configuration_without_request(text: str) -> None:
    assert split_config(text) == (Request(), text)


@pytest.mark.parametrize("entry", ODD)
def test_what_has_not_the_form_of_a_request_is_none(entry: Any) -> None:
    text = json.dumps({REQUEST: entry})
    assert split_config(text) == (Request(), text)


@pytest.mark.parametrize("entry", [*ODD, {}, {"left_out": ["A"]}, {"backfill": "b", "interval": 3, "start": "s"}])
def test_the_image_takes_the_same_entries_for_requests(entry: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    program = _job_run(monkeypatch)
    text = json.dumps({REQUEST: entry, "market": "us"})
    request, config = program.split_config(text)
    assert config == split_config(text)[1]
    assert Request(**request | {"left_out": tuple(request.get("left_out", ()))}) == split_config(text)[0]
    assert program.split_config(f'{{"{REQUEST}": {DEEP}}}')[0] == {}


@pytest.mark.parametrize("config", [json.dumps({REQUEST: {"interval": "x", "backfill": "b"}}), DEEP, "9" * 5000])
def test_a_run_with_an_odd_request_waits_for_somebody(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driving, "send", lambda *_: [{"CONFIG": config}])
    assert driving._somebody_waits(None, {"database": "D"}, "id")  # type: ignore[arg-type]  # nothing is sent


@pytest.mark.parametrize("config", ["x", "[1]", DEEP, "9" * 5000])
def test_a_backfill_with_unreadable_values_fails_alone(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    interval = IntervalRow("b", "RUNNING", 1, "PENDING", "", config=config)
    monkeypatch.setattr(driving, "_intervals", lambda *_: [interval])
    monkeypatch.setattr(driving, "_somebody_waits", lambda *_: False)
    settled = []
    monkeypatch.setattr(driving, "_settle", lambda *_: settled.append(1))
    graph, run = {"backfills_table": "B", "database": "D", "schema": "S"}, RunContext("R", "T", "g", "")
    (failure,) = driving.drive(None, graph, run, "id")  # type: ignore[arg-type]  # nothing is sent
    assert failure == "backfills: the values of backfill b in RUN_CONFIG are no JSON object"
    assert settled == [1]


@given(some.text() | some.text(alphabet='[]{}",:\\u d8019'))
def test_any_text_is_read(text: str) -> None:
    assert isinstance(read_object(text), dict)


def test_the_depth_does_not_depend_on_the_caller() -> None:
    def below(calls: int, text: str) -> Any:
        return below(calls - 1, text) if calls else read_json(text, "too deep")

    for depth in (MOST_DEPTH - 1, MOST_DEPTH, MOST_DEPTH + 1):
        text = "[" * depth + "]" * depth
        assert (below(0, text) != "too deep") is (below(500, text) != "too deep") is (depth <= MOST_DEPTH)
    assert read_json(json.dumps("[" * 1000)) == "[" * 1000


def test_an_unclosed_text_takes_no_longer_than_others() -> None:
    began = time.process_time()
    assert read_json('"\\' * 50_000 + "[" * 200) is None
    assert time.process_time() - began < 1


@pytest.mark.parametrize("text", [DEEP, "[" * 500 + "]" * 500, "9" * 5000])
def test_history_is_read_whatever_others_wrote(text: str) -> None:
    assert attempts.read({**_attempt("A", "DONE"), "OUTPUTS": text}).outputs == text
    (row,) = task_runs.read([{**_row("ROOT", "SUCCEEDED"), "GRAPH_DEFINITION": text, "QUERY_TEXT": f"$${{{text}}}$$"}])
    assert row.graph_definition == row.definition == {}
    assert not last_json_line(f'{{"a": {text}}}')
