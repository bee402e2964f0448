"""The durations of jobs in history: how long their containers ran, and how long their tasks took, in one run.

Knows rows of the statements in jobgraph.account.queries. Must not know what anything costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.cost.ranges import Range, between

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TaskKey = tuple[str, str]
# With fewer runs, their 10th and 90th percentiles are no bounds: with four runs, the next one is longer than all of
# them in one case out of five.
FEW_RUNS = 5


@dataclass(frozen=True)
class Times:
    """Durations of a job in seconds: 10th and 90th percentiles, and the median. `runs` is the number of runs.

    `seconds`: of the job's containers, over all attempts of a run. `wait`: of its task.
    """

    runs: int
    seconds: Range
    wait: Range

    @property
    def is_thin(self) -> bool:
        """Whether there are too few runs to bound the duration of the next one."""
        return self.runs < FEW_RUNS


# by (root task, task)
History = dict[TaskKey, Times]


def history(attempts: Iterable[Mapping[str, Any]], tasks: Iterable[Mapping[str, Any]]) -> History:
    """Return the history from rows about attempts and rows about tasks.

    Each row has ROOT_TASK_NAME, TASK_NAME, RUNS, LOW, USUAL and HIGH.
    """
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
