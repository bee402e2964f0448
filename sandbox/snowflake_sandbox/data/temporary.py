"""Temporary tables, views, stages, file formats, procedures and functions: dropped when their session ends.

Knows their mark in the catalog (property `session`); must not know how a session ends (logins.py), nor any kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake_sandbox.call import Call
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.session import Session
from snowflake_sandbox.statements.definitions import drop_object
from snowflake_sandbox.statements.reader import Reader

if TYPE_CHECKING:
    from snowflake_sandbox.call import World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_KINDS = ("TABLE", "VIEW", "STAGE", "FILE FORMAT", "PROCEDURE", "FUNCTION")
_TEXT = "-- end of session"


def drop_temporary(world: World, session: Session) -> None:
    """Drop a session's temporary objects."""
    if session.data is None:
        return
    with world.store.reading() as tx:
        objects = [catalog.by_id(tx, object_id) for object_id in session.data.temporary]
    _drop(world, session, [each for each in objects if each is not None])


def drop_left_over(world: World) -> None:
    """Drop the temporary objects that the sessions of an earlier process left behind."""
    with world.store.reading() as tx:
        leftovers = [
            item for kind in _KINDS for item in catalog.listing(tx, kind) if item["session"] or item["temporary"]
        ]
    if leftovers:
        session = Session(0, "", "", "ACCOUNTADMIN", world.clock.now())
        _drop(world, session, leftovers)


def _drop(world: World, session: Session, objects: list[SnowflakeObject]) -> None:
    call = Call(world, session, Reader(_TEXT), world.new_id(), _TEXT, {})
    for item in objects:
        with world.store.transaction():
            drop_object(call, item)
