"""Functions that are identified by name, with their translations to DuckDB.

sqlglot has classes for many of them, but loses a format or an argument, or reads semi-structured values as lists.
"""

from __future__ import annotations

from sqlglot import exp

from snowflake_sandbox import errors
from snowflake_sandbox.dialect import arrays, macros, native, number_formats, time_formats
from snowflake_sandbox.dialect.arrays import json_null
from snowflake_sandbox.dialect.calls import MANY, Arguments, Function, Rewrite, constant_format, to_macro
from snowflake_sandbox.dialect.conversions import (
    Formats,
    plain_cast,
    to_binary,
    to_boolean,
    to_number,
    to_text,
    to_time,
    to_variant,
    typed,
)
from snowflake_sandbox.dialect.families import NUMBERS, TIMES, DType, Family, family, is_null


def _to_char(name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    value, kind = arguments[0], family(arguments[0])
    text = constant_format(name, arguments)
    if text is None:
        return to_text(value, formats)
    if kind is Family.BINARY:
        return _encoded(value, text)
    if kind in TIMES:
        return time_formats.write(value, kind, text)
    if kind is Family.UNKNOWN:
        return exp.Anonymous(this="STRFTIME", expressions=[value, exp.Literal.string(time_formats.directives(text))])
    if kind in NUMBERS:
        number_formats.parse(text)
        return native.call("number_text", plain_cast(value, "VARCHAR"), exp.Literal.string(text))
    raise time_formats.unknown_format(text)


def _encoded(value: exp.Expr, encoding: str) -> exp.Expr:
    functions = {"HEX": "HEX", "BASE64": "BASE64", "UTF-8": "DECODE", "UTF8": "DECODE"}
    if encoding.upper() not in functions:
        raise time_formats.unknown_format(encoding)
    return exp.Anonymous(this=functions[encoding.upper()], expressions=[value])


_TARGETS = {"DATE": Family.DATE, "TIME": Family.TIME, "TIMESTAMP": Family.NTZ, "TIMESTAMP_NTZ": Family.NTZ}


def _to_time(name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    optional = name.startswith("TRY_")
    target = _TARGETS.get(name.removeprefix("TRY_").removeprefix("TO_"), Family.INSTANT)
    value = arguments[0]
    if len(arguments) == 1 and family(value) in NUMBERS and target in (Family.DATE, Family.TIME):
        raise errors.invalid_type(f"{name}({value.sql('snowflake')})", name)
    if len(arguments) == 1:
        return to_time(value, target, formats, optional=optional)
    if family(value) in NUMBERS:
        instant = macros.call("scaled_epoch", value, arguments[1])
        return (
            instant
            if target is Family.NTZ
            else exp.Anonymous(this="TIMEZONE", expressions=[exp.Literal.string("UTC"), instant])
        )
    text = constant_format(name, arguments) or ""
    if text.upper() == "AUTO":
        return to_time(value, target, formats, optional=optional)
    reader = "TRY_STRPTIME" if optional else "STRPTIME"
    directives = exp.Literal.string(time_formats.directives(text))
    read = exp.Anonymous(this=reader, expressions=[to_text(value, formats), directives])
    names = {Family.NTZ: "TIMESTAMP", Family.INSTANT: "TIMESTAMPTZ", Family.DATE: "DATE", Family.TIME: "TIME"}
    return plain_cast(read, names[target])


def _to_boolean(name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    del formats
    return to_boolean(arguments[0], optional=name.startswith("TRY_"))


def _to_binary(name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    encoding = constant_format(name, arguments) or formats.binary_read
    return to_binary(arguments[0], encoding, optional=name.startswith("TRY_"))


def _hex_encode(name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    del name
    value = arguments[0] if family(arguments[0]) is Family.BINARY else to_text(arguments[0], formats)
    encoded = exp.Anonymous(this="HEX", expressions=[value])
    is_lower = len(arguments) > 1 and arguments[1].sql() == "0"
    return exp.Anonymous(this="LOWER", expressions=[encoded]) if is_lower else encoded


def _decoder(macro: str, *, as_text: bool) -> Rewrite:
    def rewrite(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
        decoded = macros.call(macro, to_text(arguments[0], formats))
        return exp.Anonymous(this="DECODE", expressions=[decoded]) if as_text else decoded

    return rewrite


def _typeof(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    return macros.call("typeof", json_null(to_variant(arguments[0], formats)))


def _is(*kinds: str) -> Rewrite:
    """IS_INTEGER and similar functions: whether the result of TYPEOF is one of these."""

    def rewrite(name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
        names = [exp.Literal.string(kind) for kind in kinds]
        return exp.Paren(this=exp.In(this=_typeof(name, arguments, formats), expressions=names))

    return rewrite


def _variant(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    return to_variant(arguments[0], formats)


def _to_json(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    return plain_cast(to_variant(arguments[0], formats), "VARCHAR")


def _check_json(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    is_valid = exp.Anonymous(this="JSON_VALID", expressions=[to_text(arguments[0], formats)])
    # Snowflake's message for an invalid text is not documented in full.
    refusal = exp.Anonymous(this="ERROR", expressions=[exp.Literal.string("CHECK_JSON of a text that is not JSON")])
    return exp.Case(ifs=[exp.If(this=is_valid, true=plain_cast(exp.null(), "VARCHAR"))], default=refusal)


def _strip_null(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    value = to_variant(arguments[0], formats)
    is_json_null = exp.EQ(this=macros.call("typeof", value.copy()), expression=exp.Literal.string("NULL_VALUE"))
    return exp.Case(ifs=[exp.If(this=is_json_null, true=plain_cast(exp.null(), "JSON"))], default=value)


def _path_text(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    path = constant_format("JSON_EXTRACT_PATH_TEXT", arguments) or ""
    value = plain_cast(to_text(arguments[0], formats), "JSON")
    return exp.Anonymous(this="JSON_EXTRACT_STRING", expressions=[value, exp.Literal.string(f"$.{path}")])


def _get(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    subject, key = arguments
    macro = "element" if family(key) in NUMBERS else "member"
    return macros.call(macro, to_variant(subject, formats), key)


def _width_bucket(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    del formats
    return macros.call("width_bucket", *(to_number(node) for node in arguments))


def _refused(name: str, _arguments: Arguments, _formats: Formats) -> exp.Expr:
    raise errors.not_supported(name)


def _text(name: str) -> Rewrite:
    """Return the translation to DuckDB's function of that name, with texts as arguments."""

    def rewrite(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
        texts = [plain_cast(node, "VARCHAR") if is_null(node) else to_text(node, formats) for node in arguments]
        return exp.Anonymous(this=name, expressions=texts)

    return rewrite


def _bytes_of(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    value = arguments[0]
    if family(value) is not Family.BINARY:
        value = exp.Anonymous(this="ENCODE", expressions=[to_text(value, formats)])
    return exp.Anonymous(this="OCTET_LENGTH", expressions=[value])


def _sha2(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    value, *size = arguments
    if family(value) is Family.BINARY:
        if [item.name for item in size] not in ([], ["256"]):
            raise errors.not_supported("SHA2 of a BINARY with another size than 256")
        return exp.Anonymous(this="SHA256", expressions=[value])
    return native.call("sha2", to_text(value, formats), plain_cast((size or [exp.Literal.number(256)])[0], "BIGINT"))


def _half_of_md5(start: int) -> Rewrite:
    """Return the translation of MD5_NUMBER_UPPER64 (the first 16 digits) or …LOWER64 (the last ones)."""

    def rewrite(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
        value = arguments[0] if family(arguments[0]) is Family.BINARY else to_text(arguments[0], formats)
        digits = exp.Anonymous(
            this="SUBSTR",
            expressions=[
                exp.Anonymous(this="MD5", expressions=[value]),
                exp.Literal.number(start),
                exp.Literal.number(16),
            ],
        )
        number = exp.DPipe(this=exp.Literal.string("0x"), expression=digits)
        return plain_cast(plain_cast(exp.paren(number), "UBIGINT"), "HUGEINT")

    return rewrite


def _hash(_name: str, arguments: Arguments, _formats: Formats) -> exp.Expr:
    """HASH: a signed number, while DuckDB's has none below 0."""
    return macros.call("signed", exp.Anonymous(this="HASH", expressions=arguments))


def _getbit(_name: str, arguments: Arguments, _formats: Formats) -> exp.Expr:
    return macros.call("getbit", *arguments)


def _distinct_count(_name: str, arguments: Arguments, _formats: Formats) -> exp.Expr:
    return exp.Anonymous(this="APPROX_COUNT_DISTINCT", expressions=arguments)


def _bits_of(name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
    return exp.Paren(this=exp.Mul(this=_bytes_of(name, arguments, formats), expression=exp.Literal.number(8)))


_VARCHAR, _BOOLEAN, _BINARY, _ARRAY, _OBJECT = DType.VARCHAR, DType.BOOLEAN, DType.BINARY, DType.ARRAY, DType.OBJECT

FUNCTIONS: dict[str, Function] = {
    **dict.fromkeys(("TO_CHAR", "TO_VARCHAR"), Function(_VARCHAR, _to_char, 1, 2)),
    **dict.fromkeys(("TO_DATE", "DATE", "TRY_TO_DATE"), Function(DType.DATE, _to_time, 1, 2)),
    **dict.fromkeys(("TO_TIME", "TIME", "TRY_TO_TIME"), Function(DType.TIME, _to_time, 1, 2)),
    **dict.fromkeys(
        ("TO_TIMESTAMP", "TO_TIMESTAMP_NTZ", "TRY_TO_TIMESTAMP", "TRY_TO_TIMESTAMP_NTZ"),
        Function(DType.TIMESTAMPNTZ, _to_time, 1, 2),
    ),
    **dict.fromkeys(
        ("TO_TIMESTAMP_LTZ", "TO_TIMESTAMP_TZ", "TRY_TO_TIMESTAMP_LTZ", "TRY_TO_TIMESTAMP_TZ"),
        Function(DType.TIMESTAMPLTZ, _to_time, 1, 2),
    ),
    **dict.fromkeys(("TO_BOOLEAN", "TRY_TO_BOOLEAN"), Function(_BOOLEAN, _to_boolean)),
    **dict.fromkeys(("TO_BINARY", "TRY_TO_BINARY"), Function(_BINARY, _to_binary, 1, 2)),
    "PARSE_URL": Function(_OBJECT, native.parse_url, 1, 2),
    "TRY_PARSE_URL": Function(_OBJECT, native.parse_url),
    "PARSE_IP": Function(_OBJECT, native.parse_ip, 2, 3),
    "SOUNDEX": Function(_VARCHAR, native.soundex_of),
    "HEX_ENCODE": Function(_VARCHAR, _hex_encode, 1, 2),
    "HEX_DECODE_BINARY": Function(_BINARY, _decoder("unhex", as_text=False)),
    "TRY_HEX_DECODE_BINARY": Function(_BINARY, _decoder("try_unhex", as_text=False)),
    "HEX_DECODE_STRING": Function(_VARCHAR, _decoder("unhex", as_text=True)),
    "TRY_HEX_DECODE_STRING": Function(_VARCHAR, _decoder("try_unhex", as_text=True)),
    "BASE64_DECODE_BINARY": Function(_BINARY, _decoder("base64", as_text=False)),
    "TRY_BASE64_DECODE_BINARY": Function(_BINARY, _decoder("try_base64", as_text=False)),
    "BASE64_DECODE_STRING": Function(_VARCHAR, _decoder("base64", as_text=True)),
    "TRY_BASE64_DECODE_STRING": Function(_VARCHAR, _decoder("try_base64", as_text=True)),
    "TYPEOF": Function(_VARCHAR, _typeof),
    "TO_VARIANT": Function(DType.VARIANT, _variant),
    "TO_OBJECT": Function(_OBJECT, _variant),
    "TO_ARRAY": Function(_ARRAY, to_macro("to_array", "v")),
    "TO_JSON": Function(_VARCHAR, _to_json),
    "CHECK_JSON": Function(_VARCHAR, _check_json),
    "STRIP_NULL_VALUE": Function(DType.VARIANT, _strip_null),
    "JSON_EXTRACT_PATH_TEXT": Function(_VARCHAR, _path_text, 2, 2),
    **dict.fromkeys(("AS_CHAR", "AS_VARCHAR"), Function(_VARCHAR, to_macro("as_text", "v"))),
    "AS_INTEGER": Function(DType.BIGINT, to_macro("as_integer", "v")),
    **dict.fromkeys(("AS_DOUBLE", "AS_REAL"), Function(DType.DOUBLE, to_macro("as_number", "v"))),
    "AS_BOOLEAN": Function(_BOOLEAN, to_macro("as_boolean", "v")),
    "AS_ARRAY": Function(_ARRAY, to_macro("as_array", "v")),
    "AS_OBJECT": Function(_OBJECT, to_macro("as_object", "v")),
    # The sandbox's VARIANT represents dates, times and binary values as texts.
    **dict.fromkeys(
        (
            *("AS_DATE", "AS_TIME", "AS_TIMESTAMP_NTZ", "AS_TIMESTAMP_LTZ", "AS_TIMESTAMP_TZ", "AS_BINARY"),
            *("IS_DATE", "IS_DATE_VALUE", "IS_TIME", "IS_TIMESTAMP_NTZ", "IS_TIMESTAMP_LTZ", "IS_TIMESTAMP_TZ"),
            *("IS_BINARY", "AS_DECIMAL", "AS_NUMBER", "SOUNDEX_P123", "HASH_AGG"),
            *("XMLGET", "PARSE_XML", "COLLATE", "COLLATION", "COMPRESS", "DECOMPRESS_STRING"),
        ),
        Function(_VARCHAR, _refused, 0, MANY),
    ),
    "IS_INTEGER": Function(_BOOLEAN, _is("INTEGER")),
    "IS_DECIMAL": Function(_BOOLEAN, _is("INTEGER", "DECIMAL")),
    **dict.fromkeys(("IS_DOUBLE", "IS_REAL"), Function(_BOOLEAN, _is("INTEGER", "DECIMAL", "DOUBLE"))),
    **dict.fromkeys(("IS_VARCHAR", "IS_CHAR"), Function(_BOOLEAN, _is("VARCHAR"))),
    "IS_BOOLEAN": Function(_BOOLEAN, _is("BOOLEAN")),
    "IS_ARRAY": Function(_BOOLEAN, _is("ARRAY")),
    "IS_OBJECT": Function(_BOOLEAN, _is("OBJECT")),
    "IS_NULL_VALUE": Function(_BOOLEAN, _is("NULL_VALUE")),
    **arrays.FUNCTIONS,
    "GET": Function(DType.VARIANT, _get, 2, 2),
    "GET_IGNORE_CASE": Function(DType.VARIANT, to_macro("get_ignore_case", "vt"), 2, 2),
    "WIDTH_BUCKET": Function(DType.BIGINT, _width_bucket, 4, 4),
    "TRANSLATE": Function(_VARCHAR, to_macro("translate", "ttt"), 3, 3),
    "MONTHS_BETWEEN": Function(DType.DOUBLE, to_macro("months_between", "xx"), 2, 2),
    "CONTAINS": Function(_BOOLEAN, _text("CONTAINS"), 2, 2),
    **dict.fromkeys(("SHA2", "SHA2_HEX"), Function(_VARCHAR, _sha2, 1, 2)),
    "MD5_NUMBER_UPPER64": Function(DType.DECIMAL, _half_of_md5(1)),
    "MD5_NUMBER_LOWER64": Function(DType.DECIMAL, _half_of_md5(17)),
    "HASH": Function(DType.BIGINT, _hash, 1, MANY),
    "GETBIT": Function(DType.BIGINT, _getbit, 2, 2),
    "HLL": Function(DType.BIGINT, _distinct_count),
    "OCTET_LENGTH": Function(DType.BIGINT, _bytes_of),
    "BIT_LENGTH": Function(DType.BIGINT, _bits_of),
}

TYPES = {name: function.returns for name, function in FUNCTIONS.items()}


def rewrite(node: exp.Anonymous, formats: Formats) -> exp.Expr:
    """Translate a call of one of the functions to DuckDB; return other calls unchanged.

    Raises:
        SnowflakeError: 000938 or 000939 for too few or too many arguments; 000002 if the function or format is missing.
    """
    name = str(node.this).upper()
    function = FUNCTIONS.get(name)
    if function is None or isinstance(node.parent, exp.Dot):
        return node
    arguments = list(node.expressions)
    if len(arguments) < function.minimum:
        raise errors.SnowflakeError(
            938,
            "22023",
            f"SQL compilation error:\nnot enough arguments for function [{node.sql('snowflake')}],"
            f" expected {function.minimum}, got {len(arguments)}",
        )
    if len(arguments) > function.maximum:
        raise errors.SnowflakeError(
            939,
            "22023",
            f"SQL compilation error:\ntoo many arguments for function [{node.sql('snowflake')}]"
            f" expected {function.maximum}, got {len(arguments)}",
        )
    return typed(function.rewrite(name, arguments, formats), function.returns)
