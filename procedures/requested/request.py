"""The special requests of runs: a part of the graph, or an interval of a backfill.

EXECUTE TASK ... USING CONFIG is the only way to pass it, so the request is an entry of the run's configuration. Knows
the entry's keys, which `jobgraph.runs` reads too. Must not know SQL. Shipped as a part of stored procedures' texts.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from jobgraph.procedures.requested.json_texts import read_json

# the key of the configuration that is reserved for jobgraph
REQUEST = "jobgraph"
# the status of a job that its run left out
LEFT_OUT = "LEFT_OUT"
NOT_IN_THIS_RUN = "left out of this run"
KINDS = {"left_out": list, "backfill": str, "interval": int, "start": str, "end": str}
INTERVAL_LIMIT = 10**9
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
    values = read_json(text)
    if not isinstance(values, dict) or not is_request(values.get(REQUEST)):
        return Request(), text
    entry = values.pop(REQUEST)
    request = Request(
        left_out=tuple(entry.get("left_out") or ()),
        backfill=entry.get("backfill") or "",
        interval=entry.get("interval") or 0,
        start=entry.get("start") or "",
        end=entry.get("end") or "",
    )
    return request, json.dumps(values) if values else ""


def is_request(entry: Any) -> bool:
    """Return whether an entry has the form of a request; others may set any value under the same key."""
    if not isinstance(entry, dict):
        return False
    values = {name: value for name, value in entry.items() if name in KINDS and value is not None}
    if any(type(value) is not KINDS[name] for name, value in values.items()):
        return False
    texts = [*values.get("left_out", ()), *(values.get(name, "") for name in ("backfill", "start", "end"))]
    # half of a surrogate pair can be neither printed nor sent
    return (
        all(isinstance(text, str) and not re.search("[\ud800-\udfff]", text) for text in texts)
        and 0 <= values.get("interval", 0) < INTERVAL_LIMIT
    )
