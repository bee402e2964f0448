"""Objects that exist already are no resources, and what is granted on them still waits for what is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.components.recorded import record

if TYPE_CHECKING:
    from tests.components.recorded import Recorder

EXISTING = ["role", "warehouse", "database", "schema", "image_repository"]


def test_what_exists_is_granted_on_and_not_made(quickstart: Recorder) -> None:
    used = record({"existing": EXISTING, "pools": {"PR_STD_POOL_XS": {"existing": True}, "PR_STD_POOL_S": {}}})
    kinds = {entry["type"].rpartition(":")[2] for entry in used.recorded}
    assert not kinds & {"AccountRole", "Warehouse", "Database", "Schema", "ImageRepository"}
    assert set(used.of("ComputePool")) == {"PR_STD_POOL_S"}
    grants = "GrantPrivilegesToAccountRole"
    assert {name: one["inputs"] for name, one in used.of(grants).items()} == {
        name: one["inputs"] for name, one in quickstart.of(grants).items()
    }
    assert "StageInternal JOBS" in used.of(grants)["SPCS_DEMO_ROLE-JOBS"]["dependencies"]


def test_a_warehouse_gets_the_slots_and_clusters_that_the_settings_name(quickstart: Recorder) -> None:
    usual = quickstart.of("Warehouse")["SMALL_WAREHOUSE"]["inputs"]
    larger = record({"warehouse_max_concurrency": 100, "warehouse_max_clusters": 3})
    inputs = larger.of("Warehouse")["SMALL_WAREHOUSE"]["inputs"]
    assert inputs == usual | {"maxConcurrencyLevel": 100, "maxClusterCount": 3}
