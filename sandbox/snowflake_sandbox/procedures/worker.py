"""The process in which Python procedures run: a fork server with Snowpark loaded, and the child that runs one call.

host.py starts this as a script, with a socket as standard input, so that no module of the sandbox is loaded with it.
For every call the host sends the descriptor of a new socket; the server forks a keeper, and the keeper forks the child
that reads its request there, runs the body with a real Snowpark session to the sandbox, and answers there. The keeper
runs no user code: when the child ends, or the host closes its end, it ends everything that the body started and removes
its temporary files. If the system allows it, the keeper is the first process of a process namespace, which is all that
the body sees, and the body's /tmp and shared memory are its own (confinement.py). Forking a process that has imported
Snowpark takes milliseconds; importing it takes a second.

Must not know the sandbox's store, world or statements: a body does everything through SQL.
"""

from __future__ import annotations

import ctypes
import gc
import http.client
import importlib
import io
import json
import os
import pickle
import platform
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import traceback
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from snowflake_sandbox import confinement
from snowflake_sandbox.worker_pipes import Output, receive, send
from snowflake_sandbox.worker_values import plain

if TYPE_CHECKING:
    from snowflake.snowpark import Session

# The file name of a body in Snowflake's tracebacks.
SOURCE = "_udf_code.py"
# The argument for a server whose bodies may use data frames.
DATA_FRAMES = "--data-frames"
# The connector loads these if they are installed, which takes as long as everything else together. Snowflake has pandas
# only if PACKAGES names it, and no stage of the sandbox is in a cloud.
_PANDAS, _CLOUDS = ("pandas", "numpy"), ("boto3", "botocore")
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 1, 4, 36


@dataclass(frozen=True)
class CallRequest:
    """A call of a procedure.

    Attributes:
        connection: arguments of the connector's `connect`.
        arguments: the handler's arguments after the session, as Python values.
        log: the file for what the body prints. The sandbox opens it: bodies do not see the folder.
        body: None if the handler is in a file of IMPORTS.
        imports: files of IMPORTS (modules, archives of them, data) as names and contents: bodies do not see stages.
        data_frames: whether PACKAGES names pandas, or a package that may need it.
    """

    name: str
    body: str | None
    handler: str
    arguments: tuple[Any, ...]
    connection: dict[str, Any]
    log: str
    imports: tuple[tuple[str, bytes], ...] = ()
    data_frames: bool = False


def serve(control: socket.socket, visible: list[str]) -> None:
    """Fork a child for each call's connection and log received, until the host closes its end or is killed.

    Args:
        control: the socket for requesting children.
        visible: folders that bodies need, if they are below those for temporary files.
    """
    namespaces = confinement.Namespaces()
    # The kernel reaps the keepers; each keeper restores the default for its own children.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        try:
            message, descriptors, _, _ = socket.recv_fds(control, 1, 2)
        except ConnectionResetError:
            return
        if not message:
            return
        if (namespaces.fork() if namespaces.work else os.fork()) == 0:
            _be_keeper(control, descriptors[0], descriptors[1], _Confinement(namespaces.work, visible))
        for descriptor in descriptors:
            os.close(descriptor)


@dataclass(frozen=True)
class _Confinement:
    """How a call is kept apart from others: whether in namespaces, and the folders that it needs below /tmp."""

    in_namespaces: bool
    visible: list[str]


def _be_keeper(control: socket.socket, descriptor: int, log: int, confined: _Confinement) -> None:
    """Have a child run one call, and remove everything it leaves; never returns."""
    try:
        control.close()
        os.setsid()
        if platform.system() == "Linux" and not confined.in_namespaces:
            # Processes that the body leaves behind become children of this process.
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        folder = tempfile.mkdtemp(prefix="procedure-")
        output, target = os.pipe()
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        keeper = os.getpid()
        child = os.fork()
        if child == 0:
            signal.set_wakeup_fd(-1)
            for other in (reading, writing, output, log):
                os.close(other)
            _be_child(descriptor, target, folder, keeper, confined)
        os.close(target)
        written = Output(output, log)
        _wait_for_end(child, descriptor, reading, written)
        if confined.in_namespaces:
            _end_namespace()
        else:
            _end_all(child)
        while written.copy():
            pass
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os._exit(0)


