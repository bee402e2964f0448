"""The sandbox as a background process: start, stop, status, reset, credentials and environment of a data folder.

Knows processes, the files that a running sandbox writes to its folder, and the variables that clients read; must not
know what the sandbox answers. A lock that the system releases even after a kill ensures one process per folder.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from snowflake_sandbox import process_log
from snowflake_sandbox.data_folder import files, lock
from snowflake_sandbox.data_folder.damage import DataFolderError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snowflake_sandbox.call import World
    from snowflake_sandbox.data_folder.files import Credentials

HOST = "127.0.0.1"
LOG = process_log.NAME
# Connections that wait in the socket's queue before the first one is accepted.
_BACKLOG = 2048
_POLL_IN_SECONDS = 0.02
_LOG_TAIL = 15
# Variables that a shell may have for an account: the provider refuses a key beside a password, and prefers a token.
_OTHER_LOGINS = ("SNOWFLAKE_PRIVATE_KEY", "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "SNOWFLAKE_TOKEN")
# How many seconds a client tries to log in; a busy machine answers within a few.
_LOGIN_SECONDS = 20

# Processes that this one started; they outlive this process.
_children: dict[int, subprocess.Popen[bytes]] = {}


class SandboxError(Exception):
    """A problem with the process that the user can solve; the text says how."""


@dataclass(frozen=True)
class SandboxStatus:
    """The state of a data folder's sandbox.

    Attributes:
        running: whether a process holds the folder.
        pid, port: of that process, 0 as long as it has not said so; if there is none, of the last process.
    """

    running: bool
    pid: int = 0
    port: int = 0


def status(folder: Path) -> SandboxStatus:
    """Return whether a sandbox runs on a data folder, and on which port."""
    written = files.read_process(folder)
    if not lock.is_held(folder):
        return SandboxStatus(running=False, pid=written.pid, port=written.port)
    return SandboxStatus(running=True, pid=lock.holder(folder) or written.pid, port=written.port)


def credentials(folder: Path) -> Credentials:
    """Return the administrator's login, which the first start of a sandbox makes.

    Raises:
        SandboxError: if there is none.
    """
    login = files.read_credentials(folder)
    if login is None:
        raise SandboxError(
            f"{folder / files.CREDENTIALS} holds no login. Usual cause: it was changed, or the machine lost"
            " power. `jobgraph sandbox stop` and `jobgraph sandbox start` write a new one; no data is lost."
        )
    return login


def environment(folder: Path) -> dict[str, str]:
    """Return the variables that point Snowflake clients (connector, Snowpark, provider) to the folder's sandbox.

    The provider's names: https://registry.terraform.io/providers/snowflakedb/snowflake/latest/docs#schema

    Raises:
        SandboxError: if it was never started, so that there is no port yet.
    """
    state = status(folder)
    if not state.port:
        raise SandboxError(f"No sandbox has run in {folder} yet. Start it with `jobgraph sandbox start`.")
    login = credentials(folder)
    return {
        "SNOWFLAKE_HOST": HOST,
        "SNOWFLAKE_PORT": str(state.port),
        "SNOWFLAKE_PROTOCOL": "http",
        "SNOWFLAKE_ORGANIZATION_NAME": "LOCAL",
        "SNOWFLAKE_ACCOUNT_NAME": "SANDBOX",
        "SNOWFLAKE_ACCOUNT": "LOCAL-SANDBOX",
        "SNOWFLAKE_USER": login.user,
        "SNOWFLAKE_PASSWORD": login.password,
        "SNOWFLAKE_AUTHENTICATOR": "SNOWFLAKE",
        **dict.fromkeys(_OTHER_LOGINS, ""),
        "SNOWFLAKE_ROLE": "ACCOUNTADMIN",
        # the provider itself tries for five minutes, too long to wait for an error if no sandbox is running
        "SNOWFLAKE_LOGIN_TIMEOUT": str(_LOGIN_SECONDS),
        "SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true",
    }


def start(  # noqa: PLR0913, PLR0917  # the settings of a sandbox
    folder: Path,
    images: tuple[Path, ...] = (),
    port: int | None = None,
    timeout: float = 30.0,
    webhook_receiver: str | None = None,
    node_start: float = 0.0,
) -> SandboxStatus:
    """Start the sandbox in the background and wait until it answers; do nothing if it is already running.

    Args:
        folder: the data folder.
        images: folders with images' sources.
        port: the port to listen on; None: the previous one if it is free, else any free port.
        timeout: seconds to wait for the first answer.
        webhook_receiver: the http:// address on this machine to which webhooks are posted; None: they become files.
        node_start: seconds that a node of a compute pool takes to start.

    Raises:
        SandboxError: port in use, folder of another version, or no answer in time; with the last lines of the log.
    """
    if webhook_receiver is not None:
        refuse_elsewhere(webhook_receiver)
    state = _settled(folder, timeout)
    if state.running and webhook_receiver is not None:
        raise SandboxError(
            f"The sandbox of {folder} is already running. To start it with a receiver of webhooks, stop it first with"
            " `jobgraph sandbox stop`."
        )
    if state.running:
        if port not in (None, state.port):
            raise SandboxError(
                f"The sandbox of {folder} is already running, on port {state.port}. To start it on port {port},"
                " stop it first with `jobgraph sandbox stop`."
            )
        return state
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    chosen = port if port is not None else _free_or_any(state.port)
    command = [sys.executable, "-m", "snowflake_sandbox", "serve", "--data-folder", str(folder), "--port", str(chosen)]
    for image in images:
        command += ["--images", str(image)]
    if webhook_receiver is not None:
        command += ["--webhook-receiver", webhook_receiver]
    command += ["--node-start", str(node_start)] if node_start else []
    # `-m snowflake_sandbox` must find this package even if the project is not installed.
    root = str(Path(__file__).resolve().parent.parent)
    paths = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    (folder / files.PROCESS).unlink(missing_ok=True)
    with process_log.appending(folder) as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": paths},
        )
    _children[process.pid] = process
    return _wait_until_answering(folder, process, timeout)


def refuse_elsewhere(receiver: str) -> None:
    """Refuse a receiver of webhooks that is not on this machine, since no data may leave it.

    Raises:
        SandboxError: if it is on another machine, or is not an http:// address.
    """
    address = urlsplit(receiver)
    with contextlib.suppress(ValueError):
        if address.scheme == "http" and address.hostname and address.port:
            host = "127.0.0.1" if address.hostname == "localhost" else address.hostname
            if ipaddress.ip_address(host).is_loopback:
                return
    raise SandboxError(
        f"{receiver} cannot receive webhooks: the sandbox posts to this machine only. Name an address such as"
        " http://127.0.0.1:9000, with its port."
    )


def _settled(folder: Path, timeout: float) -> SandboxStatus:
    """Return the status once it is certain: a process that holds the folder without answering is starting or ending."""
    deadline = time.monotonic() + timeout
    state = status(folder)
    while state.running and not (state.port and _answers(state.port)):
        if time.monotonic() > deadline:
            raise SandboxError(f"A process holds {folder} but does not answer. {_how_to_end(folder, state)}")
        time.sleep(_POLL_IN_SECONDS)
        state = status(folder)
    return state


def _how_to_end(folder: Path, state: SandboxStatus) -> str:
    process = f"`kill -9 {state.pid}`" if state.pid else f"`fuser -k {lock.path(folder)}`"
    return f"Look at {folder / LOG}; end it with {process}: no data is lost."


def _wait_until_answering(folder: Path, process: subprocess.Popen[bytes], timeout: float) -> SandboxStatus:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SandboxError(_last_lines(folder, f"The sandbox ended at once (exit code {process.returncode})."))
        state = status(folder)
        if state.running and state.pid == process.pid and _answers(state.port):
            return state
        time.sleep(_POLL_IN_SECONDS)
    process.terminate()
    raise SandboxError(_last_lines(folder, f"The sandbox did not answer within {timeout:g} seconds and was ended."))


def _last_lines(folder: Path, message: str) -> str:
    lines = (folder / LOG).read_text(errors="replace").splitlines()[-_LOG_TAIL:]
    errors = [line for line in lines if line.startswith("error: ")]
    lines_shown = errors[-1:] or [f"Its log, {folder / LOG}, ends with:", *lines]
    return "\n".join([message, *lines_shown])


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def stop(folder: Path, timeout: float = 30.0) -> bool:
    """End the sandbox and wait until it and its children are gone; return False if none was running.

    Raises:
        SandboxError: if it did not end in time.
    """
    state = status(folder)
    if not state.running:
        return False
    deadline = time.monotonic() + timeout
    # a process that has just taken the folder says in an instant which one it is; 0 would be the caller's whole group
    while state.running and not state.pid and time.monotonic() < deadline:
        time.sleep(_POLL_IN_SECONDS)
        state = status(folder)
    if state.pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(state.pid, signal.SIGTERM)
    while lock.is_held(folder):
        if time.monotonic() > deadline:
            raise SandboxError(f"The sandbox did not end within {timeout:g} seconds. {_how_to_end(folder, state)}")
        time.sleep(_POLL_IN_SECONDS)
    for child in list(_children.values()):
        # A child that has ended stays in the process table until its parent polls it.
        if child.pid == state.pid or child.poll() is not None:
            child.wait()
            # Another thread that stops another sandbox may have removed it.
            _children.pop(child.pid, None)
    return True


def reset(folder: Path) -> None:
    """Stop the sandbox and delete all its data, including log and credentials."""
    stop(folder)
    if folder.exists():
        shutil.rmtree(folder)


def serve(folder: Path, images: tuple[Path, ...], port: int, **settings: Any) -> None:
    """Run the sandbox in this process until SIGTERM or SIGINT; `settings` are attributes of its World.

    Raises:
        SandboxError: if the folder is in use or of another version, or the port is in use.
    """
    from snowflake_sandbox import world as composition  # noqa: PLC0415  # slow to import, only needed here
    from snowflake_sandbox.clock import SystemClock  # noqa: PLC0415  # likewise
    from snowflake_sandbox.data import data_errors  # noqa: PLC0415  # likewise

    # Only the owner may read the sandbox's files.
    os.umask(0o077)
    signal.signal(signal.SIGTERM, _end)
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder), _listening(folder, port) as listener:
        address = listener.getsockname()[:2]
        try:
            login = files.ensured_credentials(folder)
            world = composition.build(folder, images, SystemClock(), address=address, password=login.password)
            vars(world).update(settings)
            data_errors.at_the_end.tell = partial(process_log.end_loudly, folder)
            composition.start(world)
        except DataFolderError as error:
            raise SandboxError(str(error)) from error
        except OSError as error:
            raise SandboxError(f"{error.filename or folder} cannot be used: {error.strerror}.") from error
        try:
            files.write_process(folder, os.getpid(), address[1])
            _serve_http(world, listener)
        finally:
            composition.stop(world)


def _end(_number: int, _frame: object) -> None:
    """End in order on SIGTERM; uvicorn raises the signal again once it has stopped."""
    raise SystemExit(0)


def _serve_http(world: World, listener: socket.socket) -> None:
    import uvicorn  # noqa: PLC0415  # see serve

    from snowflake_sandbox.protocol.bounded_http import BoundedHttp  # noqa: PLC0415  # see serve
    from snowflake_sandbox.protocol.server import Server  # noqa: PLC0415  # see serve

    configuration = uvicorn.Config(
        Server(world).application(),
        log_level="warning",
        access_log=False,
        http=BoundedHttp,
        timeout_keep_alive=300,
        # Requests that wait for a job must not delay the end.
        timeout_graceful_shutdown=1,
    )
    uvicorn.Server(configuration).run(sockets=[listener])


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        with lock.held(folder):
            yield
    except OSError as error:
        # Only of the lock: what a running sandbox meets has its own messages.
        if error.filename != str(lock.path(folder)):
            raise
        raise SandboxError(
            f"{error.filename} cannot be written: {error.strerror}. Usual cause: a read-only or full file system, or"
            " a file of another user. Nothing was changed; make it writable, and start the sandbox again."
        ) from error
    except lock.HeldError:
        raise SandboxError(
            f"A sandbox is already running on {folder}. Use it, or stop it with `jobgraph sandbox stop`."
        ) from None


@contextlib.contextmanager
def _listening(folder: Path, port: int) -> Iterator[socket.socket]:
    # With a named protocol, asyncio switches off Nagle's algorithm on the connections; otherwise an answer takes 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(_BACKLOG)
        except OSError as error:
            raise SandboxError(
                f"Port {port} of {HOST} cannot be used for the sandbox of {folder}: {error.strerror}."
                " Usual cause: another program, or another project's sandbox, listens there."
                " Choose another port, or leave it out to get a free one."
            ) from error
        yield listener


def _free_or_any(port: int) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return 0
    return port
