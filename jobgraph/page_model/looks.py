"""How a state looks on the page: a tone, a sign that tells it without any colour, and a letter for a compact row.

Pure. Knows the states of runs and jobs (`jobgraph.runs`). Must not know colours: a tone has one for light and dark.
"""

from __future__ import annotations

from dataclasses import dataclass

from jobgraph.runs import graph_run, overview

GOOD = "good"
BAD = "bad"
LIVE = "live"
WAITING = "waiting"
STOPPED = "stopped"
PASSED = "passed"
NONE = "none"


@dataclass(frozen=True)
class Look:
    """A tone, a sign that is not told apart by colour alone, the word for it, and the letter of a compact row."""

    tone: str
    sign: str
    word: str
    letter: str


LOOKS = {
    graph_run.DONE: Look(GOOD, "✓", "done", "d"),
    graph_run.FAILED: Look(BAD, "✗", "failed", "f"),
    "TIMED_OUT": Look(BAD, "T", "timed out", "t"),
    graph_run.RUNNING: Look(LIVE, "▶", "running", "r"),
    graph_run.PENDING: Look(WAITING, "…", "waiting", "p"),
    graph_run.CANCELLED: Look(STOPPED, "■", "cancelled", "c"),
    graph_run.SKIPPED: Look(PASSED, "↷", "skipped", "s"),
    graph_run.SUSPENDED: Look(STOPPED, "‖", "suspended", "u"),
    graph_run.DISABLED: Look(PASSED, "○", "disabled", "x"),
    graph_run.LEFT_OUT: Look(PASSED, "∅", "left out", "l"),
    graph_run.NOT_RECORDED: Look(STOPPED, "?", "not recorded", "n"),
    overview.NEVER_RAN: Look(NONE, "·", "never ran", "v"),
}
ABSENT = Look(NONE, "", "not in this run", "-")
# A state that a later version of Snowflake may have.
_UNKNOWN = Look(STOPPED, "?", "", "n")

TROUBLE = "trouble"
UNDER_WAY = "running"
GROUPS = {
    TROUBLE: frozenset({BAD, STOPPED}),
    UNDER_WAY: frozenset({LIVE, WAITING}),
}


def look(state: str) -> Look:
    """Return how a state looks; no state: the job was not in that run."""
    return LOOKS.get(state, _UNKNOWN) if state else ABSENT


def letter(state: str, attempts: int = 1) -> str:
    """Return the letter of a state in a compact row: a capital one if the job took more than one attempt."""
    small = look(state).letter
    return small.upper() if attempts > 1 else small


def by_letter() -> dict[str, Look]:
    """Return the looks by their small letters, for who draws a compact row."""
    return {each.letter: each for each in (*LOOKS.values(), ABSENT)}
