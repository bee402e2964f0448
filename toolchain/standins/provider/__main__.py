"""Starts the stand-in as a plugin process: `python -m jobgraph.toolchain.standins.provider <engine address>`.

Knows how the engine starts a plugin: the port is the first line of standard output, and the process lives until the
    engine no longer needs it. Must not know Snowflake.
"""

import argparse
import os
import sys
import threading
from concurrent import futures

import grpc  # type: ignore[import-untyped]  # ships no types
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import provider_pb2_grpc

from jobgraph.optional_libraries import leave_out
from jobgraph.toolchain.standins.engine_watch import watch_engine
from jobgraph.toolchain.standins.provider.server import EngineLog, Provider

_THREADS = 32
"""More than the engine's usual parallelism, so that no call waits for a thread while others wait for Snowflake."""

_GRACE_SECONDS = 1.0
"""For calls under way when the engine leaves."""


def main() -> None:
    """Serve until the engine no longer needs us or has ended, then close the connections."""
    over = watch_engine()
    leave_out()
    parser = argparse.ArgumentParser(prog="pulumi-resource-snowflake", description=__doc__)
    parser.add_argument("engine", nargs="?", default="", help="address of the engine's log service")
    chosen, _ = parser.parse_known_args()  # the engine may add options such as --logtostderr
    server = grpc.server(futures.ThreadPoolExecutor(_THREADS), options=_GRPC_CHANNEL_OPTIONS)
    provider = Provider(EngineLog(chosen.engine), dict(os.environ))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    over.wait()
    server.stop(_GRACE_SECONDS).wait(2 * _GRACE_SECONDS)
    closing = threading.Thread(target=provider.close, daemon=True)
    closing.start()
    closing.join(_GRACE_SECONDS)
    # a call may wait for Snowflake for minutes, in a thread that the interpreter would join
    os._exit(0)


if __name__ == "__main__":
    main()
