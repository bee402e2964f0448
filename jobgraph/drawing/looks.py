"""The looks of task states: a fill, a border, and a sign for terminals.

Knows the states of Snowflake's task history and of job services. Must not know where a state comes from.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StateStyle:
    """The look of a state: the fill colour, the border colour, and a sign for terminals."""

    fill: str
    border: str
    sign: str


NEUTRAL = StateStyle("#f6f8fa", "#8c959f", "·")
DONE = StateStyle("#dafbe1", "#1a7f37", "✓")
FAILED = StateStyle("#ffebe9", "#cf222e", "✗")
RUNNING = StateStyle("#ddf4ff", "#0969da", "▶")
WAITING = StateStyle("#fff8c5", "#9a6700", "…")
SKIPPED = StateStyle("#eaeef2", "#6e7781", "↷")
CANCELLED = StateStyle("#fbefff", "#8250df", "■")

LOOKS: dict[str, StateStyle] = {
    "SUCCEEDED": DONE,
    "DONE": DONE,
    "FAILED": FAILED,
    "FAILED_AND_AUTO_SUSPENDED": FAILED,
    "TIMED_OUT": FAILED,
    "INTERNAL_ERROR": FAILED,
    "EXECUTING": RUNNING,
    "RUNNING": RUNNING,
    "SCHEDULED": WAITING,
    "PENDING": WAITING,
    "SKIPPED": SKIPPED,
    "SUSPENDED": SKIPPED,
    "DISABLED": SKIPPED,
    "LEFT_OUT": SKIPPED,
    "CANCELLED": CANCELLED,
    "CANCELLING": CANCELLED,
}
