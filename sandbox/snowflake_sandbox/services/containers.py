"""A container as a child process: start, log, memory limit, stop, and the clean-up of what a killed sandbox left.

Knows processes; must not know services, the store or Snowflake. Every container has a session and process group of its
own, so that stopping it takes its children along, and dies with the sandbox (launcher.py).
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
# Asked of the machine and not of sys.platform, which a type checker takes for a constant.
_LINUX = platform.system() == "Linux"
_PAGE = os.sysconf("SC_PAGE_SIZE")
# How often memory and processes of a container are looked at. The kernel's own accounting (cgroups) needs rights that
# a laptop's user does not have.
_CHECK_MS = 100
# More than any job needs, and fewer than a machine has.
MOST_PROCESSES = 1000
# Bytes that containers leave free on the disk of the data folder: the sandbox itself and everybody else need some.
LEAST_FREE = 512 << 20
_LOOKS_PER_DISK_CHECK = 10
_BLOCK = 512  # of st_blocks, whatever the file system's
# How long a container may take to end after SIGTERM. The platform gives 30 s; a development machine less.
GRACE_IN_SECONDS = 5.0
KILLED = 128 + signal.SIGKILL


@dataclass(frozen=True)
class Launch:
    """What to run.

    Attributes:
        environment: the whole environment: nothing is inherited from the sandbox.
        log: file that takes standard output and standard error (logs.py).
        memory_limit: bytes of resident memory, children included; None without a limit.
        collector: takes a copy of what it writes.
        surroundings: what it sees of this machine; None for all of it.
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
    """How a process ended: `code` is the exit code, 128 + signal for a killed one."""

    code: int
    out_of_memory: bool = False


class ContainerProcess:
    """One container's process, watched by a thread of its own.

    That thread also starts it: the parent-death signal of Linux is bound to the thread that started the child.

    Args:
        on_start: called with the process id and its identity (`identity`), before anything is read from it.
        on_end: called once, last.
    """

    def __init__(self, launch: Launch, on_start: Callable[[int, str], None], on_end: Callable[[Ended], None]) -> None:
        self._launch, self._on_start, self._on_end = launch, on_start, on_end
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"container {launch.command[0]}", daemon=True)

    def start(self) -> None:
        """Start it; returns at once."""
        self._thread.start()

    def stop(self, grace: float = GRACE_IN_SECONDS) -> None:
        """Ask the process to end, kill it after `grace` seconds; returns at once."""
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
        """Wait until it has ended and `on_end` was called."""
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        ended = Ended(KILLED)
        try:
            ended = self._live(LogWriter(self._launch.log))
        except Exception:  # noqa: BLE001  # logged: a container that nobody watches must end, and its job with it
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
        # Where there is no launcher's clean-up (it was killed), children would live on outside any container.
        _signal_group(process.pid, signal.SIGKILL)
        for reader in readers:
            # A process that could not be ended may hold the pipe; the job must not wait for it.
            reader.join(GRACE_IN_SECONDS)
        if any(reader.is_alive() for reader in readers):
            writer.write(b"sandbox: a process of this container could not be ended; its further output is not kept\n")
        with suppress(OSError):
            writer.close()
            if self._launch.collector is not None:
                self._launch.collector.close()
        return Ended(code if code >= 0 else 128 - code, out_of_memory)

    def _pump(self, stream: str, output: IO[bytes], writer: LogWriter) -> None:
        """Read what the container writes to its end: it must not wait, or fail, because a log cannot be written."""
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
            # Two pipes keep the streams apart, one keeps the order between them.
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
                # E.g. an argument list that is too long, a NUL in it, or no memory left for a process.
                writer.write(f"cannot start the container's process: {error}\n".encode())
                return None
            return self._process


def _watch(process: subprocess.Popen[bytes], launch: Launch, writer: LogWriter) -> bool:
    """Wait for the end of a process; end it and return True when it takes more memory than the limit.

    It is also ended, as failed, with more processes than any job needs, or when its files fill the disk, so that it
    does not take the machine along.
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
    """Whether the disk is nearly full, and the container's folder and volumes hold more than what is left of it."""
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
    """Bytes on the disk of all files of a folder."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_blocks * _BLOCK
    return total


def _programs(launcher: int) -> list[int]:
    """The processes of a container without those of its launcher, which no process can pass itself off as."""
    own = {launcher, *(pid for pid in _children(launcher) if _is_first(pid))}
    # More need not be counted: of some that fork as fast as they can, there is no end.
    return [pid for pid in islice(_tree(launcher), MOST_PROCESSES + len(own) + 1) if pid not in own]


def _is_first(pid: int) -> bool:
    """Whether a child of a launcher is the first process of its namespace, which is a part of the launcher."""
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
    """A process and everything below it, parents first. Without recursion: a chain may be longer than Python allows."""
    members = deque([pid])
    while members:
        member = members.popleft()
        yield member
        members += _children(member)


def _children(pid: int) -> list[int]:
    """The children of a process; each belongs to the thread that made it."""
    children: list[int] = []
    # A process may end while it is read: what is below it then belongs to its launcher, which ends that itself.
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                children += map(int, (thread / "children").read_text().split())
    return children


def kill(pid: int) -> None:
    """Kill everything below a launcher; it then ends by itself, having ended what was left."""
    # Each before its children are read, so that they cannot go on forking meanwhile: an orphan is the launcher's.
    members = islice(_tree(pid), 1, None) if _LINUX else iter(())
    first = next(members, None)
    if first is None:
        _signal_group(pid, signal.SIGKILL)
        return
    for member in chain([first], members):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(member, signal.SIGKILL)


def _signal_group(pid: int, number: int) -> None:
    # The group may be gone already, or (macOS) hold nothing but a process that ended.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def identity(pid: int) -> str:
    """What tells a process from a later one with the same id: boot and start time. "" when it is gone.

    Elsewhere than on Linux: start time as `ps` gives it.
    """
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{_stat(pid)[19]}"
    if _LINUX:
        return ""
    listing = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listing.stdout.strip()


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the state on: 2 is the process group, 3 the session, 19 the start time."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def end_leftover(pid: int, started_as: str) -> bool:
    """Kill a process of an earlier sandbox and everything in its session; False when nothing of it was left.

    Args:
        pid: its process id, which was also its session's and group's.
        started_as: its identity; another process with the same id is left alone.
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
