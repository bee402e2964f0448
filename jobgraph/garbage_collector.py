"""Python's garbage collector, paused while many objects are made of which none is garbage.

Knows the collector. Must not know what is made meanwhile.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def paused() -> Iterator[None]:
    """Pause the collector; also a decorator.

    While a large file is read, it would look through all nodes again and again, for half of the whole time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
