"""Lets a program connect by host and account alone, as the platform's documents do it; loaded by Python at its start.

The platform's host answers on port 443 with TLS; the sandbox has a port of its own on this machine, without. The
connector is given that port and protocol where a program names the sandbox's host and neither of them; a program that
names one of them, or another host, is left alone. Snowpark connects through the connector.
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
    """The settings of a connection, with port and protocol where they are the sandbox's and were left out."""
    host, port = environment.get("SNOWFLAKE_HOST"), environment.get("SNOWFLAKE_PORT")
    if not host or not port or settings.get("host") != host or settings.get("port") or settings.get("protocol"):
        return settings
    return {**settings, "port": int(port), "protocol": environment.get("SNOWFLAKE_PROTOCOL", "http")}


class _Finder:
    """Wraps the connector's `connect` when its module is imported."""

    def find_spec(self, name: str, path: typing.Any, target: typing.Any = None) -> ModuleSpec | None:
        """The module's own specification, loading which also wraps; None for every other module."""
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
