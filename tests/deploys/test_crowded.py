"""Two tasks with as many successors as Snowflake allows, two of which change places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jobgraph.config.topology import MOST_CHILDREN
from jobgraph.toolchain.standins.provider.errors import ProviderError
from tests.reliability.deploys import Case

if TYPE_CHECKING:
    from pathlib import Path

UPPER, LOWER = (tuple(f"{letter}{number}" for number in range(MOST_CHILDREN)) for letter in "ul")


def graph(upper: tuple[str, ...], lower: tuple[str, ...]) -> dict[str, Any]:
    """Two jobs below the root, and which jobs follow each of them."""
    followers = {name: ["upper"] for name in upper} | {name: ["lower"] for name in lower}
    return {"one": {"root_task": "root", "jobs": {"upper": [], "lower": [], **followers}}}


def test_the_next_deploy_ends_an_exchange_that_snowflake_refused(tmp_path: Path) -> None:
    case = Case(1, tmp_path)
    try:
        case.stack.up(*case.planned(graph(UPPER, LOWER), "STACK"))
        exchanged = case.planned(graph((LOWER[0], *UPPER[1:]), (UPPER[0], *LOWER[1:])), "STACK")
        # the provider adds a predecessor before it removes the former one
        with pytest.raises(ProviderError, match="091088"):
            case.stack.up(*exchanged)
        case.stack.up(*exchanged)
        followed = {name: case.stack.rows(f"DESCRIBE TASK D.STACK.{name}")[0]["predecessors"] for name in ("U0", "L0")}
        assert {name: text.rpartition(".")[2] for name, text in followed.items()} == {
            "U0": 'LOWER"]',
            "L0": 'UPPER"]',
        }
        assert case.stack.up(*exchanged) == []
    finally:
        case.close()
