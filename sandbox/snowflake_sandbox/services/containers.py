"""A container as a child process: start, log, memory limit, stop, and clean-up of processes that a killed sandbox left.

Knows processes; must not know services, the store or Snowflake. Every container has its own session and process group,
so that stopping it also stops its children. A container ends when the sandbox ends (launcher.py).
"""

from __future__ import annotations

import logging
import os
import platform
import select
import shutil
import signal
import subprocess
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

from snowflake_sandbox.services import launching
from snowflake_sandbox.services.launching import Surroundings
from snowflake_sandbox.services.logs import LogWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from snowflake_sandbox.services.events import Collector

_log = logging.getLogger("snowflake_sandbox.services")
# `platform.system()` is used because type checkers treat `sys.platform` as a constant.
_LINUX = platform.system() == "Linux"
_PAGE = os.sysconf("SC_PAGE_SIZE")
# How often memory and processes of a container are checked. The kernel's accounting (cgroups) is not used, because it
# needs rights that a laptop's user does not have.
_CHECK_MS = 100
# More processes than any job needs, and fewer than a machine can have.
MOST_PROCESSES = 1000
# Bytes that containers must leave free on the disk of the data folder, for the sandbox and other programs.
LEAST_FREE = 512 << 20
_LOOKS_PER_DISK_CHECK = 10
_BLOCK = 512  # the unit of st_blocks on any file system
# How long a container may take to end after SIGTERM. The platform allows 30 s; here it is less, for development.
GRACE_IN_SECONDS = 5.0
KILLED = 128 + signal.SIGKILL


@dataclass(frozen=True)
class Launch:
    """What to run.

    Attributes:
        environment: the complete environment; nothing is inherited from the sandbox.
        log: the file for standard output and standard error (logs.py).
        memory_limit: bytes of resident memory, including children; None without a limit.
        collector: receives a copy of the output.
        surroundings: what the program sees of this machine; None for everything.
    """

    command: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    log: Path
    memory_limit: int | None = None
    collector: Collector | None = None
    surroundings: Surroundings | None = None


@dataclass(frozen=True)
class Ended:
    """How a process ended: `code` is the exit code, or 128 + signal if it was killed."""

    code: int
    out_of_memory: bool = False


class ContainerProcess:
    """One container's process, watched by its own thread.

    The thread also starts the process, because the parent-death signal of Linux is bound to the starting thread.

    Args:
        on_start: called with the process id and identity (`identity`), before any output is read.
        on_end: called once, last.
    """

    def __init__(self, launch: Launch, on_start: Callable[[int, str], None], on_end: Callable[[Ended], None]) -> None:
        self._launch, self._on_start, self._on_end = launch, on_start, on_end
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"container {launch.command[0]}", daemon=True)

    def start(self) -> None:
        """Start the process and return at once."""
        self._thread.start()

    def stop(self, grace: float = GRACE_IN_SECONDS) -> None:
        """Ask the process to end, and kill it after `grace` seconds. Return at once."""
        with self._lock:
            self._stopped = True
            process = self._process
        if process is None:
            return
        if grace > 0:
            _signal_group(process.pid, signal.SIGTERM)
            killer = threading.Timer(grace, kill, (process.pid,))
            killer.daemon = True
            killer.start()
        else:
            kill(process.pid)

    def join(self) -> None:
        """Wait until the process has ended and `on_end` has been called."""
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        ended = Ended(KILLED)
        try:
            ended = self._live(LogWriter(self._launch.log))
        except Exception:  # noqa: BLE001  # logged: an unwatched container must end, and its job with it
            _log.exception("container %s could not be followed, and is ended", self._launch.command[0])
            if self._process is not None:
                kill(self._process.pid)
                self._process.wait()
        finally:
            self._on_end(ended)

    def _live(self, writer: LogWriter) -> Ended:
        process = self._spawn(writer)
        if process is None:
            writer.close()
            return Ended(KILLED)
        self._on_start(process.pid, identity(process.pid))
        readers = [
            threading.Thread(target=self._pump, args=(stream, output, writer), name="container log", daemon=True)
            for stream, output in (("stdout", process.stdout), ("stderr", process.stderr))
            if output is not None
        ]
        for reader in readers:
            reader.start()
        out_of_memory = _watch(process, self._launch, writer)
        code = process.wait()
        # If the launcher was killed, it could not clean up, and children would survive outside any container.
        _signal_group(process.pid, signal.SIGKILL)
        for reader in readers:
            # A process that could not be ended may keep the pipe open; the job must not wait for it.
            reader.join(GRACE_IN_SECONDS)
        if any(reader.is_alive() for reader in readers):
            writer.write(b"sandbox: a process of this container could not be ended; its further output is not kept\n")
        with suppress(OSError):
            writer.close()
            if self._launch.collector is not None:
                self._launch.collector.close()
        return Ended(code if code >= 0 else 128 - code, out_of_memory)

    def _pump(self, stream: str, output: IO[bytes], writer: LogWriter) -> None:
        """Read the container's output to its end. The container must not block or fail if its log cannot be written."""
        collector, lost = self._launch.collector, 0
        with output:
            while data := output.read(65_536):
                try:
                    if lost:
                        writer.write(f"\n[sandbox: {lost} bytes of the log could not be written]\n".encode())
                        lost = 0
                    writer.write(data)
                    if collector is not None:
                        collector.take(stream, data)
                except OSError as error:
                    _log.error("the log of container %s cannot be written: %s", self._launch.command[0], error)
                    lost += len(data)

    def _spawn(self, writer: LogWriter) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopped:
                return None
            # Two pipes keep the streams separate; one pipe keeps the order between them.
            apart = self._launch.collector is not None and self._launch.collector.separate
            try:
                self._process = launching.launch(
                    self._launch.surroundings or Surroundings(self._launch.folder / ".mounts"),
                    self._launch.command,
                    self._launch.environment,
                    cwd=self._launch.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE if apart else subprocess.STDOUT,
                    start_new_session=True,
                    bufsize=0,
                )
            except (OSError, ValueError) as error:
                # E.g. too long an argument list, a NUL in it, or no memory for a process.
                writer.write(f"cannot start the container's process: {error}\n".encode())
                return None
            return self._process


