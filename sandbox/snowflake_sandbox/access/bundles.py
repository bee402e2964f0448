"""Bundles of behaviour changes: the list, their states, and the functions that switch them.

Knows those bundles of 2026 of which the sandbox implements a change (release-notes/bcr-bundles); must not know the
changes, whose code calls `is_enabled`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.data.function_arguments import counted

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.store import Snapshot

TABLES = "CREATE TABLE IF NOT EXISTS behavior_change (bundle TEXT PRIMARY KEY, is_enabled INTEGER NOT NULL);"

# As of release 10.37: one bundle is released and cannot be disabled, the next is on by default, the newest off.
_STATES = {"2026_06": "RELEASED", "2026_07": "ENABLED", "2026_08": "DISABLED"}
OWNERSHIP_OF_ACTIVE_ROLES = "2026_07"  # BCR-2395
NO_OLD_STAGE_MOUNTS = "2026_08"  # BCR-2449
GRANTS_STAY = "2026_08"  # BCR-2433


def register(world: World) -> None:
    """Add the functions that read and switch the state of a bundle."""
    world.functions |= {
        "SYSTEM$BEHAVIOR_CHANGE_BUNDLE_STATUS": _status,
        "SYSTEM$ENABLE_BEHAVIOR_CHANGE_BUNDLE": lambda call, arguments: _switch(call, arguments, enabled=True),
        "SYSTEM$DISABLE_BEHAVIOR_CHANGE_BUNDLE": lambda call, arguments: _switch(call, arguments, enabled=False),
    }


def is_enabled(tx: Snapshot, bundle: str) -> bool:
    """Whether the changes of a bundle are in effect."""
    return _state(tx, bundle) != "DISABLED"


def _state(tx: Snapshot, bundle: str) -> str:
    row = tx.row("SELECT is_enabled FROM behavior_change WHERE bundle = ?", bundle)
    if row is None:
        return _STATES[bundle]
    return "ENABLED" if row["is_enabled"] else "DISABLED"


def _bundle(arguments: tuple[Any, ...], function: str) -> str:
    (bundle,) = counted(arguments, 1, 1, function)
    if bundle not in _STATES:
        raise errors.invalid_value(str(bundle), "BUNDLE_NAME")
    return str(bundle)


def _status(call: Call, arguments: tuple[Any, ...]) -> str:
    bundle = _bundle(arguments, "SYSTEM$BEHAVIOR_CHANGE_BUNDLE_STATUS")
    with call.world.store.reading() as tx:
        return _state(tx, bundle)


def _switch(call: Call, arguments: tuple[Any, ...], *, enabled: bool) -> str:
    bundle = _bundle(arguments, f"SYSTEM${'ENABLE' if enabled else 'DISABLE'}_BEHAVIOR_CHANGE_BUNDLE")
    if call.session.role != "ACCOUNTADMIN":
        raise errors.insufficient_privileges("account", "LOCAL-SANDBOX")
    if _STATES[bundle] == "RELEASED":
        raise errors.invalid_value(bundle, "BUNDLE_NAME")
    with call.world.store.transaction() as tx:
        tx.run("INSERT OR REPLACE INTO behavior_change VALUES (?, ?)", bundle, enabled)
    return "ENABLED" if enabled else "DISABLED"
