"""Files of stages over HTTP, as drivers read and write objects of GCS: HEAD, GET and PUT with a bearer token.

Knows paths, statuses and headers; must not know who may access which file (tables/stage_transfers.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.tables import stage_transfers

if TYPE_CHECKING:
    from starlette.requests import Request

    from snowflake_sandbox.call import World
    from snowflake_sandbox.tables.stage_transfers import StageTransfers, Transfer

_DIGEST = "x-goog-meta-sfc-digest"


class StageApi:
    """The endpoints below stage_transfers.PREFIX."""

    def __init__(self, world: World) -> None:
        self._transfers: StageTransfers = world.parts[stage_transfers.PART]

    def routes(self) -> list[Route]:
        """Return the routes."""
        path = f"{stage_transfers.PREFIX}/{stage_transfers.BUCKET}/{{name:path}}"
        return [Route(path, self._read, methods=["GET", "HEAD"]), Route(path, self._write, methods=["PUT"])]

    def _transfer(self, request: Request) -> Transfer | None:
        return self._transfers.of(request.headers.get("Authorization", "").removeprefix("Bearer "))

    async def _read(self, request: Request) -> Response:
        transfer = self._transfer(request)
        if transfer is None:
            return Response(status_code=401)
        try:
            file = transfer.readable(request.path_params["name"])
        except SnowflakeError:
            return Response(status_code=403)
        if file is None:
            return Response(status_code=404)
        return FileResponse(file, headers={_DIGEST: await run_in_threadpool(stage_transfers.digest, file)})

    async def _write(self, request: Request) -> Response:
        transfer = self._transfer(request)
        if transfer is None:
            return Response(status_code=401)
        try:
            written = await transfer.write(request.path_params["name"], request.stream())
        except SnowflakeError:
            written = False
        return Response(status_code=200 if written else 403)
