"""Whatever meets a backfill, each of its intervals is run once; and what claims so finds planted defects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobgraph.procedures.requested import backfills as states
from jobgraph.procedures.requested import driving
from tests import tiers
from tests.reliability.backfills import model
from tests.reliability.backfills.model import Event, Fault
from tests.reliability.task_model import AFTER, BEFORE, JOBS, Account

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

faults = st.builds(Fault, st.integers(1, 14), st.sampled_from((BEFORE, AFTER)), st.booleans())
events = st.builds(Event, st.sampled_from((model.STEP, *model.NAMES)), st.none() | faults)


def played(counts: list[int], schedule: list[Event]) -> Account:
    account = model.new_account(counts)
    model.ask(account)
    model.play(account, schedule)
    model.settle(account)
    return account


@settings(max_examples=tiers.examples(300), deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=2), st.lists(events, max_size=25))
def test_no_interval_is_lost_or_run_twice_whatever_comes_in_between(counts: list[int], schedule: list[Event]) -> None:
    account = played(counts, schedule)
    assert model.problems_of(account) == []
    ends = {states.COMPLETE, states.BROKEN, states.CALLED_OFF}
    assert {one["state"] for one in account.intervals} <= ends


def test_a_kill_at_any_statement_loses_and_doubles_nothing() -> None:
    swept = list(model.sweep())
    assert len(swept) > 100
    assert [(fault, problems) for fault, problems, _ in swept if problems] == []
    # what the platform runs again needs nobody
    assert {resumed for fault, _, resumed in swept if fault.again} == {0}


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("moment", [BEFORE, AFTER])
@pytest.mark.parametrize("number", range(1, 15))
def test_an_interval_that_is_asked_for_twice_is_run_once(number: int, moment: str, *, again: bool) -> None:
    # the first run has begun and claimed nothing yet, so that `resume` asks for its interval once more
    account = model.new_account([3])
    model.ask(account)
    killed = Event(model.STEP, Fault(number, moment, again))
    model.play(account, [Event(model.PAUSE), Event(model.RESUME), killed, *[Event(model.STEP)] * 4])
    model.settle(account)
    assert model.problems_of(account) == []


def test_the_values_of_a_backfill_go_with_every_request_of_a_finalizer() -> None:
    account = played([4], [Event(model.STEP)] * 10)
    configs = [json.loads(run.config) for run in account.runs]
    # the command asked for the first, finalizers for the rest
    assert [config.get("market") for config in configs[1:]] == ["$$"] * 3


def test_no_transition_leads_back_to_the_beginning() -> None:
    for transitions in (states.OF_BACKFILL, states.OF_INTERVAL):
        assert states.PENDING not in transitions.values()
        for event in {name for _, name in transitions}:
            assert states.target(transitions, event) not in states.sources(transitions, event)


@pytest.mark.parametrize(
    ("defect", "count", "schedule"),
    [
        # the claim is not asked: an interval that was asked for twice is run twice
        (
            lambda: patch.object(model, "claim", lambda *_: ""),
            1,
            [Event(model.PAUSE), Event(model.RESUME), Event(model.STEP), Event(model.STEP)],
        ),
        # the run that somebody asked for is not looked at
        (
            lambda: patch.object(driving, "_somebody_waits", lambda *_: False),
            2,
            [Event(model.MANUAL), Event(model.STEP)],
        ),
        # nothing is settled
        (lambda: patch.object(driving, "_settle", lambda *_: None), 1, [Event(model.STEP)] * 4),
        # the next interval is not asked for
        (lambda: patch.object(driving, "_ask", lambda *_: None), 2, [Event(model.STEP)] * 4),
    ],
    ids=["no claim", "another's run", "no end", "no next"],
)
def test_planted_defects_are_found(
    defect: Callable[[], AbstractContextManager[object]], count: int, schedule: list[Event]
) -> None:
    with defect():
        account = model.new_account([count])
        model.ask(account)
        model.play(account, schedule)
        assert model.problems_of(account)


def test_a_paused_backfill_lets_no_run_claim_an_interval() -> None:
    account = model.new_account([2])
    model.ask(account)
    model.play(account, [Event(model.PAUSE), Event(model.STEP), Event(model.STEP)])
    assert {one["state"] for one in account.intervals} == {states.PENDING}
    assert [run.jobs for run in account.runs] == [dict.fromkeys(JOBS, "LEFT_OUT")]
