"""Functions of arrays and objects that are identified by name, with their translations to DuckDB.

Knows conversions, macros and functions in Python; must not know statements.
"""

from __future__ import annotations

from sqlglot import exp

from snowflake_sandbox import errors
from snowflake_sandbox.dialect import macros, native
from snowflake_sandbox.dialect.calls import MANY, Arguments, Function, Rewrite, to_macro
from snowflake_sandbox.dialect.conversions import Formats, plain_cast, to_text, to_variant
from snowflake_sandbox.dialect.families import DType, is_null

_ARRAY, _OBJECT = DType.ARRAY, DType.OBJECT


def json_list(arguments: Arguments, formats: Formats) -> exp.Expr:
    """Return a semi-structured array of values."""
    values = [json_null(to_variant(node, formats)) for node in arguments]
    if not values:
        return plain_cast(exp.Literal.string("[]"), "JSON")
    return exp.Anonymous(this="TO_JSON", expressions=[exp.Anonymous(this="LIST_VALUE", expressions=values)])


def json_null(node: exp.Expr) -> exp.Expr:
    """Return the JSON null for the literal NULL."""
    return plain_cast(exp.null(), "JSON") if is_null(node) else node


def _array_construct(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    return json_list(arguments, formats)


def _array_construct_compact(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    return macros.call("array_compact", json_list(arguments, formats))


def _array_generate_range(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    del formats
    first, last, *step = arguments
    return macros.call("array_range", first, last, *(step or [exp.Literal.number(1)]))


def _object_insert(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    subject, key, value, *update = arguments
    return macros.call(
        "object_insert",
        to_variant(subject, formats),
        to_text(key, formats),
        json_null(to_variant(value, formats)),
        *(update or [exp.false()]),
    )


def _with_keys(macro: str) -> Rewrite:
    def rewrite(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
        keys = exp.Anonymous(this="LIST_VALUE", expressions=[to_text(node, formats) for node in arguments[1:]])
        return macros.call(macro, to_variant(arguments[0], formats), keys)

    return rewrite


def _sort(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    """ARRAY_SORT: ascending with NULLs at the end, descending with NULLs at the start unless an argument says else."""
    subject, *flags = arguments
    ascending = flags[0] if flags else exp.true()
    nulls_first = flags[1] if len(flags) > 1 else exp.not_(exp.paren(ascending.copy()))
    return macros.call("array_sort", to_variant(subject, formats), ascending, nulls_first)


def _pick(name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    """OBJECT_PICK: the keys as arguments, or as one array."""
    keys = arguments[1]
    if len(arguments) == 2 and keys.type is not None and keys.type.is_type(DType.ARRAY):  # noqa: PLR2004  # one of keys
        return macros.call("object_pick", to_variant(arguments[0], formats), macros.call("texts_of", keys))
    return _with_keys("object_pick")(name, arguments, formats)


def _in_python(function: str) -> Rewrite:
    """Return the translation to a function in Python that takes arrays as JSON and returns JSON."""

    def rewrite(name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
        texts = [plain_cast(to_variant(argument, formats), "VARCHAR") for argument in arguments]
        if any(is_null(argument) for argument in arguments):
            return plain_cast(exp.null(), "JSON")
        if len(texts) > _MOST_ARRAYS:
            raise errors.not_supported(f"{name} of more than {_MOST_ARRAYS} arrays")
        return plain_cast(native.call(function, *texts), "JSON")

    return rewrite


_MOST_ARRAYS = 2

FUNCTIONS: dict[str, Function] = {
    "ARRAY_CONSTRUCT": Function(_ARRAY, _array_construct, 0, MANY),
    "ARRAY_CONSTRUCT_COMPACT": Function(_ARRAY, _array_construct_compact, 0, MANY),
    "ARRAY_SIZE": Function(DType.BIGINT, to_macro("array_size", "v")),
    "ARRAY_APPEND": Function(_ARRAY, to_macro("array_append", "vv"), 2, 2),
    "ARRAY_PREPEND": Function(_ARRAY, to_macro("array_prepend", "vv"), 2, 2),
    "ARRAY_CAT": Function(_ARRAY, to_macro("array_cat", "vv"), 2, 2),
    "ARRAY_COMPACT": Function(_ARRAY, to_macro("array_compact", "v")),
    "ARRAY_DISTINCT": Function(_ARRAY, to_macro("array_distinct", "v")),
    "ARRAY_INSERT": Function(_ARRAY, to_macro("array_insert", "vxv"), 3, 3),
    "ARRAY_SLICE": Function(_ARRAY, to_macro("array_slice", "vxx"), 3, 3),
    "ARRAY_REMOVE": Function(_ARRAY, to_macro("array_remove", "vv"), 2, 2),
    "ARRAY_REMOVE_AT": Function(_ARRAY, to_macro("array_remove_at", "vx"), 2, 2),
    "ARRAY_REVERSE": Function(_ARRAY, to_macro("array_reverse", "v")),
    "ARRAY_CONTAINS": Function(DType.BOOLEAN, to_macro("array_contains", "vv"), 2, 2),
    "ARRAY_POSITION": Function(DType.BIGINT, to_macro("array_position", "vv"), 2, 2),
    "ARRAY_TO_STRING": Function(DType.VARCHAR, to_macro("array_to_string", "vt"), 2, 2),
    "ARRAY_INTERSECTION": Function(_ARRAY, to_macro("array_intersection", "vv"), 2, 2),
    "ARRAY_EXCEPT": Function(_ARRAY, to_macro("array_except", "vv"), 2, 2),
    "ARRAYS_OVERLAP": Function(DType.BOOLEAN, to_macro("arrays_overlap", "vv"), 2, 2),
    "ARRAY_SORT": Function(_ARRAY, _sort, 1, 3),
    "ARRAY_MIN": Function(DType.VARIANT, to_macro("array_min", "v")),
    "ARRAY_MAX": Function(DType.VARIANT, to_macro("array_max", "v")),
    "ARRAY_FLATTEN": Function(_ARRAY, to_macro("array_flatten", "v")),
    "ARRAY_GENERATE_RANGE": Function(_ARRAY, _array_generate_range, 2, 3),
    "OBJECT_KEYS": Function(_ARRAY, to_macro("object_keys", "v")),
    "OBJECT_INSERT": Function(_OBJECT, _object_insert, 3, 4),
    "OBJECT_DELETE": Function(_OBJECT, _with_keys("object_delete"), 2, MANY),
    "OBJECT_PICK": Function(_OBJECT, _pick, 2, MANY),
    "ARRAYS_TO_OBJECT": Function(_OBJECT, _in_python("arrays_to_object"), 2, 2),
    "ARRAYS_ZIP": Function(_ARRAY, _in_python("arrays_zip"), 1, MANY),
}
