"""No secret of a statement's text is in QUERY_HISTORY, however the statement is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.queries.query_records import without_secrets

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client, Service


@pytest.mark.parametrize(
    "between",
    [
        "=",
        " = ",
        "\n=\n",
        " /* c */ = ",
        "= /* ' */ ",
        " -- c\n = ",
        "= // c\n",
        "/* a */ /* b */ = /* c */",
        " /* = */ = ",
    ],
)
@pytest.mark.parametrize("value", ["'s3cret'", "'s3''cret'", "'s3\\'cret'", "$$s3cret$$"])
@pytest.mark.parametrize("name", ["SECRET_STRING", "password"])
def test_the_value_is_starred_out(name: str, between: str, value: str) -> None:
    text = without_secrets(f"create secret s type = generic_string {name}{between}{value} comment = 'seen'")
    assert "cret" not in text.replace("create secret", "")
    assert "'*****'" in text
    assert "seen" in text


@pytest.mark.parametrize("escape", ["''", "\\'", "''''", "\\\\\\'"])
@pytest.mark.parametrize("value", ["s3cret", "s3 cret; = cret", "s3\ncret"])
def test_the_value_is_starred_out_in_a_string(escape: str, value: str) -> None:
    inner = (
        f"create secret s type = generic_string secret_string = {escape}{value}{escape} comment = {escape}seen{escape}"
    )
    text = without_secrets(f"execute immediate '{inner}'")
    assert "cret" not in text.replace("create secret s type = generic_string secret_string", "")
    assert "seen" in text
    text = without_secrets(f"execute immediate 'alter user u set password = {escape}a{escape}{escape}cret{escape}'")
    assert "cret" not in text


@pytest.mark.parametrize(
    "name",
    ["oauth_access_token", "OAUTH_CLIENT_SECRET", "aws_secret_key", "AWS_TOKEN", "azure_sas_token", "master_key"],
)
def test_keys_of_other_systems_are_secrets(name: str) -> None:
    assert without_secrets(f"create stage s credentials = ({name} = 's3cret')") == (
        f"create stage s credentials = ({name} = '*****')"
    )


@pytest.mark.parametrize(
    "statement",
    [
        "create secret S type = generic_string secret_string 's3cret'",
        "create secret S type = password username = 'u' passwort = 's3cret'",
        "create secret S type = 's3cret'",
        "alter user U set pasword = 's3cret'",
        "create secret S type = generic_string secret_strin = $$s3cret$$",
        "execute immediate $$create secret S type = generic_string secret_string 's3cret'$$",
    ],
)
def test_a_secret_that_was_written_wrongly_is_not_kept(client: Client, statement: str) -> None:
    with pytest.raises(SnowflakeError):
        client.rows(statement)
    rows = client.rows("select query_text, error_code, error_message from table(information_schema.query_history())")
    assert any(row["ERROR_CODE"] for row in rows)
    assert "s3cret" not in str(rows)


def test_who_watches_anothers_statement_sees_no_secret_in_it(service: Service) -> None:
    owner = logins.open_session(service.world, logins.ADMINISTRATOR, "SYSADMIN")
    watcher = logins.open_session(service.world, "WATCHER", "ACCOUNTADMIN")
    query = service.world.parts["queries"].submit(owner, "alter secret NOPE set secret_string = 's3cret'", {}, "w")
    assert query.future.exception(30) is not None
    answer = requests.get(
        f"http://127.0.0.1:{service.port}/monitoring/queries/{query.id}",
        headers={"Authorization": f'Snowflake Token="{watcher.token}"'},
        timeout=30,
    )
    assert "NOPE" in answer.text
    assert "s3cret" not in answer.text
