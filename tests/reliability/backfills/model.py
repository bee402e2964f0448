"""Backfills against a small model of Snowflake's tasks: whatever is killed or comes in between, none lost or doubled.

The procedures' own code runs; the model has one slot for a run that waits, as Snowflake has: a later request takes the
place of an earlier one. Knows the statements that the code sends. Must not know how the figures are shown.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from jobgraph.procedures.attempt import RunContext
from jobgraph.procedures.requested import backfills as states
from jobgraph.procedures.requested.claiming import claim
from jobgraph.procedures.requested.driving import drive
from jobgraph.procedures.requested.request import REQUEST, split_config
from jobgraph.procedures.sending import Tagged
from tests.reliability.task_model import AFTER, BEFORE, FINALIZER, GRAPH, JOBS, ROOT, Account, GraphRun, Killed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@dataclass(frozen=True)
class Fault:
    """The process of a procedure is gone at its `number`th statement; the platform runs it again, or not."""

    number: int
    moment: str
    again: bool

    def after(self, sent: int) -> Fault:
        """Return the fault as it is once so many statements have been sent."""
        return replace(self, number=self.number - sent)


@dataclass(frozen=True)
class Event:
    """What happens: the present run goes to its end, with a fault or without; or somebody does something."""

    name: str
    fault: Fault | None = None


STEP, MANUAL, SCHEDULED, DEPLOY, PAUSE, RESUME, CANCEL = (
    *("step", "manual run", "scheduled run", "deploy of another root"),
    *("pause", "resume", "cancel"),
)
NAMES = (STEP, MANUAL, SCHEDULED, DEPLOY, PAUSE, RESUME, CANCEL)


def new_account(counts: Sequence[int]) -> Account:
    """Return an account with a backfill for each count, of so many intervals; nothing has been asked for yet."""
    account = Account()
    for number, count in enumerate(counts, 1):
        account.backfills[f"b{number}"] = states.PENDING
        account.intervals += [
            {"backfill": f"b{number}", "place": place, "state": states.PENDING, "run": None}
            for place in range(1, count + 1)
        ]
    return account


def play(account: Account, events: Sequence[Event]) -> None:
    """Let events happen, one after the other."""
    for event in events:
        match event.name:
            case "step":
                _go(account, event.fault)
            case "manual run":
                account.execute("{}")
            case "scheduled run":
                if account.current is None:
                    account.begin("{}")
            case "deploy of another root":
                account.root_id, account.waiting = f"root-{len(account.runs)}", None
            case _:
                steer(account, event.name)


def steer(account: Account, name: str) -> None:
    """Pause, resume or cancel the first backfill, as the command does."""
    backfill = next(iter(account.backfills))
    after = states.OF_BACKFILL.get((account.backfills[backfill], name))
    account.backfills[backfill] = after or account.backfills[backfill]
    if name == CANCEL:
        for one in account.intervals:
            if one["backfill"] == backfill and one["run"] is None:
                one["state"] = states.CALLED_OFF
    elif name == RESUME:
        ask(account)


def recover(account: Account) -> None:
    """Settle what no finalizer settled, as the command `resume` does when no run is under way."""
    for one in account.intervals:
        if one["state"] == states.RUNNING:
            run = next(run for run in account.runs if run.group == one["run"])
            event = states.end_of_run([s for name, s in run.tasks.items() if name != FINALIZER], run.jobs.values())
            one["state"] = states.OF_INTERVAL[one["state"], event]


def ask(account: Account) -> None:
    """Ask for the next interval, as the command does: unless somebody else's run waits."""
    waits = account.waiting is not None and not split_config(account.waiting)[0].backfill
    ready = (
        one
        for one in account.intervals
        if one["state"] == states.PENDING and account.backfills[one["backfill"]] in states.ACTIVE
    )
    one = next(ready, None)
    if one is not None and not waits:
        request = {"backfill": one["backfill"], "interval": one["place"], "start": "s", "end": "e"}
        account.execute(json.dumps({REQUEST: request}))


def _go(account: Account, fault: Fault | None) -> None:
    """Run the present run to its end: its jobs, then its finalizer."""
    run = account.current
    if run is None:
        return
    remaining = fault
    for job in JOBS:
        remaining = _procedure(account, remaining, partial(_job, account, run, job), run, job)
    _procedure(account, remaining, lambda: _finalize(account, run), run, FINALIZER)
    account.end()


def _procedure(
    account: Account, fault: Fault | None, call: Callable[[], None], run: GraphRun, task: str
) -> Fault | None:
    """Call a procedure; returns the fault if it is still to come, for a later one."""
    before = account.sent

    def kill(moment: str) -> None:
        if fault and account.sent - before == fault.number and moment == fault.moment:
            raise Killed

    account.kill = kill
    try:
        call()
    except Killed:
        account.kill = lambda _: None
        if fault and fault.again:
            call()
        else:
            run.tasks[task] = "FAILED"
        return None
    account.kill = lambda _: None
    return fault.after(account.sent - before) if fault else None


