"""A task that is in no graph may be changed while it is started (behaviour change 2363)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client

CHANGES = ["SET SCHEDULE = '10 MINUTES'", "SET COMMENT = 'x'", "MODIFY AS SELECT 2", "MODIFY WHEN 1 = 1"]


@pytest.mark.parametrize("change", CHANGES)
def test_alone_it_may_be_changed(client: Client, change: str) -> None:
    client.rows("CREATE TASK X SCHEDULE = '60 MINUTES' AS SELECT 1")
    client.rows("ALTER TASK X RESUME")
    client.rows(f"ALTER TASK X {change}")
    (row,) = client.rows("SHOW TASKS LIKE 'X'")
    assert row["state"] == "started"


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("neighbour", ["AFTER X", "FINALIZE = X"])
def test_in_a_graph_it_must_be_suspended(client: Client, change: str, neighbour: str) -> None:
    client.rows("CREATE TASK X SCHEDULE = '60 MINUTES' AS SELECT 1")
    client.rows(f"CREATE TASK Y {neighbour} AS SELECT 1")
    client.rows("ALTER TASK X RESUME")
    assert client.errno(f"ALTER TASK X {change}") == 91421


def test_it_becomes_no_part_of_a_graph(client: Client) -> None:
    client.rows("CREATE TASK R AS SELECT 1")
    client.rows("CREATE TASK X AS SELECT 1")
    client.rows("ALTER TASK X RESUME")
    assert client.errno("ALTER TASK X ADD AFTER R") == 91421
    assert client.errno("ALTER TASK X SET FINALIZE = R") == 91421


def test_its_new_schedule_counts_at_once(client: Client) -> None:
    client.rows("CREATE TASK X SCHEDULE = '60 MINUTES' AS SELECT 1")
    client.rows("ALTER TASK X RESUME")
    before = due(client)
    client.rows("ALTER TASK X SET SCHEDULE = '10 MINUTES'")
    assert before - due(client) == timedelta(minutes=50)


def due(client: Client) -> timedelta:
    """When the one task is due, as time since the test's start."""
    with client.world.store.transaction() as tx:
        row = tx.row("SELECT due FROM task_due")
    assert row is not None
    return client.world.clock.now().fromisoformat(row["due"]) - client.world.clock.now()
