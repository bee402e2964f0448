"""The state that the official plugin writes, recorded, beside the stand-in's: each property of each type that we use.

Recorded with terraform-provider-snowflake 2.20.0 and pulumi-snowflake on the sandbox, of this project's own program:
`created.json` after the first `up`, `refreshed.json` after a refresh. Texts of procedures and jobs were shortened.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import struct_pb2  # type: ignore[import-untyped]  # ships no types
from pulumi.runtime.proto import provider_pb2
from snowflake_sandbox import errors, world
from snowflake_sandbox.clock import ManualClock
from snowflake_sandbox.protocol import logins, wire
from snowflake_sandbox.statements import dispatch

from jobgraph.toolchain.standins.provider.errors import SnowflakeError
from jobgraph.toolchain.standins.provider.server import EngineLog, Provider
from tests.sandbox.conftest import START

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snowflake_sandbox.call import World
    from snowflake_sandbox.session import Session

Record = dict[str, Any]
FOLDER = Path(__file__).with_name("recorded")
CREATED: list[Record] = json.loads((FOLDER / "created.json").read_text())
REFRESHED: list[Record] = json.loads((FOLDER / "refreshed.json").read_text())
MADE = [record for record in CREATED if "external" not in record]
FEATURES = ["procedure_python", "function_sql", "table", "stage_internal"]
# Of these the form is compared, not the value: when, by which random id, and what else was there.
CHANGING = {
    "id",
    "createdOn",
    "updatedOn",
    "resumedOn",
    "lastCommittedOn",
    "isInherited",
    "isCurrent",
    "grantedToRoles",
}
CHANGING |= {"describeOutputs", "lastSuspendedOn", "retentionTime", "state", "idleNodes", "activeNodes", "targetNodes"}


def name(record: Record) -> str:
    return f"{record['kind']}-{record['outputs'].get('name', record['id'][-24:])}"


class SandboxConnection:
    """A session of a sandbox in this process, as the stand-in takes it for a connection."""

    def __init__(self, sandbox: World, session: Session) -> None:
        self._sandbox, self._session = sandbox, session

    def execute(self, sql: str) -> list[Any]:
        try:
            result = dispatch.execute(self._sandbox, self._session, sql)
        except errors.SnowflakeError as error:
            raise SnowflakeError(error.errno, error.sqlstate, error.message, sql[:80]) from error
        names = [column.name for column in result.columns]
        return [dict(zip(names, row, strict=True)) for row in wire.python_rows(result)]

    def login(self) -> None:
        """The session is there."""

    def close(self) -> None:
        """There is nothing to close."""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    sandbox = world.build(tmp_path_factory.mktemp("recorded"), (), ManualClock(START), password="-")
    session = logins.open_session(sandbox, logins.ADMINISTRATOR, "ACCOUNTADMIN")
    provider = Provider(
        EngineLog(""), {"SNOWFLAKE_HOST": "127.0.0.1"}, connect=lambda _settings: SandboxConnection(sandbox, session)
    )
    features = json.dumps([f"snowflake_{name}_resource" for name in FEATURES])
    provider.Configure(
        provider_pb2.ConfigureRequest(variables={"snowflake:config:previewFeaturesEnabled": features}), Refusing()
    )
    yield provider
    world.stop(sandbox)


class Refusing:
    """The context of a call: that the provider fails it is an error of the test."""

    def abort(self, _code: Any, details: str) -> None:
        raise AssertionError(details)


def urn(kind: str) -> str:
    return f"urn:pulumi:dev::p::snowflake:index/{kind[0].lower()}{kind[1:]}:{kind}::thing"


def struct(values: Record) -> Any:
    message = struct_pb2.Struct()
    message.update(values)
    return message


def plain(message: Any) -> Any:
    """A struct as Python values; numbers are whole where they can be, as JSON's are."""
    kind = message.WhichOneof("kind") if isinstance(message, struct_pb2.Value) else "struct_value"
    if kind == "struct_value":
        fields = message.struct_value.fields if isinstance(message, struct_pb2.Value) else message.fields
        return {key: plain(value) for key, value in fields.items()}
    if kind == "list_value":
        return [plain(value) for value in message.list_value.values]
    if kind == "number_value" and message.number_value.is_integer():
        return int(message.number_value)
    return None if kind == "null_value" else getattr(message, kind)


