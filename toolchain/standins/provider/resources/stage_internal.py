"""snowflake.StageInternal (SQL contract, section 6.10).

Knows the statements and columns of internal stages. Must not know how statements are sent.
"""

import re
from collections.abc import Iterable
from typing import Any

from jobgraph.toolchain.standins.provider.cells import camel, flag, show_output
from jobgraph.toolchain.standins.provider.definition import (
    Change,
    Failure,
    Observation,
    Observed,
    Property,
    ResourceType,
    Row,
    Statement,
    Values,
)
from jobgraph.toolchain.standins.provider.objects import Kind, alter, clauses, drop, observe, rename, run
from jobgraph.toolchain.standins.provider.properties import EMPTIED_COMMENT, IN_SCHEMA
from jobgraph.toolchain.standins.provider.sql import requoted, text, text_list

KIND = Kind(
    name="STAGE",
    plural="STAGES",
    container=("database", "schema"),
    between_sets=" ",
    columns="created_on name database_name schema_name url has_credentials? has_encryption_key? owner comment region "
    "type cloud storage_integration endpoint owner_role_type directory_enabled?",
)
_ENCRYPTIONS = {"snowflakeFull": "SNOWFLAKE_FULL", "snowflakeSse": "SNOWFLAKE_SSE"}
_FORMATS = ("csv", "json", "avro", "orc", "parquet", "xml")
_KEYWORDS = frozenset({"compression", "binaryFormat"})
_CSV = (
    "binary_format compression date_format empty_field_as_null? encoding error_on_column_count_mismatch? escape "
    "escape_unenclosed_field field_delimiter field_optionally_enclosed_by file_extension multi_line? parse_header? "
    "record_delimiter replace_invalid_characters? skip_blank_lines? skip_byte_order_mark? skip_header# time_format "
    "timestamp_format trim_space? type validate_utf8?"
)


def _encryption_text(value: Values) -> str:
    return f"(TYPE = {text(_encryption(value))})"


def _encryption(value: Values) -> str:
    return next(word for name, word in _ENCRYPTIONS.items() if name in value)


def _directory_text(value: Values) -> str:
    refresh = value.get("autoRefresh")
    refresh_text = f" AUTO_REFRESH = {refresh}" if str(refresh).lower() in {"true", "false"} else ""
    return f"(ENABLE = {str(bool(value['enable'])).lower()}{refresh_text})"


def _directory_normal(value: Values) -> tuple[bool, str]:
    return bool(value["enable"]), str(value.get("autoRefresh") or "false").lower()


def _format_text(value: Values) -> str:
    if value.get("formatName"):
        return f"(FORMAT_NAME = {text(requoted(value['formatName']))})"
    kind = _format_kind(value)
    words = [f"TYPE = {kind.upper()}", *(_option(name, option) for name, option in value[kind].items())]
    return f"({' '.join(words)})"


def _format_kind(value: Values) -> str:
    return next(kind for kind in _FORMATS if kind in value)


def _option(name: str, value: Any) -> str:
    word = re.sub(r"(?<!^)([A-Z])", r"_\1", name).upper().replace("NULL_IFS", "NULL_IF")
    if isinstance(value, list):
        return f"{word} = {text_list(value)}"
    is_word = name in _KEYWORDS or isinstance(value, int) or str(value).lower() in {"true", "false"}
    return f"{word} = {str(value) if is_word else text(value)}"


def _format_normal(value: Values) -> Any:
    if value.get("formatName"):
        return str(value["formatName"]).replace('"', "")
    kind = _format_kind(value)
    return kind, tuple(sorted((name, str(option).lower()) for name, option in value[kind].items()))


PROPERTIES = (
    *IN_SCHEMA,
    Property(name="name"),
    Property(
        name="encryption",
        sql="ENCRYPTION",
        literal=_encryption_text,
        form="object",
        replaces=True,
        normal=_encryption,
    ),
    Property(
        name="directory",
        sql="DIRECTORY",
        literal=_directory_text,
        form="object",
        on_unset="DIRECTORY = (ENABLE = false)",
        normal=_directory_normal,
        initial={"enable": False},
    ),
    Property(name="fileFormat", sql="FILE_FORMAT", literal=_format_text, form="object", normal=_format_normal),
    EMPTIED_COMMENT,
)


def _check(values: Values) -> list[Failure]:
    problems = []
    if "encryption" in values and len(set(values["encryption"]) & set(_ENCRYPTIONS)) != 1:
        problems.append(Failure("encryption", "give exactly one of snowflakeFull and snowflakeSse."))
    if "directory" in values and "enable" not in values["directory"]:
        problems.append(Failure("directory", "`directory` needs `enable`."))
    if "fileFormat" in values and len(set(values["fileFormat"]) & {"formatName", *_FORMATS}) != 1:
        problems.append(Failure("fileFormat", f"give exactly one of formatName, {', '.join(_FORMATS)}."))
    return problems


