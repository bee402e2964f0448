"""Validators of the files' JSON Schemas, made when the first test needs one."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from jobgraph.config.explain.schema import json_schema, overlay_schema

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from jsonschema import Draft202012Validator


@functools.cache
def validator() -> Draft202012Validator:
    """Validate a jobconfig.yaml."""
    return _of(json_schema())


@functools.cache
def overlay_validator() -> Draft202012Validator:
    """Validate a file of changes for one environment."""
    return _of(overlay_schema())


def _of(schema: Mapping[str, Any]) -> Draft202012Validator:
    """Return a validator; that the schema itself is one is tested once (test_schema.py), which takes a second."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415  # it builds grammars for three seconds

    return Draft202012Validator(schema)
