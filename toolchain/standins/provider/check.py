"""Check: is what a program wrote for a resource complete and well formed; all mistakes at once.

Knows the property tables. Must not know statements, connections or Pulumi's wire.
"""

import difflib
from collections.abc import Callable, Iterable
from typing import Any

from jobgraph.toolchain.standins.provider.definition import Failure, Form, Property, ResourceType, Values
from jobgraph.toolchain.standins.provider.diff import has_unknown
from jobgraph.toolchain.standins.provider.objects import is_given


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_FORMS: dict[Form, tuple[Callable[[Any], bool], str]] = {
    "text": (lambda value: isinstance(value, str), "a text"),
    "number": (_is_whole, "a whole number"),
    "boolean": (lambda value: isinstance(value, bool), "true or false"),
    "boolean text": (lambda value: str(value).lower() in {"true", "false", "default"}, 'the text "true" or "false"'),
    "texts": (lambda value: isinstance(value, list), "a list of texts"),
    "object": (lambda value: isinstance(value, dict), "an object"),
    "objects": (lambda value: isinstance(value, list) and all(isinstance(v, dict) for v in value), "a list of objects"),
}


def completed(resource: ResourceType, olds: Values, news: Values, auto_name: str) -> Values:
    """The inputs with defaults filled in: the name that the object already has, or else the automatic one."""
    inputs = {name: value for name, value in news.items() if value is not None and not name.startswith("__")}
    for one in resource.properties:
        if one.default is not None:
            inputs.setdefault(one.name, one.default)
        if one.form == "boolean text" and inputs.get(one.name) == "default":
            del inputs[one.name]  # the official plugin's own word for "leave it to Snowflake"
    if resource.property_named("name") is not None and "name" not in inputs:
        inputs["name"] = olds.get("name") or auto_name
    return inputs


def failures(resource: ResourceType, inputs: Values, features: Iterable[str]) -> list[Failure]:
    """Every mistake in the inputs. Parts that are not known yet are taken to be right."""
    found: list[Failure] = []
    if resource.preview_feature and resource.preview_feature not in features:
        found.append(Failure("", preview_feature_reason(resource.label, resource.preview_feature)))
    known = {one.name for one in resource.properties}
    found += [_unsupported(name, known) for name in inputs if name not in known]
    for one in resource.properties:
        reason = _reason(one, inputs.get(one.name))
        if reason:
            found.append(Failure(one.name, reason))
    found += _ended_early(resource, inputs)
    return found or resource.check(inputs)


def _ended_early(resource: ResourceType, inputs: Values) -> list[Failure]:
    """Bodies are sent between `$$`, so that one inside would end them: Snowflake's error would name a wrong place."""
    return [
        Failure(
            "",  # not the property's: the engine would print the whole body in front of the reason
            f"`{one.name}` holds `$$`, which would end it early: write it another way, such as `'$' * 2`.",
        )
        for one in resource.properties
        if one.dollar_quoted and "$$" in str(inputs.get(one.name, ""))
    ]


def _reason(one: Property, value: Any) -> str:
    if has_unknown(value):
        return ""
    if value is None or (one.required and one.form == "text" and not is_given(value)):
        return f"`{one.name}` is required, and is missing or empty." if one.required else ""
    fits, wanted = _FORMS[one.form]
    if not fits(value):
        return f"`{one.name}` must be {wanted}, not {type(value).__name__}."
    if one.allowed and str(value).upper() not in one.allowed:
        near = difflib.get_close_matches(str(value).upper(), one.allowed, 1)
        hint = f" Perhaps you meant {near[0]}." if near else ""
        return f"`{one.name}` must be one of {', '.join(one.allowed)}.{hint}"
    return ""


def preview_feature_reason(label: str, feature: str) -> str:
    """What to do where a resource type or function needs a preview feature that the settings do not switch on."""
    return (
        f"{label} is a preview feature of the Snowflake provider and must be switched on: add {feature} to "
        "`snowflake:previewFeaturesEnabled` in the stack's configuration."
    )


def _unsupported(name: str, known: Iterable[str]) -> Failure:
    near = difflib.get_close_matches(name, list(known), 1)
    hint = f" Perhaps you meant `{near[0]}`." if near else ""
    return Failure(
        name,
        f"`{name}` is not known to the stand-in for the Snowflake provider plugin.{hint} Leave it out, or install the "
        "official plugin: `pulumi plugin install resource snowflake`.",
    )