def as_written(values: Any) -> Any:
    """What a program writes: no default and no mark of the bridge."""
    if isinstance(values, list):
        return [as_written(value) for value in values]
    if not isinstance(values, dict):
        return values
    defaults = {*values.get("__defaults", ()), "__defaults"}
    return {key: as_written(value) for key, value in values.items() if key not in defaults}


def form(value: Any, key: str = "") -> Any:
    """A value with what changes from run to run reduced to its form: digits, letters, lists of other objects."""
    if key == "__meta":
        return json.loads(value)
    if key in CHANGING and isinstance(value, str):
        return re.sub(r"[0-9a-f]+", "0", value).replace("0.0 ", "0 ").replace("0.0+", "0+").replace("0.0Z", "0Z")
    if key in CHANGING:
        return type(value).__name__
    if key == "__pulumi_raw_state_delta":
        return form_of_delta(value)
    if isinstance(value, dict):
        return {name: form(inner, name) for name, inner in sorted(value.items())}
    return [form(item) for item in value] if isinstance(value, list) else value


def form_of_delta(value: Record) -> Record:
    """The delta without the objects that a schema happened to hold."""
    content = json.loads(json.dumps(value))
    content["obj"].get("ps", {}).pop("describeOutputs", Refusing())
    return dict(content)


@pytest.mark.parametrize("record", MADE, ids=name)
def test_the_inputs_are_those_of_the_official_plugin(plugin: Provider, record: Record) -> None:
    news = as_written(record["inputs"])
    request = provider_pb2.CheckRequest(urn=urn(record["kind"]), news=struct(news), olds=struct({}))

    answer = plugin.Check(request, Refusing())

    assert list(answer.failures) == []
    assert plain(answer.inputs) == record["inputs"]


@pytest.fixture(scope="module")
def created(plugin: Provider) -> list[Any]:
    """The stand-in's answers when the recorded objects are made, in their order."""
    return [
        plugin.Create(
            provider_pb2.CreateRequest(urn=urn(record["kind"]), properties=struct(record["inputs"])), Refusing()
        )
        for record in MADE
    ]


def test_the_outputs_of_new_objects_and_their_ids_are_those_of_the_official_plugin(created: list[Any]) -> None:
    for record, answer in zip(MADE, created, strict=True):
        assert form(plain(answer.properties)) == form(record["outputs"]), name(record)
        if record["kind"] != "Execute":
            assert answer.id == record["id"]


@pytest.mark.usefixtures("created")
@pytest.mark.parametrize("records", [CREATED, REFRESHED], ids=["created", "refreshed"])
def test_nothing_differs_from_a_state_of_the_official_plugin_and_a_refresh_of_it_changes_nothing(
    plugin: Provider, records: list[Record]
) -> None:
    for record in records:
        token, resource_id = urn(record["kind"]), record["id"]
        olds, inputs = struct(record["outputs"]), struct(record["inputs"])
        if "external" not in record:
            news = plugin.Check(
                provider_pb2.CheckRequest(urn=token, news=struct(as_written(record["inputs"]))), Refusing()
            )
            request = provider_pb2.DiffRequest(
                urn=token, id=resource_id, olds=olds, old_inputs=inputs, news=news.inputs, ignoreChanges=["started"]
            )
            assert list(plugin.Diff(request, Refusing()).diffs) == [], name(record)
        asked = provider_pb2.ReadRequest(urn=token, id=resource_id, properties=olds, inputs=inputs)
        answer = plugin.Read(asked, Refusing())
        assert answer.id == resource_id
        if records is REFRESHED:
            assert form(plain(answer.inputs)) | {"started": 0} == form(record["inputs"]) | {"started": 0}, name(record)
            assert plain(answer.properties).keys() == record["outputs"].keys(), name(record)
