"""The plugin as a process: how the engine starts it, calls it and ends it."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import grpc  # type: ignore[import-untyped]  # ships no types
from google.protobuf import empty_pb2  # type: ignore[import-untyped]  # ships no types
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

ROOT = Path(__file__).resolve().parents[3]


def test_a_call_that_waits_for_snowflake_does_not_keep_the_process() -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_PROTOCOL": "http"}
    environment |= {"SNOWFLAKE_ACCOUNT_NAME": "A", "SNOWFLAKE_USER": "u", "SNOWFLAKE_PASSWORD": "p"}
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,  # takes connections, and never answers
        subprocess.Popen(
            [sys.executable, "-m", "jobgraph.toolchain.standins.provider"],
            cwd=ROOT,
            env=environment | {"SNOWFLAKE_PORT": str(silent.getsockname()[1])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stdout
        assert process.stdin
        with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            call = stub.Configure.future(provider_pb2.ConfigureRequest())
            silent.settimeout(60)
            silent.accept()[0].close()  # that somebody listens is all that this connection asks
            waiting, _ = silent.accept()  # the login is under way

            process.stdin.close()

            assert process.wait(timeout=30) == 0
            waiting.close()
            assert call.exception() is not None


def test_the_port_is_its_first_line_and_the_engines_end_is_its_end() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "jobgraph.toolchain.standins.provider", "127.0.0.1:1", "--logtostderr"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdin
        assert process.stderr
        port = int(process.stdout.readline())
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            answer = provider_pb2_grpc.ResourceProviderStub(channel).GetPluginInfo(empty_pb2.Empty())
        assert answer.version == "2.22.0"

        process.stdin.close()  # as when the engine is gone

        assert process.wait(timeout=20) == 0
        assert process.stderr.read() == ""
