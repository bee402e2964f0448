"""Notifies a plugin's process when its engine no longer needs it, or has ended.

Knows how the engine starts and ends a plugin. Knows nothing of what a plugin does.
"""

import os
import select
import signal
import stat
import sys
import threading


def watch_engine() -> threading.Event:
    """Return an event that is set when the engine interrupts this process or has ended, even by kill -9.

    Call this in the main thread before printing the port: from then on the engine may interrupt. The engine holds the
    other end of our standard input for as long as it lives; if started by hand, there is no such end to watch.
    """
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: over.set())
    if sys.stdin and stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        threading.Thread(target=_await_hang_up, args=(sys.stdin.fileno(), over), daemon=True).start()
    return over


def _await_hang_up(descriptor: int, over: threading.Event) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # only detects the hang-up, and reads nothing of a program's input
    poll.poll()
    over.set()
