"""The address of a view, which can be sent to a colleague.

Pure. Knows the views and what each of them is about. Must not know how an address becomes a link or a page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

GRAPHS = "graphs"
GRID = "grid"
PICTURE = "picture"
RUN = "run"
JOB = "job"
ATTEMPT = "attempt"
COST = "cost"
ALERTS = "alerts"
CHANGES = "changes"
WHY = "why"
VIEWS = (GRAPHS, GRID, PICTURE, RUN, JOB, ATTEMPT, COST, ALERTS, CHANGES, WHY)

# An identifier has at most 255 characters (docs.snowflake.com/en/sql-reference/identifiers-syntax).
_LONGEST = 255
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Address:
    """A view and what it is about; empty: the view's own choice, as the newest run.

    `filter` is what names of graphs or jobs have to hold, `only` a group of states (see `looks.GROUPS`), `find` what
    the lines of a log have to hold.
    """

    view: str = GRAPHS
    graph: str = ""
    run: str = ""
    job: str = ""
    attempt: str = ""
    filter: str = ""
    only: str = ""
    find: str = ""

    def to(self, view: str, **parts: str) -> Address:
        """Return the address of another view of the same graph, with some parts changed; `find` is dropped."""
        return replace(self, view=view, **{"find": "", **parts})

    @property
    def parameters(self) -> dict[str, str]:
        """The query parameters, without empty ones."""
        values = vars(self)
        return {name: value for name, value in values.items() if value and (name, value) != ("view", GRAPHS)}

    @property
    def link(self) -> str:
        """The relative link."""
        return "?" + urlencode(self.parameters)


def read(parameters: Mapping[str, Any]) -> Address:
    """Return the address in query parameters, whatever these hold.

    Unknown parameters are ignored. An unknown view, or a view of a graph without one, is the first view. A value is cut
    where no name in Snowflake is as long.
    """
    names = {field.name for field in fields(Address)}
    values = {name: _CONTROL.sub("", str(value))[:_LONGEST] for name, value in parameters.items() if name in names}
    address = Address(**values)
    return address if address.view in VIEWS and address.graph else replace(address, view=GRAPHS)
