"""INFORMATION_SCHEMA.PACKAGES: the packages that procedures can import, which are those of the sandbox's own Python.

Knows the machine's distributions; must not know procedures. Clients query it before they create a procedure (Snowpark's
sproc.register).
"""

from __future__ import annotations

import functools
import platform
from importlib import metadata
from typing import TYPE_CHECKING, Any

from snowflake_sandbox.data.function_arguments import counted
from snowflake_sandbox.result import Result, columns

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World

_COLUMNS = columns("PACKAGE_NAME VERSION LANGUAGE RUNTIME_VERSION")


def register(world: World) -> None:
    """Add the view, and the functions with which clients look up a package repository and their own support status."""
    world.information_schema["PACKAGES"] = lambda _call, _database: Result(_COLUMNS, list(_packages()))
    world.functions |= {
        "SYSTEM$GET_DEFAULT_PYTHON_ARTIFACT_REPOSITORY": _repository,
        "SYSTEM$CLIENT_VERSION_INFO": _client_versions,
    }


@functools.cache
def _packages() -> tuple[tuple[Any, ...], ...]:
    runtime = ".".join(platform.python_version_tuple()[:2])
    versions = {distribution.name.lower(): distribution.version for distribution in metadata.distributions()}
    return tuple((name, version, "python", runtime) for name, version in sorted(versions.items()))


def _repository(_call: Call, arguments: tuple[Any, ...]) -> str:
    counted(arguments, 1, 3, "SYSTEM$GET_DEFAULT_PYTHON_ARTIFACT_REPOSITORY")
    return "snowflake.snowpark.anaconda_shared_repository"


def _client_versions(_call: Call, arguments: tuple[Any, ...]) -> str:
    """SYSTEM$CLIENT_VERSION_INFO: no client is reported as unsupported."""
    counted(arguments, 0, 0, "SYSTEM$CLIENT_VERSION_INFO")
    return "[]"
