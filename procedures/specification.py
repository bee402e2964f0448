r"""A service specification as the text between `$$` in a statement: JSON, which is YAML too.

Pure. Knows what YAML refuses and what would end the quoting. Must not know what a specification says. Shipped as a part
of stored procedures' texts, and used by the plan for jobs that are their tasks' own statements.
"""

from __future__ import annotations

import json
import re
from typing import Any

TO_BE_ESCAPED = re.compile(r"[$\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def yaml_text(value: Any) -> str:
    r"""Return a value as one line of JSON that YAML reads as the same; a `$` in it is written `\u0024`."""
    # YAML reads no pairs of surrogates, so what is beyond \uffff is not escaped; what it refuses as it is, is
    text = json.dumps(value, ensure_ascii=False)
    return TO_BE_ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def dollar_quoted(text: str) -> str:
    """Return a text that holds no `$` as a constant."""
    quotes = "$" * 2  # written out, they would end the dollar quoting of this very text in CREATE PROCEDURE
    return f"{quotes}{text}{quotes}"
