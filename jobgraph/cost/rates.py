"""Snowflake's rates, and the rates that a stack overrides.

Knows rates.yaml in this folder. Must not know what is deployed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILE = Path(__file__).with_name("rates.yaml")


@dataclass(frozen=True)
class Rate:
    """Credits per hour; a range if clouds differ or the rate is not certain."""

    low: float
    high: float


@dataclass(frozen=True)
class Rates:
    """Rates of instance families and of warehouse sizes; `own` are the names whose rates the stack overrides.

    `serverless` is a fraction of a warehouse's rate. Minimum charges (`shortest_…`) are in seconds.
    """

    effective: str
    source: str
    credit_price: float
    families: Mapping[str, Rate]
    warehouses: Mapping[str, Rate]
    serverless: float
    shortest_node: int
    shortest_warehouse: int
    own: frozenset[str] = frozenset()
    own_price: bool = False

    def overridden(self, rates: Mapping[str, float], credit_price: float | None) -> Rates:
        """Return the rates overridden by a stack's `rates`: instance family or warehouse size -> credits per hour."""
        own = {name: Rate(value, value) for name, value in rates.items()}
        return replace(
            self,
            families=dict(self.families) | {name: rate for name, rate in own.items() if name not in self.warehouses},
            warehouses=dict(self.warehouses) | {name: rate for name, rate in own.items() if name in self.warehouses},
            credit_price=self.credit_price if credit_price is None else credit_price,
            own=frozenset(own),
            own_price=credit_price is not None,
        )


@cache
def published() -> Rates:
    """Return the rates that Snowflake publishes, as of the date in the file."""
    content: dict[str, Any] = yaml.safe_load(_FILE.read_text("utf-8"))
    return Rates(
        effective=content["effective"].isoformat(),
        source=content["source"],
        credit_price=content["credit_price"],
        families={name: _rate(value) for name, value in content["families"].items()},
        warehouses={name: _rate(value) for name, value in content["warehouses"].items()},
        serverless=content["serverless_tasks"],
        shortest_node=content["shortest_charge"]["node"],
        shortest_warehouse=content["shortest_charge"]["warehouse"],
    )


def _rate(value: float | list[float]) -> Rate:
    return Rate(*value) if isinstance(value, list) else Rate(value, value)
