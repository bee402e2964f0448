"""A statement is translated to the same SQL with the steps that it needs as with all of fakesnow's steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fakesnow import transforms
from fakesnow.cursor import FakeSnowflakeCursor
from snowflake_sandbox.data import adapter, trees
from snowflake_sandbox.dialect import translation
from snowflake_sandbox.dialect.whole_queries import needed_steps
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins
from sqlglot import exp

from tests import in_process, yaml_files
from tests.sandbox.conftest import WAREHOUSE, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.sandbox.conftest import Client, Service

PAGES: list[dict[str, Any]] = yaml_files.content(Path(__file__).parent / "functions.yaml")
CASES: list[dict[str, Any]] = yaml_files.content(Path(__file__).parent.parent / "conformance" / "cases.yaml")


class AllSteps:
    """Applies every step."""

    def __init__(self, tree: exp.Expr) -> None:
        self.tree = tree

    def transform(self, step: Callable[..., exp.Expr], *arguments: Any, **options: Any) -> AllSteps:
        self.tree = self.tree.transform(step, *arguments, **options)
        return self


def outcome(connection: adapter.Connection, tree: exp.Expr) -> str:
    """The SQL of a statement, or the error of its translation."""
    try:
        return ";\n".join(map(adapter.duckdb_text, adapter.Connection.translate(connection, tree)))
    except Exception as error:  # noqa: BLE001  # whatever it is, it has to be the same
        return repr(error)


def compared(connection: adapter.Connection, tree: exp.Expr) -> None:
    needed = outcome(connection, tree.copy())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(needed_steps, "NeededSteps", AllSteps)
        assert needed == outcome(connection, tree.copy())


@pytest.fixture
def own_service(tmp_path: Path) -> Iterator[Service]:
    """A service of its own: the cases leave their objects in it."""
    yield from serving(tmp_path / "sandbox")


@pytest.fixture
def connection(client: Client) -> adapter.Connection:
    return client.world.data.connection(client.session)


def translated(calls: list[Any]) -> Iterator[exp.Expr]:
    for call, *_ in calls:
        try:
            yield translation.translate(trees.parse(f"SELECT {call} AS RESULT"), translation.Context())
        except SnowflakeError:
            continue  # refused before fakesnow sees it


@pytest.mark.parametrize("page", PAGES, ids=[page["page"] for page in PAGES])
def test_a_function_is_translated_with_the_steps_that_it_needs(page: dict[str, Any], client: Client) -> None:
    for tree in translated(page["calls"]):
        compared(client.world.data.connection(client.session), tree)


def test_every_statement_of_the_corpus(own_service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    count, translate = 0, adapter.Connection.translate

    def comparing(self: adapter.Connection, tree: exp.Expr) -> list[exp.Expr]:
        nonlocal count
        count += 1
        with monkeypatch.context() as patch:
            patch.setattr(adapter.Connection, "translate", translate)
            compared(self, tree)
        return translate(self, tree)

    monkeypatch.setattr(adapter.Connection, "translate", comparing)
    for number, case in enumerate(CASES):
        database = f"STEPS{number}"
        texts = json.loads(json.dumps([*case.get("setup", []), case["sql"]]).replace("@DB", database))
        session = logins.open_session(own_service.world, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse=WAREHOUSE)
        for text in [f"CREATE DATABASE {database}", *texts]:
            try:
                in_process.rows(own_service.world, session, text)
            except SnowflakeError:
                continue
        logins.close_session(own_service.world, session)
    assert count > 250


@pytest.mark.parametrize(
    "text",
    [
        "SELECT T.$1 AS A FROM (VALUES (1, 'x')) AS T JOIN (SELECT 1 AS B) AS U ON A = U.B WHERE A > 0",
        "SELECT OBJECT_CONSTRUCT('a', 1) AS O, TRIM(2), SPLIT('a,b', ','), RANDOM() FROM (SELECT 1 AS X) SAMPLE (10)",
        "SELECT ARRAY_AGG(X) WITHIN GROUP (ORDER BY X), SUM(X), OBJECT_AGG('k', X) FROM (SELECT '1' AS X)",
        "SELECT V.VALUE::VARCHAR, ARRAY_SIZE(PARSE_JSON('[1]')) FROM LATERAL FLATTEN(INPUT => PARSE_JSON('[1]')) AS V",
        "SELECT DATEADD(DAY, 1, '2024-01-01'::DATE), DATEDIFF(DAY, '2024-01-01', '2024-02-01'), x'ff', SHA2('a')",
    ],
)
def test_a_statement_that_needs_many_steps(text: str, connection: adapter.Connection) -> None:
    compared(connection, trees.parse(text))


def test_a_step_that_is_left_out_although_it_is_needed_is_noticed(
    connection: adapter.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(needed_steps.CHANGED, "split", (exp.Put,))
    with pytest.raises(AssertionError):
        compared(connection, trees.parse("SELECT SPLIT('a,b', ',')"))


def test_the_table_names_every_step_of_fakesnow(connection: adapter.Connection) -> None:
    """A step that fakesnow adds runs always, until it is in the table; one that it drops or renames goes from there."""
    names: list[str] = []

    class Names(AllSteps):
        def transform(self, step: Callable[..., exp.Expr], *_: Any, **__: Any) -> Names:
            names.append(needed_steps.name(step))
            return self

    cursor = FakeSnowflakeCursor(connection.fakesnow, connection.duck)
    cursor._transform(Names(exp.select("1")), None)  # type: ignore[arg-type]  # stands for a tree, as NeededSteps does
    assert set(names) == set(needed_steps.CHANGED)


def test_an_unknown_step_always_runs() -> None:
    def step(node: exp.Expr) -> exp.Expr:
        return exp.Literal.number(2) if isinstance(node, exp.Literal) else node

    steps = needed_steps.NeededSteps(exp.select("1"))
    assert steps.transform(step, copy=False).tree.sql() == "SELECT 2"
    assert needed_steps.name(lambda node: transforms.show_schemas(node, None)) == "show_schemas"
