"""The published rates: all there are, and what a stack has others for."""

from __future__ import annotations

from datetime import date

from jobgraph.cost.rates import Rate, published
from jobgraph.instance_families import FAMILIES
from jobgraph.settings import WAREHOUSE_SIZES


def test_every_family_and_every_size_has_a_rate() -> None:
    rates = published()
    assert rates.families.keys() == FAMILIES.keys()
    assert tuple(rates.warehouses) == WAREHOUSE_SIZES
    assert all(0 < rate.low <= rate.high for rate in (*rates.families.values(), *rates.warehouses.values()))


def test_the_file_names_its_date_and_source() -> None:
    rates = published()
    assert date.fromisoformat(rates.effective) > date(2026, 1, 1)
    assert "Consumption Table" in rates.source


def test_facts_that_were_looked_up() -> None:
    rates = published()
    assert rates.families["CPU_X64_XS"] == Rate(0.06, 0.06)
    assert rates.families["GPU_NV_L"] == Rate(14.12, 14.12)
    assert rates.families["MEM_X64_G2_8"] == Rate(0.311, 0.392)
    assert (rates.warehouses["XSMALL"], rates.serverless) == (Rate(1, 1), 0.9)
    assert (rates.shortest_node, rates.shortest_warehouse, rates.credit_price) == (300, 60, 3.0)


def test_a_stack_has_rates_of_its_own() -> None:
    own = published().overridden({"CPU_X64_S": 0.5, "SMALL": 2.7}, 2.6)
    assert (own.families["CPU_X64_S"], own.warehouses["SMALL"]) == (Rate(0.5, 0.5), Rate(2.7, 2.7))
    assert own.families["CPU_X64_XS"] == published().families["CPU_X64_XS"]
    assert (own.credit_price, own.own_price, own.own) == (2.6, True, frozenset({"CPU_X64_S", "SMALL"}))
    assert published().overridden({}, None) == published()
