"""The run, attempt and container that the procedures work with; and how names and texts are put into statements.

Knows no statement and no session. Shipped as a part of a stored procedure's text, so it imports the standard library
only.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from jobgraph.procedures.requested.request import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
LONGEST_LINE = 300
TO_BE_ESCAPED = re.compile(r"[$\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
# jobgraph.config.model has it too
DIRECT = "direct"
DONE = "DONE"
FAILED = "FAILED"
CANCELLED = "CANCELLED"
TIMED_OUT = "TIMED_OUT"
# a job stays in these: docs.snowflake.com/en/sql-reference/sql/desc-service
FINAL = frozenset({DONE, FAILED, CANCELLED, "SUSPENDED", "DELETED", "INTERNAL_ERROR"})


class JobFailed(Exception):  # noqa: N818  # its name starts the task's error message
    """The job ended other than DONE after its last attempt; the text is one line."""


class RunContext(NamedTuple):
    """What a task run is part of; `root` and `task` are names, `started` is the graph run's scheduled time as text.

    `since` is that time of the last run that succeeded (empty: none did); `until` is where the interval of a backfill
    ends (empty: `started`). `returned` are values of predecessors, and `results` where in a stage they left larger
    ones. `config` is the run's configuration as JSON (empty: it has none), without what it was asked for: `request`.
    """

    root: str
    task: str
    group: str
    started: str
    since: str = ""
    returned: Mapping[str, str] = {}
    results: Mapping[str, str] = {}
    config: str = ""
    until: str = ""
    request: Request = Request()


class Container(NamedTuple):
    """A container's state as `SHOW SERVICE CONTAINERS` gives it, and its log. `started`: empty if it never started."""

    instance: str
    name: str
    status: str
    message: str
    exit_code: int | None = None
    digest: str = ""
    started: str = ""
    log: str = ""


class AttemptRecord(NamedTuple):
    """How one attempt went; instants as text, empty if not known. `reason_class` is empty for one that is DONE.

    `created` is when its service was created, `ended` when it was seen to have ended, if that was not just now.
    `reason` is what the platform says, `cause` the line of the log that tells most, `age` the seconds since its start.
    """

    number: int
    service: str
    status: str
    reason_class: str = ""
    reason: str = ""
    cause: str = ""
    first_error: str = ""
    exit_code: int | None = None
    created: str = ""
    ended: str = ""
    outputs: str = ""
    query_id: str = ""
    digest: str = ""
    containers: tuple[Container, ...] = ()
    age: float = 0.0

    @property
    def started(self) -> str:
        """When its first container started; else when its service was created."""
        return min((c.started for c in self.containers if c.started), default=self.created)

    @property
    def label(self) -> str:
        """The reason class, with the exit code where that is the reason."""
        code = self.exit_code is not None and self.reason_class == "app_error"
        return f"{self.reason_class}({self.exit_code})" if code else self.reason_class


def identifier(name: Any) -> str:
    """Return a name that may stand unquoted in a statement, as job services want it; raises ValueError otherwise."""
    if not isinstance(name, str) or not IDENTIFIER.fullmatch(name):
        raise ValueError(f"not a plain Snowflake identifier: {name!r}")
    return name


def object_name(definition: Mapping[str, Any], key: str) -> str:
    """Return the quoted full name of the object that a definition names under `key`."""
    return ".".join(f'"{identifier(name)}"' for name in (definition["database"], definition["schema"], definition[key]))


def literal(text: str) -> str:
    """Return a single-quoted constant, for the places that take no bind."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def yaml_text(value: Any) -> str:
    r"""Return a value as one line of JSON that YAML reads as the same; a `$` in it is written `\u0024`."""
    # YAML reads no pairs of surrogates, so what is beyond \uffff is not escaped; what it refuses as it is, is
    text = json.dumps(value, ensure_ascii=False)
    return TO_BE_ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def dollar_quoted(text: str) -> str:
    """Return a text that holds no `$` as a constant."""
    quotes = "$" * 2  # written out, they would end the dollar quoting of this very text in CREATE PROCEDURE
    return f"{quotes}{text}{quotes}"


def mark(job: Mapping[str, Any], run: RunContext, number: int) -> str:
    """Return the mark of an attempt, put on its service and statements: graph, run, task, attempt."""
    return " ".join(["jobgraph", identifier(job["graph"]), run.group, run.task, str(number)])


def direct_mark(job: Mapping[str, Any], task: str) -> str:
    """Return the mark of a job that is its task's own statement, the same in every run: graph and task."""
    return " ".join(["jobgraph", identifier(job["graph"]), DIRECT, task])


def results_path(job: Mapping[str, Any], run: RunContext, task: str, number: int | str) -> str:
    """Return the folder in the stack's stage for what an attempt leaves to others; empty if there is none.

    The day of the run comes first, so that what is old can be found and removed by its name. All attempts of a job that
    is its task's own statement have one folder, called DIRECT: what follows it cannot know which attempt was done.
    """
    place = job.get("results")
    return f"{place}/{run.started[:10]}/{run.group}/{task}/{number}/" if place else ""


def bare_name(name: Any) -> str:
    """Return the last part of a task's name."""
    return str(name).replace('"', "").rpartition(".")[2]


def one_line(text: str) -> str:
    """Return a text on one line, cut to 300 characters."""
    joined = " ".join(text.split())
    return joined if len(joined) <= LONGEST_LINE else joined[: LONGEST_LINE - 3] + "..."


def lower_keys(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of SHOW or DESCRIBE with plain lower-case names; Snowpark may put them in quotes."""
    return {key.strip('"').lower(): value for key, value in row.items()}
