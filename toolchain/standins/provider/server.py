"""The gRPC server of the provider: responds to Pulumi's calls with `Lifecycle`.

Knows Pulumi's provider protocol (https://github.com/pulumi/pulumi/blob/master/proto/pulumi/provider.proto) and nothing
of SQL. It implements the servicer of the SDK, not `pulumi.provider.experimental.Provider`, whose Diff gets no old
inputs, whose Update and Delete cannot report a partial failure, and which processes only one call at a time.
"""

import json
import random
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc  # type: ignore[import-untyped]  # ships no types
from google.protobuf import empty_pb2  # type: ignore[import-untyped]  # ships no types
from pulumi.runtime.proto import (
    ResourceProviderServicer,
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    status_pb2,
)

from jobgraph.toolchain.standins.provider.bridge.reading import words_of_the_provider
from jobgraph.toolchain.standins.provider.bridge.shapes import SHAPES
from jobgraph.toolchain.standins.provider.bridge.states import (
    inputs_of,
    olds_and_news,
    outputs_of,
    parameters_of,
    values_of,
)
from jobgraph.toolchain.standins.provider.bridge.writing import inputs_written
from jobgraph.toolchain.standins.provider.check import completed, failures, left_to_snowflake, preview_feature_reason
from jobgraph.toolchain.standins.provider.connection import Pool
from jobgraph.toolchain.standins.provider.definition import ResourceType, Values
from jobgraph.toolchain.standins.provider.diff import Difference, preview_outputs
from jobgraph.toolchain.standins.provider.errors import NoConnectionError, PartialFailureError, ProviderError
from jobgraph.toolchain.standins.provider.functions import FUNCTIONS
from jobgraph.toolchain.standins.provider.lifecycle import Lifecycle, Session, State
from jobgraph.toolchain.standins.provider.offered import refused
from jobgraph.toolchain.standins.provider.resources import BY_TOKEN
from jobgraph.toolchain.standins.provider.settings import (
    Settings,
    SettingsError,
    require_sandbox,
    settings,
    unknown_settings,
)
from jobgraph.toolchain.standins.provider.sql import IdentifierError
from jobgraph.toolchain.standins.provider.tasks.task_listing import UnknownArgumentError
from jobgraph.toolchain.standins.provider.wire import received, sent

PLUGIN_VERSION = "2.22.0"

_NOTICE = "Using the stand-in for the provider plugin pulumi-resource-snowflake, because the official one is not here."
_KINDS = {
    ("ADD", False): provider_pb2.PropertyDiff.ADD,
    ("ADD", True): provider_pb2.PropertyDiff.ADD_REPLACE,
    ("UPDATE", False): provider_pb2.PropertyDiff.UPDATE,
    ("UPDATE", True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
    ("DELETE", False): provider_pb2.PropertyDiff.DELETE,
    ("DELETE", True): provider_pb2.PropertyDiff.DELETE_REPLACE,
}


class EngineLog:
    """The engine's diagnostics: messages appear next to the resource in the terminal."""

    def __init__(self, address: str) -> None:
        self._stub = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address)) if address else None

    def write(self, severity: Any, message: str, urn: str = "") -> None:
        """Write one message; `severity` is one of the engine protocol's, such as `engine_pb2.WARNING`."""
        if not self._stub:
            return
        try:
            self._stub.Log(engine_pb2.LogRequest(severity=severity, message=message, urn=urn))
        except grpc.RpcError:  # the engine is ending, or we were started by hand
            sys.stderr.write(f"{message}\n")


