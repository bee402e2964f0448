"""The provider protocol over a real channel: previews with unknown values, checks, errors, partial failures."""

import json
import threading
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types
import pytest
from google.protobuf import empty_pb2  # type: ignore[import-untyped]  # ships no types
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from jobgraph.toolchain.standins.provider.definition import UNKNOWN
from jobgraph.toolchain.standins.provider.errors import NoConnectionError, SnowflakeError
from jobgraph.toolchain.standins.provider.server import EngineLog, Provider
from jobgraph.toolchain.standins.provider.wire import received, sent

FEATURES = json.dumps(
    ["snowflake_table_resource", "snowflake_procedure_python_resource", "snowflake_procedures_datasource"]
)
TASK = {"database": "D", "schema": "S", "name": "T", "started": False, "sqlStatement": "select 1"}


class QuietLog(EngineLog):
    def __init__(self) -> None:
        super().__init__("")
        self.lines: list[str] = []

    def write(self, severity: Any, message: str, urn: str = "") -> None:
        self.lines.append(f"{severity} {urn} {message}".strip())


def urn(kind: str, name: str = "thing") -> str:
    token = f"snowflake:index/{kind[0].lower()}{kind[1:]}:{kind}"
    return f"urn:pulumi:dev::project::jobgraph:Component${token}::{name}"


@pytest.fixture
def log() -> QuietLog:
    return QuietLog()


@pytest.fixture
def plugin(snowflake: Any, log: QuietLog) -> Iterator[Any]:
    server = grpc.server(futures.ThreadPoolExecutor(8))
    provider = Provider(log, {"SNOWFLAKE_HOST": "127.0.0.1"}, connect=lambda _settings: snowflake)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = provider_pb2_grpc.ResourceProviderStub(channel)
        variables = {"snowflake:config:previewFeaturesEnabled": FEATURES}
        answer = stub.Configure(provider_pb2.ConfigureRequest(variables=variables))
        assert answer.supportsPreview
        assert not answer.acceptSecrets
        yield stub
    server.stop(0).wait()


def check(plugin: Any, kind: str, news: dict[str, Any], olds: dict[str, Any] | None = None) -> Any:
    request = provider_pb2.CheckRequest(urn=urn(kind), olds=sent(olds or {}), news=sent(news), randomSeed=b"seed")
    return plugin.Check(request)


def reasons(answer: Any) -> dict[str, str]:
    return {failure.property: failure.reason for failure in answer.failures}


def test_a_preview_of_new_resources_sends_nothing(plugin: Any, snowflake: Any) -> None:
    inputs = received(check(plugin, "Task", TASK).inputs)

    created = plugin.Create(provider_pb2.CreateRequest(urn=urn("Task"), properties=sent(inputs), preview=True))

    outputs = received(created.properties)
    assert created.id == ""
    assert outputs["sqlStatement"] == "select 1"
    assert outputs["fullyQualifiedName"] == '"D"."S"."T"'
    assert outputs["showOutputs"] is UNKNOWN
    assert snowflake.sent == []


def test_a_name_with_an_unknown_part_is_unknown(plugin: Any) -> None:
    inputs = received(check(plugin, "Task", TASK | {"schema": UNKNOWN, "afters": [UNKNOWN]}).inputs)
    assert inputs["schema"] is UNKNOWN

    created = plugin.Create(provider_pb2.CreateRequest(urn=urn("Task"), properties=sent(inputs), preview=True))

    assert received(created.properties)["fullyQualifiedName"] is UNKNOWN
    assert created.properties["afters"][0] == rpc.UNKNOWN


def test_a_preview_of_an_update_keeps_what_is_known(plugin: Any, snowflake: Any) -> None:
    request = provider_pb2.UpdateRequest(
        urn=urn("Task"), id="x", olds=sent(TASK), news=sent(TASK | {"comment": UNKNOWN}), preview=True
    )

    outputs = received(plugin.Update(request).properties)

    assert outputs["comment"] is UNKNOWN
    assert outputs["fullyQualifiedName"] == '"D"."S"."T"'
    assert snowflake.sent == []


