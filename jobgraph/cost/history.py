"""What history tells of jobs: how long their containers ran, and how long their tasks took, in one run.

Knows rows of the statements in jobgraph.account.queries. Must not know what any of it costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.cost.ranges import Range, between

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TaskKey = tuple[str, str]
# below so many runs, their 10th and 90th of a hundred say nothing: the next one is longer than all of four others once
# in five times
FEW_RUNS = 5


@dataclass(frozen=True)
class Times:
    """Seconds of runs: the 10th and 90th of a hundred, and the median. `runs` is how many runs they are of.

    `seconds` are those of the job's containers, all attempts of a run together; `wait` those of its task.
    """

    runs: int
    seconds: Range
    wait: Range

    @property
    def is_thin(self) -> bool:
        """Whether the runs are too few to bound what the next one takes."""
        return self.runs < FEW_RUNS


# by root task and task
History = dict[TaskKey, Times]


def history(attempts: Iterable[Mapping[str, Any]], tasks: Iterable[Mapping[str, Any]]) -> History:
    """Return what rows tell: each has ROOT_TASK_NAME, TASK_NAME, RUNS, LOW, USUAL, HIGH; of attempts and of tasks."""
    waits = {_key(row): _range(row) for row in tasks if row["USUAL"] is not None}
    result: History = {}
    for row in attempts:
        if row["USUAL"] is not None:
            seconds = _range(row)
            wait = waits.get(_key(row), seconds)
            # a task takes at least as long as the container that it waits for
            low, usual = max(wait.low, seconds.low), max(wait.expected, seconds.expected)
            longer = between(low, max(wait.high, seconds.high), usual)
            result[_key(row)] = Times(int(row["RUNS"]), seconds, longer)
    return result


def _key(row: Mapping[str, Any]) -> TaskKey:
    return str(row["ROOT_TASK_NAME"]), str(row["TASK_NAME"])


def _range(row: Mapping[str, Any]) -> Range:
    return between(float(row["LOW"]), float(row["HIGH"]), float(row["USUAL"]))
