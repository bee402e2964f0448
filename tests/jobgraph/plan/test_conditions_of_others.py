"""Conditions and definitions in the tasks of others: any text is read, or is none of jobgraph's."""

from __future__ import annotations

import json

import pytest

from jobgraph.errors import UsageError
from jobgraph.plan.conditions import read_condition
from jobgraph.preview.engine_preview import parse_preview, summarize
from jobgraph.preview.wording import definition_in

DEEP = '{"a":' * 50_000 + "1" + "}" * 50_000
URN = "urn:pulumi:dev::jobgraph::snowflake:index/task:Task::x"
WORDS = [
    DEEP,
    "{}",
    "{",
    '{"test": "odd", "value": 1}',
    '{"test": [], "value": {}}',
    '{"test": {"a": 1}, "value": [1]}',
    '{"test": "above", "value": {}}',
    '{"test": "above", "value": null, "output": [], "config": 5}',
    '{"test": "is", "value": 1, "config": ["a"]}',
    '{"test": "above", "value": NaN, "output": {"x": 1}}',
]


@pytest.mark.parametrize("words", WORDS, ids=lambda words: words[:30])
def test_a_condition_of_others_is_none_of_ours(words: str) -> None:
    assert read_condition(f"(SYSTEM$GET_PREDECESSOR_RETURN_VALUE('A') >= 1) AND '{words}' <> ''") is None


def test_a_definition_of_any_depth_is_read_or_none() -> None:
    procedure, entries = definition_in(f'CALL "D"."S".RUN_JOB_0(\'A\', $${DEEP}$$)')
    assert (procedure, entries) == ("", {})


@pytest.mark.parametrize(
    "preview",
    [
        {"steps": [{"op": "create", "urn": URN, "newState": 1}]},
        {"steps": [{"op": "update", "urn": URN, "newState": {"inputs": 1}, "oldState": {"outputs": []}}]},
        {"diagnostics": [5]},
        {"diagnostics": 5, "steps": []},
        {"steps": [], "changeSummary": 5},
        {"steps": [1]},
        DEEP,
    ],
    ids=lambda preview: str(preview)[:60],
)
def test_a_preview_of_another_shape_is_refused(preview: object) -> None:
    text = preview if isinstance(preview, str) else json.dumps(preview)
    with pytest.raises(UsageError, match="not the output of a preview"):
        summarize(parse_preview(text, "p.json"))
