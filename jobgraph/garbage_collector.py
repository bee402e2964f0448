"""Pausing Python's garbage collector while many long-lived objects are created.

Knows the collector. Must not know which objects are created.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def paused() -> Iterator[None]:
    """Pause the collector. Also usable as a decorator.

    While a large file is read, the collector would scan all nodes again and again, and take half of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
