"""Lets a program connect with host and account only, as in Snowflake's documentation. Python loads it at its start.

Snowflake's host listens on port 443 with TLS; the sandbox listens on another port of this machine, without TLS. If a
program names the sandbox's host but neither port nor protocol, the connector gets those of the sandbox; a program that
names one of them, or another host, is not affected. Snowpark connects through the connector.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    import typing
    from importlib.machinery import ModuleSpec

_MODULE = "snowflake.connector.connection"


def complete(settings: dict[str, typing.Any], environment: typing.Mapping[str, str]) -> dict[str, typing.Any]:
    """Return the settings of a connection, with the sandbox's port and protocol added if they apply and are missing."""
    host, port = environment.get("SNOWFLAKE_HOST"), environment.get("SNOWFLAKE_PORT")
    if not host or not port or settings.get("host") != host or settings.get("port") or settings.get("protocol"):
        return settings
    return {**settings, "port": int(port), "protocol": environment.get("SNOWFLAKE_PROTOCOL", "http")}


class _Finder:
    """Wraps the connector's `connect` when its module is imported."""

    def find_spec(self, name: str, path: typing.Any, target: typing.Any = None) -> ModuleSpec | None:
        """Return the connector module's own spec, changed to wrap `connect` on loading; None for every other module."""
        if name != _MODULE:
            return None
        from importlib.machinery import PathFinder  # noqa: PLC0415  # every Python process starts with this file

        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def exec_module(module: types.ModuleType) -> None:
                load(module)
                _wrap(module.SnowflakeConnection)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]  # this one loader of one module
        return spec


def _wrap(connection: typing.Any) -> None:
    connect = connection.connect

    def connect_to_sandbox(self: typing.Any, **settings: typing.Any) -> None:
        connect(self, **complete(settings, os.environ))

    connection.connect = connect_to_sandbox


if "SNOWFLAKE_PORT" in os.environ:
    sys.meta_path.insert(0, _Finder())
