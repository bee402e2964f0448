"""What drops runners and finalizers of earlier deploys: when one may go, and what happens when two meet at one."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
from snowflake.snowpark import Row
from snowflake.snowpark.exceptions import SnowparkSQLException

from jobgraph.deploy.retirement import SUPERSEDED, is_superseded
from jobgraph.procedures import drop_superseded, superseded
from jobgraph.procedures.attempt import RunContext
from jobgraph.procedures.sending import Tagged
from tests.procedures.recording import sql_error

if TYPE_CHECKING:
    from collections.abc import Callable

OLD, NEW, CLOSES = "RUN_JOB_0000000A", "RUN_JOB_0000000B", "FINALIZE_GRAPH_0000000C"
COMMITTED = datetime(2026, 3, 1, 12, tzinfo=UTC)
AT_COMMIT = int(COMMITTED.timestamp() * 1000)
ALTERED = re.compile(
    r'ALTER PROCEDURE IF EXISTS "D"\."S"\.(\w+)\((.*?)\) (?:SET COMMENT = \'(.*)\'|RENAME TO .*\.(\w+))$'
)


class Account:
    """A schema with procedures (comment by name), tasks and runs, as far as the statements ask for them."""

    def __init__(self, **comments: str) -> None:
        self.comments = dict(comments)
        self.tasks = [task("ROOT", "select 1"), task("JOB", f'CALL "D"."S".{NEW}(\'JOB\')')]
        self.runs: list[dict[str, Any]] = []
        self.files: list[dict[str, Any]] = []
        self.statements: list[str] = []
        self.before: Callable[[str], None] | None = None

    def sql(self, text: str, params: list[Any] | None = None) -> Any:
        del params
        account = self

        class Pending:
            def collect(self, **_options: Any) -> list[Row]:
                return [Row(**row) for row in account.answer(text)]

        return Pending()

    def answer(self, text: str) -> list[dict[str, Any]]:
        if self.before:
            self.before(text)
        self.statements.append(text)
        if text.startswith("SHOW PROCEDURES"):
            names = self.comments.items()
            return [
                {"name": n, "arguments": f"{n}(VARCHAR, VARCHAR) RETURN VARCHAR", "description": c} for n, c in names
            ]
        if text.startswith("SHOW TASKS"):
            return self.tasks
        if "CURRENT_TASK_GRAPHS" in text:
            return self.runs
        if text.startswith("LIST"):
            return self.files
        self.change(text)
        return []

    def change(self, text: str) -> None:
        if text.startswith("REMOVE"):
            return
        if dropped := re.fullmatch(r'DROP PROCEDURE IF EXISTS "D"\."S"\.(\w+)\(VARCHAR, VARCHAR\)', text):
            self.comments.pop(dropped[1], None)
            return
        altered = ALTERED.match(text)
        assert altered, text
        name, _, comment, new_name = altered.groups()
        if name in self.comments:
            self.comments[new_name or name] = self.comments.pop(name) if new_name else comment.replace("\\'", "'")


def task(name: str, definition: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "definition": definition, "state": "started", "last_committed_on": COMMITTED} | more


def run(since: int, root: str = "ROOT", group: str = "other") -> dict[str, Any]:
    return {"ROOT_TASK_NAME": root, "GRAPH_RUN_GROUP_ID": group, "RUN_ID": since}


def drop(account: Account, **request: Any) -> dict[str, Any]:
    asked = {"database": "D", "schema": "S", **request}
    done: dict[str, Any] = json.loads(drop_superseded.main(account, json.dumps(asked)))  # type: ignore[arg-type]  # a stand-in
    return done


def test_what_is_superseded_goes_at_once_where_nothing_runs() -> None:
    account = Account(**{OLD: "it's mine", NEW: "mine", "OTHERS": f"theirs{SUPERSEDED}"})
    assert drop(account, superseded=OLD) == {"dropped": [OLD], "kept": [], "runs": []}
    assert set(account.comments) == {NEW, "OTHERS"}


def test_the_mark_is_what_the_program_takes_for_it() -> None:
    assert superseded.SUPERSEDED == SUPERSEDED
    account = Account(**{OLD: "it's mine"})
    account.runs = [run(AT_COMMIT - 1)]
    drop(account, superseded=OLD)
    drop(account, superseded=OLD)
    assert account.comments == {OLD: f"it's mine{SUPERSEDED}"}
    assert is_superseded(account.comments[OLD])


@pytest.mark.parametrize(
    ("runs", "root", "goes"),
    [
        ([run(AT_COMMIT - 1)], {}, False),
        ([run(AT_COMMIT)], {}, True),
        # a suspended root may have been changed since, and one that was never committed says nothing
        ([run(AT_COMMIT)], {"state": "suspended"}, False),
        ([run(AT_COMMIT)], {"last_committed_on": None}, False),
        ([run(AT_COMMIT, "GONE")], {}, True),
        # the run that asks has told what it calls
        ([run(AT_COMMIT - 1, group="own")], {"state": "suspended"}, True),
        ([run(AT_COMMIT - 1, group="own"), run(AT_COMMIT - 1)], {}, False),
    ],
)
def test_a_run_that_may_have_begun_with_an_earlier_version_keeps_all(
    runs: list[dict[str, Any]], root: dict[str, Any], *, goes: bool
) -> None:
    account = Account(**{OLD: SUPERSEDED, NEW: ""})
    account.runs = runs
    account.tasks[0] |= root
    done = drop(account, run="own", uses=[NEW, CLOSES])
    assert (OLD in account.comments) is not goes
    assert done["runs"] == ([] if goes else ["ROOT"])


def test_what_a_task_or_the_asking_run_calls_stays_whatever_its_mark() -> None:
    account = Account(**{OLD: SUPERSEDED, NEW: SUPERSEDED, CLOSES: SUPERSEDED})
    assert drop(account, run="own", uses=[CLOSES])["dropped"] == [OLD]
    assert set(account.comments) == {NEW, CLOSES}


def test_nothing_is_asked_for_where_nothing_is_superseded() -> None:
    account = Account(**{NEW: "mine"})
    drop(account, run="own", uses=[NEW])
    assert len(account.statements) == 1


def test_a_procedure_that_a_deploy_takes_back_in_that_moment_stays() -> None:
    account = Account(**{OLD: f"mine{SUPERSEDED}"})

    def take_back(text: str) -> None:
        if "RENAME TO" in text and "_DROPPED(" not in text:
            account.comments[OLD] = "mine"

    account.before = take_back
    assert drop(account)["dropped"] == []
    assert account.comments == {OLD: "mine"}


def test_what_another_has_dropped_in_that_moment_is_gone() -> None:
    account = Account(**{OLD: f"mine{SUPERSEDED}"})
    account.before = lambda text: account.comments.clear() if "RENAME TO" in text else None
    assert drop(account)["dropped"] == [OLD]
    assert account.comments == {}


@pytest.mark.parametrize("number", [2002, 2003])
def test_what_another_drops_in_that_moment_is_left_to_it(number: int) -> None:
    account = Account(**{OLD: f"mine{SUPERSEDED}"})
    account.before = refusing(number)
    assert drop(account) == {"dropped": [], "kept": [OLD], "runs": []}


def test_any_other_refusal_of_a_drop_is_told() -> None:
    account = Account(**{OLD: f"mine{SUPERSEDED}"})
    account.before = refusing(3001)
    with pytest.raises(SnowparkSQLException):
        drop(account)


def refusing(number: int) -> Callable[[str], None]:
    """Snowflake's error of that number, in answer to a new name."""

    def refuse(text: str) -> None:
        if "RENAME TO" in text:
            raise sql_error("refused", number)

    return refuse


