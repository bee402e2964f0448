"""The log of a container: bounded files that keep the beginning and the end of its output.

Knows only files. A job that writes 50 MB must not fill the disk or the memory. The first part of the output is kept;
after it, two files take turns, so that at least one full part of the newest output is kept. The output in between is
dropped, and the log says so.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PART = 2**20
_ENCODING_ERRORS = "replace"


class LogWriter:
    """Appends to a log; there must be only one writer per log.

    Args:
        path: the file of the first part; `<path>.old` and `<path>.new` are the later ones, `<path>.cut` counts dropped
            bytes.
        part: the maximum size of a part, in bytes.
    """

    def __init__(self, path: Path, part: int = PART) -> None:
        self._path, self._part = path, part
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")
        self._in_head = self._file.tell() < part
        if not self._in_head:
            self._file.close()
            self._file = _newer(path).open("ab")

    def write(self, data: bytes) -> None:
        """Append bytes; readers see them at once."""
        with self._lock:
            while data:
                room = self._part - self._file.tell()
                piece, data = data[:room], data[room:]
                self._file.write(piece)
                self._file.flush()
                if self._file.tell() >= self._part:
                    self._turn()

    def _turn(self) -> None:
        self._file.close()
        if not self._in_head and _newer(self._path).exists():
            older = _older(self._path)
            if older.exists():
                _cut(self._path).write_text(str(dropped(self._path) + older.stat().st_size))
            _newer(self._path).replace(older)
        self._in_head = False
        self._file = _newer(self._path).open("ab")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def dropped(path: Path) -> int:
    """Return how many bytes of a log were dropped."""
    return int(_cut(path).read_text()) if _cut(path).exists() else 0


def read(path: Path) -> str:
    """Return everything that was kept of a log, with a line that says how much was dropped."""
    cut = dropped(path)
    notice = f"\n[… {cut} bytes of the log were dropped here …]\n".encode() if cut else b""
    data = _bytes(path) + notice + _bytes(_older(path)) + _bytes(_newer(path))
    return data.decode(errors=_ENCODING_ERRORS)


def newest(path: Path, lines: int | None, most_bytes: int) -> str:
    """Return the last lines of a log, at most `most_bytes`; they begin at a line's start unless a line is longer."""
    data = b""
    for part in (_newer(path), _older(path), path):
        if len(data) <= most_bytes:
            data = _bytes(part) + data
    if len(data) > most_bytes:
        data = data[-most_bytes:]
        start = data.find(b"\n") + 1
        data = data[start:] or data
    text = data.decode(errors=_ENCODING_ERRORS)
    if lines is None:
        return text
    return "".join(deque(text.splitlines(keepends=True), maxlen=lines))


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _older(path: Path) -> Path:
    return path.with_name(path.name + ".old")


def _newer(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def _cut(path: Path) -> Path:
    return path.with_name(path.name + ".cut")
