"""Lets a program connect with host and account only, as in Snowflake's documentation. Python loads it at its start.

Snowflake's host listens on port 443 with TLS; the sandbox listens on another port of this machine, without TLS. If a
program names the sandbox's host but neither port nor protocol, the connector gets those of the sandbox; a program that
names one of them, or another host, is not affected. Snowpark connects through the connector. For PUT and GET, the
connector reaches the stage as a bucket whose address is the sandbox's, and that has no TLS either.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    import typing
    from importlib.machinery import ModuleSpec


def complete(settings: dict[str, typing.Any], environment: typing.Mapping[str, str]) -> dict[str, typing.Any]:
    """Return the settings of a connection, with the sandbox's port and protocol added if they apply and are missing."""
    host, port = environment.get("SNOWFLAKE_HOST"), environment.get("SNOWFLAKE_PORT")
    if not host or not port or settings.get("host") != host or settings.get("port") or settings.get("protocol"):
        return settings
    return {**settings, "port": int(port), "protocol": environment.get("SNOWFLAKE_PROTOCOL", "http")}


def allow_http(client: typing.Any) -> None:
    """Have the connector's client of stages use an address of the sandbox as it is, instead of adding `https://`."""
    located = client.get_location

    def location(*values: typing.Any, **options: typing.Any) -> typing.Any:
        answer = located(*values, **options)
        return answer._replace(endpoint=answer.endpoint.replace("https://http://", "http://"))

    client.get_location = staticmethod(location)


def _wrap(connection: typing.Any) -> None:
    connect = connection.connect

    def connect_to_sandbox(self: typing.Any, **settings: typing.Any) -> None:
        connect(self, **complete(settings, os.environ))

    connection.connect = connect_to_sandbox


# Module -> what is done with one of its classes on loading.
_CHANGES: dict[str, tuple[str, typing.Callable[[typing.Any], None]]] = {
    "snowflake.connector.connection": ("SnowflakeConnection", _wrap),
    "snowflake.connector.gcs_storage_client": ("SnowflakeGCSRestClient", allow_http),
}


class _Finder:
    """Changes the connector's `connect`, and its client of stages, when their modules are imported."""

    def find_spec(self, name: str, path: typing.Any, target: typing.Any = None) -> ModuleSpec | None:
        """Return the connector module's own spec, changed to wrap a class on loading; None for every other module."""
        if name not in _CHANGES:
            return None
        from importlib.machinery import PathFinder  # noqa: PLC0415  # every Python process starts with this file

        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def exec_module(module: types.ModuleType) -> None:
                load(module)
                of_class, change = _CHANGES[name]
                change(getattr(module, of_class))

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]  # this one loader of one module
        return spec


if "SNOWFLAKE_PORT" in os.environ:
    sys.meta_path.insert(0, _Finder())
