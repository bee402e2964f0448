"""A sandbox in the process of the tests: its statements' rows, and waiting for what its threads do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.protocol import wire
from snowflake_sandbox.statements import dispatch

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from snowflake_sandbox.call import World
    from snowflake_sandbox.result import Result
    from snowflake_sandbox.session import Session


def rows(world: World, session: Session, text: str, *binds: Any, **more: Any) -> list[dict[str, Any]]:
    """Run a statement; its rows by column name. What follows the text is the engine's."""
    return rows_of(dispatch.execute(world, session, text, *binds, **more))


def rows_of(result: Result) -> list[dict[str, Any]]:
    """Return the rows of a result by column name."""
    names = [column.name for column in result.columns]
    return [dict(zip(names, row, strict=True)) for row in wire.python_rows(result)]


def announced(method: Callable[..., Any], changed: threading.Condition) -> Callable[..., Any]:
    """The method, after each call of which those who wait for `changed` look again."""

    def announcing(*arguments: Any) -> Any:
        result = method(*arguments)
        with changed:
            changed.notify_all()
        return result

    return announcing
