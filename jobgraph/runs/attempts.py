"""Attempts of jobs, read from rows of the history table JOBS_RUN_STATS.

Pure. Knows the columns of that table and how its texts are shortened to a line. Must not know tasks, runs or where rows
come from. A history table that an earlier version created may lack later columns; their values are then empty or None.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jobgraph.procedures.requested.json_texts import read_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Row = dict[str, Any]

DONE = "DONE"
_LONGEST_CAUSE = 300
# If a signal ends a program, shells and container runtimes report the exit code 128 plus the signal's number.
_SIGNALS = {
    129: "SIGHUP",
    130: "SIGINT",
    131: "SIGQUIT",
    132: "SIGILL",
    133: "SIGTRAP",
    134: "SIGABRT",
    135: "SIGBUS",
    136: "SIGFPE",
    137: "SIGKILL",
    139: "SIGSEGV",
    141: "SIGPIPE",
    143: "SIGTERM",
}


@dataclass(frozen=True)
class Attempt:
    """One attempt of a job, that is, one job service. Datetimes are timezone-aware; `duration` is in seconds.

    `reason_class` is empty if the attempt is DONE. `reason` is the platform's message; `error` is the first line of the
    log that mentions an error. `outputs` is what the job returned, usually an object; None if it returned nothing.
    """

    number: int
    state: str
    reason_class: str = ""
    reason: str = ""
    error: str = ""
    exit_code: int | None = None
    started: datetime | None = None
    completed: datetime | None = None
    duration: float | None = None
    service: str = ""
    compute_pool: str = ""
    node_family: str = ""
    replicas: int = 1
    image_digest: str = ""
    query_id: str = ""
    log_location: str = ""
    outputs: Any = None

    @property
    def reason_label(self) -> str:
        """The reason class for display, such as `app_error(3)` or `timeout`."""
        if self.reason_class == "app_error" and self.exit_code is not None:
            return f"{self.reason_class}({self.exit_code})"
        return self.reason_class

    @property
    def cause(self) -> str:
        """Why the attempt was not DONE, in one line; empty if nothing is known."""
        parts = (self.reason_label, self.signal, first_line(self.reason), self.error)
        return ": ".join(dict.fromkeys(part for part in parts if part))

    @property
    def signal(self) -> str:
        """The signal that ended the program, according to its exit code; empty if none did."""
        name = _SIGNALS.get(self.exit_code or 0)
        return f"killed by {name}" if name else ""

    @property
    def rows_written(self) -> int | None:
        """The output `rows_written`; None if there is none or it is not a whole number."""
        value = self.outputs.get("rows_written") if isinstance(self.outputs, dict) else None
        return value if isinstance(value, int) else None


def read(row: Row) -> Attempt:
    """Read one row."""
    return Attempt(
        number=int(row["ATTEMPT"]),
        state=str(row["JOB_STATUS"]),
        reason_class=_text(row, "REASON_CLASS"),
        reason=_text(row, "REASON"),
        error=first_line(row.get("ERRORS")) or first_line(row.get("FIRST_ERROR")),
        exit_code=_whole(row.get("EXIT_CODE")),
        started=instant(row.get("STARTED_TIME")),
        completed=instant(row.get("COMPLETED_TIME")),
        duration=None if row.get("DURATION_IN_SECS") is None else float(row["DURATION_IN_SECS"]),
        service=_text(row, "SERVICE_NAME"),
        compute_pool=_text(row, "COMPUTE_POOL"),
        node_family=_text(row, "NODE_FAMILY"),
        replicas=_whole(row.get("REPLICAS")) or 1,
        image_digest=_text(row, "IMAGE_DIGEST"),
        query_id=_text(row, "QUERY_ID"),
        log_location=_text(row, "LOG_LOCATION"),
        outputs=_outputs(row.get("OUTPUTS")),
    )


def families_of_pools(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the instance family of each pool, by the last of the rows that says it: recovered attempts may not."""
    return {_text(row, "COMPUTE_POOL"): family for row in rows if (family := _text(row, "NODE_FAMILY"))}


def instant(value: datetime | str | None) -> datetime | None:
    """Return a timezone-aware datetime from a TIMESTAMP_LTZ cell, or from a text in TASK_LOGGING_STATS.

    A value without a zone is taken as UTC; an empty value gives None.

    Raises:
        ValueError: if a text is not a timestamp.
    """
    if not value:
        return None
    if isinstance(value, str):
        text = value.strip()
        # Snowflake prints `2026-01-31 10:00:00.000 -0800`, with a space before the zone.
        head, _, zone = text.rpartition(" ")
        value = datetime.fromisoformat(head + zone if zone[:1] in {"+", "-"} else text)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def first_line(text: str | None) -> str:
    """Return the first non-blank line, stripped; empty if there is none."""
    return next((line.strip() for line in (text or "").splitlines() if line.strip()), "")


def one_line(text: str) -> str:
    """Return a task's error on one line, shortened: only the last line of a Python traceback, otherwise all of it."""
    # The last line of a procedure's error is ` in function NAME with handler HANDLER`.
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(" in function ")]
    line = lines[-1] if lines and "Traceback" in text else " ".join(lines)
    return line if len(line) <= _LONGEST_CAUSE else line[: _LONGEST_CAUSE - 3] + "..."


def _text(row: Mapping[str, Any], column: str) -> str:
    return str(row.get(column) or "")


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _outputs(value: Any) -> Any:
    """Return outputs parsed from JSON. A user's own container may print anything; what is not JSON stays text."""
    return read_json(value, value) if isinstance(value, str) else value
