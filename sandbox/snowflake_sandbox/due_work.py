"""The loop of a thread that does what is due, then sleeps until something else is.

Knows the clock, the store and how a failure is survived. Must not know what is due.
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
    """Do what is due, again and again, until `stopping` is set.

    A failure is logged and tried again a second later: a full disk ends by somebody's doing, and schedules, queues and
    suspensions must go on then.

    Args:
        look: does what is due; returns the instant until which nothing else will be.
        subject: the name of the log, `sandbox.<subject>`, and what it says could not be looked at.
        world: whose clock and store these are; what a transaction wakes the thread for is written before it looks.
        wake: set by others when something may have become due earlier.
        stopping: set when the sandbox ends; `wake` is to be set after it.
    """
    while not stopping.is_set():
        wake.clear()
        try:
            world.store.settle()
            until = look()
        except Exception:  # logged, and tried again
            logging.getLogger(f"sandbox.{subject}").exception("%s could not be looked at; trying again", subject)
            stopping.wait(_RETRY_SECONDS)
            continue
        world.clock.wait_until(wake, until)