def test_a_drop_that_was_interrupted_is_finished() -> None:
    account = Account(**{f"{OLD}_DROPPED": SUPERSEDED})
    assert drop(account)["dropped"] == [OLD]
    assert account.comments == {}


def file(name: str, *, age: timedelta) -> dict[str, Any]:
    return {"name": f"jobs/{name}", "last_modified": format_datetime(datetime.now(UTC) - age, usegmt=True)}


@pytest.mark.parametrize("behind", [False, True])
def test_files_of_payloads_go_when_no_task_names_them_and_no_earlier_run_can(*, behind: bool) -> None:
    account = Account(**{NEW: "mine"})
    account.tasks[1]["definition"] += " payload_aa.json"
    old = [file(name, age=timedelta(days=2)) for name in ("payload_aa.json", "payload_bb.json", "other.json")]
    account.files = [*old, file("payload_cc.json", age=timedelta(hours=23))]
    account.runs = [run(AT_COMMIT - 1)] if behind else []
    assert drop(account, stage="JOBS", payloads=[])["dropped"] == ([] if behind else ["payload_bb.json"])
    removed = [text for text in account.statements if text.startswith("REMOVE")]
    assert removed == ([] if behind else ['REMOVE @"D"."S"."JOBS"/payload_bb.json'])


def test_a_stage_that_is_gone_has_no_files() -> None:
    account = Account(**{NEW: "mine"})

    def refuse(text: str) -> None:
        if text.startswith("LIST"):
            raise sql_error("Stage 'D.S.JOBS' does not exist or not authorized.", code)

    account.before = refuse
    code = 2003
    assert drop(account, stage="JOBS", payloads=[])["dropped"] == []
    code = 3001
    with pytest.raises(SnowparkSQLException):
        drop(account, stage="JOBS", payloads=[])


def test_what_an_earlier_run_may_need_is_not_taken_away() -> None:
    account = Account(**{OLD: SUPERSEDED})
    account.runs = [run(AT_COMMIT)]
    drop(account, takes="compute pool P")
    account.runs = [run(AT_COMMIT - 1)]
    with pytest.raises(drop_superseded.InUse, match=r"compute pool P stays for now: runs of ROOT .* pulumi up again"):
        drop(account, takes="compute pool P")


GRAPH = {"database": "D", "schema": "S", "uses": [NEW, CLOSES], "drop_superseded": "DROP_SUPERSEDED_0"}


class Finalizing(Account):
    def change(self, text: str) -> None:
        assert text == 'CALL "D"."S"."DROP_SUPERSEDED_0"(?)'


def tagged(account: Account) -> Tagged:
    return Tagged(account, "")  # type: ignore[arg-type]  # a stand-in


def test_a_finalizer_asks_for_the_drop_only_where_something_is_superseded() -> None:
    own = RunContext("ROOT", "CLOSING", "own", "2026-03-01")
    for comment, calls in (("mine", 0), (f"mine{SUPERSEDED}", 1)):
        account = Finalizing(**{OLD: comment})
        assert superseded.drop_superseded(tagged(account), GRAPH, own) == []
        assert sum(text.startswith("CALL") for text in account.statements) == calls


def test_a_drop_that_fails_is_told_and_fails_no_run() -> None:
    account = Finalizing(**{OLD: SUPERSEDED})

    def refuse(text: str) -> None:
        if text.startswith("CALL"):
            raise sql_error("Unknown user-defined function", 2140)

    account.before = refuse
    (left,) = superseded.drop_superseded(tagged(account), GRAPH, RunContext("ROOT", "CLOSING", "own", "2026-03-01"))
    assert "Unknown user-defined function" in left
