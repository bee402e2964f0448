"""The operations on a function or procedure, identified by its signature: create, set, read, alter and drop.

Knows the order of the steps. Must not know the differences between kinds of routines, which a `Routine` describes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from jobgraph.toolchain.standins.provider.cells import show_output
from jobgraph.toolchain.standins.provider.definition import (
    Change,
    Observation,
    Observed,
    Property,
    ResourceType,
    Statement,
    Statements,
    Values,
)
from jobgraph.toolchain.standins.provider.objects import Kind, columns_read, run, with_parameters
from jobgraph.toolchain.standins.provider.procedures import routines


@dataclass(frozen=True)
class Routine:
    """A kind of routine.

    token, label: as of the resource type. feature: the preview feature. body: the property with the body.
    language: the computed output with the language. written_in: the language if DESCRIBE does not report it.
    middle: the words of CREATE between result type and body. described: the properties in DESCRIBE's rows.
    altered: statements for changes in place other than name, comment, parameters; `altered_first`: run before those.
    """

    kind: Kind
    token: str
    label: str
    feature: str
    properties: tuple[Property, ...]
    comment: Property
    body: str
    language: str
    written_in: str
    middle: Callable[[Values], Iterable[str]]
    described: Callable[[Values], Values]
    altered: Callable[[Change, str], list[Statement]]
    altered_first: bool = False


def resource_type(routine: Routine) -> ResourceType:
    """Return the resource type of a kind of routine."""
    kind, show_parameters = routine.kind, routines.show_parameters(routine.kind)

    def full_name(values: Values) -> str:
        return routines.signature(kind, values)

    def read(values: Values) -> Observation:
        row = yield from routines.show_routine(kind, values)
        if row is None:
            return None
        described = yield from routines.describe(kind, values)
        if described is None:
            return None
        rows = yield show_parameters(values)
        live = columns_read(routine.properties, row)
        live["arguments"] = routines.described_arguments(described, values.get("arguments"))
        live |= routine.described(described)
        outputs = {
            "fullyQualifiedName": full_name(values),
            routine.language: str(described.get("language") or routine.written_in),
            "showOutputs": [show_output(kind.columns, row) | {"argumentsRaw": str(row.get("arguments"))}],
        }
        return with_parameters(Observed(live, outputs), routine.properties, rows, kind.name, effective=True)

    def create(values: Values) -> Observation:
        body = values.get(routine.body) or ""
        yield Statement(routines.create_text(kind, values, routine.middle(values), body), creates=True)
        yield from routines.set_parameters(kind, values)
        return (yield from read(values))

    def update(change: Change) -> Observation:
        yield from routines.rename(kind, change)
        common = routines.alter_comment_and_parameters(kind, routine.comment, change)
        own = routine.altered(change, full_name(change.news))
        yield from run([*own, *common] if routine.altered_first else [*common, *own])
        return (yield from read(change.news))

    def delete(values: Values) -> Statements:
        yield Statement(f"DROP {kind.name} IF EXISTS {full_name(values)}")

    return ResourceType(
        token=routine.token,
        label=routine.label,
        properties=routine.properties,
        computed=("fullyQualifiedName", "parameters", routine.language, "showOutputs"),
        identity=full_name,
        full_name=full_name,
        parse=routines.parsed_signature,
        create=create,
        read=read,
        update=update,
        delete=delete,
        preview_feature=routine.feature,
        partial=True,
        level=kind.name,
        show_parameters=show_parameters,
    )
