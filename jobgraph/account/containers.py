"""The logs of a job's containers: from history, from services that still exist, and from the event table.

Knows where logs are and in which order they are listed. Must not know how they are shown. Logs that do not come from
history are made safe by the same rules that the runner applies: secrets are hidden, control characters written out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobgraph.account import event_logs, queries
from jobgraph.account.client import AbsentError
from jobgraph.names import parts_of
from jobgraph.procedures.logs import PLATFORM_CUT, PLATFORM_NEARLY_FULL, masked, safe, secrets_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobgraph.account.client import Client
    from jobgraph.runs.attempts import Attempt
    from jobgraph.runs.deployed import Task
    from jobgraph.runs.services import JobService

# How many of the newest lines of a running container to read; Snowflake returns at most 100 KB in any case.
LIVE_LINES = 1000
_PARTS_OF_A_TABLE = 3


@dataclass(frozen=True)
class Log:
    """The log of one container of one attempt; up to now if `live`."""

    attempt: int
    instance: str
    container: str
    text: str
    live: bool = False

    @property
    def key(self) -> tuple[int, str, str]:
        """The sort key: attempt, instance and container."""
        return self.attempt, self.instance, self.container


class Logs:
    """The logs of one job in the runs of one root task.

    `service` is the service of the attempt in progress; it is needed because the name of a direct job's service does
    not identify the attempt. `tries` are the recorded attempts.
    """

    def __init__(  # noqa: PLR0913  # one for each place that knows something of logs
        self,
        client: Client,
        tables: queries.Tables,
        root_task: str,
        task: Task,
        *,
        service: JobService | None = None,
        tries: Sequence[Attempt] = (),
    ) -> None:
        self._client = client
        self._tables = tables
        self._root_task = root_task
        self._task = task
        self._service = service
        self._tries = tries
        self._secrets = secrets_of(task.definition)

    def of(self, run_id: str, attempt: int | None, *, live: bool) -> list[Log]:
        """Return the logs of a run, sorted by attempt; with `live`, also those of services that still exist.

        Logs that neither source has are read from the event table, which lags by some minutes.
        """
        recorded = self._recorded(run_id)
        logs = recorded + (self._live(run_id, attempt, {log.attempt for log in recorded}) if live else [])
        with_log = {log.attempt for log in logs if log.text}
        late = [log for tried in self._tries if tried.number not in with_log for log in self._of_event_table(tried)]
        logs = [log for log in logs if log.attempt not in {log.attempt for log in late}] + late
        return sorted((log for log in logs if attempt in {None, log.attempt}), key=lambda log: log.key)

    def _recorded(self, run_id: str) -> list[Log]:
        """Return the logs in history: in the present table of logs, and in those that attempts name as theirs."""
        place = self._client.place
        others = dict.fromkeys(attempt.log_location for attempt in self._tries)
        former = [name for name in others if len(parts_of(name)) == _PARTS_OF_A_TABLE]
        present = place.qualified(self._tables.job_logs)
        logs: dict[tuple[int, str, str], Log] = {}
        for table in dict.fromkeys((present, *former)):
            statement = queries.logs(place, self._tables, self._root_task, run_id, self._task.name, former=table)
            for log in self._of_table(statement, is_former=table != present):
                logs.setdefault(log.key, log)
        return list(logs.values())

    def _of_table(self, statement: queries.Statement, *, is_former: bool) -> list[Log]:
        """Return the logs in a table; none if it is a former one that is gone."""
        try:
            rows = self._client.rows(statement)
        except AbsentError:
            if not is_former:
                raise
            return []
        return [
            Log(int(row["ATTEMPT"]), str(row["INSTANCE_ID"]), row["CONTAINER_NAME"], row["LOG"] or "") for row in rows
        ]

    def _live(self, run_id: str, attempt: int | None, recorded: set[int]) -> list[Log]:
        numbered = self._services(run_id)
        numbers = [number for number in numbered if number not in recorded and attempt in {None, number}]
        return [log for number in numbers for log in self._of_service(number, numbered[number])]

    def _services(self, run_id: str) -> dict[int, str]:
        """Return attempt number -> name of the job's service."""
        if self._task.is_direct:
            return {self._service.attempt: self._service.name} if self._service else {}
        services = self._client.rows(queries.job_services(self._client.place, run_id, self._task.name))
        return {int(row["name"].rpartition("_")[2]): str(row["name"]) for row in services}

    def _of_event_table(self, attempt: Attempt) -> Iterator[Log]:
        if not event_logs.is_there(attempt):
            return
        for (instance, container), text in event_logs.lines(self._client, attempt).items():
            yield Log(attempt.number, instance, container, safe(masked(text, self._secrets)))

    def _of_service(self, number: int, service: str) -> Iterator[Log]:
        place = self._client.place
        for row in self._client.rows(queries.containers(place, service)):
            instance, container = str(row["instance_id"]), row["container_name"]
            answer = self._client.rows(queries.live_log(place, service, instance, container, LIVE_LINES))
            text = (answer[0]["LOG"] or "") if answer else ""
            shown = safe(masked(text, self._secrets))
            cut = PLATFORM_CUT if len(text.encode()) > PLATFORM_NEARLY_FULL else ""
            yield Log(number, instance, container, cut + shown, live=True)


def added(seen: str, now: str) -> str:
    """Return the part of the log `now` that is new since it was `seen`.

    Only the newest lines of a live log can be read, so the first lines seen may be missing from it; and a log in
    history may be cut in the middle.
    """
    if now.startswith(seen):
        return now[len(seen) :]
    old, new = seen.splitlines(keepends=True), now.splitlines(keepends=True)
    for start in range(1, len(old)):
        if old[start:] == new[: len(old) - start]:
            return "".join(new[len(old) - start :])
    last = "".join(old[-_TELLING_LINES:])
    place = now.rfind(last)
    return now[place + len(last) :] if place >= 0 else f"{_GAP}{now}"


# How many lines are enough to find the same place in a log again.
_TELLING_LINES = 3
_GAP = "[... lines that appeared and disappeared between two reads are missing here ...]\n"