def _watch(process: subprocess.Popen[bytes], launch: Launch, writer: LogWriter) -> bool:
    """Wait for the end of a process. If it exceeds the memory limit, end it and return True.

    To protect the machine, it is also ended, as failed, if it has more processes than any job needs, or if its files
    fill the disk.
    """
    if not hasattr(os, "pidfd_open"):
        return False
    descriptor = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        looks = 0
        while not poll.poll(_CHECK_MS):
            looks += 1
            members = _programs(process.pid)
            if launch.memory_limit is not None and _resident(members) > launch.memory_limit:
                kill(process.pid)
                return True
            if len(members) > MOST_PROCESSES:
                writer.write(f"sandbox: more than {MOST_PROCESSES} processes; the container is ended\n".encode())
                kill(process.pid)
            elif looks % _LOOKS_PER_DISK_CHECK == 0 and _fills_disk(launch):
                writer.write(b"sandbox: the disk is nearly full of this container's files; the container is ended\n")
                kill(process.pid)
    finally:
        os.close(descriptor)
    return False


def _fills_disk(launch: Launch) -> bool:
    """Whether the disk is nearly full, and the container's folder and volumes are larger than the free space."""
    surroundings = launch.surroundings
    if surroundings is None:
        return False
    own = surroundings.workplace.parent
    with suppress(OSError):
        if shutil.disk_usage(own).free >= LEAST_FREE:
            return False
    folders = {own, *(Path(source) for source, _, is_read_only in surroundings.mounts if not is_read_only)}
    return sum(map(_size, folders)) > LEAST_FREE


def _size(folder: Path) -> int:
    """Return the bytes that all files of a folder occupy on the disk."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_blocks * _BLOCK
    return total


def _programs(launcher: int) -> list[int]:
    """Return the processes of a container, without its launcher's, which no other process can impersonate."""
    own = {launcher, *(pid for pid in _children(launcher) if _is_first(pid))}
    # The count stops above the limit: processes that fork as fast as they can would never end.
    return [pid for pid in islice(_tree(launcher), MOST_PROCESSES + len(own) + 1) if pid not in own]


def _is_first(pid: int) -> bool:
    """Whether a launcher's child is the first process of its namespace, and thus part of the launcher."""
    with suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text()
        numbers = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
        return len(numbers) > 1 and numbers[-1] == "1"
    return False


def _resident(members: Iterable[int]) -> int:
    total = 0
    for member in members:
        with suppress(OSError, IndexError, ValueError):
            total += int(Path(f"/proc/{member}/statm").read_text().split()[1]) * _PAGE
    return total


def _tree(pid: int) -> Iterator[int]:
    """Yield a process and its descendants, parents first. No recursion: a chain may exceed Python's recursion limit."""
    members = deque([pid])
    while members:
        member = members.popleft()
        yield member
        members += _children(member)


def _children(pid: int) -> list[int]:
    """Return the children of a process; each child is listed under the thread that created it."""
    children: list[int] = []
    # A process may end while it is being read; its children then go to its launcher, which ends them.
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                children += map(int, (thread / "children").read_text().split())
    return children


def kill(pid: int) -> None:
    """Kill everything below a launcher, which then ends what is left, and itself."""
    # Each process is killed before its children are read, so that it cannot fork meanwhile; orphans go to the launcher.
    members = islice(_tree(pid), 1, None) if _LINUX else iter(())
    first = next(members, None)
    if first is None:
        _signal_group(pid, signal.SIGKILL)
        return
    for member in chain([first], members):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(member, signal.SIGKILL)


def _signal_group(pid: int, number: int) -> None:
    # The group may be gone already, or (macOS) contain only an ended process.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def identity(pid: int) -> str:
    """Return what distinguishes a process from a later one with the same id: boot and start time. "" if it is gone.

    On systems other than Linux: the start time from `ps`.
    """
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{_stat(pid)[19]}"
    if _LINUX:
        return ""
    listing = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listing.stdout.strip()


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat, beginning with the state: 2 is the group, 3 the session, 19 the start."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def end_leftover(pid: int, started_as: str) -> bool:
    """Kill a process of an earlier sandbox and everything in its session; return False if nothing was left.

    Args:
        pid: the process id, which was also the id of its session and group.
        started_as: the process's identity; another process with the same id is left alone.
    """
    boot, _, started = started_as.rpartition(":")
    if not _LINUX:
        if identity(pid) != started_as:
            return False
        _signal_group(pid, signal.SIGKILL)
        return True
    if boot != Path("/proc/sys/kernel/random/boot_id").read_text().strip():
        return False
    ended = False
    for member in Path("/proc").iterdir():
        if not member.name.isdigit():
            continue
        with suppress(OSError, IndexError):
            fields = _stat(int(member.name))
            if fields[3] == str(pid) and int(fields[19]) >= int(started) and fields[0] != "Z":
                os.kill(int(member.name), signal.SIGKILL)
                ended = True
    return ended
