"""Every setting that docs/account.md explains is read: another value of it is another program."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pulumi
import pytest

from jobgraph.config.reading import parse
from jobgraph.cost.deployment import deployment
from jobgraph.cost.pricing import priced
from jobgraph.cost.rendering import as_json
from jobgraph.settings import Pool, Settings, read_settings
from tests.components.recorded import record

if TYPE_CHECKING:
    from pathlib import Path

FILE = """\
version: 1
defaults: {image: "a:latest", compute_pool: PR_STD_POOL_XS}
graphs:
  g:
    # in the maintenance of a region in UTC, and not of one in Tokyo
    schedule: {cron: "0 12 * * SAT", timezone: UTC}
    notify: {email: [ops@example.org], late_after: 1 hour}
    jobs:
      plain: {warehouse: BIG, external_access: [PYPI]}
      payload: {payload: {path: run.py}}
"""
POOLS: dict[str, Any] = {
    "PR_STD_POOL_XS": {"max_nodes": 2},
    "PR_STD_POOL_S": {"instance_family": "CPU_X64_S", "max_nodes": 2},
}
OTHERS: dict[str, Any] = {
    **{name: f"OTHER_{name.upper()}" for name in ("database", "schema", "role", "warehouse", "stage")},
    **{name: f"OTHER_{name.upper()}" for name in ("operations_table", "backfills_table", "backfill_intervals_table")},
    **{name: f"OTHER_{name.upper()}" for name in ("job_runs_table", "job_logs_table", "task_runs_table", "alert")},
    "notifications_table": "OTHER_NOTIFICATIONS",
    "alert_minutes": 7,
    "serverless_alert": False,
    "page_url": "https://page.example.org",
    "image_repository": "PICTURES",
    "task_runs_function": "OTHER_FUNCTION",
    "runtime_image": "other:2.0",
    "users": ["SOMEONE"],
    "parent_roles": ["USERADMIN"],
    "warehouse_size": "LARGE",
    "warehouse_auto_suspend": 61,
    "warehouse_max_concurrency": 9,
    "warehouse_max_clusters": 2,
    "region_timezone": "Asia/Tokyo",
    "snowpark_version": "1.34.0",
    "keep_services_days": 2,
    "keep_results_days": 15,
    "existing": ["role"],
    "imported": ["warehouse"],
    "retain": False,
    "force_destroy": True,
    "image_digests": {"a:latest": f"sha256:{'0' * 64}"},
    "pools": {**POOLS, "ANOTHER": {}},
    "warehouses": {"BIG": "DEV_BIG"},
    "integrations": {"PYPI": "DEV_PYPI"},
    "page": True,
    "budget": {"credits_per_month": 200, "notify": ["a@example.com"], "suspend": True},
    "budget_name": "OTHER_BUDGET",
    "page_roles": ["ANALYST"],
}
# settings that mean nothing without another one
BESIDE: dict[str, Any] = {"page_roles": {"page": True}, "budget_name": {"budget": {"credits_per_month": 9}}}
# they make no difference to what is deployed, but to what is said of its cost
OTHER_ESTIMATES: dict[str, Any] = {"credit_price": 2.6, "rates": {"XSMALL": 1.35}, "runs_per_month": {"BY_HAND": 20}}
OTHERS_OF_POOL = {
    "name": "DEV_POOL",
    "instance_family": "CPU_X64_M",
    "min_nodes": 2,
    "max_nodes": 3,
    "auto_suspend_secs": 61,
    "existing": True,
    "imported": True,
}


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the program asks the engine for, and what it warns of, by settings."""
    (tmp_path / "jobs.yaml").write_text(FILE)
    (tmp_path / "run.py").write_text("print(1)\n")
    warnings: list[str] = []
    monkeypatch.setattr(pulumi, "warn", lambda text, *_: warnings.append(text))

    def recorded(settings: dict[str, Any]) -> str:
        warnings.clear()
        recorder = record({"pools": POOLS, **settings}, str(tmp_path / "jobs.yaml"))
        entries = sorted(json.dumps(entry, sort_keys=True) for entry in recorder.recorded)
        text = json.dumps([entries, recorder.outputs, warnings], sort_keys=True)
        return re.sub(r"\bdeploy [0-9a-f]{8}\b", "deploy (number)", text)

    return recorded


def test_every_setting_of_a_stack_is_read(program: Any) -> None:
    base = program({})
    assert program({}) == base
    names = {setting.name for setting in fields(Settings)}
    assert names == OTHERS.keys() | OTHER_ESTIMATES.keys()
    bases = {name: program(BESIDE[name]) if name in BESIDE else base for name in OTHERS}
    others = {name: program({**BESIDE.get(name, {}), name: value}) for name, value in OTHERS.items()}
    assert [name for name in sorted(OTHERS) if others[name] == bases[name]] == []


def test_every_setting_for_estimates_is_read() -> None:
    by_hand = FILE.replace("payload: {payload: {path: run.py}}", "other: {}") + "  by_hand: {jobs: {x: {}}}\n"
    config = parse(by_hand.encode(), "jobs.yaml")

    def estimate(settings: dict[str, Any]) -> dict[str, Any]:
        read = read_settings({"pools": POOLS, **settings}, "Pulumi.dev.yaml")
        return as_json(priced(deployment(config, read), read, {}))

    base = estimate({})
    assert [name for name, value in OTHER_ESTIMATES.items() if estimate({name: value}) == base] == []


def test_every_setting_of_a_pool_is_read(program: Any) -> None:
    base = program({})
    names = {setting.name for setting in fields(Pool) if setting.metadata}
    assert names == OTHERS_OF_POOL.keys()
    pools = {name: {"PR_STD_POOL_XS": {**POOLS["PR_STD_POOL_XS"], name: OTHERS_OF_POOL[name]}} for name in names}
    assert [name for name, pool in pools.items() if program({"pools": POOLS | pool}) == base] == []