def test_check_names_every_mistake_at_once(plugin: Any) -> None:
    found = reasons(
        check(plugin, "ComputePool", {"minNodes": "1", "maxNodes": 2, "autoResume": "yes", "minNode": 3, "comment": 7})
    )

    assert "whole number" in found["minNodes"]
    assert "required" in found["instanceFamily"]
    assert '"true" or "false"' in found["autoResume"]
    assert "Perhaps you meant `minNodes`" in found["minNode"]
    assert "official plugin" in found["minNode"]
    assert "a text" in found["comment"]


def test_check_refuses_a_body_that_would_end_early(plugin: Any) -> None:
    procedure = {"database": "D", "schema": "S", "handler": "m", "returnType": "INT", "runtimeVersion": "3.11"}
    body = {"snowparkPackage": "*", "procedureDefinition": "return f'$${text}$$'"}

    found = reasons(check(plugin, "ProcedurePython", procedure | body))
    assert "`procedureDefinition` holds `$$`" in found[""]
    assert "`config` holds `$$`" in reasons(check(plugin, "Task", TASK | {"config": "a$$b"}))[""]


def test_check_suggests_the_nearest_allowed_word(plugin: Any) -> None:
    found = reasons(check(plugin, "Warehouse", {"warehouseSize": "XSMAL"}))

    assert "Perhaps you meant XSMALL" in found["warehouseSize"]


def test_check_wants_preview_features_switched_on(plugin: Any) -> None:
    stage = {"database": "D", "schema": "S", "name": "X"}

    assert "snowflake_stage_internal_resource to `snowflake:previewFeaturesEnabled`" in reasons(
        check(plugin, "StageInternal", stage)
    ).get("", "")


def test_check_of_tasks_and_tables_looks_at_properties_together(plugin: Any) -> None:
    both = TASK | {"schedule": {"minutes": 1}, "afters": ["D.S.A"], "warehouse": "W"}
    size = {"userTaskManagedInitialWarehouseSize": "XSMALL"}
    assert set(reasons(check(plugin, "Task", both | size))) == {"schedule", "warehouse"}
    assert "exactly one of" in reasons(check(plugin, "Task", TASK | {"schedule": {}}))["schedule"]
    table = {"database": "D", "schema": "S", "columns": [{"name": "A"}, {"name": "A", "type": "INT"}]}
    assert "is there twice" in reasons(check(plugin, "Table", table))["columns"]


def test_names_and_defaults_are_filled_in(plugin: Any) -> None:
    named = received(check(plugin, "AccountRole", {}).inputs)["name"]
    assert named.startswith("thing-")
    assert len(named) == len("thing-") + 7
    assert received(check(plugin, "AccountRole", {}).inputs)["name"] == named
    assert received(check(plugin, "AccountRole", {}, {"name": "thing-old"}).inputs)["name"] == "thing-old"
    procedure = {"database": "D", "schema": "S", "handler": "m", "returnType": "INT", "runtimeVersion": "3.11"}
    inputs = received(check(plugin, "ProcedurePython", procedure | {"snowparkPackage": "*"}).inputs)
    assert inputs["comment"] == "user-defined procedure"


