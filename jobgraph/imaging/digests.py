"""Writes the digests of pushed images into a stack's file, so that the next deploy runs exactly these images.

Knows the setting `image_digests` in Pulumi.<stack>.yaml. Must not know where the file is. The rest of the text,
including comments and order, stays unchanged.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from jobgraph.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SETTINGS, _DIGESTS = "jobgraph:settings", "image_digests"


def with_digests(text: str, digests: Mapping[str, str], where: str) -> str:
    """Return the text of a stack's file with these digests added; the digests of other images stay.

    Raises:
        UsageError: if the settings are not in the usual form; the remedy shows the text to write by hand.
    """
    config = _entry(yaml.compose(text), "config")
    settings = _entry(config, _SETTINGS)
    if settings is None or settings.flow_style or not settings.value:
        entry = json.dumps({_DIGESTS: dict(digests)})
        remedy = f"write this below {_SETTINGS} by hand: {entry[1:-1]}"
        raise UsageError(f"there is no block of {_SETTINGS} in the stack's file", where=where, remedy=remedy)
    present = _entry(settings, _DIGESTS)
    entries = {**(yaml.safe_load(yaml.serialize(present)) if present is not None else {}), **digests}
    value = json.dumps(dict(sorted(entries.items())))
    if present is None:
        first = settings.value[0][0].start_mark
        line = f"{_DIGESTS}: {value}\n{' ' * first.column}"
        return text[: first.index] + line + text[first.index :]
    start, end = present.start_mark.index, present.end_mark.index
    if present.flow_style:
        return text[:start] + value + text[end:]
    # a block begins on its own line and ends before the next key
    before = text[:start].rstrip()
    after = text[end:]
    indent = len(text[:end]) - len(text[:end].rstrip(" "))
    return f"{before} {value}\n{' ' * indent}{after}"


def _entry(node: Any, key: str) -> Any:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)
