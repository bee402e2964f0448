"""How the states of tasks look: a fill, a border, and one sign for a terminal.

Knows the words of Snowflake's task history and of job services. Must not know where a state comes from.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """How a state is shown: fill and border colour, and one sign for a terminal."""

    fill: str
    border: str
    sign: str


NEUTRAL = Look("#f6f8fa", "#8c959f", "·")
DONE = Look("#dafbe1", "#1a7f37", "✓")
FAILED = Look("#ffebe9", "#cf222e", "✗")
RUNNING = Look("#ddf4ff", "#0969da", "▶")
WAITING = Look("#fff8c5", "#9a6700", "…")
SKIPPED = Look("#eaeef2", "#6e7781", "↷")

LOOKS: dict[str, Look] = {
    "SUCCEEDED": DONE,
    "DONE": DONE,
    "FAILED": FAILED,
    "FAILED_AND_AUTO_SUSPENDED": FAILED,
    "INTERNAL_ERROR": FAILED,
    "EXECUTING": RUNNING,
    "RUNNING": RUNNING,
    "SCHEDULED": WAITING,
    "PENDING": WAITING,
    "SKIPPED": SKIPPED,
    "SUSPENDED": SKIPPED,
    "DISABLED": SKIPPED,
    "LEFT_OUT": SKIPPED,
    "CANCELLED": SKIPPED,
    "CANCELLING": SKIPPED,
}