def test_an_object_of_a_fixed_name_goes_before_its_replacement_comes(plugin: Any) -> None:
    def diff(kind: str, olds: dict[str, Any], news: dict[str, Any]) -> Any:
        return plugin.Diff(provider_pb2.DiffRequest(urn=urn(kind), id="x", olds=sent(olds), news=sent(news)))

    pool = {"name": "P", "instanceFamily": "A", "minNodes": 1, "maxNodes": 1}
    replaced = diff("ComputePool", pool, pool | {"instanceFamily": "B"})
    assert list(replaced.replaces) == ["instanceFamily"]
    assert replaced.deleteBeforeReplace
    assert replaced.detailedDiff["instanceFamily"].kind == provider_pb2.PropertyDiff.UPDATE_REPLACE
    executed = diff("Execute", {"execute": "a", "revert": "b"}, {"execute": "c", "revert": "b"})
    assert list(executed.replaces) == ["execute"]
    assert not executed.deleteBeforeReplace
    assert diff("Execute", {"execute": "a"}, {"execute": "a"}).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_ignored_changes_are_ignored(plugin: Any) -> None:
    request = provider_pb2.DiffRequest(
        urn=urn("Task"), id="x", olds=sent(TASK | {"started": True}), news=sent(TASK), ignoreChanges=["started"]
    )

    assert plugin.Diff(request).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_a_refusal_names_number_state_and_object_and_no_text_of_the_statement(plugin: Any, snowflake: Any) -> None:
    refusal = SnowflakeError(2002, "42710", "SQL compilation error:\nObject 'T' already exists.", "CREATE TASK T")
    snowflake.faults["CREATE TASK"] = refusal
    inputs = sent(TASK | {"sqlStatement": "call f('hunter2')"})

    with pytest.raises(grpc.RpcError) as failure:
        plugin.Create(provider_pb2.CreateRequest(urn=urn("Task"), properties=inputs))

    details = failure.value.details()
    assert "002002 (42710)" in details
    assert "already exists" in details
    assert "hunter2" not in details


def test_a_step_that_fails_after_the_creation_keeps_the_object_in_the_state(plugin: Any, snowflake: Any) -> None:
    snowflake.faults["SHOW PARAMETERS"] = SnowflakeError(604, "57014", "cancelled", "SHOW PARAMETERS")
    snowflake.answers["SHOW TASKS"] = [{"name": "T", "database_name": "D", "schema_name": "S", "state": "suspended"}]

    with pytest.raises(grpc.RpcError) as failure:
        plugin.Create(provider_pb2.CreateRequest(urn=urn("Task"), properties=sent(TASK)))

    metadata = dict(failure.value.trailing_metadata())
    status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(detail)
    assert detail.id == '"D"."S"."T"'
    assert "000604" in detail.reasons[0]
    assert received(detail.properties)["name"] == "T"


def test_read_of_what_is_gone_has_no_id(plugin: Any) -> None:
    request = provider_pb2.ReadRequest(id='"D"."S"."T"', urn=urn("Task"), properties=sent(TASK), inputs=sent(TASK))

    assert plugin.Read(request).id == ""


def test_an_unknown_resource_type_is_named(plugin: Any) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        check(plugin, "Share", {})

    assert "snowflake:index/share:Share is not known" in failure.value.details()


def test_the_stand_in_says_so_once(plugin: Any, log: QuietLog) -> None:
    plugin.Configure(provider_pb2.ConfigureRequest())

    assert len([line for line in log.lines if "stand-in" in line]) == 1


def test_a_bad_port_is_named(plugin: Any) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        plugin.Configure(provider_pb2.ConfigureRequest(variables={"snowflake:config:port": "many"}))

    assert "many" in failure.value.details()


def test_independent_resources_are_compared_at_the_same_time(plugin: Any, snowflake: Any) -> None:
    together = threading.Barrier(4, timeout=10)  # each of the four waits for the others, so one by one never ends

    def meet(_sql: str) -> list[dict[str, Any]]:
        together.wait()
        return []

    snowflake.answers["SHOW PARAMETERS"] = meet
    requests = [provider_pb2.DiffRequest(urn=urn("Task"), id="x", olds=sent(TASK), news=sent(TASK)) for _ in range(4)]

    answers = [future.result() for future in [plugin.Diff.future(request) for request in requests]]

    assert [answer.changes for answer in answers] == [provider_pb2.DiffResponse.DIFF_NONE] * 4


