"""The process around a container's program: it mounts and hides folders, and ends everything that the program started.

containers.py runs it as a script with `python -I -S`. It imports only the standard library, to start in milliseconds.
Arguments: the sandbox's process id, the surroundings as JSON (`Surroundings` in launching.py), a file descriptor, then
the program and its arguments. The program's environment is read as JSON from the descriptor. It is not this process's
own environment, because a variable such as LD_PRELOAD would run the container's code outside the container. All this is
done here, not between fork and exec in the sandbox, because code there may deadlock in a process with threads.

If the system allows it, the program runs in a process namespace: when the program or this process ends, everything in
the namespace ends. Otherwise this process adopts what the program leaves behind (as a subreaper) and ends it.

Mounts are made in this process's own mount namespace: no other process sees them, they disappear with the process, and
nothing is written to the machine's folders. If a path does not exist, its parent folder is replaced, for this process,
by a folder in memory with the same entries and the new path.
"""
# ruff: noqa: PTH100, PTH101, PTH102, PTH103, PTH109, PTH110, PTH112, PTH115, PTH116, PTH120, PTH123, PTH211  # pathlib starts slowly

import contextlib
import ctypes
import json
import os
import select
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import typing

# This process has no other packages in its path.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from snowflake_sandbox import confinement  # noqa: E402  # found by the path set above

del sys.path[0]

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_CLONE_NEWNS, _CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWPID = 0x20000, 0x8000000, 0x10000000, 0x20000000
# The devices that every program needs; not disks, nor the shared memory of other programs.
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "pts")
_DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "ptmx": "pts/ptmx"}
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
# A shell's exit codes for a program that does not exist or may not be executed.
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
_SESSION_FOLDER = "/snowflake/session"


