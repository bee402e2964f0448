"""The differences between a program and its state, and whether they need a new object.

Knows properties and values. Must not know statements, connections or Pulumi's wire.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jobgraph.toolchain.standins.provider.definition import (
    NOT_DECLARED,
    UNKNOWN,
    Property,
    ResourceType,
    Unknown,
    Values,
)
from jobgraph.toolchain.standins.provider.objects import is_given


@dataclass(frozen=True)
class Difference:
    """changes: `ADD`, `UPDATE` or `DELETE` by property. replaces: the properties that need a new object."""

    changes: Mapping[str, str]
    replaces: frozenset[str]

    @property
    def changed(self) -> frozenset[str]:
        """Return the names of the changed properties."""
        return frozenset(self.changes)


def has_unknown(value: Any) -> bool:
    """Whether any part of a value is unknown."""
    if isinstance(value, Unknown):
        return True
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    return isinstance(value, list) and any(has_unknown(item) for item in value)


def same(prop: Property, first: Any, right: Any, *, loosely: bool = False) -> bool:
    """Whether two values of a property are equal; None, an empty text and an empty list are equal."""
    if not is_given(first) or not is_given(right):
        return is_given(first) == is_given(right)
    normal = prop.loose if loosely and prop.loose else prop.normal
    return bool(normal(first) == normal(right))


def difference(
    resource: ResourceType,
    olds: Values,
    news: Values,
    *,
    ignored: Iterable[str] = (),
    parameters: Values | None = None,
) -> Difference:
    """Compare the state `olds` with the inputs `news`.

    parameters: the parameters that the server has now, None if they are not set on the object itself; they are compared
        in addition to the state, so that drift is detected without a refresh.
    """
    skipped, news = set(ignored), _ignoring(olds, news, ignored)
    live = parameters or {}
    changes: dict[str, str] = {}
    for prop in resource.properties:
        if prop.create_only or prop.name in skipped:
            continue
        kind = _change(prop, olds.get(prop.name), news.get(prop.name), live.get(prop.name, NOT_DECLARED))
        if kind:
            changes[prop.name] = kind
    changes |= dict.fromkeys(resource.always_differ(news) - set(changes), "UPDATE")
    changed = frozenset(changes)
    replacing = frozenset(prop.name for prop in resource.properties if prop.replaces and prop.name in changed)
    return Difference(changes, replacing | resource.must_replace(olds, news, changed))


def _ignoring(olds: Values, news: Values, ignored: Iterable[str]) -> Values:
    """Return the inputs, with ignored parts of properties, such as `columns[6].default`, taken from the state."""
    for path in ignored:
        name, *inner = [int(word) if word.isdecimal() else word for word in re.findall(r"[^.\[\]]+", path)]
        if inner and name in news and not has_unknown(news[name]):
            news = news | {name: _replaced(news[name], olds.get(name), inner)}
    return news


def _replaced(new: Any, old: Any, path: list[Any]) -> Any:
    """Return a value with the part at a path taken from the old value; the part is removed if the old one lacks it."""
    step, *tail = path
    if isinstance(new, list) and isinstance(step, int) and step < len(new):
        old_item = old[step] if isinstance(old, list) and step < len(old) else None
        return [_replaced(item, old_item, tail) if place == step and tail else item for place, item in enumerate(new)]
    if not isinstance(new, dict):
        return new
    before = old.get(step) if isinstance(old, dict) else None
    if tail:
        return new | ({step: _replaced(new[step], before, tail)} if step in new else {})
    return {name: value for name, value in new.items() if name != step} | ({} if before is None else {step: before})


def _change(prop: Property, old: Any, new: Any, live: Any) -> str:
    if not has_unknown(new) and same(prop, old, new) and (live is NOT_DECLARED or same(prop, live, new, loosely=True)):
        return ""
    if not has_unknown(new) and _both_initial(prop, old, new):
        return ""
    if not is_given(new):
        return "DELETE" if is_given(old) else "UPDATE"
    return "UPDATE" if is_given(old) else "ADD"


def _both_initial(prop: Property, old: Any, new: Any) -> bool:
    """Whether one value is missing and the other is the initial value of a new object."""
    if prop.initial is NOT_DECLARED:
        return False
    return all(same(prop, prop.initial, value if is_given(value) else prop.initial) for value in (old, new))


def settled(resource: ResourceType, declared: Values, observed: Values) -> Values:
    """Return the values for the state after a read: the program's if equal to the server's, else the server's.

    A property that is not in the program is only included if it is drift: a parameter set on the object, or a value
    that differs from that of a new object.
    """
    result: Values = {}
    for prop in resource.properties:
        mine = declared.get(prop.name)
        live = _observed_value(prop, mine, observed[prop.name]) if prop.name in observed else mine
        if live is not None:
            result[prop.name] = live
    return result


def _observed_value(prop: Property, mine: Any, live: Any) -> Any:
    if mine is not None:
        return mine if same(prop, mine, live, loosely=True) else live
    if prop.parameter:
        return live
    return None if not is_given(live) or prop.initial is NOT_DECLARED or _is_initial(prop, live) else live


def _is_initial(prop: Property, live: Any) -> bool:
    return prop.initial is not NOT_DECLARED and same(prop, prop.initial, live, loosely=True)


def imported(resource: ResourceType, identified: Values, observed: Values) -> Values:
    """Return the values for the state of an imported object: all values that the server reports except defaults.

    Values that the id contains are taken from there, except for arguments, of which an id has only the types.
    """
    result = dict(identified)
    for prop in resource.properties:
        live = observed.get(prop.name)
        plain = _is_initial(prop, live) and prop.default is None
        if is_given(live) and not plain and (prop.name not in identified or prop.form == "objects"):
            result[prop.name] = live
    return result


def preview_outputs(resource: ResourceType, news: Values) -> Values:
    """Return the outputs of an object that does not exist yet: inputs, values derived from them, the rest unknown."""
    outputs: Values = {**dict.fromkeys(resource.computed, UNKNOWN), **news}
    if resource.full_name and "fullyQualifiedName" in resource.computed:
        try:
            settled_values = {name: value for name, value in news.items() if not has_unknown(value)}
            outputs["fullyQualifiedName"] = resource.full_name(settled_values)
        except KeyError:  # a part of the name is also unknown
            outputs["fullyQualifiedName"] = UNKNOWN
    return outputs