def test_the_schema_and_the_version_are_those_of_the_real_plugin(plugin: Any) -> None:
    schema = json.loads(plugin.GetSchema(provider_pb2.GetSchemaRequest()).schema)

    assert schema["version"] == plugin.GetPluginInfo(empty_pb2.Empty()).version == "2.22.0"
    assert "snowflake:index/task:Task" in schema["resources"]


def test_a_setting_that_means_nothing_is_refused_with_the_name_that_was_meant(plugin: Any) -> None:
    def refused(**news: Any) -> dict[str, str]:
        return reasons(plugin.CheckConfig(provider_pb2.CheckRequest(news=sent(news))))

    assert refused(previewFeaturesEnabled="[]", role="R", version="2.22.0") == {}
    assert "Did you mean `snowflake:previewFeaturesEnabled`?" in refused(previewFeaturesEnableds="[]").popitem()[1]
    caching = '["GRANTS_SHOW_CACHING", "account_role_show_caching", "GRANT_ACCOUNT_ROLE_SHOW_CACHING"]'
    assert refused(experimentalFeaturesEnableds=caching) == {}
    assert refused(experimentalFeaturesEnableds='["GRANT_SHOW_CACHING"]') == {
        "experimentalFeaturesEnableds": (
            "GRANT_SHOW_CACHING is not an experimental feature of the snowflake provider."
            " Did you mean GRANTS_SHOW_CACHING?"
        )
    }


def test_values_survive_the_wire() -> None:
    values = {"a": 1, "b": 1.5, "c": [True, "x", UNKNOWN], "d": {"e": "f"}}

    assert received(sent(values)) == values
    assert received(sent({"gone": None})) == {}


def test_the_function_that_lists_tasks_shows_their_rows(plugin: Any, graph: Any) -> None:
    graph.add("ROOT", state="started")
    graph.add("CHILD", "ROOT")
    graph.tasks["ROOT"]["schedule"] = "59 MINUTE"
    arguments = {"in": {"schema": '"D"."S"'}, "like": "ROOT", "withParameters": False}
    asked = provider_pb2.InvokeRequest(tok="snowflake:index/getTasks:getTasks", args=sent(arguments))
    (task,) = received(getattr(plugin.Invoke(asked), "return"))["tasks"]
    (row,) = task["showOutputs"]
    assert (row["name"], row["state"], row["schedule"], row["predecessors"]) == ("ROOT", "started", "59 MINUTE", [])
    assert task["parameters"] == []


def test_the_function_that_lists_tasks_gives_their_parameters_unless_told_not_to(
    plugin: Any, graph: Any, snowflake: Any
) -> None:
    graph.add("ROOT")
    shown = {"key": "USER_TASK_TIMEOUT_MS", "value": "5", "default": "3600000", "level": "TASK", "description": ""}
    snowflake.answers["SHOW PARAMETERS"] = lambda _sql: [shown, {**shown, "key": "TIMEZONE", "level": ""}]
    asked = provider_pb2.InvokeRequest(
        tok="snowflake:index/getTasks:getTasks", args=sent({"in": {"schema": '"D"."S"'}, "like": "ROOT"})
    )
    (task,) = received(getattr(plugin.Invoke(asked), "return"))["tasks"]
    assert task["parameters"] == [
        {"userTaskTimeoutMs": [shown], "timezones": [{**shown, "key": "TIMEZONE", "level": ""}]}
    ]


PROCEDURES = "snowflake:index/getProcedures:getProcedures"
IN_A_SCHEMA = provider_pb2.InvokeRequest(tok=PROCEDURES, args=sent({"database": "D", "schema": "S"}))


