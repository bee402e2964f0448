"""SET: a variable keeps its value's type; several at once (sql-reference/sql/set)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("DATEADD('DAY', -7, '2024-10-09')", datetime(2024, 10, 2)),  # noqa: DTZ001  # TIMESTAMP_NTZ has no zone
        ("'2024-10-09'::DATE", date(2024, 10, 9)),
        ("1.5", Decimal("1.5")),
        ("'it''s'", "it's"),
        ("(SELECT MAX(COLUMN1) FROM VALUES (1), (2))", 2),
    ],
)
def test_a_variable_keeps_the_type(client: Client, expression: str, value: Any) -> None:
    client.rows(f"SET V = {expression}")
    assert client.values("SELECT $V") == [(value,)]


def test_several_variables_at_once(client: Client) -> None:
    client.rows("SET (A, B) = (1 + 1, 'x, (y)')")
    assert client.values("SELECT $A AS A, $B AS B") == [(2, "x, (y)")]
    assert client.errno("SET (A, B) = (1, 2, 3)") == 2026
