"""What people write in a configuration or on the machine is text in a picture, in Markdown and on a terminal."""

from __future__ import annotations

import html
import re
from xml.parsers import expat

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from jobgraph import markdown
from jobgraph.drawing.svg import Box, Drawing, drawing_of
from jobgraph.procedures.logs import safe

GITHUB = MarkdownIt("gfm-like", {"linkify": False})
HOSTILE = "![x](http://evil.test/x) [here](http://evil.test) <b> | ~~a~~ **b** _c_ $d$ `e` @all &lt; \\| \x1b[2J\u202e"
WORDS = st.text(st.sampled_from("![]()<>|~*_$`@\\&;:#/.-wab1 \n\t\u202e\x1b"), max_size=40)
TEXTS = {"text", "html_inline"}


def shown(source: str) -> tuple[str, set[str]]:
    """What a cell of a table shows, and of what kinds its pieces are."""
    (line,) = (token for token in GITHUB.parse(f"| a |\n| --- |\n| x{source}x |\n") if token.content.startswith("x"))
    children = line.children or []
    text = "".join(child.content for child in children if child.type != "html_inline")
    return text, {child.type for child in children} | {
        child.content for child in children if child.type == "html_inline"
    }


@given(WORDS)
@example(HOSTILE)
def test_code_is_the_text_whatever_it_holds(words: str) -> None:
    text, kinds = shown(markdown.code(words))
    assert text == f"x{safe(words)}x".replace("\n", " ").replace("\t", "\t")
    assert kinds <= {*TEXTS, "<code>", "</code>"}


@given(WORDS)
@example(HOSTILE)
def test_a_sentence_has_no_markdown_but_code_in_backticks(words: str) -> None:
    _, kinds = shown(markdown.sentence(words))
    assert kinds <= {*TEXTS, "<code>", "</code>", "code_inline", "text_special"}


def test_a_formula_or_an_address_is_none() -> None:
    """GitHub's own: markdown-it knows neither."""
    source = markdown.code("$x$ http://evil.test www.evil.test a@evil.test") + markdown.sentence("$a$ http://evil.test")
    assert not re.search(r"\$|://|www\.|@", source)
    assert "http://evil.test www.evil.test a@evil.test" in html.unescape(source)
    assert markdown.sentence("$1.20 to $2.40 a run of `my_job`") == "$1.20 to $2.40 a run of `my_job`"


@given(st.text() | st.just(HOSTILE))
@example("\ud800\ufffe\uffff\x00\x1b")
def test_a_picture_is_xml_whatever_the_words(words: str) -> None:
    drawing = Drawing(words, words, (Box(words or "a", words, (), "#fff", "#000", "job"),), (("#fff", "#000", words),))
    expat.ParserCreate().Parse(drawing_of(drawing).encode(), True)  # noqa: FBT003  # it is all of it
