"""Tells a plugin's process when the engine that started it is done with it or gone.

Knows how the engine starts and ends a plugin. Knows nothing of what a plugin does.
"""

import os
import select
import signal
import stat
import sys
import threading


def watch_engine() -> threading.Event:
    """An event that is set when the engine interrupts this process, or is gone, even by a kill -9.

    To be called in the main thread before the port is printed: from then on the engine may interrupt. The engine keeps
    the other end of our standard input for as long as it lives; started by hand, there is no such end to watch.
    """
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: over.set())
    if sys.stdin and stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        threading.Thread(target=_await_hang_up, args=(sys.stdin.fileno(), over), daemon=True).start()
    return over


def _await_hang_up(descriptor: int, over: threading.Event) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # asks only for the hang-up, and takes nothing from what a program may read
    poll.poll()
    over.set()
