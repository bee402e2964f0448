"""Differences and mishaps of ten kinds, planted on the way to the sandbox: told as what they are, recorded never.

test_kit.py plants other expectations; here the account answers otherwise, or not at all.
"""

from __future__ import annotations

import contextlib
import subprocess
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import snowflake.connector
from click.testing import CliRunner
from snowflake.connector.errors import OperationalError, ProgrammingError

from tests.account import __main__ as kit
from tests.account import alone, comparing, lifecycle, scratch, stopping
from tests.account import replay as replaying
from tests.account.__main__ import main
from tests.account.comparing import Answer, outcome
from tests.account.replay import Session, replay
from tests.account.stopping import StoppedError
from tests.account.test_kit import connect_by_variables

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROW = {"name": "row", "sql": "SELECT 1 AS A, 'x' AS B", "columns": ["A", "B"], "rows": [{"A": 1, "B": "x"}]}
ERROR = {"name": "error", "sql": "SELECT * FROM NO_SUCH_TABLE", "errno": 2003}
LAST = {"name": "last", "sql": "SELECT 2 AS C", "rows": [{"C": 2}]}
CASES = [{**case, "basis": "guess"} for case in (ROW, ERROR, LAST)]
CORPUS = "".join(
    f"- {{name: {case['name']}, {'errno: 2003' if 'errno' in case else 'rows: []'}, basis: guess}}\n" for case in CASES
)
# A single answer takes the place of Snowflake's, at the first statement that begins so.
Plant = dict[str, Exception | Answer]


class Planted(Session):
    """A session in which some statements get another answer, each once."""

    plants: Plant

    def _run(self, text: str) -> Answer:
        for begin in [begin for begin in self.plants if text.startswith(begin)]:
            planted = self.plants.pop(begin)
            if isinstance(planted, Exception):
                raise planted
            return planted
        return super()._run(text)


def lost() -> OperationalError:
    return OperationalError("the server hung up", errno=250_003)


def planted(service: Any, plants: Plant, login: Callable[[], Any] | None = None) -> list[comparing.Outcome]:
    """What becomes of the three cases with these plants; nothing of the kit's may stay."""
    with service.connect() as connection:
        session = Planted(connection, login=login or service.connect)
        session.plants = plants
        session.rows(f"CREATE OR REPLACE WAREHOUSE {scratch.WAREHOUSE}")
        try:
            return list(replay(session, CASES, scratch.WAREHOUSE))
        finally:
            with service.connect() as another:
                scratch.sweep(Session(another).rows)


def recorded(outcomes: list[comparing.Outcome]) -> set[str]:
    """The cases that the patch settles."""
    patch = comparing.patch(CORPUS, outcomes, "10.1", date(2026, 12, 1), "cases.yaml")
    return {line.split("name: ")[1].split(",")[0] for line in patch.splitlines() if line.startswith("+- ")}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(columns=("B", "A"), rows=({"B": "x", "A": 1},)), '{"columns": ["B", "A"]'),
        (Answer(columns=("A", "B"), rows=({"A": True, "B": "x"},)), '"A": true'),
        (Answer(columns=("A", "B"), rows=({"A": "1", "B": "x"},)), '"A": "1"'),
        (Answer(columns=("A", "B"), rows=({"A": 1.5, "B": "x"},)), '"A": 1.5'),
        (Answer(columns=("A", "B"), rows=({"A": None, "B": "x"},)), '"A": null'),
        (Answer(columns=("A", "B")), '"rows": []'),
    ],
)
def test_rows_that_differ_in_order_type_or_null_are_shown_and_left_to_people(
    service: Any, answer: Answer, words: str
) -> None:
    outcomes = planted(service, {"SELECT 1": answer})
    (each,) = comparing.differences(outcomes)
    assert each.name == "row"
    assert words in each.got
    assert recorded(outcomes) == {"error", "last"}


def test_rows_where_none_are_expected_are_shown() -> None:
    case = {"name": "x", "basis": "guess", "columns": ["A"], "rows": []}
    each = outcome(case, Answer(columns=("A",), rows=({"A": 7}, {"A": 8}, {"A": 9})))
    assert each.got == '{"columns": ["A"], "rows": [{"A": 7}, {"A": 8}]}'


