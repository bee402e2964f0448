from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobgraph.plan.procedure_text import ENTRIES, joined, sources_in

FOLDER = Path(__file__).resolve().parents[3] / "procedures"
SOURCES = sources_in(FOLDER)


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_procedure_is_one_text_that_needs_no_other_file(entry: str) -> None:
    text = joined(entry, SOURCES)
    assert "jobgraph" not in [line.split()[1].split(".")[0] for line in text.splitlines() if line.startswith("from ")]
    assert "$$" not in text
    namespace: dict[str, Any] = {"__name__": "body"}
    exec(compile(text, entry, "exec"), namespace)  # noqa: S102  # as Snowflake does
    assert callable(namespace["main"])


def test_the_text_holds_each_file_once_in_the_order_of_need() -> None:
    text = joined(
        "a",
        {
            "a": '"""Doc."""\nfrom jobgraph.procedures.b import f\nfrom jobgraph.procedures.c import X\n\n# said\n'
            "def main(): return X\n",
            "b": "import re\nfrom jobgraph.procedures.c import X\n\ndef f(): return X\n",
            "c": "from typing import Any, NamedTuple\nX = 2\n",
            "d": "Y = 1\n",
        },
    )
    assert text == (
        '"""Doc."""\n\nfrom __future__ import annotations\n\nimport re\nfrom typing import Any, NamedTuple\n\n\n'
        "X = 2\n\n\ndef f(): return X\n\n\n# said\ndef main(): return X\n"
    )


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"a": "from jobgraph.procedures.b import x\n"}, "procedures/b.py is imported and is not there"),
        ({"a": "from jobgraph.procedures.b import y\nX = 1\n", "b": "X = 2\n"}, "both define X"),
        ({"a": "from jobgraph.procedures.b import y\nX = 1\n", "b": "Y, X = 1, 2\n"}, "both define X"),
        ({"a": "from jobgraph.procedures.b import y as z\n", "b": ""}, "without `as`"),
        ({"a": "import jobgraph.procedures.b\n", "b": ""}, "write `from jobgraph.procedures.x import y`"),
        ({"a": "X = '$" + "$'\n"}, "two dollar signs"),
    ],
)
def test_what_cannot_be_joined_is_refused(sources: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        joined("a", sources)
