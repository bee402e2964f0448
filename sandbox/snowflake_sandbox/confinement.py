"""What a program of the sandbox may no longer do or see on Linux: capabilities, keyrings, /tmp, other processes.

Used by services/launcher.py for containers and by procedures/worker.py for each call, which are started as scripts:
imports little, so that they start in milliseconds. Must not know containers or calls.
"""
# ruff: noqa: PTH103, PTH109, PTH112  # pathlib starts slowly

import contextlib
import ctypes
import os
import platform
import struct

_CLONE_NEWNS, _CLONE_NEWIPC, _CLONE_NEWPID = 0x20000, 0x8000000, 0x20000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT, _MS_BIND, _MS_REC = 1, 2, 4, 8, 32, 4096, 16384
_PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 22, 24, 38, 47
_AMBIENT_RAISE, _AMBIENT_CLEAR_ALL, _SECCOMP_FILTER = 2, 4, 2
# Root keeps the capabilities of files, processes and ports of its own. With others it could reach hidden files (reading
# by handle, tracing, mounts, devices) or change the machine (clock, network, modules, priorities, restart).
KEPT_CAPABILITIES = frozenset({0, 1, 3, 4, 5, 6, 7, 8, 10, 18})
_SYS_ADMIN, _LAST_CAPABILITY = 21, 63
_CAPABILITY_VERSION = 0x20080522
# Folders for temporary files, which a container or call has for itself, as on the platform.
TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108  # their names; nothing is created there
_SHARED_MEMORY = "/dev/shm"  # noqa: S108  # its name
# The machine's settings, which root could change, for example the program that the kernel starts after a crash.
_SETTINGS = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs")
# add_key, request_key and keyctl by architecture (AUDIT_ARCH_…), with the mask of their numbers.
_KEYRING_CALLS = {
    0xC000003E: (0xBFFFFFFF, 248, 249, 250),  # x86-64, and x32 by the mask
    0x40000003: (0xFFFFFFFF, 286, 287, 288),  # x86
    0xC00000B7: (0xFFFFFFFF, 217, 218, 219),  # aarch64
    0x40000028: (0xFFFFFFFF, 309, 310, 311),  # arm
    0xC00000F3: (0xFFFFFFFF, 217, 218, 219),  # riscv64
}
_LOAD, _EQUAL, _AND, _RETURN = 0x20, 0x15, 0x54, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050001  # the latter with EPERM


class _Program(ctypes.Structure):
    """A filter as the kernel reads it (struct sock_fprog)."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def refuse_keyrings() -> None:
    """Refuse the kernel's keyrings to this process and its children: all programs of a user share them."""
    rows = [(_LOAD, 0, 0, 4)]
    for architecture, (mask, *calls) in _KEYRING_CALLS.items():
        rows += [(_EQUAL, 0, 4 + len(calls), architecture), (_LOAD, 0, 0, 0), (_AND, 0, 0, mask)]
        rows += [(_EQUAL, left, left == 0, call) for left, call in zip(range(len(calls))[::-1], calls, strict=True)]
        rows += [(_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]
    rows.append((_RETURN, 0, 0, _ALLOW))
    program = _Program(len(rows), b"".join(struct.pack("HBBI", *row) for row in rows))
    libc = ctypes.CDLL(None)
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_FILTER, ctypes.byref(program), 0, 0) != 0:
        # A process that is not root in a namespace must give up set-uid programs first.
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.prctl(_PR_SET_SECCOMP, _SECCOMP_FILTER, ctypes.byref(program), 0, 0)


def limit_capabilities(*, with_namespaces: bool = False) -> None:
    """Limit what this process's programs may do, from their execution on.

    Args:
        with_namespaces: keep the right to create namespaces, for a program that confines its own children.
    """
    kept = KEPT_CAPABILITIES | ({_SYS_ADMIN} if with_namespaces else set())
    libc = ctypes.CDLL(None)
    for capability in range(_LAST_CAPABILITY + 1):
        if capability not in kept:
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    if with_namespaces and os.getuid() != 0:
        _set_capabilities({_SYS_ADMIN}, inheritable={_SYS_ADMIN})
        libc.prctl(_PR_CAP_AMBIENT, _AMBIENT_RAISE, _SYS_ADMIN, 0, 0)


def drop_capabilities() -> None:
    """Limit what this process may do from now on."""
    limit_capabilities()
    ctypes.CDLL(None).prctl(_PR_CAP_AMBIENT, _AMBIENT_CLEAR_ALL, 0, 0, 0)
    _set_capabilities(KEPT_CAPABILITIES if os.getuid() == 0 else set())