def _create(values: Values) -> Observation:
    yield Statement(" ".join([f"CREATE STAGE {KIND.full_name(values)}", *clauses(PROPERTIES, values)]), creates=True)
    return (yield from _read(values))


def _read(values: Values) -> Observation:
    live = yield from observe(KIND, PROPERTIES, KIND.parts(values))
    if live is None:
        return None
    rows = yield Statement(f"DESCRIBE STAGE {KIND.full_name(values)}")
    kind = str(live.outputs["showOutputs"][0]["type"])
    values_read = dict(live.values)
    # SHOW only indicates server-side encryption by the absence of client-side encryption.
    values_read["encryption"] = {"snowflakeSse" if kind == "INTERNAL NO CSE" else "snowflakeFull": {}}
    directory = _described(rows, "DIRECTORY")
    if "ENABLE" in directory:
        values_read["directory"] = _directory_read(directory)
    if values.get("fileFormat") and not values["fileFormat"].get("formatName"):
        values_read["fileFormat"] = _format_read(values["fileFormat"], _described(rows, "STAGE_FILE_FORMAT"))
    file_format = _described(rows, "STAGE_FILE_FORMAT")
    described = _describe_output(directory) | {"fileFormats": [_file_format_output(file_format)]}
    outputs = live.outputs | {"stageType": kind, "describeOutputs": [described]}
    return Observed(values_read, outputs)


def _described(rows: Iterable[Row], parent: str) -> dict[str, str]:
    return {str(row["property"]): str(row["property_value"]) for row in rows if row.get("parent_property") == parent}


def _directory_read(directory: dict[str, str]) -> Values:
    refresh = {"autoRefresh": "true"} if flag(directory.get("AUTO_REFRESH")) else {}
    return {"enable": flag(directory["ENABLE"])} | refresh


def _format_read(declared: Values, described: dict[str, str]) -> Values:
    """Return the parts of the file format that the program sets: its type, and each option that DESCRIBE has."""
    kind = _format_kind(declared)
    if described.get("TYPE", kind.upper()).upper() != kind.upper():
        return {described["TYPE"].lower(): {}}
    options = {camel(word.lower()): value for word, value in described.items()}
    return {kind: {name: options.get(name, option) for name, option in declared[kind].items()}}


def _describe_output(directory: dict[str, str]) -> Values:
    row = {name.lower(): value for name, value in directory.items()}
    return {"directoryTables": [show_output("enable? auto_refresh? last_refreshed_on", row)]}


def _file_format_output(described: dict[str, str]) -> Values:
    """Return the file format; its options are included if it is CSV, Snowflake's default."""
    formats: Values = {f"{kind}s": [] for kind in _FORMATS}
    is_csv = described.get("TYPE", "CSV").upper() == "CSV"
    csv = show_output(_CSV, {name.lower(): value for name, value in described.items()}) | {"nullIfs": []}
    return {"formatName": "", **formats} | ({"csvs": [csv]} if is_csv else {})


def _must_replace(olds: Values, news: Values, changed: frozenset[str]) -> frozenset[str]:
    """A new value of `directory.autoRefresh` needs a new stage; removing it does not."""
    refresh = (news.get("directory") or {}).get("autoRefresh")
    if "directory" in changed and refresh and refresh != (olds.get("directory") or {}).get("autoRefresh", "false"):
        return frozenset({"directory"})
    return frozenset()


def _update(change: Change) -> Observation:
    target = KIND.full_name(change.news)
    yield from rename(KIND, change)
    yield from run(alter(KIND, (prop for prop in PROPERTIES if prop.name == "directory"), change, target))
    yield from run(alter(KIND, (prop for prop in PROPERTIES if prop.name != "directory"), change, target))
    return (yield from _read(change.news))


RESOURCE = ResourceType(
    token="snowflake:index/stageInternal:StageInternal",  # noqa: S106  # a type token
    label="snowflake_stage_internal",
    properties=PROPERTIES,
    computed=("describeOutputs", "fullyQualifiedName", "showOutputs", "stageType"),
    identity=KIND.full_name,
    full_name=KIND.full_name,
    parse=KIND.parse,
    create=_create,
    read=_read,
    update=_update,
    delete=drop(KIND),
    check=_check,
    preview_feature="snowflake_stage_internal_resource",
    must_replace=_must_replace,
)