def test_the_function_that_lists_procedures_gives_names_comments_and_types(plugin: Any, snowflake: Any) -> None:
    row = {"name": "P", "catalog_name": "D", "schema_name": "S", "description": "mine"}
    row["arguments"] = "P(VARCHAR, DEFAULT NUMBER) RETURN VARCHAR"
    snowflake.answers["SHOW PROCEDURES IN SCHEMA"] = lambda _sql: [row]
    found = received(getattr(plugin.Invoke(IN_A_SCHEMA), "return"))
    assert found["procedures"] == [
        {
            "name": "P",
            "database": "D",
            "schema": "S",
            "comment": "mine",
            "argumentTypes": ["VARCHAR", "NUMBER"],
            "returnType": "VARCHAR",
        }
    ]


def test_the_function_that_lists_procedures_has_no_list_where_there_is_no_schema(
    plugin: Any, snowflake: Any, absent: SnowflakeError
) -> None:
    snowflake.faults["SHOW PROCEDURES"] = absent
    assert "procedures" not in received(getattr(plugin.Invoke(IN_A_SCHEMA), "return"))


def test_a_function_that_is_a_preview_feature_must_be_switched_on(plugin: Any) -> None:
    plugin.Configure(provider_pb2.ConfigureRequest(variables={}))
    with pytest.raises(grpc.RpcError, match="snowflake_procedures_datasource"):
        plugin.Invoke(IN_A_SCHEMA)


@pytest.mark.parametrize(
    ("token", "arguments", "message"),
    [
        ("snowflake:index/getTasks:getTasks", {"limit": {"rows": 1}, "withParameters": False}, "limit"),
        ("snowflake:index/getViews:getViews", {}, "not known"),
    ],
)
def test_what_only_the_official_plugin_knows_is_refused_by_name(
    plugin: Any, token: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(grpc.RpcError, match=message):
        plugin.Invoke(provider_pb2.InvokeRequest(tok=token, args=sent(arguments)))


def test_an_account_is_refused_unless_it_is_named(log: QuietLog, snowflake: Any) -> None:
    class Context:
        def abort(self, _code: Any, details: str) -> None:
            raise PermissionError(details)

    def configured(**environment: str) -> None:
        account = {"SNOWFLAKE_ORGANIZATION_NAME": "ORG", "SNOWFLAKE_ACCOUNT_NAME": "ACC"} | environment
        Provider(log, account, connect=lambda _settings: snowflake).Configure(
            provider_pb2.ConfigureRequest(), Context()
        )

    for refused in ({}, {"JOBGRAPH_STAND_IN_ACCOUNT": "another"}, {"SNOWFLAKE_HOST": "sandbox.example.com"}):
        with pytest.raises(PermissionError, match="JOBGRAPH_STAND_IN_ACCOUNT=ORG-ACC"):
            configured(**refused)
    configured(JOBGRAPH_STAND_IN_ACCOUNT="org-acc")
    configured(SNOWFLAKE_HOST="localhost")


def test_a_refused_login_fails_the_first_preview(log: QuietLog, snowflake: Any) -> None:
    class Context:
        def abort(self, _code: Any, details: str) -> None:
            raise PermissionError(details)

    def refuse() -> None:
        raise NoConnectionError("http://127.0.0.1", "me", "Incorrect username or password")

    snowflake.login = refuse
    provider = Provider(log, {"SNOWFLAKE_HOST": "127.0.0.1"}, connect=lambda _settings: snowflake)
    with pytest.raises(PermissionError, match="Incorrect username"):
        provider.Configure(provider_pb2.ConfigureRequest(), Context())


def test_a_changed_setting_of_the_connection_holds_at_once(plugin: Any) -> None:
    request = provider_pb2.DiffRequest(olds=sent({"params": "a", "role": "R"}), news=sent({"params": "b", "role": "R"}))
    answer = plugin.DiffConfig(request)
    assert (answer.changes, list(answer.diffs)) == (provider_pb2.DiffResponse.DIFF_SOME, ["params"])
    assert list(answer.replaces) == []
    request.news.CopyFrom(request.olds)
    assert plugin.DiffConfig(request).changes == provider_pb2.DiffResponse.DIFF_NONE
