"""What an account has said, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jobgraph.cost.budgeting import BudgetUse

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Finding:
    """One line. `ok` is False if something will fail; None if Snowflake did not say. `detail` has the remedy."""

    name: str
    ok: bool | None
    detail: str = ""


@dataclass(frozen=True)
class Answers:
    """What Snowflake said.

    Attributes:
        rows: by the question's name; a question that is not there was refused.
        refused: Snowflake's words, by the question's name.
        role: the session's role.
        grants: rows of SHOW GRANTS of the session's role and of the roles below it.
        budget_use: what is used of the stack's budget; None if it has none, or if the question was refused.
        server_time, own_time: aware instants at the same moment.
    """

    rows: Mapping[str, Rows]
    role: str
    server_time: datetime
    own_time: datetime
    grants: Sequence[Mapping[str, Any]] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    budget_use: BudgetUse | None = None
