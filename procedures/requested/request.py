"""The special requests of runs: a part of the graph, or an interval of a backfill.

EXECUTE TASK ... USING CONFIG is the only way to pass it, so the request is an entry of the run's configuration. Knows
the entry's keys, which `jobgraph.runs` reads too. Must not know SQL. Shipped as a part of stored procedures' texts.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

# the key of the configuration that is reserved for jobgraph
REQUEST = "jobgraph"
# the status of a job that its run left out
LEFT_OUT = "LEFT_OUT"
NOT_IN_THIS_RUN = "left out of this run"
TO_THE_MINUTE = len("2026-01-31 06:00")


class Request(NamedTuple):
    """A request: the tasks to leave out; or an interval of a backfill, with its number, and start and end as text."""

    left_out: tuple[str, ...] = ()
    backfill: str = ""
    interval: int = 0
    start: str = ""
    end: str = ""

    @property
    def is_ordinary(self) -> bool:
        """Whether there is no special request: such a run covers the time since the previous one."""
        return self == Request()

    @property
    def span(self) -> str:
        """The interval in UTC, to the minute; empty if it is not about an interval."""
        start, end = (text[:TO_THE_MINUTE] for text in (self.start, self.end))
        return f"{start} - {end}" if self.backfill else ""

    @property
    def entry(self) -> dict[str, Any]:
        """The request as an entry of a configuration, without empty fields."""
        values = self._asdict() | {"left_out": list(self.left_out)}
        return {name: value for name, value in values.items() if value}


def split_config(text: str) -> tuple[Request, str]:
    """Return the request in a run's configuration, and the configuration without it, which is empty if nothing remains.

    Others may set any text as configuration; it then has no request.
    """
    try:
        values = json.loads(text) if text else {}
    except ValueError:
        return Request(), text
    if not isinstance(values, dict) or not isinstance(values.get(REQUEST), dict):
        return Request(), text
    entry = values.pop(REQUEST)
    request = Request(
        left_out=tuple(str(name) for name in entry.get("left_out") or ()),
        backfill=str(entry.get("backfill") or ""),
        interval=int(entry.get("interval") or 0),
        start=str(entry.get("start") or ""),
        end=str(entry.get("end") or ""),
    )
    return request, json.dumps(values) if values else ""
