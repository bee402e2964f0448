"""The first moments of a container's process: mounts, a life bound to the sandbox's, then the container's program.

Run as a script by containers.py with `python -I -S`; imports the standard library only, to start in milliseconds.
Arguments: the sandbox's process id, the mounts as JSON (a folder of this container's to work in, and a list of source
folder, path, and whether it is read-only), then the program and its arguments. All this is done here and not between
fork and exec of the sandbox, because code run there in a process with threads may deadlock.

Mounts are made in a mount namespace of the process's own: no other process sees them, they go with it, and nothing is
written into the machine's own folders. Where a path is not there, the folder that should hold it is replaced, for this
process, by one in memory that shows the same entries and has room for the path.
"""
# ruff: noqa: PTH101, PTH102, PTH103, PTH109, PTH112, PTH115, PTH116, PTH120, PTH123, PTH211  # pathlib starts slowly

import ctypes
import json
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_CLONE_NEWNS, _CLONE_NEWUSER = 0x20000, 0x10000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_MS_RDONLY, _MS_REMOUNT = 1, 32
# Flags that a mount in a user namespace must keep (ST_NOSUID and so on, the same numbers).
_KEPT = 2 | 4 | 8
# What a shell answers for a program that is not there, or that may not be executed.
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends (Linux alone has that)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before the signal was set
            os._exit(_NOT_FOUND)


class Mounting:
    """The mounts of this process."""

    def __init__(self, workplace: str) -> None:
        self._workplace = workplace
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._mirrored: set[str] = set()
        self._bound: list[str] = []

    def enter(self) -> None:
        """Get a mount namespace; without the right to that, together with a user namespace.

        Raises:
            OSError: the system does not allow it; nothing was changed.
        """
        if self._libc.unshare(_CLONE_NEWNS) != 0:
            # There is no way back out of a user namespace in which nothing can be mounted, so another process tries.
            trial = os.fork()
            if not trial:
                os._exit(self._try_to_enter())
            failed = os.waitstatus_to_exitcode(os.waitpid(trial, 0)[1])
            self._check(failed, "user namespace", failed)
            self._enter_as_user()
        self._mount(None, "/", _MS_REC | _MS_PRIVATE)

    def _try_to_enter(self) -> int:
        try:
            self._enter_as_user()
            self._mount(None, "/", _MS_REC | _MS_PRIVATE)
            self._mount("tmpfs", self._workplace, 0, "tmpfs")
        except OSError as error:
            return error.errno or 1
        return 0

    def _enter_as_user(self) -> None:
        user, group = os.getuid(), os.getgid()
        self._check(self._libc.unshare(_CLONE_NEWNS | _CLONE_NEWUSER), "unshare")
        for file, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{file}", "w") as writer:
                writer.write(text)

    def bind(self, source: str, path: str, *, read_only: bool) -> None:
        """Show a folder at a path."""
        holder, missing = path, False
        while not os.path.isdir(holder):
            holder, missing = os.path.dirname(holder), True
        if missing:
            # Inside of a mount there is room; it gets the folder, as on the platform.
            if not any(f"{holder}/".startswith(f"{bound}/") for bound in self._bound):
                self._mirror(holder)
            os.makedirs(path, exist_ok=True)
        self._mount(source, path, _MS_BIND | _MS_REC)
        self._bound.append(path)
        if read_only:
            kept = os.statvfs(path).f_flag & _KEPT
            self._mount(None, path, _MS_BIND | _MS_REMOUNT | _MS_RDONLY | kept)

    def _mirror(self, folder: str) -> None:
        """Replace a folder by one in memory with the same entries."""
        if folder in self._mirrored:
            return
        stage = f"{self._workplace}/{len(self._mirrored)}"
        self._mirrored.add(folder)
        os.makedirs(stage, exist_ok=True)
        self._mount("tmpfs", stage, 0, "tmpfs")
        os.chmod(stage, os.stat(folder).st_mode & 0o7777)
        for entry in list(os.scandir(folder)):
            self._show(entry, f"{stage}/{entry.name}")
        if folder == "/":
            here = os.getcwd()
            os.chroot(stage)
            os.chdir(here)
        else:
            self._mount(stage, folder, _MS_BIND | _MS_REC)

    def _show(self, entry: "os.DirEntry[str]", target: str) -> None:
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), target)
            return
        if entry.is_dir():
            os.mkdir(target)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
        self._mount(entry.path, target, _MS_BIND | _MS_REC)

    def _mount(self, source: "str | None", target: str, flags: int, kind: "str | None" = None) -> None:
        words = [None if word is None else word.encode() for word in (source, target, kind)]
        self._check(self._libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), None), target)

    def _check(self, answer: int, what: str, number: int = 0) -> None:
        if answer != 0:
            number = number or ctypes.get_errno()
            raise OSError(number, os.strerror(number), what)


def mount_all(workplace: str, mounts: "list[tuple[str, str, bool]]") -> None:
    """Make the mounts, outer paths first; where that is not possible, the container's log says what is where."""
    if not mounts:
        return
    try:
        mounting = Mounting(workplace)
        os.makedirs(workplace, exist_ok=True)
        mounting.enter()
        for source, path, read_only in sorted(mounts, key=lambda mount: mount[1]):
            mounting.bind(source, path, read_only=read_only)
    except (OSError, AttributeError) as error:
        for source, path, _ in mounts:
            sys.stderr.write(f"sandbox: no mount at {path} on this system ({error}); it is {source}\n")
        sys.stderr.flush()


def main(parent: str, mounts: str, *command: str) -> None:
    """Become the program; leave with 126 or 127 and a line of log if that is impossible."""
    mount_all(*json.loads(mounts))
    # After the mounts: a user namespace takes the signal away again.
    die_with_parent(int(parent))
    try:
        os.execvp(command[0], command)  # noqa: S606  # no shell is wanted
    except OSError as error:
        sys.stderr.write(f"exec {command[0]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(_NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE)


if __name__ == "__main__":
    main(*sys.argv[1:])
