"""An account's answers, and the findings about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jobgraph.cost.budgeting import BudgetUse
    from jobgraph.inspection.stack_state import StackState

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Finding:
    """One line of a report. `ok` is False if something will fail, None if that is unknown. `detail` has the remedy.

    `of_runs` says that only runs will fail, not the deploy.
    """

    name: str
    ok: bool | None
    detail: str = ""
    of_runs: bool = False


@dataclass(frozen=True)
class Answers:
    """Snowflake's answers.

    Attributes:
        rows: the result rows by the question's name; refused questions are absent.
        refused: Snowflake's error texts, by the question's name.
        role: the session's role.
        grants: the rows of SHOW GRANTS for the session's role and for the roles below it.
        budget_use: the use of the stack's budget; None if it has none, or if the question was refused.
        environment: the stack that commands in remedies name; None for the default settings.
        roles: the session's role and all roles below it.
        stack_role: the role that the stack's file names for the deploy; empty if it names none.
        state: what the stack's state records; None if it could not be read.
        state_problem: why it could not be read, and what is therefore unknown.
        server_time, own_time: the same moment by both clocks, as aware instants.
    """

    rows: Mapping[str, Rows]
    role: str
    server_time: datetime
    own_time: datetime
    grants: Sequence[Mapping[str, Any]] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    budget_use: BudgetUse | None = None
    environment: str | None = None
    roles: frozenset[str] = frozenset()
    stack_role: str = ""
    state: StackState | None = None
    state_problem: str = ""