def _wait_for_end(child: int, connection: int, ended: int, output: Output) -> None:
    """Wait until the child ends, or the host closes its end because the call was cancelled or the sandbox killed."""
    poll = select.poll()
    # Linux always reports a closed end; on other systems the child notices it.
    poll.register(connection, 0)
    poll.register(ended, select.POLLIN)
    poll.register(output.pipe, select.POLLIN)
    while connection not in (events := dict(poll.poll())):
        if output.pipe in events and not output.copy():
            poll.unregister(output.pipe)
        if ended not in events:
            continue
        os.read(ended, 1)
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return


def _end_namespace() -> None:
    """End all other processes of the namespace, whose first process this is."""
    with suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    with suppress(ChildProcessError):
        while True:
            os.wait()


def _end_all(child: int) -> None:
    """End the child and the processes it left. The launcher of containers does the same but loads nothing from here."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)
    while True:
        for pid in _children():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as listed:  # noqa: PTH123  # this module imports little
            return [int(pid) for pid in listed.read().split()]
    except OSError:
        return []


def _be_child(descriptor: int, output: int, folder: str, keeper: int, confined: _Confinement) -> None:
    """Run one call and exit without the interpreter's clean-up, which would close the caller's own session."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _die_with(keeper)
        if confined.in_namespaces:
            confinement.be_alone(folder, confined.visible)
            folder = confinement.TEMPORARY[0]
        _be_private()
        tempfile.tempdir = os.environ["TMPDIR"] = folder
        _redirect_output(output)
        _serve_call(socket.socket(fileno=descriptor))
        code = 0
    finally:
        os._exit(code)


def _die_with(keeper: int) -> None:
    """Have the kernel kill this process when its keeper ends (Linux); other systems use `_die_with_host`."""
    if platform.system() == "Linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != keeper:  # the keeper ended before the signal was set
            os._exit(1)


def _be_private() -> None:
    """Keep other calls' bodies, which have the same user, from this process's memory and its token (Linux)."""
    if platform.system() == "Linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _serve_call(connection: socket.socket) -> None:
    data = receive(connection)
    if data is None:
        return
    request = CallRequest(**pickle.loads(data))  # noqa: S301  # sent by the sandbox itself over a socket pair
    watcher = threading.Thread(target=_die_with_host, args=(connection,), daemon=True)
    watcher.start()
    answer = answer_of(request)
    sys.stdout.flush()
    sys.stderr.flush()
    send(connection, json.dumps(answer).encode())


def _redirect_output(output: int) -> None:
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), write_through=True)
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), write_through=True)


def _die_with_host(connection: socket.socket) -> None:
    # Nothing else is ever sent, so this returns only if the host closed its end: cancelled, timed out or killed.
    connection.recv(1)
    os.killpg(0, signal.SIGKILL)


def answer_of(request: CallRequest) -> dict[str, Any]:
    """Run a call, and return `{"value": …}`, `{"columns": […], "rows": […]}` or `{"error": "Traceback …"}`."""
    try:
        _import_files(request.imports)
        handler = _handler(request)
        return plain(handler(_session(request.connection), *request.arguments))
    except SystemExit as error:
        return {"error": f"SystemExit: {error.code}\n"}
    except BaseException as error:  # noqa: BLE001  # the caller sees whatever a body raises
        return {"error": "".join(_format(error))}


def _handler(request: CallRequest) -> Any:
    """Return the function to call: of the body, or without one `<module>.<function>` of IMPORTS."""
    if request.body is None:
        module_name, _, name = request.handler.rpartition(".")
        return getattr(importlib.import_module(module_name), name)
    module = ModuleType("_udf_code")
    sys.modules[module.__name__] = module
    exec(compile(request.body, SOURCE, "exec"), module.__dict__)  # noqa: S102  # running bodies is the purpose
    return getattr(module, request.handler)


def _import_files(files: tuple[tuple[str, bytes], ...]) -> None:
    """Make the files of IMPORTS importable, and readable in the folder whose path Snowflake documents."""
    if not files:
        return
    folder = tempfile.mkdtemp(prefix="imports-")
    for name, content in files:
        target = os.path.join(folder, name)  # noqa: PTH118  # this module imports little
        with open(target, "wb") as writer:  # noqa: PTH123  # likewise
            writer.write(content)
        if target.endswith(".zip"):
            sys.path.insert(0, target)
    sys.path.insert(0, folder)
    sys._xoptions["snowflake_import_directory"] = f"{folder}/"  # noqa: SLF001  # the platform's documented name


