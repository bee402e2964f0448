"""A policy pack under the real engine, run by the stand-in for the language host: `pulumi preview --policy-pack`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from pulumi.runtime.proto import language_pb2

from jobgraph.toolchain.standins.plugin_process import refusal
from tests.toolchain.test_engine import TINY, command_line, heard, home, lifeline, project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.toolchain.test_engine import Project

__all__ = ["command_line", "home", "lifeline", "project"]

# What `pulumi-policy` does for its user: a service that the engine asks about each resource.
PACK = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
import grpc
from pulumi.runtime.proto import analyzer_pb2 as answers, analyzer_pb2_grpc, plugin_pb2

class Pack(analyzer_pb2_grpc.AnalyzerServicer):
    def GetAnalyzerInfo(self, request, context):
        return answers.AnalyzerInfo(
            name="tiny-pack", version="1.0.0",
            policies=[answers.PolicyInfo(name="no-widgets", enforcementLevel=answers.MANDATORY)],
        )
    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="1.0.0")
    def Analyze(self, request, context):
        broken = request.type.endswith(":Widget")
        return answers.AnalyzeResponse(diagnostics=[answers.AnalyzeDiagnostic(
            policyName="no-widgets", policyPackName="tiny-pack", policyPackVersion="1.0.0",
            message=f"{request.name} is a widget", enforcementLevel=answers.MANDATORY, urn=request.urn,
        )] if broken else [])
    def AnalyzeStack(self, request, context):
        return answers.AnalyzeResponse()

server = grpc.server(ThreadPoolExecutor(4))
analyzer_pb2_grpc.add_AnalyzerServicer_to_server(Pack(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port)
print("printed by the pack")
print("complaint of the pack", file=sys.stderr)
"""
FOR_EVER = "threading.Event().wait()\n"
MANIFEST = "description: Tiny\nversion: 1.0.0\nruntime:\n  name: python\n  options:\n    virtualenv: {folder}\n"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack that runs in the environment of these tests."""
    folder = tmp_path / "pack"
    folder.mkdir()
    (folder / "PulumiPolicy.yaml").write_text(MANIFEST.format(folder=sys.prefix))
    (folder / "__main__.py").write_text(PACK + FOR_EVER)
    return folder


@pytest.mark.engine
def test_a_pack_forbids_what_a_preview_plans(project: Project, pack: Path) -> None:
    project.program(TINY)
    project.run("config", "set", "size", "21")
    project.run("config", "set", "--secret", "hidden", "a-secret")

    refused = project.run("preview", "--policy-pack", str(pack), exit_code=1)
    assert "one is a widget" in refused
    assert "[mandatory]  no-widgets" in refused
    assert "printed by the pack" in refused
    assert "complaint of the pack" in refused

    project.program(TINY.replace('Widget("one")', ""))
    assert "is a widget" not in project.run("preview", "--policy-pack", str(pack))


@pytest.mark.engine
def test_a_pack_whose_environment_is_missing_says_how_to_create_it(project: Project, pack: Path) -> None:
    project.program(TINY)
    (pack / "PulumiPolicy.yaml").write_text(MANIFEST.format(folder="venv"))

    told = project.run("preview", "--policy-pack", str(pack), exit_code=1)
    assert f"python3 -m venv {pack}/venv && {pack}/venv/bin/python -m pip install -r {pack}/requirements.txt" in told


@pytest.mark.engine
def test_a_pack_that_fails_shows_why(project: Project, pack: Path) -> None:
    project.program(TINY)
    (pack / "__main__.py").write_text("raise RuntimeError('the pack is broken')\n")

    assert "the pack is broken" in project.run("preview", "--policy-pack", str(pack), exit_code=1)


@pytest.mark.engine
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_pack_ends_with_the_engine(number: signal.Signals, project: Project, pack: Path, lifeline: Path) -> None:
    project.program("import threading\nthreading.Event().wait()\n")
    opened = f"lifeline = open({str(lifeline)!r}, 'w')\nprint('started', file=lifeline, flush=True)\n"
    (pack / "__main__.py").write_text(PACK + opened + FOR_EVER)
    reader = os.open(lifeline, os.O_RDONLY | os.O_NONBLOCK)
    with subprocess.Popen(
        ["pulumi", "preview", "--non-interactive", "--policy-pack", str(pack)],
        cwd=project.folder,
        env=project.variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as engine:
        started = heard(reader)
        engine.send_signal(number)
        ended = heard(reader)
    os.close(reader)

    assert (started, ended) == (b"started\n", b""), "the pack did not start, or outlived the engine"


def test_a_plugin_without_a_program_or_with_a_debugger_is_refused(tmp_path: Path) -> None:
    request = language_pb2.RunPluginRequest()
    request.info.root_directory = request.info.program_directory = str(tmp_path)
    assert f"{tmp_path}/__main__.py does not exist" in (refusal(request) or "")
    (tmp_path / "__main__.py").touch()
    assert refusal(request) is None
    request.attach_debugger = True
    assert "--attach-debugger" in (refusal(request) or "")