def die_with_parent(parent: int) -> None:
    """Make the kernel kill this process when its parent ends (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent ended before the signal was set
            os._exit(_NOT_FOUND)


class Mounting:
    """The mounts of this process."""

    def __init__(self, workplace: str) -> None:
        self._workplace = workplace
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._mirrored: set[str] = set()
        self._bound: list[str] = []

    def enter(self) -> None:
        """Enter a mount namespace; if this process lacks the right, enter a user namespace too.

        Raises:
            OSError: the system does not allow it; nothing was changed.
        """
        if self._libc.unshare(_CLONE_NEWNS | _CLONE_NEWIPC) != 0:
            # A user namespace in which nothing can be mounted cannot be left again, so another process tries first.
            trial = os.fork()
            if not trial:
                os._exit(self._try_to_enter())
            failed = os.waitstatus_to_exitcode(os.waitpid(trial, 0)[1])
            self._check(failed, "user namespace", failed)
            self._enter_as_user()
        confinement.mount(None, "/", _MS_REC | _MS_PRIVATE)

    def _try_to_enter(self) -> int:
        try:
            self._enter_as_user()
            confinement.mount(None, "/", _MS_REC | _MS_PRIVATE)
            confinement.mount("tmpfs", self._workplace, 0, "tmpfs")
        except OSError as error:
            return error.errno or 1
        return 0

    def _enter_as_user(self) -> None:
        user, group = os.getuid(), os.getgid()
        self._check(self._libc.unshare(_CLONE_NEWNS | _CLONE_NEWIPC | _CLONE_NEWUSER), "unshare")
        for file, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{file}", "w") as writer:
                writer.write(text)

    def bind(self, source: str, path: str, *, read_only: bool) -> None:
        """Mount a folder at a path."""
        holder, missing = path, False
        while not os.path.isdir(holder):
            holder, missing = os.path.dirname(holder), True
        if missing:
            # Inside another mount the folder can be created, as on the platform.
            if not any(f"{holder}/".startswith(f"{bound}/") for bound in self._bound):
                self._mirror(holder)
            os.makedirs(path, exist_ok=True)
        confinement.mount(source, path, _MS_BIND | _MS_REC)
        self._bound.append(path)
        if read_only:
            confinement.make_read_only(path)

    def own_devices(self) -> None:
        """Replace /dev by a folder in memory with the usual devices, and shared memory that ends with the program."""
        folder = f"{self._workplace}/dev"
        os.makedirs(folder, exist_ok=True)
        confinement.mount("tmpfs", folder, 2, "tmpfs")
        os.chmod(folder, 0o755)  # noqa: S103  # as /dev has it
        for name in filter(lambda name: os.path.exists(f"/dev/{name}"), _DEVICES):
            self._show_path(f"/dev/{name}", f"{folder}/{name}")
        for name, target in _DEVICE_LINKS.items():
            os.symlink(target, f"{folder}/{name}")
        os.mkdir(f"{folder}/shm")
        confinement.mount("tmpfs", f"{folder}/shm", 2 | 4, "tmpfs")
        os.chmod(f"{folder}/shm", 0o1777)  # noqa: S103  # likewise
        confinement.mount(folder, "/dev", _MS_BIND | _MS_REC)

    def protect_machine(self) -> None:
        """Let the machine's settings in /sys only be read, with all that is mounted there."""
        with open("/proc/self/mountinfo") as listed:
            places = [line.split()[4] for line in listed]
        for place in places:
            if place == "/sys" or place.startswith("/sys/"):
                with contextlib.suppress(OSError):
                    confinement.make_read_only(place)

    def _mirror(self, folder: str) -> None:
        """Replace a folder by a folder in memory with the same entries."""
        if folder in self._mirrored:
            return
        stage = f"{self._workplace}/{len(self._mirrored)}"
        self._mirrored.add(folder)
        os.makedirs(stage, exist_ok=True)
        confinement.mount("tmpfs", stage, 0, "tmpfs")
        os.chmod(stage, os.stat(folder).st_mode & 0o7777)
        for entry in list(os.scandir(folder)):
            self._show(entry, f"{stage}/{entry.name}")
        if folder == "/":
            here = os.getcwd()
            os.chroot(stage)
            os.chdir(here)
        else:
            confinement.mount(stage, folder, _MS_BIND | _MS_REC)

    def _show(self, entry: "os.DirEntry[str]", target: str) -> None:
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), target)
            return
        self._show_path(entry.path, target)

    def _show_path(self, path: str, target: str) -> None:
        if os.path.isdir(path):
            os.mkdir(target)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
        confinement.mount(path, target, _MS_BIND | _MS_REC)

    def _check(self, answer: int, label: str, number: int = 0) -> None:
        if answer != 0:
            number = number or ctypes.get_errno()
            raise OSError(number, os.strerror(number), label)

    def own_temporary_folders(self, source: int, visible: "list[str]") -> None:
        """Have folders for temporary files that no other program sees."""
        confinement.own_temporary_folders(source, visible)
        self._bound += confinement.TEMPORARY

    def enter_processes(self) -> None:
        """Make the next child the first process of a process namespace; when it ends, all processes in it end.

        Raises:
            OSError: the system does not allow it.
        """
        self._check(self._libc.unshare(_CLONE_NEWPID), "process namespace")


def isolate(
    workplace: str, temporary: str, hidden: "list[str]", visible: "list[str]", protected: "list[str]"
) -> "Mounting":
    """Enter a mount namespace, protect folders of this machine, and hide the folders `hidden`, except the visible ones.

    Its folders for temporary files are `temporary`.

    Raises:
        OSError: the system does not allow it.
    """
    mounting = Mounting(workplace)
    os.makedirs(workplace, exist_ok=True)
    os.makedirs(temporary, mode=0o700, exist_ok=True)
    mounting.enter()
    # It may be below a folder that is hidden next.
    own = os.open(temporary, os.O_PATH | os.O_DIRECTORY)
    mounting.own_devices()
    mounting.protect_machine()
    for folder in protected:
        confinement.protect(folder)
    for folder in filter(os.path.isdir, hidden):
        confinement.cover(folder, None, visible)
    mounting.own_temporary_folders(own, [*visible, *protected])
    os.close(own)
    return mounting


def tell_unmounted(mounts: "list[tuple[str, str, bool]]", reason: object) -> None:
    """Write to the container's log where things are on a system without mounts."""
    for source, path, _ in mounts:
        if path == _SESSION_FOLDER:  # a variable has its path, too
            continue
        sys.stderr.write(f"sandbox: no mount at {path} on this system ({reason}); it is {source}\n")
    sys.stderr.flush()