def _format(error: BaseException) -> list[str]:
    return traceback.format_exception(type(error), error, _from_body_on(error.__traceback__))


def _from_body_on(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback without this module's frames, as Snowflake shows it."""
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace


def _session(connection: dict[str, Any]) -> Session:
    from snowflake.snowpark import Session  # noqa: PLC0415  # loaded before the fork; a test of this module needs none
    from snowflake.snowpark.files import SnowflakeFile  # noqa: PLC0415  # likewise

    session: Session = Session.builder.configs(connection).create()

    def open_file(location: str, mode: str = "r", *_: Any, require_scoped_url: bool = True) -> io.IOBase:
        return _staged_file(session, connection["session_token"], location, mode, scoped=require_scoped_url)

    SnowflakeFile.open = open_file  # type: ignore[method-assign, assignment]  # Snowflake also replaces this function
    return session


def _staged_file(session: Session, token: str, location: str, mode: str, *, scoped: bool) -> io.IOBase:
    """Open a file as SnowflakeFile.open does: by scoped URL, or also by stage path if the call allows it."""
    if location.startswith("@"):
        if scoped:
            raise ValueError(f"A scoped URL is needed, not {location}: BUILD_SCOPED_FILE_URL creates one.")
        content = session.file.get_stream(location).read()
    else:
        # Always a URL of this sandbox: BUILD_SCOPED_FILE_URL creates no others.
        address = urlsplit(location)
        client = http.client.HTTPConnection(address.hostname or "", address.port)
        client.request("GET", address.path, headers={"Authorization": f'Snowflake Token="{token}"'})
        answer = client.getresponse()
        content = answer.read()
        client.close()
        if answer.getheader("Content-Type") == "application/json":
            raise FileNotFoundError(json.loads(content)["message"])
    return io.BytesIO(content) if "b" in mode else io.StringIO(content.decode())


class _LeavesOut:
    """One of Python's finders, for which some libraries are not installed; `find_spec` may ask for them too."""

    def __init__(self, finder: Any, names: tuple[str, ...]) -> None:
        self._finder, self._names = finder, names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return nothing for the libraries, and what the finder does for any other module."""
        return None if name in self._names else self._finder.find_spec(name, path, target)

    def __getattr__(self, name: str) -> Any:
        """Return what importlib asks of a finder besides."""
        return getattr(self._finder, name)


def _without(names: tuple[str, ...], finders: list[Any]) -> list[Any]:
    return [_LeavesOut(finder, names) for finder in finders]


def _load(*, data_frames: bool) -> None:
    """Import what calls need, once."""
    remaining = list(sys.meta_path) if data_frames else _without(_PANDAS, sys.meta_path)
    sys.meta_path[:] = _without(_CLOUDS, remaining)
    import snowflake.connector.auth  # noqa: PLC0415  # takes a second, and only this process needs it
    import snowflake.connector.gcs_storage_client  # noqa: PLC0415  # likewise
    import snowflake.connector.result_batch  # noqa: PLC0415  # likewise
    import snowflake.snowpark.functions  # noqa: PLC0415  # likewise

    from snowflake_sandbox.client_defaults.sitecustomize import allow_http  # noqa: PLC0415  # likewise

    allow_http(snowflake.connector.gcs_storage_client.SnowflakeGCSRestClient)
    sys.meta_path[:] = remaining
    sys._xoptions.setdefault("snowflake_partner_attribution", [])  # noqa: SLF001  # programs add to it, dbt's for one
    gc.collect()
    gc.freeze()


def main() -> None:
    """Serve on the socket on standard input."""
    # Set before numpy is imported: its thread pool would not survive the fork.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", SNOWFLAKE_DISABLE_PLATFORM_DETECTION="true")
    if platform.system() == "Darwin":
        os.environ["OBJC_DISABLE_INITIALIZE_FORK_SAFETY"] = "YES"
    control = socket.socket(fileno=os.dup(0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _load(data_frames=DATA_FRAMES in sys.argv)
    serve(control, [argument for argument in sys.argv[1:] if argument != DATA_FRAMES])


if __name__ == "__main__":
    main()