def _job(account: Account, run: GraphRun, job: str) -> None:
    request, _ = split_config(run.config)
    if request.backfill:
        why = claim(Tagged(account, "t"), GRAPH, RunContext(ROOT, job, run.group, "", request=request))  # type: ignore[arg-type]  # a stand-in
        if why:
            run.tasks[job], run.jobs[job] = "SUCCEEDED", "LEFT_OUT"
            return
    run.tasks[job], run.jobs[job] = "SUCCEEDED", "DONE"


def _finalize(account: Account, run: GraphRun) -> None:
    problems = drive(Tagged(account, "t"), GRAPH, RunContext(ROOT, FINALIZER, run.group, ""), run.root_id)  # type: ignore[arg-type]  # a stand-in
    assert not problems, problems
    run.tasks[FINALIZER] = "SUCCEEDED"


def settle(account: Account) -> None:
    """Let all that is under way end; then an operator resumes what is open, until nothing is."""
    for _ in range(10 * len(account.intervals) + 20):
        while account.current is not None:
            _go(account, None)
        recover(account)
        if not any(one["state"] in states.OPEN for one in account.intervals):
            return
        for backfill, state in account.backfills.items():
            account.backfills[backfill] = states.OF_BACKFILL.get((state, RESUME), state)
        ask(account)


def problems_of(account: Account) -> list[str]:
    """Return what is wrong at the end: intervals that no run took, that two took, and runs of others that are lost."""
    wrong = [f"{account.lost} runs of others were replaced"] if account.lost else []
    for one in account.intervals:
        name = f"{one['backfill']}/{one['place']}"
        started = [
            run.group
            for run in account.runs
            if (request := split_config(run.config)[0]).backfill == one["backfill"]
            and request.interval == one["place"]
            and "DONE" in run.jobs.values()
        ]
        if len(started) > 1:
            wrong.append(f"{name} was run by {started}")
        called_off = account.backfills[one["backfill"]] == states.CALLED_OFF
        if not started and one["state"] != states.BROKEN and not called_off:
            wrong.append(f"{name} was never run: {one['state']}")
        if one["state"] in states.OPEN and not called_off:
            wrong.append(f"{name} is left {one['state']}")
    return wrong


def sweep(count: int = 3) -> Iterator[tuple[Fault, list[str], int]]:
    """Yield, for every statement of a backfill and each fault there, what is wrong, and how often one had to resume."""
    clean = new_account([count])
    ask(clean)
    while clean.current is not None:
        _go(clean, None)
    for number in range(1, clean.sent + 1):
        for moment in (BEFORE, AFTER):
            for again in (True, False):
                fault = Fault(number, moment, again)
                account = new_account([count])
                ask(account)
                remaining: Fault | None = fault
                resumed = 0
                while True:
                    while account.current is not None:
                        before = account.sent
                        _go(account, remaining)
                        remaining = remaining and remaining.after(account.sent - before)
                    if not any(one["state"] in states.OPEN for one in account.intervals):
                        break
                    resumed += 1
                    recover(account)
                    ask(account)
                    if resumed > count:
                        break
                yield fault, problems_of(account), resumed


def run(seed: int, count: int) -> tuple[list[str], list[str]]:
    """Run the sweep, and schedules by chance; returns figures and what is wrong."""
    swept = list(sweep())
    wrong = [f"{fault}: {problems}" for fault, problems, _ in swept if problems]
    by_itself = sum(resumed == 0 for fault, _, resumed in swept if fault.again)
    again = sum(fault.again for fault, _, _ in swept)
    figures = [
        f"backfills: {len(swept)} faults, {len(wrong)} wrong; {by_itself} of {again} that were run again went on"
    ]
    intervals = 0
    for number in range(seed, seed + count):
        account = new_account([1 + number % 3, number % 4])
        chance = random.Random(number)  # noqa: S311  # no secret
        ask(account)
        play(account, [_event(chance) for _ in range(chance.randint(1, 25))])
        settle(account)
        intervals += len(account.intervals)
        wrong += [f"schedule {number}: {problem}" for problem in problems_of(account)]
    figures.append(f"backfills: {count} schedules by chance, {intervals} intervals, {len(wrong)} lost or doubled")
    return figures, wrong


def _event(chance: random.Random) -> Event:
    name = chance.choices(NAMES, (10, 2, 2, 1, 1, 2, 0.3))[0]
    fault = Fault(chance.randint(1, 12), chance.choice((BEFORE, AFTER)), chance.random() < 0.7)
    return Event(name, fault if name == STEP and chance.random() < 0.6 else None)
