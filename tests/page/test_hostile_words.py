"""Names, values and errors are anybody's to write: where Streamlit reads Markdown, they are shown as the text they are.

Streamlit would load a picture from anywhere, follow a link, typeset `$…$` and draw `:material/…:`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from jobgraph.account import steering
from jobgraph.errors import RunFailedError
from jobgraph.page import connection
from jobgraph.page.markup.elements import text
from jobgraph.page.markup.markdown import block, literal, span
from jobgraph.page.views import ways
from tests.jobgraph.cli.recorded import ManualClock, Server, absent, quickstart
from tests.page.test_actions import asked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streamlit.testing.v1 import AppTest

    from tests.page.conftest import Visit

MARK = "zqx"
NAME = f"{MARK} ![x](http://evil.test/{MARK}) :red[{MARK}] :material/{MARK}: ${MARK}$ `{MARK}` <b>{MARK}</b>"
HOSTILE = f"{NAME}\n\n# {MARK}\n```\n{NAME}"
OVERRIDE = "\u202e"
FIELDS = ("body", "label", "help", "title")
CODE = ("code_inline", "code_block", "fence")


def hostile(*, grants: list[dict[str, str]] | None = None) -> Server:
    """A graph whose name, values and jobs somebody chose to attack who looks at it, on a schedule."""
    rows = quickstart()
    for row in rows:
        row["definition"] = row["definition"].replace('"container_jobs"', json.dumps(NAME).replace("$", r"\u0024"))
    rows[0] |= {"schedule": "60 MINUTE", "config": json.dumps({HOSTILE: 1})}
    clock = ManualClock()
    clock.seconds = 60.0
    refused = RunFailedError(HOSTILE)
    answers: dict[str, Any] = {"TASK_LOGGING_STATS": [], "ALTER TASK": [], "INSERT INTO": refused}
    answers["SHOW GRANTS ON TASK"] = absent() if grants is None else grants
    return Server(clock, tasks=rows, began=0.0, answers=answers)


def markdown(app: AppTest) -> Iterator[str]:
    """All texts of the page that Streamlit reads as Markdown."""
    for element in [*app.main, *app.sidebar, *app.get("toast"), *app.get("dialog")]:
        yield from _texts(element)


def _texts(element: Any) -> Iterator[str]:
    if element.type != "html":
        yield from (value for field in FIELDS if isinstance(value := getattr(element.proto, field, ""), str))
        dialog = getattr(element.proto, "dialog", None)
        yield from [dialog.title] if dialog is not None else []
    for child in getattr(element, "children", {}).values():
        yield from _texts(child)


def outside_code(source: str) -> list[str]:
    """What Markdown makes of a text, without what it takes for code."""
    tokens = [token for outer in MarkdownIt().parse(source) for token in (outer, *(outer.children or ()))]
    return [token.content for token in tokens if token.type not in {*CODE, "inline"} and token.content]


@pytest.mark.parametrize("action", [steering.RUN, steering.SUSPEND])
def test_what_others_wrote_is_no_markdown(visit: Visit, action: str) -> None:
    visit.client = hostile()
    app = asked(visit.open(view="why", graph=NAME), action)
    texts = list(markdown(app))
    app.button(key="confirm").click().run()
    texts += markdown(app)
    told = [each for each in texts if MARK in each]
    assert told
    assert [each for each in told if any(MARK in part for part in outside_code(each))] == []


def test_a_task_that_jobgraph_cannot_name_is_told_as_text(visit: Visit) -> None:
    client = hostile(grants=[])
    for row in client.tasks:
        row["name"] = row["name"].replace("ROOT_TASK", NAME)
        row["predecessors"] = row["predecessors"].replace("ROOT_TASK", NAME)
        row["task_relations"] = row["task_relations"].replace("ROOT_TASK", NAME)
    visit.client = client
    told = [each for each in markdown(visit.open(view="why", graph=NAME)) if MARK in each]
    assert told
    assert [each for each in told if any(MARK in part for part in outside_code(each))] == []


@pytest.mark.parametrize("is_in_snowflake", [False, True])
def test_what_cannot_be_read_is_told_as_text(
    visit: Visit, monkeypatch: pytest.MonkeyPatch, *, is_in_snowflake: bool
) -> None:
    monkeypatch.setattr(ways, "is_alive", lambda: True)
    monkeypatch.setattr(connection, "is_in_snowflake", lambda: is_in_snowflake)
    client = hostile()
    client.answers["TASK_HISTORY"] = RunFailedError(HOSTILE)
    visit.client = client
    told = [each for each in markdown(visit.open(view="run", graph=NAME)) if MARK in each]
    assert len(told) > 1  # in the view and beside its tabs
    assert [each for each in told if any(MARK in part for part in outside_code(each))] == []


@given(st.text(st.sampled_from("`\n\r\t $*_-[]()<>#~:ab1\\\u2028.")), st.sampled_from([span, block, literal]))
def test_a_name_is_code_or_has_nothing_that_is_markdown(words: str, form: Callable[[object], str]) -> None:
    source = form(words)
    if source == words:
        assert MarkdownIt().renderInline(source) == words
        assert "--" not in words
    else:
        assert outside_code(source) == []


def test_the_direction_of_writing_is_nobody_s_to_change() -> None:
    assert text(f"a{OVERRIDE}<b") == r"a\u202e&lt;b"
