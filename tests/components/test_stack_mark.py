"""A left-over is dropped only where its mark and its emptiness allow it; all else stays and is told."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import pulumi
import pytest

from jobgraph.components import stack_mark
from tests.components.recorded import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobgraph.components.connection import Ask, Login

COMMENT = "jobgraph: images of the jobs (stack 3f2a9c1e)"
INPUTS = {"name": "IMAGES", "database": "D", "schema": "S", "comment": COMMENT}
SHOW = 'SHOW IMAGE REPOSITORIES LIKE \'IMAGES\' IN SCHEMA "D"."S"'
CONTENTS = 'SHOW IMAGES IN IMAGE REPOSITORY "D"."S"."IMAGES"'
DROP = 'DROP IMAGE REPOSITORY IF EXISTS "D"."S"."IMAGES"'
EXISTS = "002002 (42710): SQL compilation error: Object 'IMAGES' already exists."


class Account:
    """What Snowflake answers, and what it was sent."""

    role = "DEPLOYER"

    def __init__(self, answers: dict[str, list[dict[str, Any]]]) -> None:
        self.answers, self.sent = answers, list[str]()

    @property
    def login(self) -> Login:
        return cast("Login", self)

    @contextmanager
    def connected(self) -> Iterator[Ask]:
        yield self.ask

    def ask(self, statement: str) -> list[dict[str, Any]]:
        self.sent.append(statement)
        return self.answers.get(statement, [])


def failed(*errors: str, operation: str = "create") -> pulumi.ErrorHookArgs:
    token = "snowflake:index/imageRepository:ImageRepository"
    return pulumi.ErrorHookArgs("urn", "", "IMAGES", token, INPUTS, None, None, operation, list(errors))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    for level in ("warn", "info"):
        monkeypatch.setattr(pulumi, level, said.append)
    return said


def tried(answers: dict[str, Any], arguments: Any) -> tuple[bool, list[str]]:
    account = Account(answers)
    return stack_mark._makes_way(arguments, account.login), account.sent


def test_an_empty_left_over_of_this_stack_is_dropped_and_made_again(
    told: list[str],
) -> None:
    again, sent = tried({SHOW: [{"name": "IMAGES", "comment": COMMENT}]}, failed(EXISTS))
    assert (again, sent) == (True, [SHOW, CONTENTS, DROP])
    assert "left by an interrupted deploy" in told[0]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({}, "cannot see it"),
        ({SHOW: [{"name": "IMAGES", "comment": "another team's"}]}, "this stack has not made it"),
        ({SHOW: [{"name": "IMAGES", "comment": COMMENT.replace("9c", "9d")}]}, "this stack has not made it"),
        (
            {
                SHOW: [{"name": "IMAGES", "comment": COMMENT, "created_on": "2026-01-01"}],
                CONTENTS: [{"image_name": "a", "created_on": "2026-01-02"}],
            },
            "not empty",
        ),
    ],
)
def test_all_else_stays_and_the_setting_that_takes_it_is_named(
    told: list[str], answers: dict[str, Any], words: str
) -> None:
    again, sent = tried(answers, failed(EXISTS))
    assert not again
    assert DROP not in sent
    assert words in told[0]
    assert "IMAGE REPOSITORY IMAGES already exists" in told[0]


def test_other_failures_and_a_second_one_are_left_alone() -> None:
    for arguments in (failed("no connection"), failed(EXISTS, EXISTS), failed(EXISTS, operation="update")):
        assert tried({}, arguments) == (False, [])


OWNED = "003504 (01000): A future grant with privilege OWNERSHIP on object type TASK already exists in the schema."
FUTURE = 'SHOW FUTURE GRANTS IN SCHEMA "D"."S"'
REVOKE = 'REVOKE OWNERSHIP ON FUTURE TASKS IN SCHEMA "D"."S" FROM ROLE "FORMER"'
HELD = {"privilege": "OWNERSHIP", "grant_on": "TASK", "grantee_name": "FORMER"}


@pytest.mark.parametrize(
    ("role", "comment", "again"),
    [
        ("FORMER", "", True),
        ("NEW", "jobgraph: owns the tasks (stack 3f2a9c1e)", True),
        ("NEW", "jobgraph: owns the tasks (stack 3f2a9c1f)", False),
    ],
)
def test_the_former_owner_of_future_tasks_gives_way_if_it_is_this_stacks(
    told: list[str], role: str, comment: str, *, again: bool
) -> None:
    inputs = {"accountRoleName": role, "on": {"future": {"objectTypePlural": "TASKS", "inSchema": '"D"."S"'}}}
    token = "snowflake:index/grantOwnership:GrantOwnership"
    arguments = pulumi.ErrorHookArgs("urn", "", "owner", token, inputs, None, None, "create", [OWNED])
    answers = {FUTURE: [HELD], "SHOW ROLES LIKE 'FORMER'": [{"name": "FORMER", "comment": comment}]}
    account = Account(answers)
    assert stack_mark._frees(arguments, " (stack 3f2a9c1e)", account.login) is again
    assert (REVOKE in account.sent) is again
    assert again or REVOKE in told[0]


def test_every_object_of_a_stack_bears_its_mark() -> None:
    recorder = record({"schema": "JOBS"})
    made = [one for one in recorder.recorded if "comment" in one["inputs"] and not one["type"].endswith(":Task")]
    # under mocks a step's id is its name: `jobgraph-stack-mark`
    assert {one["inputs"]["comment"].rpartition(" (")[2] for one in made} == {"stack jobgraph)"}
    kinds = {one["type"].rpartition(":")[2] for one in made}
    assert kinds == {
        "AccountRole",
        "ComputePool",
        "Database",
        "FunctionSql",
        "ImageRepository",
        "ProcedurePython",
        "Schema",
        "StageInternal",
        "Table",
        "View",
        "Warehouse",
    }
    assert {tuple(one["onError"]) for one in made} == {("jobgraph: make anew what an interrupted deploy made",)}
