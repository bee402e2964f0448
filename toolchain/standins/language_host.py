"""A stand-in for `pulumi-language-python`: the process with which the engine runs the project's program.

Knows the engine's calls to a language host, and when to end. Built on the SDK's own server; knows nothing of Snowflake
nor of what the program deploys. The server's methods are named as in Pulumi's language.proto:
https://github.com/pulumi/pulumi/blob/master/proto/pulumi/language.proto
"""
# ruff: noqa: N802  # the protocol's names

import argparse
import contextvars
import importlib.metadata
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc  # type: ignore[import-untyped]  # ships no types
from google.protobuf.empty_pb2 import Empty  # type: ignore[import-untyped]  # ships no types
from pulumi import log
from pulumi.automation._server import LanguageServer
from pulumi.runtime import reset_options, set_all_config
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    language_pb2,
    language_pb2_grpc,
    plugin_pb2,
)

from jobgraph.toolchain import layout
from jobgraph.toolchain.standins import plugin_process
from jobgraph.toolchain.standins.engine_watch import watch_engine
from jobgraph.toolchain.standins.program import Program, run_to_end

THREADS = 32
"""Calls served at once; the engine makes a few while a program runs, and one that lasts for each policy pack."""

MESSAGE_BYTES = 400 * 1024 * 1024
"""The largest message the engine may send, as in its own plugins; gRPC's own limit of 4 MiB is soon met."""


class LanguageHost(LanguageServer):
    """The responses to the engine's calls.

    Args:
        engine_address: The address to which log lines are sent.
    """

    def __init__(self, engine_address: str) -> None:
        super().__init__(lambda: None)  # the SDK's is for a program passed as a function; ours is in the call to run
        self._engine_address = engine_address
        self.running = threading.Event()
        self._plugins: set[plugin_process.PluginProcess] = set()

    def Handshake(self, _request: language_pb2.LanguageHandshakeRequest, _context: object) -> object:
        """Respond to an engine that attaches to a host started by hand."""
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, _request: Empty, _context: object) -> object:
        """Return the version that `pulumi about` shows."""
        return plugin_pb2.PluginInfo(version=layout.pulumi_version())

    def GetRequiredPackages(self, _request: object, _context: object) -> object:
        """Return the plugins of the installed packages.

        Called once in every preview, update, refresh and destroy, even without a program, so the announcement is here.
        """
        self._announce()
        return language_pb2.GetRequiredPackagesResponse(
            packages=[
                plugin_pb2.PackageDependency(
                    name=package.name, kind="resource", version=f"v{package.version}", server=package.server
                )
                for package in layout.plugin_packages()
            ]
        )

    def GetRequiredPlugins(self, _request: object, _context: object) -> object:
        """Return the same to an engine that does not support packages yet."""
        return language_pb2.GetRequiredPluginsResponse(
            plugins=[
                plugin_pb2.PluginDependency(
                    name=package.name, kind="resource", version=f"v{package.version}", server=package.server
                )
                for package in layout.plugin_packages()
            ]
        )

    def Run(self, request: language_pb2.RunRequest, _context: object) -> object:
        """Run the program; log its failure here and report a bail, so that the engine adds nothing to it."""
        self.running.set()
        try:
            message = contextvars.copy_context().run(self._run, request)
        finally:
            self.running.clear()
        return language_pb2.RunResponse(bail=message is not None)

    def RunPlugin(
        self, request: language_pb2.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.RunPluginResponse]:
        """Run a policy pack as long as the engine listens to it."""
        reason = plugin_process.refusal(request)
        if reason is not None:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, reason)
        plugin = plugin_process.PluginProcess(request)
        self._plugins.add(plugin)
        try:
            if context.add_callback(plugin.end):
                yield from plugin.outputs()
        finally:
            plugin.end()
            self._plugins.discard(plugin)

    def end_plugins(self) -> None:
        """End the policy packs that are still running."""
        for plugin in tuple(self._plugins):
            plugin.end()

    def InstallDependencies(self, _request: object, _context: object) -> Iterator[object]:
        """Respond to `pulumi install` and `pulumi new`."""
        text = f"Nothing to install: the program runs in {sys.prefix}, which has the packages already.\n"
        yield language_pb2.InstallDependenciesResponse(stdout=text.encode())

    def RuntimeOptionsPrompts(self, _request: object, _context: object) -> object:
        """Respond to `pulumi new`, without a prompt."""
        return language_pb2.RuntimeOptionsResponse()

    def GetProgramDependencies(self, request: language_pb2.GetProgramDependenciesRequest, _context: object) -> object:
        """Return what `pulumi about` shows: all installed distributions, or only those that no other one needs."""
        distributions = {item.name: item for item in importlib.metadata.distributions()}
        needed = set() if request.transitiveDependencies else _needed(distributions)
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[
                language_pb2.DependencyInfo(name=name, version=distributions[name].version)
                for name in sorted(distributions, key=str.lower)
                if _normal(name) not in needed
            ]
        )

    def Cancel(self, _request: Empty, _context: object) -> Empty:
        """Do nothing: the engine no longer needs us, and an interrupt follows."""
        return Empty()

    def _run(self, request: language_pb2.RunRequest) -> str | None:
        reset_options(
            project=request.project,
            stack=request.stack,
            root_directory=request.info.root_directory,
            parallel=request.parallel,
            engine_address=self._engine_address,
            monitor_address=request.monitor_address,
            preview=request.dryRun,
            organization=request.organization or "organization",
        )
        set_all_config(dict(request.config), list(request.configSecretKeys))
        program = Program(Path(request.info.program_directory), request.info.entry_point)
        message = refusal(request) or program.missing()
        if message is None:
            os.chdir(request.pwd)
            _forget_own_package()
            message = run_to_end(program, request.parallel)
        if message is not None:
            log.error(message)
        return message

    def _announce(self) -> None:
        text = announcement()
        try:
            with grpc.insecure_channel(self._engine_address) as channel:
                engine_pb2_grpc.EngineStub(channel).Log(engine_pb2.LogRequest(severity=engine_pb2.INFO, message=text))
        except grpc.RpcError:
            sys.stderr.write(f"{text}\n")  # the engine also shows the output of its plugins


