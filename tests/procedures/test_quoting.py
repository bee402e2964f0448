"""The package and the procedures write constants and names alike.

Each has its own functions for that: the procedures go to Snowflake as one text that imports nothing of ours, and the
package is installed without them being a module of it.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobgraph import names
from jobgraph.plan import sql
from jobgraph.procedures import attempt


@given(st.text())
@example("it's")
@example("a\\'b\\")
@example("$$")
def test_a_constant_is_the_same_text_on_both_sides(text: str) -> None:
    assert attempt.literal(text) == sql.literal(text)


@given(st.recursive(st.text() | st.integers() | st.none(), st.lists, max_leaves=4))
@example("$$")
def test_a_value_is_quoted_and_read_back_on_both_sides(value: object) -> None:
    texts = (sql.json_text(value), attempt.yaml_text(value))
    for text, quoted in zip(texts, (sql.json_literal(value), attempt.dollar_quoted(texts[1])), strict=True):
        assert quoted == sql.dollar_quoted(text) == attempt.dollar_quoted(text)
        assert "$" not in text
        assert json.loads(text) == value


@given(st.from_regex(names.PLAIN_IDENTIFIER, fullmatch=True).filter(names.is_plain))
def test_a_name_is_quoted_alike_on_both_sides(name: str) -> None:
    definition = {"database": name, "schema": "S", "task": "T"}
    assert attempt.object_name(definition, "task") == names.quoted(name, "S", "T")


@given(st.text().filter(lambda name: not names.is_plain(name)))
@example("")
@example('A"; DROP TABLE T; --')
@example("A\n")
@example("É")
def test_a_name_that_one_side_refuses_the_other_does_too(name: str) -> None:
    with pytest.raises(ValueError, match="not a plain Snowflake identifier"):
        names.quoted(name)
    with pytest.raises(ValueError, match="not a plain Snowflake identifier"):
        attempt.identifier(name)
