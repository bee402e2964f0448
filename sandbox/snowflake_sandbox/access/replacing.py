"""The grants on an object that CREATE OR REPLACE replaces: COPY GRANTS, IGNORE GRANTS, or the default.

Knows the clauses and the default, which a bundle of behaviour changes reverses (BCR-2433); must not know any kind.
Copied grants replace the future grants; ownership is never copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.access import bundles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.catalog.kind import Creation, Kind
    from snowflake_sandbox.store import Transaction


def read_clause(call: Call, creation: Creation) -> bool:
    """Read COPY GRANTS or IGNORE GRANTS if it comes next; IGNORE GRANTS needs OR REPLACE and the bundle (guess).

    Raises:
        SnowflakeError: 001003 for both clauses together, or for IGNORE GRANTS without OR REPLACE.
    """
    for word in ("COPY", "IGNORE"):
        start = call.reader.index
        if not call.reader.accept(f"{word} GRANTS"):
            continue
        with call.world.store.reading() as tx:
            is_known = word == "COPY" or bundles.is_enabled(tx, bundles.GRANTS_STAY)
        if not is_known or creation.grants not in ("", word) or (word == "IGNORE" and not creation.or_replace):
            call.reader.index = start
            raise call.reader.unexpected()
        creation.grants = word
        return True
    return False


def preserved_grants(
    tx: Transaction, kind: Kind, creation: Creation, before: SnowflakeObject
) -> list[tuple[Any, ...]] | None:
    """Return the grants that the replacing object gets from the replaced one; None if future grants apply instead."""
    if not kind.keeps_grants or creation.grants == "IGNORE":
        return None
    if not creation.grants and not bundles.is_enabled(tx, bundles.GRANTS_STAY):
        return None
    return [tuple(row) for row in tx.rows("SELECT * FROM object_grant WHERE object_id = ?", before.id)]


def replace_grants(tx: Transaction, item: SnowflakeObject, grants: Sequence[tuple[Any, ...]]) -> None:
    """Replace an object's grants with these."""
    tx.run("DELETE FROM object_grant WHERE object_id = ?", item.id)
    for _object_id, *values in grants:
        tx.run("INSERT INTO object_grant VALUES (?, ?, ?, ?, ?, ?)", item.id, *values)
