"""IMPORTS of a procedure: which files its body gets, and with whose privileges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.objects import stage
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from snowflake_sandbox.session import Session

    from tests.sandbox.procedures.conftest import Procedures

_FORBIDDEN = "@D.VAULT.FILES/secret.py"
_DEFINITION = (
    "{name}() RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11' PACKAGES = ('snowflake-snowpark-python')"
    " IMPORTS = ('{file}') HANDLER = 'main'{rights}"
    " AS $$\nimport secret\ndef main(session):\n    return secret.VALUE\n$$"
)


def _create(name: str, rights: str = "", file: str = _FORBIDDEN) -> str:
    return "CREATE OR REPLACE PROCEDURE D.S." + _DEFINITION.format(name=name, file=file, rights=rights)


@pytest.fixture
def owner(procedures: Procedures) -> Session:
    """A session of a role that may create procedures, but has nothing on the stage VAULT.FILES."""
    for statement in (
        "CREATE OR REPLACE SCHEMA D.VAULT",
        "CREATE STAGE D.VAULT.FILES",
        "USE SCHEMA D.S",
        "CREATE OR REPLACE ROLE MAKER",
        "GRANT USAGE ON DATABASE D TO ROLE MAKER",
        "GRANT USAGE, CREATE PROCEDURE ON SCHEMA D.S TO ROLE MAKER",
        "GRANT USAGE ON SCHEMA D.VAULT TO ROLE MAKER",
    ):
        procedures.rows(statement)
    with procedures.world.store.transaction() as tx:
        folder = stage.folder(procedures.world, catalog.get(tx, "STAGE", ObjectName("FILES", "VAULT", "D")))
    (folder / "secret.py").write_text("VALUE = 'secret'")
    return logins.open_session(procedures.world, logins.ADMINISTRATOR, "MAKER", warehouse="W", database="D", schema="S")


def _errno(procedures: Procedures, session: Session, text: str) -> int:
    with pytest.raises(SnowflakeError) as raised:
        procedures.rows(text, session=session)
    return raised.value.errno


def _anonymous() -> str:
    head, _, body = _DEFINITION.format(name="", file=_FORBIDDEN, rights="").partition(" RETURNS")
    return f"WITH A AS PROCEDURE {head} RETURNS{body} CALL A()"


def test_nobody_imports_a_file_of_a_stage_that_the_role_cannot_read(procedures: Procedures, owner: Session) -> None:
    attempts = (_create("I"), _create("I", " EXECUTE AS CALLER"), _anonymous(), f"LIST {_FORBIDDEN}")
    assert [_errno(procedures, owner, text) for text in attempts] == [2003] * 4
    assert _errno(procedures, owner, _create("I", file="@D.VAULT.NOPE/secret.py")) == 2003
    procedures.rows("GRANT READ ON STAGE D.VAULT.FILES TO ROLE MAKER")
    procedures.rows(_create("I"), session=owner)
    assert procedures.value("CALL I()", session=owner) == "secret"
    assert procedures.value(_anonymous(), session=owner) == "secret"


def test_a_call_reads_imports_with_the_rights_of_the_body(procedures: Procedures, owner: Session) -> None:
    procedures.rows("GRANT READ ON STAGE D.VAULT.FILES TO ROLE MAKER")
    for name, rights in (("OWNERS", ""), ("CALLERS", " EXECUTE AS CALLER")):
        procedures.rows(_create(name, rights), session=owner)
        procedures.rows(f"GRANT USAGE ON PROCEDURE D.S.{name}() TO ROLE ACCOUNTADMIN", session=owner)
    procedures.rows("REVOKE READ ON STAGE D.VAULT.FILES FROM ROLE MAKER")
    # the administrator calls: the owner's right is gone, the caller's is not
    assert procedures.error("CALL OWNERS()").errno == 2003
    assert procedures.value("CALL CALLERS()") == "secret"
    assert _errno(procedures, owner, "CALL CALLERS()") == 2003


def test_a_handler_in_a_file_of_imports(procedures: Procedures) -> None:
    procedures.rows("CREATE OR REPLACE STAGE D.S.CODE")
    with procedures.world.store.transaction() as tx:
        folder = stage.folder(procedures.world, catalog.get(tx, "STAGE", ObjectName("CODE", "S", "D")))
    (folder / "doubling.py").write_text("def main(session, number):\n    return number * 2\n")
    procedures.rows(
        "CREATE PROCEDURE D.S.DOUBLED(N INT) RETURNS INT LANGUAGE PYTHON RUNTIME_VERSION = 3.11"
        " PACKAGES = ('snowflake-snowpark-python') IMPORTS = ('@D.S.CODE/doubling.py') HANDLER = 'doubling.main'"
    )
    assert procedures.rows("CALL D.S.DOUBLED(21)") == [{"DOUBLED": 42}]
    [text] = procedures.rows("SELECT GET_DDL('PROCEDURE', 'D.S.DOUBLED(NUMBER)')")[0].values()
    assert text.endswith("EXECUTE AS OWNER;")
