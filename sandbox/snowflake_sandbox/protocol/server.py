"""Snowflake's client protocol over HTTP (contract sections 3 and 7): the endpoints that drivers call.

Knows requests, envelopes and codes; must not know statements (statements/), value formats (wire.py) or who may log in
(logins.py). Responses that Snowflake sends with success = false have status 200 here too: drivers repeat after 5xx.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from snowflake_sandbox.access import access
from snowflake_sandbox.errors import SnowflakeError, internal
from snowflake_sandbox.parameters import session_value, wire_parameters
from snowflake_sandbox.protocol import logins, request_contents, wire
from snowflake_sandbox.protocol.idle_sessions import IdleSessions
from snowflake_sandbox.protocol.registry_api import RegistryApi
from snowflake_sandbox.protocol.stage_api import StageApi
from snowflake_sandbox.queries import query_history
from snowflake_sandbox.queries.query_records import without_secrets
from snowflake_sandbox.rest import application as rest
from snowflake_sandbox.tables import file_urls

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from snowflake_sandbox.call import World
    from snowflake_sandbox.queries.running import Queries, Query
    from snowflake_sandbox.result import Result
    from snowflake_sandbox.session import Session

# A statement that runs longer gets the response "in progress"; the client then polls getResultUrl.
PATIENCE_IN_SECONDS = 20.0
_IN_PROGRESS = "333333"
_IN_PROGRESS_ASYNC = "333334"
_TOKEN_VALIDITY_IN_SECONDS = 3600
_MASTER_VALIDITY_IN_SECONDS = 14400
# The maximum size of an uncompressed request: a login is small, a batch of bound rows may be large.
_LARGEST_LOGIN, _LARGEST_BODY = 1 << 20, 512 << 20
LONGEST_LOGIN_SECONDS = 60.0
# The names of this machine in clients' requests.
_OWN_NAMES = ("127.0.0.1", "localhost")
_ARROW_CLIENTS = ("PythonConnector", "PythonSnowpark")

_log = logging.getLogger("snowflake_sandbox.protocol.server")


class Server:
    """The endpoints of one world."""

    def __init__(self, world: World, patience: float = PATIENCE_IN_SECONDS) -> None:
        self._world = world
        self._queries: Queries = world.parts["queries"]
        self._patience = patience
        self._clients = IdleSessions(world.clock, self._queries.is_busy)

    def application(self) -> Starlette:
        """Return the ASGI application."""
        post: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/session/v1/login-request": self._log_in,
            "/queries/v1/query-request": self._query,
            "/queries/{query_id}/abort-request": self._abort,
            "/session": self._session,
            "/session/heartbeat": self._heartbeat,
            "/session/token-request": self._renew,
            "/telemetry/send": self._telemetry,
        }
        get: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "/queries/{query_id}/result": self._result,
            "/monitoring/queries/{query_id}": self._monitor,
            # Connector 5 sends two slashes.
            "/monitoring/queries//{query_id}": self._monitor,
            "/health": self._health,
            "/api/files/{path:path}": self._file,
        }
        routes = [Route(path, self._guarded(endpoint), methods=["POST"]) for path, endpoint in post.items()]
        routes += [Route(path, self._guarded(endpoint), methods=["GET"]) for path, endpoint in get.items()]
        routes.append(Route("/api/v2/{path:path}", self._rest_api, methods=["GET", "POST", "PUT", "DELETE"]))
        # A web page may have its own host name resolve to this machine.
        own_name = Middleware(TrustedHostMiddleware, allowed_hosts=_OWN_NAMES, www_redirect=False)
        other_routes = [*StageApi(self._world).routes(), *RegistryApi(self._world).routes()]
        return Starlette(routes=[*routes, *other_routes], middleware=[own_name])

    def _guarded(self, endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            try:
                await self._close_expired()
                return await endpoint(request)
            except SnowflakeError as error:
                return _failure(error)
            except ClientDisconnect:
                return Response(status_code=400)
            except Exception:  # noqa: BLE001  # a defect or unreadable values; drivers repeat for minutes after a 5xx
                return _failure(self._defect(request))

        return guarded

    def _defect(self, request: Request) -> SnowflakeError:
        """Log the traceback of a failure, and return the error that refers to it."""
        incident = self._world.new_id()
        _log.exception("request %s failed inside the sandbox, incident %s", request.url.path, incident)
        return internal(incident)

    async def _rest_api(self, request: Request) -> Response:
        try:
            await self._close_expired()
            session = self._session_of(request)
            body = await _body(request)
            # a path that is not UTF-8 cannot name anything
            path = request.scope["raw_path"].decode(errors="replace").split("?")[0].removeprefix("/api/v2/")
            query = dict(request.query_params)
            await run_in_threadpool(access.leave_revoked_role, self._world, session)
            content = await run_in_threadpool(rest.answer, self._world, session, request.method, path, query, body)
        except SnowflakeError as error:
            return _rest_failure(error)
        except Exception:  # noqa: BLE001  # a defect or unreadable values: reported as by the other endpoints
            return _rest_failure(self._defect(request))
        return Response(content, media_type="application/json")

    async def _file(self, request: Request) -> Response:
        session = self._session_of(request)
        read = self._world.parts[file_urls.PART].read
        content = await run_in_threadpool(read, session, request.path_params["path"])
        return Response(content, media_type="application/octet-stream")

    async def _health(self, _request: Request) -> Response:
        return _answer({"account": f"{logins.ORGANIZATION}-{logins.ACCOUNT}"})

    async def _log_in(self, request: Request) -> Response:
        data = await _login_data(request)
        query = request.query_params
        login = logins.Login(
            user=data.get("LOGIN_NAME") or "",
            password=data.get("PASSWORD") or "",
            authenticator=data.get("AUTHENTICATOR") or "SNOWFLAKE",
            token=data.get("TOKEN") or "",
            provider=data.get("PROVIDER") or "",
            role=query.get("roleName"),
            warehouse=query.get("warehouse"),
            database=query.get("databaseName"),
            schema=query.get("schemaName"),
            parameters={**(data.get("SESSION_PARAMETERS") or {}), "CLIENT_APP_ID": data.get("CLIENT_APP_ID")},
        )
        session = await run_in_threadpool(logins.log_in, self._world, login)
        session.copies_files = request_contents.copies_files(data, in_container=session.service is not None)
        master = self._clients.add(session)
        return _answer(
            {
                "token": session.token,
                "masterToken": master,
                "validityInSeconds": _TOKEN_VALIDITY_IN_SECONDS,
                "masterValidityInSeconds": _MASTER_VALIDITY_IN_SECONDS,
                "sessionId": session.id,
                "displayUserName": session.user,
                "serverVersion": "10.0.0",
                "parameters": wire_parameters(session),
                "sessionInfo": {
                    "databaseName": session.database,
                    "schemaName": session.schema,
                    "warehouseName": session.warehouse,
                    "roleName": session.role,
                },
            }
        )

    async def _query(self, request: Request) -> Response:
        session = self._session_of(request)
        body = await _body(request)
        text, parameters, binds = request_contents.statement(body)
        query = self._queries.submit(
            session,
            text,
            binds,
            request.query_params.get("requestId", ""),
            describe_only=bool(body.get("describeOnly")),
            parameters=parameters,
        )
        if body.get("asyncExec"):
            return _in_progress(query, _IN_PROGRESS_ASYNC)
        return await self._answer_query(query)

    async def _result(self, request: Request) -> Response:
        return await self._answer_query(self._own_query(request))

    def _own_query(self, request: Request) -> Query:
        query_id, principal = request.path_params["query_id"], self._session_of(request).principal
        query = self._queries.find(query_id)
        if query is None or query.session.principal != principal:
            raise SnowflakeError(709, "02000", f"Statement {query_id} not found")
        return query

    async def _answer_query(self, query: Query) -> Response:
        await _ended(query, self._patience)
        if not query.future.done():
            return _in_progress(query, _IN_PROGRESS)
        try:
            result = query.future.result()
        except SnowflakeError as error:
            return _failure(error, query.id)
        if result.arrow is not None and result.arrow.num_rows > 0:
            return await run_in_threadpool(partial(_success, query, result))
        return _success(query, result)

    async def _monitor(self, request: Request) -> Response:
        session = self._session_of(request)
        query = self._queries.find(request.path_params["query_id"])
        is_visible = query is not None and query_history.may_see(self._world, session, query.session)
        return _answer({"queries": [_status(query)] if query is not None and is_visible else []})

    async def _abort(self, request: Request) -> Response:
        """Abort a statement by its id, or as `v1` by that of the request that started it."""
        if request.path_params["query_id"] != "v1":
            self._queries.abort(self._own_query(request))
            return _answer(None)
        session = self._session_of(request)
        self._queries.abort_request(session, str((await _body(request)).get("requestId", "")))
        return _answer(None)

    async def _session(self, request: Request) -> Response:
        session = self._session_of(request)
        if request.query_params.get("delete") == "true":
            self._clients.remove(session)
            self._queries.forget_session(session)
            await run_in_threadpool(logins.close_session, self._world, session)
        return _answer(None)

    async def _close_expired(self) -> None:
        """Close the sessions that have been idle for too long; their results can no longer be fetched."""
        for session in self._clients.expired():
            self._clients.remove(session)
            self._queries.forget_session(session, last=True)
            await run_in_threadpool(logins.close_session, self._world, session)

    async def _heartbeat(self, request: Request) -> Response:
        self._session_of(request)
        return _answer(None)

    async def _renew(self, request: Request) -> Response:
        session = self._clients.of_master(_token(request))
        if session is not None:
            self._clients.use(session)
        if session is None or session.token not in self._world.sessions:
            raise SnowflakeError(390114, "08001", "Authentication token has expired. The user must authenticate again.")
        return _answer(
            {
                "sessionToken": session.token,
                "validityInSecondsST": _TOKEN_VALIDITY_IN_SECONDS,
                "masterToken": _token(request),
                "validityInSecondsMT": _MASTER_VALIDITY_IN_SECONDS,
                "sessionId": session.id,
            }
        )

    async def _telemetry(self, _request: Request) -> Response:
        return _answer(None)

    def _session_of(self, request: Request) -> Session:
        session = self._world.sessions.get(_token(request))
        if session is None:
            # After 390112 drivers renew with the master token, which fails with 390114, after which they log in again.
            raise SnowflakeError(390112, "08001", "Your session has expired. Please login again.")
        self._clients.use(session)
        return session


async def _ended(query: Query, patience: float) -> None:
    """Wait until a statement has ended, at most `patience` seconds."""
    if query.future.done():
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    query.future.add_done_callback(lambda _future: None if loop.is_closed() else loop.call_soon_threadsafe(ended.set))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(ended.wait(), patience)


async def _login_data(request: Request) -> Mapping[str, Any]:
    """Return the content of a login request; it must arrive in time, since the client has not logged in yet."""
    try:
        async with asyncio.timeout(LONGEST_LOGIN_SECONDS):
            return request_contents.login_data(await _body(request, _LARGEST_LOGIN))
    except TimeoutError as error:
        message = f"The login's body did not end within {LONGEST_LOGIN_SECONDS:g} seconds."
        raise SnowflakeError(390001, "08001", message) from error


async def _body(request: Request, largest: int = _LARGEST_BODY) -> dict[str, Any]:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > largest:
            raise SnowflakeError(390001, "08001", f"The request's body is larger than {largest} bytes.")
        chunks.append(chunk)
    body = b"".join(chunks)
    if request.headers.get("Content-Encoding") == "gzip":
        body = _unpacked(body, largest)
    return request_contents.json_object(body)


def _unpacked(body: bytes, largest: int) -> bytes:
    """Decompress a gzip body, without ever holding more than the maximum size."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        unpacked = unpacker.decompress(body, largest)
    except zlib.error as error:
        raise SnowflakeError(390001, "08001", "The request's body is not valid gzip.") from error
    if unpacker.unconsumed_tail:
        raise SnowflakeError(390001, "08001", f"The request's body is larger than {largest} bytes.")
    if not unpacker.eof:
        raise SnowflakeError(390001, "08001", "The request's body is not valid gzip.")
    return unpacked


