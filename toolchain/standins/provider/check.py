"""Check: whether a program's inputs of a resource are complete and well formed; reports all mistakes at once.

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
    """Return the inputs with defaults filled in; for the name: that of the existing object, else the automatic one."""
    inputs = {name: value for name, value in news.items() if value is not None and not name.startswith("__")}
    for prop in resource.properties:
        if prop.default is not None:
            inputs.setdefault(prop.name, prop.default)
        if prop.form == "boolean text" and inputs.get(prop.name) == "default":
            del inputs[prop.name]  # the official plugin's own value for "leave it to Snowflake"
    if resource.property_named("name") is not None and "name" not in inputs:
        inputs["name"] = olds.get("name") or auto_name
    return inputs


def failures(resource: ResourceType, inputs: Values, features: Iterable[str]) -> list[Failure]:
    """Return every mistake in the inputs. Unknown parts are assumed to be correct."""
    problems: list[Failure] = []
    if resource.preview_feature and resource.preview_feature not in features:
        problems.append(Failure("", preview_feature_reason(resource.label, resource.preview_feature)))
    allowed = {prop.name for prop in resource.properties}
    problems += [_unsupported(name, allowed) for name in inputs if name not in allowed]
    for prop in resource.properties:
        reason = _reason(prop, inputs.get(prop.name))
        if reason:
            problems.append(Failure(prop.name, reason))
    problems += _ended_early(resource, inputs)
    return problems or resource.check(inputs)


def _ended_early(resource: ResourceType, inputs: Values) -> list[Failure]:
    """Check for `$$` in bodies, which would end them early: Snowflake's error would name the wrong place."""
    return [
        Failure(
            "",  # no property: the engine would print the whole body before the reason
            f"`{prop.name}` holds `$$`, which would end it early: write it differently, such as `'$' * 2`.",
        )
        for prop in resource.properties
        if prop.dollar_quoted and "$$" in str(inputs.get(prop.name, ""))
    ]


def _reason(prop: Property, value: Any) -> str:
    if has_unknown(value):
        return ""
    if value is None or (prop.required and prop.form == "text" and not is_given(value)):
        return f"`{prop.name}` is required, and is missing or empty." if prop.required else ""
    fits, form = _FORMS[prop.form]
    if not fits(value):
        return f"`{prop.name}` must be {form}, not {type(value).__name__}."
    if prop.allowed and str(value).upper() not in prop.allowed:
        near = difflib.get_close_matches(str(value).upper(), prop.allowed, 1)
        hint = f" Perhaps you meant {near[0]}." if near else ""
        return f"`{prop.name}` must be one of {', '.join(prop.allowed)}.{hint}"
    return ""


def left_to_snowflake(place: str) -> Failure:
    """Return the error, in the provider's text, for the provider's own word in place of a program's value."""
    return Failure(
        place,
        f'expected {place} to be one of ["true" "false"], got default. The provider takes `default` from itself alone. '
        "Usual cause: `ignore_changes` names the property, so that the engine passes on what the state has: set it "
        "instead.",
    )


def preview_feature_reason(label: str, feature: str) -> str:
    """Return the remedy if a resource type or function needs a preview feature that the settings do not enable."""
    return (
        f"{label} is a preview feature of the Snowflake provider and must be switched on: add {feature} to "
        "`snowflake:previewFeaturesEnabled` in the stack's configuration."
    )


def _unsupported(name: str, allowed: Iterable[str]) -> Failure:
    near = difflib.get_close_matches(name, list(allowed), 1)
    hint = f" Perhaps you meant `{near[0]}`." if near else ""
    return Failure(
        name,
        f"`{name}` is not known to the stand-in for the Snowflake provider plugin.{hint} Leave it out, or install the "
        "official plugin: `pulumi plugin install resource snowflake`.",
    )