class Provider(ResourceProviderServicer):
    """The stand-in for the Snowflake provider plugin.

    environment: for settings that the stack does not have. connect: returns a session for settings.
    """

    def __init__(
        self,
        log: EngineLog,
        environment: dict[str, str],
        connect: Callable[[Settings], Session] = Pool,
    ) -> None:
        super().__init__()
        self._log, self._environment, self._connect = log, environment, connect
        self._features: frozenset[str] = frozenset()
        self._lifecycle: Lifecycle | None = None
        self._noticed = False

    # -- the plugin as a whole

    def GetPluginInfo(self, _request: Any, _context: Any) -> Any:  # noqa: N802  # the protocol's name
        """Return the version of the plugin that this one replaces."""
        return plugin_pb2.PluginInfo(version=PLUGIN_VERSION)

    def GetSchema(self, _request: Any, _context: Any) -> Any:  # noqa: N802  # the protocol's name
        """Return a schema with names only: the program's SDK has the real one."""
        resources: dict[str, Any] = {token: {} for token in BY_TOKEN}
        functions: dict[str, Any] = {token: {} for token in FUNCTIONS}
        schema = {"name": "snowflake", "version": PLUGIN_VERSION, "resources": resources, "functions": functions}
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    def CheckConfig(self, request: Any, _context: Any) -> Any:  # noqa: N802  # the protocol's name
        """Refuse unknown settings; missing ones are reported at the first connection."""
        unknown = unknown_settings(received(request.news))
        return provider_pb2.CheckResponse(
            inputs=request.news,
            failures=[provider_pb2.CheckFailure(property=name, reason=reason) for name, reason in unknown.items()],
        )

    def DiffConfig(self, request: Any, _context: Any) -> Any:  # noqa: N802  # the protocol's name
        """A changed setting replaces no object, because a moved password is not another account; it applies at once."""
        olds, news = received(request.olds), received(request.news)
        changed = sorted(name for name in {*olds, *news} if olds.get(name) != news.get(name))
        kinds = provider_pb2.DiffResponse
        return kinds(changes=kinds.DIFF_SOME if changed else kinds.DIFF_NONE, diffs=changed)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802  # the protocol's name
        """Read the settings and log in, as the official plugin does, without sending a statement."""
        try:
            chosen = settings(request.variables, self._environment)
            require_sandbox(chosen, self._environment)
        except SettingsError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"No connection: {error}")
        except ValueError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"The provider's configuration cannot be read: {error}")
        self._features = chosen.preview_features
        session = self._connect(chosen)
        try:
            session.login()
        except NoConnectionError as error:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, str(error))
        self._lifecycle = Lifecycle(session, time.sleep)
        if not self._noticed:
            self._noticed = True
            self._log.write(engine_pb2.INFO, _NOTICE)
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Cancel(self, _request: Any, _context: Any) -> Any:  # noqa: N802  # the protocol's name
        """Do nothing: running statements end by themselves and are not interrupted."""
        return empty_pb2.Empty()

    def close(self) -> None:
        """Close the connections."""
        if self._lifecycle:
            self._lifecycle.session.close()

    # -- one resource

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802  # the protocol's name
        """Fill in defaults and report every mistake."""
        resource = _resource(request.urn, context)
        words = words_of_the_provider(SHAPES[resource.kind], received(request.news))
        olds, news = (inputs_of(resource, received(values)) for values in (request.olds, request.news))
        inputs = completed(resource, olds, news, _auto_name(request.urn, request.randomSeed))
        problems = [left_to_snowflake(place) for place in words] or refused(resource, olds, news)
        problems = problems or failures(resource, inputs, self._features)
        return provider_pb2.CheckResponse(
            inputs=sent(inputs_written(SHAPES[resource.kind], inputs, inputs.keys() - news.keys())),
            failures=[provider_pb2.CheckFailure(property=problem.name, reason=problem.reason) for problem in problems],
        )

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802  # the protocol's name
        """Return the differences between the state and the program, and which of them need a new object."""
        resource = _resource(request.urn, context)
        olds, news = olds_and_news(resource, request)
        outcome = self._guarded(
            context,
            lambda lifecycle: lifecycle.compare(resource, olds, news, request.ignoreChanges, self._warner(request.urn)),
        )
        return _diff_response(outcome, olds, news)

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802  # the protocol's name
        """Create the object; in a preview, return its expected outputs."""
        resource = _resource(request.urn, context)
        inputs = inputs_of(resource, received(request.properties))
        if request.preview:
            return provider_pb2.CreateResponse(id="", properties=sent(preview_outputs(resource, inputs)))
        resource_id, state = self._guarded(
            context, lambda lifecycle: lifecycle.create(resource, inputs, self._warner(request.urn)), resource
        )
        return provider_pb2.CreateResponse(
            id=resource_id, properties=sent(outputs_of(resource, state, resource_id, "created"))
        )

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802  # the protocol's name
        """Return the object's current state; an empty id if it is gone."""
        resource = _resource(request.urn, context)
        state = self._guarded(
            context,
            lambda lifecycle: lifecycle.read(
                resource,
                request.id,
                inputs_of(resource, received(request.inputs)),
                values_of(resource, received(request.properties), received(request.inputs)),
                self._warner(request.urn),
            ),
        )
        if state is None:
            return provider_pb2.ReadResponse()
        inputs = inputs_written(SHAPES[resource.kind], state.inputs, refreshed=True)
        # as long as an object is only read, its state has no time limits
        outputs = outputs_of(resource, state, request.id, "read" if "__meta" in request.properties else "imported")
        return provider_pb2.ReadResponse(id=request.id, properties=sent(outputs), inputs=sent(inputs))

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802  # the protocol's name
        """Change the object in place; in a preview, return its expected outputs."""
        resource = _resource(request.urn, context)
        olds, news = olds_and_news(resource, request)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=sent(preview_outputs(resource, news)))
        state = self._guarded(
            context,
            lambda lifecycle: lifecycle.update(resource, request.id, olds, news, self._warner(request.urn)),
            resource,
        )
        parameters = parameters_of(resource, received(request.olds))  # of an update that found nothing to do
        outputs = outputs_of(resource, replace(state, effective=parameters | state.effective), request.id, "read")
        return provider_pb2.UpdateResponse(properties=sent(outputs))

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802  # the protocol's name
        """Drop the object."""
        resource = _resource(request.urn, context)
        state = values_of(resource, received(request.properties), received(request.old_inputs))
        self._guarded(
            context,
            lambda lifecycle: lifecycle.delete(resource, state, self._warner(request.urn)),
        )
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802  # the protocol's name
        """Run one of the functions."""
        if request.tok not in FUNCTIONS:
            tokens = ", ".join(sorted(token.rpartition(":")[2] for token in FUNCTIONS))
            context.abort(
                grpc.StatusCode.UNIMPLEMENTED,
                f"{request.tok} is not known to the stand-in for the Snowflake provider plugin. It knows: {tokens}.",
            )
        function = FUNCTIONS[request.tok]
        if function.preview_feature and function.preview_feature not in self._features:
            context.abort(grpc.StatusCode.UNKNOWN, preview_feature_reason(request.tok, function.preview_feature))
        arguments = received(request.args)
        outcome = self._guarded(context, lambda lifecycle: lifecycle.ask(function.steps(arguments), self._warner("")))
        return provider_pb2.InvokeResponse(**{"return": sent(outcome)})

    def _guarded(self, context: Any, work: Callable[[Lifecycle], Any], resource: ResourceType | None = None) -> Any:
        """Run `work`; failures become errors of the engine, a partial one with the state of the `resource`."""
        if self._lifecycle is None:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "The provider is not configured yet.")
        try:
            return work(self._lifecycle)  # type: ignore[arg-type]  # abort does not return
        except PartialFailureError as error:
            _set_partial_failure(context, error, resource)
        except (ProviderError, IdentifierError, UnknownArgumentError) as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))

    def _warner(self, urn: str) -> Callable[[str], None]:
        return lambda message: self._log.write(engine_pb2.WARNING, message, urn)


