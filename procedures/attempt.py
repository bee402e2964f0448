"""The data types of the procedures (run, attempt, container), and the quoting of names and texts in statements.

Knows no statement and no session. Shipped as a part of a stored procedure's text, so it imports only the standard
library.
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
# the final states of a job: docs.snowflake.com/en/sql-reference/sql/desc-service
FINAL = frozenset({DONE, FAILED, CANCELLED, "SUSPENDED", "DELETED", "INTERNAL_ERROR"})


class JobFailed(Exception):  # noqa: N818  # its name starts the task's error message
    """The job's last attempt did not end as DONE. The text is one line."""


class RunContext(NamedTuple):
    """The graph run that a task run belongs to. `root` and `task` are names; `started` is its scheduled time as text.

    `since` is the scheduled time of the last successful run (empty if there is none); `until` is the end of the
    interval of a backfill (if empty, `started`). `returned` has the return values of predecessors, and `results` the
    stage folders of their larger results. `config` is the run's configuration as JSON (empty if it has none), without
    jobgraph's own entry, which is `request`.
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
    """A container's state from `SHOW SERVICE CONTAINERS`, and its log. `started` is empty if it never started."""

    instance: str
    name: str
    status: str
    message: str
    exit_code: int | None = None
    digest: str = ""
    started: str = ""
    log: str = ""


class AttemptRecord(NamedTuple):
    """The record of an attempt. Instants are text, empty if unknown. `reason_class` is empty if the attempt is DONE.

    `created` is when its service was created; `ended` is when its end was observed, if that was not just now. `reason`
    is the platform's message, `cause` the most informative line of the log, `age` the seconds since its start.
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
        """When its first container started or, if none did, when its service was created."""
        return min((c.started for c in self.containers if c.started), default=self.created)

    @property
    def label(self) -> str:
        """The reason class, with the exit code if that is the reason."""
        code = self.exit_code is not None and self.reason_class == "app_error"
        return f"{self.reason_class}({self.exit_code})" if code else self.reason_class


def identifier(name: Any) -> str:
    """Return a name that is valid without quotes, which job services require.

    Raises:
        ValueError: if it is not.
    """
    if not isinstance(name, str) or not IDENTIFIER.fullmatch(name):
        raise ValueError(f"not a plain Snowflake identifier: {name!r}")
    return name


def object_name(definition: Mapping[str, Any], key: str) -> str:
    """Return the quoted full name of the object that a definition names under `key`."""
    return ".".join(f'"{identifier(name)}"' for name in (definition["database"], definition["schema"], definition[key]))


def literal(text: str) -> str:
    """Return a single-quoted constant, for places that do not allow a bind."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def yaml_text(value: Any) -> str:
    r"""Return a value as one line of JSON that is also YAML; a `$` in it is written `\u0024`."""
    # YAML has no surrogate pairs, so characters beyond \uffff stay unescaped; characters that YAML forbids are escaped
    text = json.dumps(value, ensure_ascii=False)
    return TO_BE_ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def dollar_quoted(text: str) -> str:
    """Return a text without `$` as a dollar-quoted constant."""
    quotes = "$" * 2  # written literally, they would end the dollar quoting of this code in CREATE PROCEDURE
    return f"{quotes}{text}{quotes}"


def mark(job: Mapping[str, Any], run: RunContext, number: int) -> str:
    """Return the mark of an attempt for its service and statements: graph, run, task, attempt."""
    return " ".join(["jobgraph", identifier(job["graph"]), run.group, run.task, str(number)])


def direct_mark(job: Mapping[str, Any], task: str) -> str:
    """Return the mark of a direct job, the same in every run: graph and task."""
    return " ".join(["jobgraph", identifier(job["graph"]), DIRECT, task])


def results_path(job: Mapping[str, Any], run: RunContext, task: str, number: int | str) -> str:
    """Return the stage folder for an attempt's results; empty if there is none.

    The run's day comes first, so that old folders can be found and removed by name. All attempts of a direct job share
    one folder, DIRECT, because its dependents cannot know which attempt was DONE.
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
    """Return a row of SHOW or DESCRIBE with lower-case names without quotes, which Snowpark may add."""
    return {key.strip('"').lower(): value for key, value in row.items()}