def test_another_number_of_an_error_is_recorded_and_an_error_instead_of_rows_is_not(service: Any) -> None:
    other, unexpected = ProgrammingError("does not exist", errno=2043), ProgrammingError("odd", errno=1003)
    outcomes = planted(service, {"SELECT * FROM NO": other, "SELECT 2": unexpected})
    assert [(each.name, each.got) for each in comparing.differences(outcomes)] == [
        ("error", "error 002043"),
        ("last", "error 001003"),
    ]
    assert recorded(outcomes) == {"row", "error"}
    assert "errno: 2043" in comparing.patch(CORPUS, outcomes, "10.1", date(2026, 12, 1), "cases.yaml")


@pytest.mark.parametrize(("errno", "why"), [(630, "timed out"), (3001, "a privilege"), (606, "no warehouse")])
def test_a_hang_and_a_lacking_privilege_are_told_and_never_recorded(service: Any, errno: int, why: str) -> None:
    outcomes = planted(service, {"SELECT * FROM NO": ProgrammingError(why, errno=errno)})
    (each,) = comparing.differences(outcomes)
    assert each.got == f"error {errno:06d}"
    assert recorded(outcomes) == {"row", "last"}


def test_a_privilege_that_the_preparation_lacks_is_told(service: Any) -> None:
    case = {**ROW, "setup": ["CREATE TABLE T (A INT)"], "basis": "guess"}
    with service.connect() as connection:
        session = Planted(connection)
        session.plants = {"CREATE TABLE T": ProgrammingError("no", errno=3001)}
        (each,) = replay(session, [case])
    assert each.got == "setup: error 003001 for CREATE TABLE T (A INT)"


def test_statements_end_by_themselves(service: Any) -> None:
    options = service.settings() | stopping.login_options()
    with snowflake.connector.connect(**options) as connection:
        (row,) = Session(connection).rows("SHOW PARAMETERS LIKE 'STATEMENT_TIMEOUT_IN_SECONDS' IN SESSION")
    assert int(row["value"]) == stopping.STATEMENT_SECONDS


def test_a_step_of_the_stack_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "STEP_SECONDS", 0.5)
    monkeypatch.setattr(lifecycle, "ENDING_SECONDS", 0.5)
    stubborn = ("sh", "-c", "trap '' INT; echo began; sleep 60 & wait; wait")
    done = lifecycle._run(stubborn, tmp_path, {"PATH": "/usr/bin:/bin"})
    assert done.returncode != 0
    assert done.stdout == "began\n"
    assert "not ended after" in done.stderr
    listed = subprocess.run(("pgrep", "-f", "sleep 60$"), capture_output=True, text=True, check=False).stdout
    assert listed == ""


def test_a_lost_connection_is_no_answer_and_its_case_is_asked_again(service: Any) -> None:
    outcomes = planted(service, {"SELECT 1": lost(), "SELECT * FROM NO": lost()})
    assert comparing.differences(outcomes) == []
    assert [each.name for each in outcomes] == ["row", "error", "last"]


def test_a_connection_lost_between_cases_is_replaced(service: Any) -> None:
    plants: Plant = {"CREATE OR REPLACE DATABASE": lost(), "DROP DATABASE": lost(), "USE ROLE": lost()}
    assert comparing.differences(planted(service, plants)) == []


def test_a_connection_that_does_not_come_back_stops_the_kit(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "PAUSES", (0.0, 0.0))

    def refused() -> Any:
        raise lost()

    with pytest.raises(StoppedError, match="the connection was lost, and there is no new one"):
        planted(service, {"SELECT * FROM NO": lost()}, refused)


def test_a_quota_that_is_reached_stops_the_kit(service: Any) -> None:
    quota = ProgrammingError("cannot be resumed because resource monitor M has exceeded its quota", errno=90_073)
    with pytest.raises(StoppedError, match=r"a quota of the account is reached: .*resource monitor M"):
        planted(service, {"SELECT * FROM NO": quota})


