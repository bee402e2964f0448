"""Properties on Pulumi's wire: converts protobuf structs to plain Python values and back.

Knows the wire's markers for unknown values. Must not know any resource type. Secrets never arrive marked, because the
provider says that it does not accept them; the engine then marks the outputs of the same names itself.
"""

from typing import Any

from google.protobuf import struct_pb2  # type: ignore[import-untyped]  # ships no types
from pulumi.runtime import rpc

from jobgraph.toolchain.standins.provider.definition import UNKNOWN, Unknown, Values


def received(struct: struct_pb2.Struct) -> Values:
    """Return a struct as plain values: whole numbers as int, unknown ones as `UNKNOWN`, without absent ones."""
    return {name: _value(value) for name, value in struct.fields.items() if value.WhichOneof("kind") != "null_value"}


def _value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return received(value.struct_value)
    if kind == "list_value":
        return [_value(item) for item in value.list_value.values]
    if kind == "number_value":
        return int(value.number_value) if value.number_value.is_integer() else value.number_value
    if kind == "string_value":
        return UNKNOWN if value.string_value == rpc.UNKNOWN else value.string_value
    return value.bool_value if kind == "bool_value" else None


def sent(values: Values) -> struct_pb2.Struct:
    """Return plain values as a struct."""
    struct = struct_pb2.Struct()
    struct.update({name: _marked(value) for name, value in values.items()})
    return struct


def _marked(value: Any) -> Any:
    if isinstance(value, Unknown):
        return rpc.UNKNOWN
    if isinstance(value, dict):
        return {name: _marked(item) for name, item in value.items()}
    return [_marked(item) for item in value] if isinstance(value, list) else value
