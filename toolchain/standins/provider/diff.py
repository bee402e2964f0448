"""What differs between a program and its state, and whether that needs a new object.

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
    """changes: `ADD`, `UPDATE` or `DELETE` by property. replaces: those that need a new object."""

    changes: Mapping[str, str]
    replaces: frozenset[str]

    @property
    def changed(self) -> frozenset[str]:
        """The names of the properties that differ."""
        return frozenset(self.changes)


def has_unknown(value: Any) -> bool:
    """Whether any part of a value is not known yet."""
    if isinstance(value, Unknown):
        return True
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    return isinstance(value, list) and any(has_unknown(item) for item in value)


def same(prop: Property, first: Any, right: Any, *, loosely: bool = False) -> bool:
    """Whether two values of a property mean the same; nothing, an empty text and an empty list are one."""
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

    parameters: what the server now says of the parameters, None where set elsewhere than on the object; it counts
    besides the state, so that a parameter changed behind our back is seen without a refresh.
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
    """The inputs with what is to be ignored inside a property, such as `columns[6].default`, as it is in the state."""
    for path in ignored:
        name, *inner = [int(word) if word.isdecimal() else word for word in re.findall(r"[^.\[\]]+", path)]
        if inner and name in news and not has_unknown(news[name]):
            news = news | {name: _replaced(news[name], olds.get(name), inner)}
    return news


def _replaced(new: Any, old: Any, path: list[Any]) -> Any:
    """A value with the part at a path taken from the old one; a part that the old one has not is left out."""
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
    """Whether saying nothing and saying what a new object has anyway are all that differs."""
    if prop.initial is NOT_DECLARED:
        return False
    return all(same(prop, prop.initial, value if is_given(value) else prop.initial) for value in (old, new))


def settled(resource: ResourceType, declared: Values, observed: Values) -> Values:
    """The values for the state after a read: the program's spelling where the server agrees, else the server's value.

    A property that the program leaves out appears only where its presence is drift: a parameter set on the object, or
    a value that differs from what a new object has.
    """
    result: Values = {}
    for prop in resource.properties:
        mine = declared.get(prop.name)
        live = _seen(prop, mine, observed[prop.name]) if prop.name in observed else mine
        if live is not None:
            result[prop.name] = live
    return result


def _seen(prop: Property, mine: Any, live: Any) -> Any:
    if mine is not None:
        return mine if same(prop, mine, live, loosely=True) else live
    if prop.parameter:
        return live
    return None if not is_given(live) or prop.initial is NOT_DECLARED or _is_initial(prop, live) else live


def _is_initial(prop: Property, live: Any) -> bool:
    return prop.initial is not NOT_DECLARED and same(prop, prop.initial, live, loosely=True)


def imported(resource: ResourceType, identified: Values, observed: Values) -> Values:
    """The values for the state of an imported object: all that the server tells and that is not simply the default.

    What its id names is taken from there, but for arguments: an id has their types only.
    """
    result = dict(identified)
    for prop in resource.properties:
        live = observed.get(prop.name)
        plain = _is_initial(prop, live) and prop.default is None
        if is_given(live) and not plain and (prop.name not in identified or prop.form == "objects"):
            result[prop.name] = live
    return result


def preview_outputs(resource: ResourceType, news: Values) -> Values:
    """The outputs of an object that is not made yet: inputs, what follows from them, and the rest unknown."""
    outputs: Values = {**dict.fromkeys(resource.computed, UNKNOWN), **news}
    if resource.full_name and "fullyQualifiedName" in resource.computed:
        try:
            settled_values = {name: value for name, value in news.items() if not has_unknown(value)}
            outputs["fullyQualifiedName"] = resource.full_name(settled_values)
        except KeyError:  # a part of the name is itself not known yet
            outputs["fullyQualifiedName"] = UNKNOWN
    return outputs
