"""Hooks log in where the provider does: by the stack's settings, and by the environment where these say nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pulumi
import pytest

from jobgraph.account import client, login
from jobgraph.components.connection import Login
from tests.identities import KeyPair

if TYPE_CHECKING:
    from jobgraph.account.client import ConnectionChoice


class _Client:
    def __init__(self, environment: dict[str, str]) -> None:
        self.environment, self.calls = environment, list[str]()

    def rows(self, statement: Any) -> list[dict[str, Any]]:
        self.calls.append(statement.text)
        return [{"STATUS": "done"}]

    def close(self) -> None:
        self.calls.append("close")


class _Component:
    """What a login needs of a component."""

    def __init__(self, provider: Any = None) -> None:
        self.provider = provider

    def get_provider(self, _member: str) -> Any:
        return self.provider


def default_login() -> Login:
    return Login(cast("pulumi.Resource", _Component()))


def test_the_stacks_settings_come_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    key = KeyPair().pem
    settings = {"organizationName": "ORG", "accountName": "STACKS", "privateKey": key}
    monkeypatch.setattr(pulumi.Config, "get", lambda _self, key, default=None: settings.get(key, default))
    monkeypatch.setenv("SNOWFLAKE_ACCOUNT_NAME", "SHELLS")
    monkeypatch.setenv("SNOWFLAKE_ACCOUNT", "ORG-SHELLS")
    monkeypatch.setenv("SNOWFLAKE_USER", "SHELLS_USER")
    made: list[_Client] = []

    def connect(choice: ConnectionChoice) -> _Client:
        made.append(_Client(dict(choice.environment)))
        return made[0]

    monkeypatch.setattr(client, "connect", connect)
    with default_login().connected() as ask:
        assert ask("SELECT 1") == [{"STATUS": "done"}]
    found = made[0].environment
    options = login.from_variables(found)
    assert (options["account"], options["user"]) == ("ORG-STACKS", "SHELLS_USER")
    assert options["private_key"] == login.der(key, None)
    assert made[0].calls == ["SELECT 1", "close"]


def test_a_stack_of_an_account_is_refused_where_the_environment_leads_to_the_sandbox(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The provider takes the account from the stack, but the host from SNOWFLAKE_HOST."""
    settings = {"organizationName": "ORG", "accountName": "STACKS"}
    monkeypatch.setattr(pulumi.Config, "get", lambda _self, key, default=None: settings.get(key, default))
    monkeypatch.setenv("SNOWFLAKE_HOST", "127.0.0.1")
    monkeypatch.setenv("SNOWFLAKE_PORT", "4567")
    with pytest.raises(
        pulumi.RunError, match=r"account ORG-STACKS, but this shell leads to the sandbox, 127.0.0.1:4567"
    ):
        default_login()
    settings.update(organizationName="LOCAL", accountName="SANDBOX")
    default_login()
    settings.clear()
    default_login()


def test_placeholders_of_the_stacks_file_are_refused_before_anyone_logs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"organizationName": "<ORGANIZATION>", "accountName": "ACCOUNT", "user": "<DEPLOY_USER>"}
    monkeypatch.setattr(pulumi.Config, "get", lambda _self, key, default=None: settings.get(key, default))
    with pytest.raises(pulumi.RunError) as raised:
        default_login()
    told = str(raised.value)
    assert "snowflake:organizationName: <ORGANIZATION> is a placeholder that nobody filled in" in told
    assert "snowflake:user: <DEPLOY_USER>" in told
    assert "accountName" not in told