def _forget_own_package() -> None:
    """Let the program import its own copy of `jobgraph`: this process has loaded the one next to the launcher."""
    for module in [name for name in sys.modules if name.partition(".")[0] == "jobgraph"]:
        del sys.modules[module]


def announcement() -> str:
    """Return the line with which each run says that this is not the official language host; the plugin has its own."""
    return f"run by jobgraph's stand-in for {layout.LANGUAGE_HOST} {layout.pulumi_version()} (see `jobgraph doctor`)"


def refusal(request: language_pb2.RunRequest) -> str | None:
    """Return why a program cannot be run with its project's settings; None if it can."""
    if request.attach_debugger:
        return (
            "jobgraph's stand-in for pulumi-language-python cannot attach a debugger. "
            "Install the official Pulumi command line, or run without --attach-debugger."
        )
    virtualenv = str(dict(request.info.options).get("virtualenv") or "")
    folder = Path(request.info.root_directory, virtualenv)
    if virtualenv and folder.resolve() != Path(sys.prefix).resolve():
        return (
            f"Pulumi.yaml asks for the virtual environment {folder}, but jobgraph's stand-in for "
            f"pulumi-language-python runs every program in {sys.prefix}.\n"
            "Set `runtime.options.virtualenv` to that folder or leave it out, or install "
            "the official Pulumi command line."
        )
    return None


def _normal(name: str) -> str:
    """Return the normalized name of a distribution, by PyPA's rule."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _needed(distributions: Mapping[str, importlib.metadata.Distribution]) -> set[str]:
    requirements = [text for item in distributions.values() for text in item.requires or () if "extra ==" not in text]
    return {_normal(re.split(r"[^\w.-]", text, maxsplit=1)[0]) for text in requirements}


def serve(engine_address: str) -> int:
    """Serve the engine until it interrupts us or has ended.

    Returns:
        The exit code.
    """
    host = LanguageHost(engine_address)
    over = watch_engine()
    options = [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)]
    server = grpc.server(ThreadPoolExecutor(THREADS), options=options)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    over.wait()
    server.stop(grace=None)
    host.end_plugins()
    if host.running.is_set():
        _leave_now()
    return 0


def _leave_now() -> None:
    """Exit although the program is still running in a thread that cannot be interrupted, which Python would await."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Start as a language host: the engine's address is the last argument; options for logs before it are ignored."""
    parser = argparse.ArgumentParser(prog=layout.LANGUAGE_HOST)
    parser.add_argument("--logtostderr", action="store_true")
    parser.add_argument("-v")
    parser.add_argument("--tracing")
    parser.add_argument("engine_address")
    # The user must see a program's output line by line, not when a buffer is full.
    for stream in (sys.stdout, sys.stderr):
        getattr(stream, "reconfigure", lambda **_: None)(line_buffering=True)
    return serve(parser.parse_args(arguments).engine_address)


if __name__ == "__main__":
    sys.exit(main())