@pytest.fixture
def asks(service: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Run the kit as a command, with only the three cases."""
    connect_by_variables(service, monkeypatch)
    monkeypatch.setattr(kit, "FOLDER", tmp_path)
    monkeypatch.setattr(kit, "_chosen", lambda _names: CASES)
    return lambda *words: CliRunner().invoke(main, ["--budget", "1", "--corpus-only", *words])


def left(service: Any) -> list[tuple[str, str]]:
    with service.connect() as connection:
        return list(scratch.left_over(Session(connection).rows))


def test_what_stopped_the_kit_is_in_its_report_and_nothing_stays(
    service: Any, asks: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = Session._run

    def quota(session: Session, text: str) -> Answer:
        if text == CASES[1]["sql"]:
            raise ProgrammingError("quota", errno=90_073)
        return run(session, text)

    monkeypatch.setattr(Session, "_run", quota)
    ended = asks()
    assert ended.exit_code == 1, ended.output
    assert "**Stopped: a quota of the account is reached: " in (tmp_path / "report.md").read_text()
    assert "1 cases, 0 differ." in (tmp_path / "report.md").read_text()
    assert left(service) == []


def test_a_budget_that_is_spent_on_the_way_stops_the_kit(
    service: Any, asks: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(kit.Meter, "credits", lambda meter, _now: 2 * meter.budget)
    ended = asks()
    assert ended.exit_code == 1
    assert "stopped: the budget is spent after 1 of 3 cases" in ended.output
    assert "**Stopped: the budget is spent" in (tmp_path / "report.md").read_text()
    assert left(service) == []


def test_a_budget_that_is_spent_leaves_out_what_the_stack_has_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "_run", lambda command, *_: subprocess.CompletedProcess(command, 0, "", ""))
    spent = iter([False, False, *[True] * 20])
    steps = dict(lifecycle.live(tmp_path, {}, lambda _text: [], over=lambda: next(spent)))
    assert [steps[name] for name in ("first up", "nothing to do", "destroy")] == ["ok, 0 s"] * 3
    assert set(steps.values()) - {"ok, 0 s"} == {"left out: the budget is spent"}


def test_what_cannot_be_removed_is_told(
    service: Any, asks: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sweeps = iter([scratch.sweep])

    def sweep(*arguments: Any) -> list[str]:
        for first in sweeps:
            return first(*arguments)
        raise lost()

    monkeypatch.setattr(scratch, "sweep", sweep)
    ended = asks()
    monkeypatch.undo()
    assert ended.exit_code == 1
    assert (
        "Not removed: what is named JOBGRAPH_KIT_...; the next kit removes it" in (tmp_path / "report.md").read_text()
    )
    assert left(service) != []
    with service.connect() as connection:
        scratch.sweep(Session(connection).rows)


def test_an_existing_scratch_database_is_replaced(service: Any, asks: Callable[..., Any]) -> None:
    with service.connect() as connection:
        Session(connection).rows("CREATE DATABASE JOBGRAPH_KIT_C0")
    ended = asks()
    assert "removed, of an earlier kit: DATABASE JOBGRAPH_KIT_C0" in ended.output
    assert ended.exit_code == 0, ended.output


def test_a_second_kit_at_once_does_nothing(service: Any, asks: Callable[..., Any]) -> None:
    with contextlib.ExitStack() as stack:
        assert stack.enter_context(alone.on_this_machine(service.settings()))
        ended = asks()
        assert (ended.exit_code, ended.stderr) == (
            2,
            "error: another kit asks this account from this machine. Nothing was done.\n",
        )
        assert stack.enter_context(alone.on_this_machine({**service.settings(), "account": "OTHER"}))
    assert asks().exit_code == 0


def test_a_kit_of_another_machine_is_left_alone_unless_it_was_killed(
    service: Any, asks: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alone, "LONGEST", timedelta(days=10_000))  # this sandbox's clock stands still
    with service.connect() as connection:
        Session(connection).rows(f"CREATE WAREHOUSE {scratch.WAREHOUSE} COMMENT = 'kit on elsewhere'")
    ended = asks()
    assert ended.exit_code == 2
    assert ended.stderr.startswith("error: a kit on elsewhere has asked this account since ")
    assert left(service) == [("WAREHOUSE", scratch.WAREHOUSE)]
    assert asks("--take-over").exit_code == 0
    assert left(service) == []


def test_what_a_kit_of_another_machine_left_long_ago_is_removed() -> None:
    def shown(age: timedelta, comment: str = "kit on elsewhere") -> str:
        now = datetime.now(UTC)
        row = {"name": scratch.WAREHOUSE, "comment": comment, "created_on": now - age}
        return alone.elsewhere(lambda text: [row] if text.startswith("SHOW") else [{"NOW": now}])

    assert shown(timedelta(minutes=1)) != ""
    assert shown(alone.LONGEST) == ""
    assert shown(timedelta(minutes=1), alone.comment()) == ""
    assert shown(timedelta(minutes=1), "of another version") == ""
