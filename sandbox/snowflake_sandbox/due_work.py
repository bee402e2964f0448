"""The loop of a thread that does the work that is due, then sleeps until the next work is.

Knows the clock, the store and how to survive a failure. Must not know the work.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from datetime import datetime

    from snowflake_sandbox.call import World

_RETRY_SECONDS = 1.0


def repeat(
    look: Callable[[], datetime], subject: str, *, world: World, wake: threading.Event, stopping: threading.Event
) -> None:
    """Do the work that is due, repeatedly, until `stopping` is set.

    A failure is logged and the work repeated a second later: when somebody has made room on a full disk, schedules,
    queues and suspensions must continue.

    Args:
        look: does the work that is due; returns the time at which the next work is due.
        subject: names the log, `sandbox.<subject>`, and the work in its messages.
        world: has the clock and the store; a transaction that wakes the thread is committed before `look` is called.
        wake: set by others when work may have become due earlier.
        stopping: set when the sandbox ends; set `wake` after it.
    """
    while not stopping.is_set():
        wake.clear()
        try:
            world.store.settle()
            until = look()
        except Exception:  # logged, and tried again
            logging.getLogger(f"sandbox.{subject}").exception(
                "the check for due work of %s failed; trying again", subject
            )
            stopping.wait(_RETRY_SECONDS)
            continue
        world.clock.wait_until(wake, until)