def _resource(urn: str, context: Any) -> ResourceType:
    """Return the resource type of a URN, the last one in `urn:pulumi:stack::project::parent$type::name`."""
    token = urn.split("::")[2].rpartition("$")[2]
    if token not in BY_TOKEN:
        tokens = ", ".join(sorted(token.rpartition(":")[2] for token in BY_TOKEN))
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            f"{token} is not known to the stand-in for the Snowflake provider plugin. It knows: {tokens}. Install the "
            "official plugin: `pulumi plugin install resource snowflake`.",
        )
    return BY_TOKEN[token]


def _auto_name(urn: str, seed: bytes) -> str:
    """Return Pulumi's automatic name: resource's name, a dash and seven hexadecimal digits, determined by the seed."""
    digits = random.Random(seed).getrandbits(28)  # noqa: S311  # a name, not a secret
    return f"{urn.rpartition('::')[2]}-{digits:07x}"


def _diff_response(difference: Difference, olds: Values, news: Values) -> Any:
    # As in the official bridge, an object with a name set by the program is deleted before its replacement is created.
    same_name = "name" in news and olds.get("name") == news["name"]
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if difference.changes else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=list(difference.changes),
        replaces=sorted(difference.replaces),
        deleteBeforeReplace=bool(difference.replaces) and same_name,
        detailedDiff={
            name: provider_pb2.PropertyDiff(kind=_KINDS[kind, name in difference.replaces])
            for name, kind in difference.changes.items()
        },
        hasDetailedDiff=True,
    )


def _set_partial_failure(context: Any, error: PartialFailureError, resource: ResourceType | None) -> None:
    """Fail the call with the object's state as detail, so that the engine stores it."""
    outputs = error.outputs
    if resource is not None:
        outputs = outputs_of(resource, State({}, outputs), error.resource_id, "created")
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.resource_id,
        properties=sent(outputs),
        reasons=[error.reason],
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=error.reason)
    status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, error.reason)
