"""Alerts on new data: the conditions they may have, and which rows of the table are new.

Pure. Knows the restrictions of user-guide/alerts (alerts on new data); must not know when an alert is evaluated
(runner.py). Rows are distinguished by their values: DuckDB has no streams, and renumbers the rows when a table is
altered. A row that UPDATE has changed counts as new (guess).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox import errors
from snowflake_sandbox.data import trees

if TYPE_CHECKING:
    from snowflake_sandbox.result import Result


def source(condition: str) -> str:
    """Return the name, as written, of the only table or view that the condition of an alert on new data reads.

    Raises:
        SnowflakeError: 000002 (guess) if such an alert may not have this condition.
    """
    tree = trees.parse(condition)
    if not isinstance(tree, exp.Select):
        raise _refused("anything but a SELECT")
    if tree.find(exp.CTE):
        raise _refused("a common table expression")
    if tree.find(exp.Join):
        raise _refused("a join")
    tables = list(tree.find_all(exp.Table))
    if len(tables) != 1 or tree.find(exp.TableFromRows) or tree.find(exp.Lateral):
        raise _refused("no table, or more than one,")
    (table,) = tables
    without_alias = exp.Table(this=table.this, db=table.args.get("db"), catalog=table.args.get("catalog"))
    return without_alias.sql("snowflake")


def _refused(construct: str) -> errors.SnowflakeError:
    return errors.not_supported(f"{construct} in the condition of an alert on new data (CREATE ALERT without SCHEDULE)")


def snapshot(rows: Result) -> str:
    """Return the rows of a table as a text, which `since` compares with later rows."""
    cells = [[repr(cell) for cell in row] for row in rows.rows]
    return json.dumps({"columns": [column.name for column in rows.columns], "rows": cells})


def since(before: str, rows: Result) -> Result:
    """Return the rows that are not in the snapshot; a column that only one of the two has is not compared."""
    earlier = json.loads(before)
    names = [column.name for column in rows.columns]
    common = [name for name in names if name in earlier["columns"]]
    then = [earlier["columns"].index(name) for name in common]
    at = [names.index(name) for name in common]
    counted = Counter(tuple(row[place] for place in then) for row in earlier["rows"])
    new = []
    for row in rows.rows:
        key = tuple(repr(row[place]) for place in at)
        if counted[key] > 0:
            counted[key] -= 1
        else:
            new.append(row)
    return replace(rows, rows=new)