def _set_capabilities(kept: "set[int] | frozenset[int]", inheritable: "set[int] | None" = None) -> None:
    libc = ctypes.CDLL(None)
    header = struct.pack("II", _CAPABILITY_VERSION, 0)
    held = ctypes.create_string_buffer(24)
    libc.capget(header, held)
    permitted = struct.unpack("6I", held.raw)
    wanted, passed = (sum(1 << number for number in numbers) for numbers in (kept, inheritable or ()))
    low, high = permitted[1] & wanted & 0xFFFFFFFF, permitted[4] & (wanted >> 32)
    libc.capset(header, struct.pack("6I", low, low, passed & 0xFFFFFFFF, high, high, passed >> 32))


def mount(source: "str | None", target: str, flags: int, kind: "str | None" = None) -> None:
    """Mount something at a path, as the system call does.

    Raises:
        OSError: the system refuses it.
    """
    words = [None if word is None else word.encode() for word in (source, target, kind)]
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), None), target)


def _check(answer: int, label: str) -> None:
    if answer != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), label)


def make_read_only(path: str) -> None:
    """Let what is mounted at a path only be read."""
    flags = os.statvfs(path).f_flag & (_MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    mount(None, path, _MS_BIND | _MS_REMOUNT | _MS_RDONLY | flags)


def protect(path: str) -> None:
    """Let a file or folder of this machine only be read."""
    mount(path, path, _MS_BIND | _MS_REC)
    make_read_only(path)


def show_own_processes() -> None:
    """Make /proc show the processes of this process's namespace, and let the machine's settings in it only be read."""
    mount("proc", "/proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, "proc")
    for place in filter(os.path.exists, _SETTINGS):
        with contextlib.suppress(OSError):
            protect(place)


def cover(folder: str, source: "str | None", visible: "list[str]") -> None:
    """Mount a folder, or an empty one in memory, over another, except for folders below that stay at their paths."""
    here = os.getcwd()
    below = [path for path in visible if path.startswith(f"{folder}/") and os.path.isdir(path)]
    shown_folders = [(path, os.open(path, os.O_PATH | os.O_DIRECTORY)) for path in below]
    if source is None:
        mount("tmpfs", folder, 0, "tmpfs")
    else:
        mount(source, folder, _MS_BIND)
    for path, descriptor in sorted(shown_folders):
        os.makedirs(path, exist_ok=True)
        mount(f"/proc/self/fd/{descriptor}", path, _MS_BIND | _MS_REC)
        os.close(descriptor)
    # The old working folder still has the covered folders above it, so it is entered again.
    os.chdir(here)


def own_temporary_folders(source: int, visible: "list[str]") -> None:
    """Mount a folder over those for temporary files, which programs otherwise share; needs a mount namespace.

    Args:
        source: a descriptor of the folder.
        visible: folders that stay, if they are below one of those.

    Raises:
        OSError: the system refuses it.
    """
    for folder in filter(os.path.isdir, TEMPORARY):
        cover(folder, f"/proc/self/fd/{source}", visible)


class Namespaces:
    """Forks children that each are the first process of a process namespace, with which all others in it end.

    Attributes:
        work: whether the system allows it.
    """

    def __init__(self) -> None:
        self.work = False
        if platform.system() == "Linux":
            self._libc = ctypes.CDLL(None, use_errno=True)
            self._own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
            # To return to the own namespace needs the same right as to create another.
            self.work = self._libc.setns(self._own, _CLONE_NEWPID) == 0

    def fork(self) -> int:
        """Fork as os.fork does.

        Raises:
            OSError: the system has no more processes or namespaces.
        """
        _check(self._libc.unshare(_CLONE_NEWPID), "process namespace")
        try:
            return os.fork()
        finally:
            self._libc.setns(self._own, _CLONE_NEWPID)


def be_alone(temporary: str, visible: "list[str]") -> None:
    """Hide other processes, and what they have in memory and in folders for temporary files; then limit the rights.

    Args:
        temporary: this process's own folder for temporary files.
        visible: folders that stay, if they are below one for temporary files.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with contextlib.suppress(OSError):
        _check(libc.unshare(_CLONE_NEWNS | _CLONE_NEWIPC), "mount namespace")
        own = os.open(temporary, os.O_PATH | os.O_DIRECTORY)
        own_temporary_folders(own, visible)
        os.close(own)
        mount("tmpfs", _SHARED_MEMORY, _MS_NOSUID | _MS_NODEV, "tmpfs")
        show_own_processes()
    drop_capabilities()
