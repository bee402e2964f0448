"""The image registry over HTTP: the part of the distribution API that `docker push` needs, on the sandbox's port.

Knows paths, statuses and headers (github.com/opencontainers/distribution-spec). Must not know how blobs are stored. A
name is `database/schema/repository/image`; the login is a user's password, or `0sessiontoken` with the token of a
session or a container, as clients of Snowflake's registry send it.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from snowflake_sandbox.call import World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_NAME = re.compile(r"(?P<place>[^/]+/[^/]+/[^/]+)/(?P<image>[a-z0-9._/-]+)")
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
# A layer may be large, but not a manifest.
_LARGEST, _LARGEST_MANIFEST = 2 << 30, 4 << 20
# Uploads in progress; beyond this number, or this size of all together, the oldest are discarded.
_MOST_UPLOADS, _LARGEST_UPLOADS = 64, 4 << 30
TOKEN_USER = "0sessiontoken"  # noqa: S105  # a user's name


class _RefusedError(Exception):
    """A request that is refused, with the HTTP status and the specification's error code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class RegistryApi:
    """The endpoints below /v2/."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._registry = world.parts["services"].registry
        self._uploads: dict[str, bytearray] = {}

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/v2/", self._answering(self._base), methods=["GET"]),
            Route("/v2/{name:path}/blobs/uploads/", self._answering(self._begin), methods=["POST"]),
            Route("/v2/{name:path}/blobs/uploads/{upload}", self._answering(self._upload), methods=["PATCH", "PUT"]),
            Route("/v2/{name:path}/blobs/{reference}", self._answering(self._blob), methods=["GET", "HEAD"]),
            Route("/v2/{name:path}/manifests/{reference}", self._answering(self._manifest), methods=["GET", "HEAD"]),
            Route("/v2/{name:path}/manifests/{reference}", self._answering(self._put_manifest), methods=["PUT"]),
            Route("/v2/{name:path}/tags/list", self._answering(self._tags), methods=["GET"]),
        ]

    def _answering(self, endpoint: Callable[[Request, str, bytes], Response]) -> Any:
        async def answer(request: Request) -> Response:
            try:
                # before the body is read: who may not log in takes no memory
                role = await run_in_threadpool(self._role, request.headers.get("Authorization", ""))
                if request.method in ("PUT", "POST", "PATCH"):
                    # Likewise for who may not push here.
                    await run_in_threadpool(self._place, request, role, "WRITE")
                largest = _LARGEST if "/blobs/uploads/" in request.url.path else _LARGEST_MANIFEST
                content = bytearray()
                async for chunk in request.stream():
                    content += chunk
                    if len(content) > largest:
                        return _failure(413, "SIZE_INVALID")
                return await run_in_threadpool(endpoint, request, role, bytes(content))
            except _RefusedError as refused:
                return _failure(refused.status, refused.code)

        return answer

    def _role(self, header: str) -> str:
        """Return the role of a login.

        Raises:
            _RefusedError: 401 if the login is invalid.
        """
        try:
            user, _, word = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
        except ValueError as error:
            raise _RefusedError(401, "UNAUTHORIZED") from error
        if user == TOKEN_USER:
            token = _token(word)
            session = self._world.sessions.get(token)
            if session is not None:
                access.leave_revoked_role(self._world, session)
                return session.role
            login = logins.Login(authenticator="OAUTH", token=token)
        else:
            login = logins.Login(user=user, password=word)
        try:
            session = logins.log_in(self._world, login)
        except SnowflakeError as error:
            raise _RefusedError(401, "UNAUTHORIZED") from error
        logins.close_session(self._world, session)
        return session.role

    def _place(self, request: Request, role: str, *privileges: str) -> tuple[SnowflakeObject, str]:
        match = _NAME.fullmatch(request.path_params["name"])
        if match is None:
            raise _RefusedError(400, "NAME_INVALID")
        database, schema, name = (part.upper() for part in match["place"].split("/"))
        with self._world.store.reading() as tx:
            repository = catalog.find(tx, "IMAGE REPOSITORY", ObjectName(name, schema, database))
        if repository is None:
            raise _RefusedError(404, "NAME_UNKNOWN")
        if not access.role_has(self._world, role, repository, *privileges):
            raise _RefusedError(403, "DENIED")
        return repository, match["image"]

    def _base(self, _request: Request, _role: str, _content: bytes) -> Response:
        return Response(
            "{}", media_type="application/json", headers={"Docker-Distribution-Api-Version": "registry/2.0"}
        )

    def _begin(self, request: Request, role: str, content: bytes) -> Response:
        repository, _ = self._place(request, role, "WRITE")
        name = request.path_params["name"]
        if digest := request.query_params.get("digest"):
            return self._stored_blob(repository, name, digest, content)
        upload = self._world.new_id()
        self._uploads[upload] = bytearray(content)
        self._discard_oldest()
        return Response(
            status_code=202, headers={"Location": f"{_address(name)}/blobs/uploads/{upload}", "Range": "0-0"}
        )

    def _discard_oldest(self) -> None:
        """Discard uploads that were never finished, except for the newest, so that they do not fill the memory."""
        uploads = list(self._uploads.items())
        size = sum(len(body) for _, body in uploads)
        for number, (upload, body) in enumerate(uploads[:-1]):
            if len(uploads) - number > _MOST_UPLOADS or size > _LARGEST_UPLOADS:
                self._uploads.pop(upload, None)
                size -= len(body)

    def _upload(self, request: Request, role: str, content: bytes) -> Response:
        repository, _ = self._place(request, role, "WRITE")
        upload, name = request.path_params["upload"], request.path_params["name"]
        body = self._uploads.get(upload)
        if body is None:
            raise _RefusedError(404, "BLOB_UPLOAD_UNKNOWN")
        if len(body) + len(content) > _LARGEST:
            self._uploads.pop(upload, None)
            raise _RefusedError(413, "SIZE_INVALID")
        body += content
        self._discard_oldest()
        if request.method == "PATCH":
            place = {"Location": f"{_address(name)}/blobs/uploads/{upload}", "Range": f"0-{len(body) - 1}"}
            return Response(status_code=202, headers=place)
        self._uploads.pop(upload, None)
        return self._stored_blob(repository, name, request.query_params.get("digest", ""), bytes(body))

    def _stored_blob(self, repository: SnowflakeObject, name: str, digest: str, content: bytes) -> Response:
        if digest != self._registry.digest_of(content):
            raise _RefusedError(400, "DIGEST_INVALID")
        self._registry.put(repository, content)
        where = {"Location": f"{_address(name)}/blobs/{digest}", "Docker-Content-Digest": digest}
        return Response(status_code=201, headers=where)

    def _blob(self, request: Request, role: str, _content: bytes) -> Response:
        repository, _ = self._place(request, role, "READ", "WRITE")
        digest = request.path_params["reference"]
        content = self._registry.get(digest) if self._registry.holds(repository, digest) else None
        if content is None:
            raise _RefusedError(404, "BLOB_UNKNOWN")
        return _content_of(request, content, digest, "application/octet-stream")

    def _manifest(self, request: Request, role: str, _content: bytes) -> Response:
        repository, image = self._place(request, role, "READ", "WRITE")
        digest = self._registry.digest(repository, image, request.path_params["reference"])
        content = self._registry.get(digest) if digest else None
        if content is None:
            raise _RefusedError(404, "MANIFEST_UNKNOWN")
        return _content_of(request, content, digest, json.loads(content).get("mediaType", _MANIFEST))

    def _put_manifest(self, request: Request, role: str, content: bytes) -> Response:
        repository, image = self._place(request, role, "WRITE")
        try:
            manifest = json.loads(content)
            parts = [manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]
            kinds = [manifest.get("mediaType", _MANIFEST), *(layer["mediaType"] for layer in manifest["layers"])]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _RefusedError(400, "MANIFEST_INVALID") from error
        # media types are sent back in a header
        if not all(isinstance(kind, str) and _MEDIA_TYPE.fullmatch(kind) for kind in kinds):
            raise _RefusedError(400, "MANIFEST_INVALID")
        if not all(isinstance(part, str) and self._registry.is_digest(part) for part in parts):
            raise _RefusedError(400, "MANIFEST_INVALID")
        if not all(self._registry.holds(repository, part) for part in parts):
            raise _RefusedError(400, "MANIFEST_BLOB_UNKNOWN")
        reference, digest = request.path_params["reference"], self._registry.digest_of(content)
        if reference.startswith("sha256:") and reference != digest:
            raise _RefusedError(400, "DIGEST_INVALID")
        self._registry.put(repository, content)
        self._registry.tag(repository, image, reference, digest)
        where = f"{_address(request.path_params['name'])}/manifests/{digest}"
        return Response(status_code=201, headers={"Location": where, "Docker-Content-Digest": digest})

    def _tags(self, request: Request, role: str, _content: bytes) -> Response:
        repository, image = self._place(request, role, "READ", "WRITE")
        pushed = self._registry.pushed(repository)
        tags = sorted(tag for (name, _), (tags, _) in pushed.items() if name == image for tag in tags)
        return Response(json.dumps({"name": request.path_params["name"], "tags": tags}), media_type="application/json")


def _address(name: str) -> str:
    """Return the address of an image, for a header: a database may have any name."""
    return f"/v2/{quote(name)}"


def _token(word: str) -> str:
    """Return a token, given as it is or in JSON, as Snowflake's own command sends it."""
    try:
        entries = json.loads(word)
    except (ValueError, RecursionError):
        return word
    return str(entries.get("token", "")) if isinstance(entries, dict) else word


def _content_of(request: Request, content: bytes, digest: str | None, kind: str) -> Response:
    headers = {"Docker-Content-Digest": str(digest), "Content-Length": str(len(content))}
    return Response(b"" if request.method == "HEAD" else content, media_type=kind, headers=headers)


def _failure(status: int, code: str) -> Response:
    headers = {"WWW-Authenticate": 'Basic realm="snowflake-sandbox"'} if status == 401 else {}  # noqa: PLR2004  # Unauthorized
    body = json.dumps({"errors": [{"code": code, "message": code.lower().replace("_", " ")}]})
    return Response(body, status_code=status, media_type="application/json", headers=headers)
