"""One place turns settings into a login: what the connector is called with, by what the variables say."""

from __future__ import annotations

import pytest

from jobgraph.account.login import der, from_variables, way
from jobgraph.errors import UsageError
from tests.identities import KeyPair

PLACE = {"SNOWFLAKE_ACCOUNT": "ORG-ACC", "SNOWFLAKE_USER": "U"}


def test_a_key_may_be_given_as_a_text() -> None:
    pair = KeyPair()
    options = from_variables({**PLACE, "SNOWFLAKE_PRIVATE_KEY": pair.pem, "SNOWFLAKE_PRIVATE_KEY_PATH": "other.p8"})
    assert options["authenticator"] == "SNOWFLAKE_JWT"
    assert options["private_key"] == der(pair.pem, None)
    assert "private_key_file" not in options
    locked = {"SNOWFLAKE_PRIVATE_KEY": pair.locked("word"), "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "word"}
    assert from_variables({**PLACE, **locked})["private_key"] == der(pair.pem, None)


@pytest.mark.parametrize("passphrase", [None, "wrong"])
def test_a_key_that_cannot_be_read_is_never_shown(passphrase: str | None) -> None:
    for text in ("no key", KeyPair().locked("word")):
        variables = {**PLACE, "SNOWFLAKE_PRIVATE_KEY": text, "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": passphrase or ""}
        with pytest.raises(UsageError, match="no private key that can be read") as raised:
            from_variables(variables)
        assert text not in str(raised.value)


def test_a_workloads_token_needs_no_more_than_itself() -> None:
    variables = {**PLACE, "SNOWFLAKE_AUTHENTICATOR": "WORKLOAD_IDENTITY", "SNOWFLAKE_TOKEN": "a.b.c"}
    options = from_variables(variables)
    assert options["workload_identity_provider"] == "OIDC"
    assert options["token"] == "a.b.c"
    assert way(options) == "workload identity (OIDC)"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"authenticator": "snowflake_jwt"}, "key pair"),
        ({"private_key_file": "x"}, "key pair"),
        ({"authenticator": "oauth"}, "OAuth token"),
        ({"authenticator": "externalbrowser"}, "browser"),
        ({"authenticator": "PROGRAMMATIC_ACCESS_TOKEN"}, "programmatic access token"),
        ({"password": "x"}, "password"),
        ({}, "nothing"),
    ],
)
def test_the_way_in_has_a_name(options: dict[str, str], words: str) -> None:
    assert way(options) == words
