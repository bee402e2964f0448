"""Lines of containers for the event table: collected while they run, readable long after service and node are gone.

Knows what the platform records of a line (developer-guide/snowpark-container-services/monitoring-services) and files;
must not know processes or statements. One file per container stores the first MiB of its lines, each with its time.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

MOST_BYTES = 2**20
# The documented size limit of a record.
_LONGEST_LINE = 16 * 1024
_LEVELS = ("INFO", "ERROR", "NONE")
# OpenTelemetry's numbers (the first of each range), as in the documented example.
_SEVERITIES = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "ERROR": 17, "FATAL": 21}
_INSTANT, _STREAM, _TEXT = "instant", "stream", "text"


@dataclass(frozen=True)
class Line:
    """One line of a container: the time of its collection, its stream and its text."""

    instant: datetime
    stream: str
    text: str


class Collector:
    """Collects the output of a container; one per run of the container, appending to the container's file.

    Args:
        path: the container's file.
        now: returns the current time.
        level: INFO collects both streams, ERROR only standard error, NONE nothing.
    """

    def __init__(self, path: Path, now: Callable[[], datetime], level: str) -> None:
        self._path, self._now, self._level = path, now, level
        self._lock = threading.Lock()
        self._rest = {"stdout": b"", "stderr": b""}
        self._room = MOST_BYTES - (path.stat().st_size if path.exists() else 0)

    @property
    def separate(self) -> bool:
        """Whether standard error must be read as a separate stream."""
        return self._level == "ERROR"

    def take(self, stream: str, data: bytes) -> None:
        """Collect bytes of `stdout` or `stderr`; complete lines are written at once."""
        if self._level == "NONE" or (self._level == "ERROR" and stream == "stdout"):
            return
        with self._lock:
            *lines, remainder = (self._rest[stream] + data).split(b"\n")
            if len(remainder) >= _LONGEST_LINE:
                lines, remainder = [*lines, remainder], b""
            self._rest[stream] = remainder
            self._write(stream, lines)

    def close(self) -> None:
        """Write the remaining text that has no line break."""
        with self._lock:
            for stream, remainder in self._rest.items():
                self._write(stream, [remainder] if remainder else [])
            self._rest = {"stdout": b"", "stderr": b""}

    def _write(self, stream: str, lines: list[bytes]) -> None:
        if not lines or self._room <= 0:
            return
        instant = self._now().isoformat()
        texts = [line[:_LONGEST_LINE].rstrip(b"\r").decode(errors="replace") for line in lines]
        written = "".join(json.dumps({_INSTANT: instant, _STREAM: stream, _TEXT: text}) + "\n" for text in texts)
        written_part = written[: written.rfind("\n", 0, self._room) + 1]
        self._room -= len(written)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a") as file:
            file.write(written_part)


def level(specification: Mapping[str, Any]) -> str | None:
    """Return the level in `spec.logExporters`; INFO by default, None if the level does not exist."""
    exporters = specification.get("logExporters")
    configured = exporters.get("eventTableConfig") if isinstance(exporters, dict) else {}
    if exporters is not None and not isinstance(configured, dict):
        return None
    level_name = (configured or {}).get("logLevel", "INFO")
    return level_name if level_name in _LEVELS else None


def read(path: Path) -> Iterator[Line]:
    """Yield the lines of a container's file, oldest first; a line cut off by a kill is left out."""
    if not path.exists():
        return
    for text in path.read_text().splitlines():
        try:
            record = json.loads(text)
        except ValueError:
            continue
        yield Line(datetime.fromisoformat(record[_INSTANT]), record[_STREAM], record[_TEXT])


@dataclass(frozen=True)
class EventRecord:
    """A line as columns of the event table; `instant` is in UTC without a zone, the others are JSON values."""

    instant: datetime
    value: Any
    record: dict[str, Any]
    scope: dict[str, Any] | None
    attributes: dict[str, Any]


def record(line: Line) -> EventRecord:
    """Return a line as an event record: JSON with a `body` is parsed, anything else is text."""
    structured = _structured(line.text)
    instant = line.instant.astimezone(UTC).replace(tzinfo=None)
    source = {"log.iostream": line.stream}
    if structured is None:
        return EventRecord(instant, line.text, {"severity_text": "INFO"}, None, source)
    severity = str(structured.get("severity_text", "INFO")).upper()
    attributes, scope = structured.get("attributes"), structured.get("scope")
    return EventRecord(
        _stated(structured.get("timestamp")) or instant,
        structured["body"],
        {"severity_number": _SEVERITIES.get(severity, _SEVERITIES["INFO"]), "severity_text": severity},
        scope if isinstance(scope, dict) else None,
        {**source, **(attributes if isinstance(attributes, dict) else {})},
    )


def _structured(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and "body" in value else None


def _stated(text: object) -> datetime | None:
    """Return the time that a structured line states (RFC 3339); None if it is not valid."""
    try:
        instant = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return instant.astimezone(UTC).replace(tzinfo=None) if instant.tzinfo else instant
