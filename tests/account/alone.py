"""One kit at a time: another's start would remove what this one is using.

Knows a lock on this machine, and the comment of the kit's warehouse, which kits on other machines see. Must not know
what a kit asks.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import tempfile
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.account.scratch import WAREHOUSE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.account.scratch import Ask

_BEFORE = "kit on "
# No kit takes longer: what is older was left by one that was killed.
LONGEST = timedelta(hours=4)


@contextmanager
def on_this_machine(options: Mapping[str, Any]) -> Iterator[bool]:
    """Yield whether no other kit of this machine asks the account; the lock goes with the process, however it ends."""
    place = [str(options.get(name) or "") for name in ("account", "host", "port")]
    name = hashlib.sha256("/".join(place).encode()).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"jobgraph-kit-{os.getuid()}-{name}.lock"
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def comment() -> str:
    """Return the comment of the kit's warehouse: where the kit runs."""
    return _BEFORE + "".join(letter for letter in platform.node() if letter.isalnum() or letter in "-._")


def elsewhere(ask: Ask) -> str:
    """Return that a kit of another machine asks the account, or was killed there lately; empty if none does."""
    now = ask("SELECT CURRENT_TIMESTAMP() AS NOW")[0]["NOW"]
    for row in ask("SHOW WAREHOUSES"):
        text = str(row["comment"] or "")
        if row["name"] != WAREHOUSE or not text.startswith(_BEFORE) or text == comment():
            continue
        if now - row["created_on"] < LONGEST:
            return f"a {text} has asked this account since {row['created_on']:%Y-%m-%d %H:%M %Z}, or was killed there"
    return ""
