"""The values with which a run is requested (`--set key=value`, the file of `--config`), checked against the graph.

Pure. A key that is missing from the graph's `config` would be read by no job, so it is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from jobgraph.config.document import check_keys
from jobgraph.errors import UsageError, perhaps

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def of_options(options: Iterable[str]) -> dict[str, Any]:
    """Return the values of `key=value` texts; a value is parsed as YAML, as in the job configuration.

    Raises:
        UsageError: if a text has no `key=value` form, or its value cannot be parsed.
    """
    values = {}
    for option in options:
        key, equals, text = option.partition("=")
        if not key or not equals:
            raise UsageError(f"--set {option}: no `key=value`", remedy="For example --set market=eu --set days=7.")
        values[key] = _value(option, text)
    return values


def _value(option: str, text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"--set {option}: the value cannot be read", remedy="Put a text in quotes.") from error


def of_file(name: str, text: str) -> dict[str, Any]:
    """Return the values of a YAML or JSON file.

    Raises:
        UsageError: if the file cannot be parsed or is not a mapping.
    """
    try:
        check_keys(yaml.compose(text, yaml.SafeLoader), name)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"The file cannot be read: {error}", where=name, remedy="Write YAML or JSON.") from error
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise UsageError("The file has no keys with values", where=name, remedy="Write `key: value`, one on a line.")
    return values


def as_configured(config: Mapping[str, Any], options: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values; if the graph's `config` has text for a key, the `key=value` text is used exactly as written.

    YAML reads `yes` as true and `007` as 7, so a job that expects text would get a value of another type.
    """
    written = dict(option.split("=", 1) for option in options)
    return {
        key: written[key] if key in written and isinstance(config.get(key), str) else value
        for key, value in values.items()
    }


def check(graph: str, config: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Refuse keys that the graph's `config` does not have.

    Raises:
        UsageError: if there is such a key.
    """
    if values and not config:
        raise UsageError(
            f"Graph {graph} has no `config`, so its jobs read no values",
            remedy=f"Give the graph `config: {{{next(iter(values))}: ...}}` in the job configuration, and `pulumi up`.",
        )
    for key in values:
        if key not in config:
            raise UsageError(
                f"The `config` of graph {graph} has no key {key!r}{perhaps(key, config)}",
                remedy=f"Its keys: {', '.join(sorted(config))}.",
            )
