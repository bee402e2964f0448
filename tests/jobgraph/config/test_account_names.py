"""A stack's own names of pools, warehouses and integrations reach the plan; the file keeps its own."""

from __future__ import annotations

from typing import Any

import pytest

from jobgraph.config.account_names import in_account
from jobgraph.config.reading import parse
from jobgraph.errors import UsageError
from jobgraph.names import LONGEST_IDENTIFIER
from jobgraph.plan.budgets import monitor_name
from jobgraph.plan.planning import Procedures, plan
from jobgraph.plan.roles import roles
from jobgraph.settings import read_settings

FILE = b"""\
version: 1
defaults: {image: "a:1", compute_pool: SMALL}
graphs:
  g:
    jobs:
      one: {external_access: [PYPI, OTHER], warehouse: {query: BIG, task: BIG}}
      two: {compute_pool: LARGE}
      three: {compute_pool: PLAIN}
"""


def settings(**entries: Any) -> Any:
    return read_settings(entries, "Pulumi.dev.yaml")


def test_each_name_is_replaced_once_even_by_one_that_is_anothers() -> None:
    swapped = settings(
        pools={"SMALL": {"name": "large"}, "LARGE": {"name": "SMALL"}, "PLAIN": {}},
        warehouses={"big": "dev_big"},
        integrations={"PYPI": "DEV_PYPI"},
    )
    one, two, three = in_account(parse(FILE, "jobs.yaml", pools=swapped.pool_families), swapped).graphs[0].jobs
    assert [one.compute_pool, two.compute_pool, three.compute_pool] == ["LARGE", "SMALL", "PLAIN"]
    assert one.external_access == ("DEV_PYPI", "OTHER")
    assert (one.warehouse, one.task_warehouse) == ("DEV_BIG", "DEV_BIG")
    assert (two.warehouse, two.task_warehouse) == (None, None)


def test_without_names_of_its_own_a_stack_has_the_files() -> None:
    config = parse(FILE, "jobs.yaml")
    assert in_account(config, settings(pools={"SMALL": {"name": "SMALL"}})) is config


def test_two_pools_cannot_be_one() -> None:
    with pytest.raises(UsageError, match="another pool already has the name X"):
        settings(pools={"A": {"name": "X"}, "B": {"name": "x"}})
    with pytest.raises(UsageError, match="pool B: another pool already has the name A"):
        settings(pools={"A": {}, "B": {"name": "A"}})


def test_the_families_are_known_by_the_files_names_and_the_pools_by_the_accounts() -> None:
    chosen = settings(pools={"A": {"name": "DEV_A", "instance_family": "CPU_X64_M"}})
    assert chosen.pool_families == {"A": "CPU_X64_M"}
    assert chosen.pool_names == ("DEV_A",)


def test_names_that_are_built_of_the_longest_ones_are_legal_and_differ() -> None:
    """They were longer than Snowflake allows, and every command ended in a traceback."""
    name = "N" * LONGEST_IDENTIFIER
    text = FILE + b"notify: [{email: [a@b.org]}, {webhook: {type: slack, secret: S}}]\n"
    budget = {"credits_per_month": 5, "suspend": True}

    def built(schema: str) -> list[str]:
        pools = {"SMALL": {"name": name}, "LARGE": {}, "PLAIN": {}}
        chosen = settings(database=name, schema=schema, warehouse=name, role=name, budget=budget, pools=pools)
        planned = plan(parse(text, "jobs.yaml"), chosen, Procedures("a", "b", "c"))
        assert [statement for role in roles(planned, {}) for statement in role.sql()]
        monitor = monitor_name(chosen)
        assert monitor is not None
        return [*(integration.name for integration in planned.notifying.integrations), monitor]

    first, second = built(name), built(f"{name[:-1]}S")
    assert {len(each) for each in (*first, *second)} == {LONGEST_IDENTIFIER}
    assert not {*first[:-1]} & {*second[:-1]}