def _token(request: Request) -> str:
    return request.headers.get("Authorization", "").removeprefix('Snowflake Token="').removesuffix('"')


def _answer(data: Any, code: str | None = None, message: str | None = None, *, success: bool = True) -> Response:
    envelope = {"data": data, "code": code, "message": message, "success": success}
    return Response(json.dumps(envelope), media_type="application/json")


def _rest_failure(error: SnowflakeError) -> Response:
    return Response(rest.error_body(error), rest.status_code(error), media_type="application/json")


def _failure(error: SnowflakeError, query_id: str | None = None) -> Response:
    code = f"{error.errno:06d}"
    data = {
        "internalError": False,
        "errorCode": code,
        "sqlState": error.sqlstate,
        "queryId": query_id,
        "line": -1,
        "pos": -1,
        "type": "COMPILATION",
    }
    return _answer(data, code, error.message, success=False)


def _in_progress(query: Query, code: str) -> Response:
    data = {"queryId": query.id, "getResultUrl": f"/queries/{query.id}/result", "queryAbortsAfterSecs": 300}
    return _answer(data, code, "Query execution in progress.")


def _success(query: Query, result: Result) -> Response:
    session = query.session
    wants_json = str(session_value(session, "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT")).upper() == "JSON"
    arrow = session.parameters.get("CLIENT_APP_ID") in _ARROW_CLIENTS and not wants_json
    data = {
        "parameters": wire_parameters(session),
        "queryId": query.id,
        "statementTypeId": result.statement_type,
        "sqlState": "00000",
        "finalDatabaseName": session.database,
        "finalSchemaName": session.schema,
        "finalWarehouseName": session.warehouse,
        "finalRoleName": session.role,
        "numberOfBinds": 0,
        "arrayBindSupported": result.statement_type == 0x3100,  # noqa: PLR2004  # INSERT, result.py
        "version": 1,
        **wire.result_data(result, arrow=arrow, indent=int(session_value(session, "JSON_INDENT"))),
    }
    return _answer(data)


def _status(query: Query) -> dict[str, Any]:
    status = "RUNNING"
    if query.future.done():
        status = "SUCCESS" if query.future.exception() is None else "FAILED_WITH_ERROR"
    error = query.future.exception() if query.future.done() else None
    return {
        "id": query.id,
        "status": status,
        "sqlText": without_secrets(query.text),
        "startTime": int(query.started_on.timestamp() * 1000),
        "errorCode": f"{error.errno:06d}" if isinstance(error, SnowflakeError) else None,
        "errorMessage": str(error) if error else None,
    }
