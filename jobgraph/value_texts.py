"""Texts for outputs of jobs, values of configurations and other JSON, as people write them.

Pure. Must not know what a value means, nor where its text is shown.
"""

from __future__ import annotations

import json
from typing import Any


def value_text(value: Any, indent: int | None = None) -> str:
    """Return a text unchanged and any other value as JSON, except for halves of surrogate pairs (see `encodable`)."""
    return encodable(value) if isinstance(value, str) else json_text(value, indent)


def json_text(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON that escapes no letters, except for halves of surrogate pairs (see `encodable`)."""
    return encodable(json.dumps(value, ensure_ascii=False, indent=indent))


def encodable(text: str) -> str:
    r"""Return a text that can be printed and sent: half of a surrogate pair is escaped, such as `\ud800`.

    JSON can contain such a half, but UTF-8 cannot.
    """
    return text.encode(errors="backslashreplace").decode()
