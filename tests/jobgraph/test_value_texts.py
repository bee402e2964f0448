"""Any JSON has a text that can be printed, and read again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobgraph.diff.elements import side_by_side
from jobgraph.runs import wording
from jobgraph.value_texts import encodable, json_text, value_text

ANY_TEXT = st.text(st.characters(exclude_categories=()))
SCALARS = st.none() | st.booleans() | st.integers() | ANY_TEXT
ANY_JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner))


@given(ANY_JSON)
def test_any_json_can_be_printed_and_read_again(value: Any) -> None:
    value = json.loads(json.dumps(value))  # which joins the halves of a pair
    assert json.loads(json_text(value).encode()) == value
    value_text(value, indent=2).encode()


@given(ANY_TEXT)
def test_a_text_that_utf_8_has_stays_as_it_is(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        assert "\\ud" in encodable(text).encode().decode()
    else:
        assert encodable(text) == text


@pytest.mark.parametrize("value", ["\ud800", ["\ud800"], {"\ud800": 1}])
def test_changes_and_values_of_runs_can_be_printed(value: Any) -> None:
    for text in (*side_by_side(value, None), wording.values({"market": value})):
        text.encode()
    assert "\\ud800" in wording.values({"market": value})
