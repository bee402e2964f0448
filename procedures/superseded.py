"""Procedures of earlier deploys: how they are recognised, and the call of the procedure that drops them.

Knows SHOW PROCEDURES and the mark that a deploy sets when it no longer uses a procedure. Must not know when one may be
dropped (`drop_superseded` does). Shipped as a part of stored procedures' texts.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from snowflake.snowpark.exceptions import SnowparkSQLException

from jobgraph.procedures.attempt import lower_keys, object_name, one_line
from jobgraph.procedures.sending import error_text, send

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jobgraph.procedures.attempt import RunContext
    from jobgraph.procedures.sending import Tagged

# ends the comment of a procedure that no task of the last deploy calls; jobgraph.deploy.retirement has it too
SUPERSEDED = " [superseded]"
# ends a procedure's name between the decision to drop it and the drop
LEAVING = "_DROPPED"
NAME = re.compile(rf"((?:RUN_JOB|FINALIZE_GRAPH|WATCH_GRAPHS)_[0-9A-F]{{8}})({LEAVING})?")


class Procedure(NamedTuple):
    """A procedure of this or an earlier deploy. `signature` is its bare name with the types of its arguments."""

    name: str
    signature: str
    comment: str

    @property
    def superseded(self) -> bool:
        """Whether a deploy has marked it as no longer used."""
        return self.comment.endswith(SUPERSEDED)

    @property
    def called(self) -> str:
        """The name by which tasks call it."""
        return self.name.removesuffix(LEAVING)


def procedures(rows: Iterable[Mapping[str, Any]]) -> list[Procedure]:
    """Return the runners, finalizers and watches of deploys among the rows of SHOW PROCEDURES."""
    listed = []
    for row in map(lower_keys, rows):
        # RUN_JOB_1A2B3C4D(VARCHAR, VARCHAR) RETURN VARCHAR
        signature = str(row["arguments"]).partition(" RETURN ")[0]
        if NAME.fullmatch(str(row["name"])):
            listed.append(Procedure(str(row["name"]), signature, str(row["description"] or "")))
    return listed


def drop_superseded(session: Tagged, graph: Mapping[str, Any], run: RunContext) -> list[str]:
    """Call the procedure that drops unneeded procedures. Return its failures, which must not fail the run.

    It has owner's rights, because the role of the tasks does not own the procedures.
    """
    if not graph.get("drop_superseded"):
        return []
    place = object_name(graph, "drop_superseded").rpartition(".")[0]
    try:
        rows = send(session, f"SHOW PROCEDURES IN SCHEMA {place}")
        if any(procedure.superseded for procedure in procedures(row.as_dict() for row in rows)):
            request = {name: graph[name] for name in ("database", "schema", "uses")} | {"run": run.group}
            send(session, f"CALL {object_name(graph, 'drop_superseded')}(?)", [json.dumps(request)])
    except SnowparkSQLException as error:
        return [f"superseded procedures: {one_line(error_text(error))}"]
    return []
