"""The documents that the product implements, read from `shared/sources` where it lies beside the repository.

No sentence and no code of theirs is in this repository; a test that needs a document is skipped where there is none.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ROOT = Path(__file__).resolve().parents[3]


def folder() -> Path | None:
    """Where the documents are."""
    places = [parent / "shared" / "sources" for parent in (_ROOT.parent, _ROOT.parent.parent)]
    return next((place for place in places if place.is_dir()), None)


def text(name: str) -> str:
    """A document's text; "" where there is none."""
    place = folder()
    return "" if place is None or not (place / name).is_file() else (place / name).read_text()


def blocks(document: str, language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return [body for tag, body in _FENCE.findall(document) if tag == language]


def indented(document: str, start: str, end: str) -> str:
    """The indented listing whose text runs from one line on to another, both included."""
    first = document.index(start)
    first = document.rindex("\n", 0, first) + 1
    last = document.index(end, first) + len(end)
    return textwrap.dedent(document[first:last]) + "\n"


def tutorial_program() -> str:
    """main.py of the job service tutorial."""
    document = text("job-service-tutorial.txt")
    return indented(document, "#!/opt/conda/bin/python3", '__main__":\n      run_job()') if document else ""


def tutorial_specification() -> str:
    """my_job_spec.yaml of the job service tutorial."""
    document = text("job-service-tutorial.txt")
    return indented(document, "spec:\n      containers:", '--result_table=results"') if document else ""