def surround(settings: "dict[str, typing.Any]") -> "Mounting | None":
    """Hide and mount folders, outer paths first; return None if the system allows no namespace."""
    mounting = None
    mounts = settings["mounts"]
    try:
        mounting = isolate(*(settings[name] for name in ("workplace", "temporary", "hidden", "visible", "protected")))
        for source, path, read_only in sorted(mounts, key=lambda mount: mount[1]):
            mounting.bind(source, path, read_only=read_only)
    except (OSError, AttributeError) as error:
        tell_unmounted(mounts, error)
    return mounting


def read_environment(descriptor: int) -> "dict[str, str]":
    """Return the program's environment, read from the descriptor."""
    with open(descriptor, "rb") as sent:
        return dict(json.loads(sent.read()))


def run(
    mounting: "Mounting | None", command: "tuple[str, ...]", environment: "dict[str, str]", *, confines: bool = False
) -> int:
    """Run the program, end what it left behind, and return its exit code, or 128 + signal if it was killed."""
    is_apart = False
    if mounting is not None:
        with contextlib.suppress(OSError):
            mounting.enter_processes()
            is_apart = True
    # Only this process keeps the pipe open. Its end informs the namespace's first process, which cannot see its parent.
    reading, writing = os.pipe()
    if not is_apart and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = os.fork()
    if not child:
        os.close(writing)
        if is_apart:
            os._exit(_be_first(mounting, reading, command, environment, confines=confines))
        _become(command, environment, os.getppid(), confines=confines)
    os.close(reading)
    code = _code(_wait_for(child))
    if not is_apart:
        _end_the_rest()
    return code


def _be_first(
    mounting: "Mounting | None",
    alive: int,
    command: "tuple[str, ...]",
    environment: "dict[str, str]",
    *,
    confines: bool,
) -> int:
    """Act as the first process of a namespace: run the program to its end. The kernel then ends the other processes."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if select.select([alive], [], [], 0)[0]:  # the launcher ended before the signal was set
        return _NOT_FOUND
    with contextlib.suppress(OSError):
        if mounting is not None:
            confinement.show_own_processes()
    child = os.fork()
    if not child:
        os.close(alive)
        _become(command, environment, os.getppid(), confines=confines)
    return _code(_wait_for(child))


def _wait_for(child: int) -> int:
    """Reap all children until `child` has ended; return how it ended."""
    while True:
        pid, ended = os.wait()
        if pid == child:
            return ended


def _code(ended: int) -> int:
    code = os.waitstatus_to_exitcode(ended)
    return code if code >= 0 else 128 - code


def _end_the_rest() -> None:
    """End what the program left behind; orphans become children of this process (Linux)."""
    while True:
        for pid in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def _children() -> "list[int]":
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as listed:
            return [int(pid) for pid in listed.read().split()]
    except OSError:
        return []


def _become(command: "tuple[str, ...]", environment: "dict[str, str]", parent: int, *, confines: bool) -> None:
    """Execute the program in this process; if that is impossible, log a line and exit with 126 or 127."""
    die_with_parent(parent)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if sys.platform == "linux":
        confinement.refuse_keyrings()
        confinement.limit_capabilities(with_namespaces=confines)
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606  # no shell is wanted
    except (OSError, ValueError) as error:  # ValueError: a NUL in a variable, or an invalid name
        sys.stderr.write(f"exec {command[0]}: {error.strerror if isinstance(error, OSError) else error}\n")
        sys.stderr.flush()
        os._exit(_NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE)


def main(parent: str, surroundings: str, descriptor: str, *command: str) -> None:
    """Run the program in its surroundings and exit with its exit code."""
    # Stopping a container sends SIGTERM to its group, including this process; only the program responds to it.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    environment = read_environment(int(descriptor))
    settings = json.loads(surroundings)
    mounting = surround(settings)
    # After the mounts, because entering a user namespace clears the signal.
    die_with_parent(int(parent))
    os._exit(run(mounting, command, environment, confines=settings["confines"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
