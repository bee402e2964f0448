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
class StateBadge:
    """A tone, a sign that is not told apart by colour alone, the word for it, and the letter of a compact row."""

    tone: str
    sign: str
    word: str
    letter: str


LOOKS = {
    graph_run.DONE: StateBadge(GOOD, "✓", "done", "d"),
    graph_run.FAILED: StateBadge(BAD, "✗", "failed", "f"),
    "TIMED_OUT": StateBadge(BAD, "T", "timed out", "t"),
    graph_run.RUNNING: StateBadge(LIVE, "▶", "running", "r"),
    graph_run.PENDING: StateBadge(WAITING, "…", "waiting", "p"),
    graph_run.CANCELLED: StateBadge(STOPPED, "■", "cancelled", "c"),
    graph_run.SKIPPED: StateBadge(PASSED, "↷", "skipped", "s"),
    graph_run.SUSPENDED: StateBadge(STOPPED, "‖", "suspended", "u"),
    graph_run.DISABLED: StateBadge(PASSED, "○", "disabled", "x"),
    graph_run.LEFT_OUT: StateBadge(PASSED, "∅", "left out", "l"),
    graph_run.NOT_RECORDED: StateBadge(STOPPED, "?", "not recorded", "n"),
    overview.NEVER_RAN: StateBadge(NONE, "·", "never ran", "v"),
}
ABSENT = StateBadge(NONE, "", "not in this run", "-")
# A state that a later version of Snowflake may have.
_UNKNOWN = StateBadge(STOPPED, "?", "", "n")

TROUBLE = "trouble"
UNDER_WAY = "running"
GROUPS = {
    TROUBLE: frozenset({BAD, STOPPED}),
    UNDER_WAY: frozenset({LIVE, WAITING}),
}


def look(state: str) -> StateBadge:
    """Return how a state looks; no state: the job was not in that run."""
    return LOOKS.get(state, _UNKNOWN) if state else ABSENT


def letter(state: str, attempts: int = 1) -> str:
    """Return the letter of a state in a compact row: a capital one if the job took more than one attempt."""
    small = look(state).letter
    return small.upper() if attempts > 1 else small


def by_letter() -> dict[str, StateBadge]:
    """Return the looks by their lower-case letters, for code that draws compact rows."""
    return {each.letter: each for each in (*LOOKS.values(), ABSENT)}
