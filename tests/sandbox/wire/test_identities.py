"""Logins without a password, with the real connector: key pairs, and an issuer's tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from snowflake.connector.errors import DatabaseError
from snowflake_sandbox.clock import SystemClock

from jobgraph.account.login import der
from tests.identities import Issuer, KeyPair, issuing
from tests.sandbox.conftest import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUBJECT = "repo:shop/jobs:environment:prod"


@pytest.fixture(scope="module")
def current(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A service whose clock is the machine's: tokens have its time in them."""
    folder: Path = tmp_path_factory.mktemp("identities")
    yield from serving(folder, clock=SystemClock())


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as running:
        yield running


def run(service: Any, *statements: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    with service.connect() as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
            rows = list(cursor.fetchall())
    return rows


def who(service: Any, **login: Any) -> str:
    options = {key: value for key, value in service.settings().items() if key not in {"user", "password", "role"}}
    import snowflake.connector  # noqa: PLC0415  # takes a second

    with snowflake.connector.connect(**{**options, **login}) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT CURRENT_USER()")
        return str(next(iter(cursor.fetchall()))[0])


def test_a_user_logs_in_with_the_key_whose_public_half_the_user_has(current: Any) -> None:
    pair, other = KeyPair(), KeyPair()
    run(current, f"CREATE OR REPLACE USER ANNA RSA_PUBLIC_KEY = '{pair.public}'")
    assert who(current, user="anna", authenticator="SNOWFLAKE_JWT", private_key=der(pair.pem, None)) == "ANNA"
    locked = der(pair.locked("open sesame"), "open sesame")
    assert who(current, user="ANNA", authenticator="SNOWFLAKE_JWT", private_key=locked) == "ANNA"
    for login in ({"user": "ANNA", "private_key": der(other.pem, None)}, {"user": "X", "private_key": locked}):
        with pytest.raises(DatabaseError, match="JWT token is invalid"):
            who(current, authenticator="SNOWFLAKE_JWT", **login)


def test_a_second_key_makes_room_for_a_change_of_keys(current: Any) -> None:
    first, second = KeyPair(), KeyPair()
    run(current, f"CREATE OR REPLACE USER BERT RSA_PUBLIC_KEY = '{first.public}'")
    run(current, f"ALTER USER BERT SET RSA_PUBLIC_KEY_2 = '{second.public}'")
    for pair in (first, second):
        assert who(current, user="BERT", authenticator="SNOWFLAKE_JWT", private_key=der(pair.pem, None)) == "BERT"
    shown = {row[0]: row[1] for row in run(current, "DESCRIBE USER BERT")}
    assert shown["RSA_PUBLIC_KEY_FP"].startswith("SHA256:")
    assert shown["RSA_PUBLIC_KEY_FP"] != shown["RSA_PUBLIC_KEY_2_FP"]


def test_what_is_no_public_key_is_refused(current: Any) -> None:
    with pytest.raises(DatabaseError, match="Invalid public key"):
        run(current, "CREATE USER CARL RSA_PUBLIC_KEY = 'bm8ga2V5'")


def test_a_workflow_logs_in_with_the_token_of_its_issuer(
    current: Any, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the connector sends tokens to Snowflake's hosts alone
    monkeypatch.setenv("SNOWFLAKE_WIF_ALLOWED_HOST_SUFFIXES", "127.0.0.1")
    login: dict[str, Any] = {"authenticator": "WORKLOAD_IDENTITY", "workload_identity_provider": "OIDC"}
    identity = f"(TYPE = OIDC ISSUER = '{issuer.address}' SUBJECT = '{SUBJECT}')"
    run(current, f"CREATE OR REPLACE USER DEPLOYER TYPE = SERVICE WORKLOAD_IDENTITY = {identity}")
    assert who(current, token=issuer.token(SUBJECT), **login) == "DEPLOYER"
    assert who(current, user="deployer", token=issuer.token(SUBJECT), **login) == "DEPLOYER"
    with issuing() as stranger:
        forged = stranger.token(SUBJECT, iss=issuer.address)
    refused = {
        "no user has its issuer and subject": issuer.token("repo:shop/jobs:pull_request"),
        "Audience doesn't match": issuer.token(SUBJECT, audience="sts.amazonaws.com"),
        "it has expired": issuer.token(SUBJECT, seconds=-120),
        "Signature verification failed": forged,
    }
    for reason, token in refused.items():
        with pytest.raises(DatabaseError, match=reason):
            who(current, token=token, **login)
    with pytest.raises(DatabaseError, match="no user has"):
        who(current, user="SANDBOX_ADMIN", token=issuer.token(SUBJECT), **login)


def test_a_service_has_no_password(current: Any) -> None:
    run(current, "CREATE OR REPLACE USER DORA TYPE = SERVICE PASSWORD = 'Long-enough-1'")
    with pytest.raises(DatabaseError, match="Incorrect username or password"):
        who(current, user="DORA", password="Long-enough-1")
