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
    return _checked(json_schema())


@functools.cache
def overlay_validator() -> Draft202012Validator:
    """Validate a file of changes for one environment."""
    return _checked(overlay_schema())


def _checked(schema: Mapping[str, Any]) -> Draft202012Validator:
    from jsonschema import Draft202012Validator  # noqa: PLC0415  # it builds grammars for three seconds

    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)
