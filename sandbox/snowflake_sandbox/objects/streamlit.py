"""STREAMLIT: an app whose files are copied from a stage. Stored, shown and granted; the sandbox does not serve the app.

Syntax and columns: docs.snowflake.com/en/sql-reference/sql/create-streamlit, alter-streamlit, show-streamlits. The
legacy ROOT_LOCATION, container runtimes and git are refused.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors, superfluous
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Creation, Kind, Property
from snowflake_sandbox.result import Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import ObjectName, Reader
from snowflake_sandbox.tables import stage_files

if TYPE_CHECKING:
    from pathlib import Path

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_WAREHOUSE_RUNTIME = "SYSTEM$WAREHOUSE_RUNTIME"
_DEFAULT_MAIN_FILE = "streamlit_app.py"


def folder(world: World, app: SnowflakeObject) -> Path:
    """Return the folder of an app's copied files."""
    return world.folder / "streamlits" / str(app.id)


def _main_file(reader: Reader) -> str:
    name = reader.string()
    if "/" in name or not name.endswith(".py"):
        # with a warehouse runtime, the file must be in the root of the source
        raise errors.invalid_value(name, "MAIN_FILE")
    return name


def _read_definition(call: Call, creation: Creation) -> bool:
    reader = call.reader
    if reader.accept("ROOT_LOCATION"):
        raise errors.not_supported("STREAMLIT with ROOT_LOCATION")
    if not reader.accept("FROM"):
        return False
    creation.properties["source"] = stage_files.read_location(reader)
    return True


def _finish(call: Call, creation: Creation) -> None:
    properties = creation.properties
    runtime = properties["runtime_name"]
    if runtime != _WAREHOUSE_RUNTIME:
        # without a runtime name it would be a container runtime (behaviour change 2342), which needs a compute pool
        raise errors.not_supported(f"STREAMLIT with RUNTIME_NAME = {runtime or 'none, which is a container runtime'}")
    if not properties.get("source"):
        raise errors.not_supported("CREATE STREAMLIT without FROM, which makes an example app")
    if properties["query_warehouse"]:
        with call.world.store.reading() as tx:
            warehouse = catalog.get(tx, "WAREHOUSE", ObjectName(properties["query_warehouse"]))
        access.require(call, "USAGE", warehouse)
    location = stage_files.locate(call, properties["source"], "READ")
    prefix = f"{location.path.rstrip('/')}/" if location.path else ""
    names = [str(file.relative_to(location.root)) for file in location.files()]
    if f"{prefix}{properties['main_file']}" not in names:
        raise errors.does_not_exist("File", f"{properties['source']}/{properties['main_file']}")
    properties["live"] = False


def _created(call: Call, app: SnowflakeObject) -> None:
    """Copy the files, so that later changes in the stage do not affect the app."""
    location = stage_files.locate(call, app["source"], "READ")
    prefix = f"{location.path.rstrip('/')}/" if location.path else ""
    for file in location.files():
        name = str(file.relative_to(location.root))
        if name.startswith(prefix):
            target = folder(call.world, app) / name.removeprefix(prefix)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def _dropping(call: Call, app: SnowflakeObject) -> None:
    superfluous.remove_afterwards(call.world, folder(call.world, app))


def _add_live_version(call: Call, app: SnowflakeObject) -> Result | None:
    access.require(call, "OWNERSHIP", app)
    if app["live"]:
        raise errors.SnowflakeError(98511, "22000", "There is already a live version.")  # guess: number and words
    with call.world.store.transaction() as tx:
        catalog.update(tx, app, {"live": True})
    return None


def _url_id(app: SnowflakeObject) -> str:
    return hashlib.sha256(f"streamlit {app.id}".encode()).hexdigest()[:20]


def _show_row(_call: Call, app: SnowflakeObject) -> tuple[Any, ...]:
    return (
        app.created_on,
        app.name.name,
        app.name.database,
        app.name.schema,
        app["title"] or "",
        app.owner,
        app["comment"] or "",
        app["query_warehouse"] or "",
        _url_id(app),
        "ROLE",
    )


def _describe(_call: Call, app: SnowflakeObject) -> Result:
    described = columns(
        "title main_file query_warehouse url_id default_packages user_packages import_urls"
        " external_access_integrations external_access_secrets name comment runtime_name live_version_location_uri"
    )
    live = f"snow://streamlit/{app.name.qualified}/versions/live/" if app["live"] else None
    row = (
        app["title"] or "",
        app["main_file"],
        app["query_warehouse"] or "",
        _url_id(app),
        "python==3.11.*,snowflake-snowpark-python,streamlit",
        "",
        json.dumps([]),
        json.dumps([]),
        json.dumps({}),
        app.name.name,
        app["comment"] or "",
        app["runtime_name"],
        live,
    )
    return Result(described, [row])


KIND = Kind(
    name="STREAMLIT",
    plural="STREAMLITS",
    scope=ObjectScope.SCHEMA,
    show=columns(
        "created_on@ name database_name schema_name title owner comment query_warehouse url_id owner_role_type"
    ),
    show_row=_show_row,
    properties=(
        Property("MAIN_FILE", _main_file, default=_DEFAULT_MAIN_FILE),
        Property("QUERY_WAREHOUSE", lambda reader: reader.quoted_name().name),
        Property("RUNTIME_NAME", Reader.string),
        Property("TITLE", Reader.string),
        Property("COMMENT", Reader.string),
    ),
    describe=_describe,
    read_definition=_read_definition,
    finish_definition=_finish,
    created=_created,
    dropping=_dropping,
    actions={"ADD LIVE VERSION FROM LAST": _add_live_version},
)
