"""No secret of a statement's text is in QUERY_HISTORY, however the statement is written."""

from __future__ import annotations

import pytest
from snowflake_sandbox.queries.query_records import without_secrets


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
