"""Decides whether a failed job is retried, and after which pause: by cause, within limits.

Knows the definition's `retries` and `retry_rules`. Must not read the clock: the elapsed seconds are a parameter, and a
pause is the same on every call. Shipped as a part of a stored procedure's text.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from jobgraph.procedures.patterns import is_found

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobgraph.procedures.attempt import AttemptRecord

# reason class -> cause in the job configuration; for the other classes, another attempt cannot help
CAUSES = {
    "app_error": "application",
    "out_of_memory": "out_of_memory",
    "image_pull": "image",
    "timeout": "timeout",
    "pool_unavailable": "infrastructure",
    "preempted": "infrastructure",
    "internal": "infrastructure",
}
LONGEST_PAUSE = 3600
# Infrastructure faults do not use up a job's retries. Before its program has begun, a job is retried in any case; a
# program that was interrupted, only if the job may be run more than once.
NOT_BEGUN, INTERRUPTED = frozenset({"image_pull", "pool_unavailable"}), frozenset({"preempted", "internal"})
INFRASTRUCTURE_RETRIES, INFRASTRUCTURE_BACKOFF = 2, 30


class Limit(NamedTuple):
    """The number of retries after failures of one kind, and the pauses before them in seconds."""

    name: str
    retries: int
    backoff: int
    longest_backoff: int


class Rule(NamedTuple):
    """A separate limit for matching failures. Empty fields match all; exit codes are inclusive ranges."""

    limit: Limit
    reasons: Sequence[str]
    exit_codes: Sequence[Sequence[int]]
    message: str

    def fits(self, attempt: AttemptRecord) -> bool:
        """Return whether the rule matches this failure."""
        code = attempt.exit_code
        texts = (attempt.reason, attempt.cause, attempt.first_error)
        return (
            (not self.reasons or attempt.reason_class in self.reasons)
            and (not self.exit_codes or any(code is not None and low <= code <= top for low, top in self.exit_codes))
            and (not self.message or any(is_found(self.message, text) for text in texts))
        )


class Rules(NamedTuple):
    """All limits of retries: the first matching rule applies, else the limit of the cause, else the general limit.

    `outside` is the limit for all faults that the job did not cause.
    """

    whole: Limit
    outside: Limit
    max_elapsed: int | None
    causes: Mapping[str, Limit]
    rules: Sequence[Rule]

    def limit(self, attempt: AttemptRecord) -> Limit | None:
        """Return the limit for a failure; None if another attempt cannot help."""
        # rows of earlier versions have no reason class
        why = attempt.reason_class or "app_error"
        cause = CAUSES.get(why)
        if cause is None:
            return None
        own = next((rule.limit for rule in self.rules if rule.fits(attempt)), None) or self.causes.get(cause)
        return own or self._of_infrastructure(why) or self.whole

    def _of_infrastructure(self, why: str) -> Limit | None:
        if why not in NOT_BEGUN | INTERRUPTED:
            return None
        count = INFRASTRUCTURE_RETRIES if why in NOT_BEGUN or self.whole.retries else 0
        return self.outside._replace(name="not begun" if why in NOT_BEGUN else "interrupted", retries=count)


def rules_of(job: Mapping[str, Any]) -> Rules:
    """Return the rules of a job's definition."""
    said_rules = job.get("retry_rules", {})
    longest = said_rules.get("longest_backoff", LONGEST_PAUSE)
    whole = Limit("all", int(job["retries"]), said_rules.get("backoff", 0), longest)
    outside = whole._replace(backoff=said_rules.get("backoff", INFRASTRUCTURE_BACKOFF))
    causes = {
        name: (outside if name in ("image", "infrastructure") else whole)._replace(name=name, retries=count)
        for name, count in said_rules.get("causes", {}).items()
    }
    rules = [_rule(number, rule, whole) for number, rule in enumerate(said_rules.get("rules", ()))]
    return Rules(whole, outside, said_rules.get("max_elapsed"), causes, rules)


def _rule(number: int, rule: Mapping[str, Any], whole: Limit) -> Rule:
    backoff, longest = rule.get("backoff", whole.backoff), rule.get("longest_backoff", whole.longest_backoff)
    limit = Limit(f"rule {number}", int(rule["count"]), backoff, longest)
    return Rule(limit, rule.get("reasons", ()), rule.get("exit_codes", ()), rule.get("message", ""))


def goes_on(rules: Rules, attempts: Sequence[AttemptRecord], elapsed: float) -> bool:
    """Return whether another attempt follows these, the last of which failed. `elapsed` is in seconds since the first.

    Failures with a separate limit are counted separately.
    """
    if rules.max_elapsed is not None and elapsed >= rules.max_elapsed:
        return False
    limit = rules.limit(attempts[-1])
    return limit is not None and _failures(rules, attempts, limit) <= limit.retries


def _failures(rules: Rules, attempts: Sequence[AttemptRecord], limit: Limit) -> int:
    limits = [rules.limit(attempt) for attempt in attempts]
    return sum(other_limit is not None and other_limit.name == limit.name for other_limit in limits)


def pause(rules: Rules, group: str, task: str, attempts: Sequence[AttemptRecord]) -> float:
    """Return the seconds to wait after these failures: doubled with each of the last failure's kind, up to the longest.

    The pause is shortened by up to a half, differently for every run and task, so that jobs that failed together are
    not retried together.
    """
    limit = rules.limit(attempts[-1])
    if limit is None:
        return 0
    number = _failures(rules, attempts, limit)
    whole: float = min(limit.backoff * 2 ** min(number - 1, 30), limit.longest_backoff)
    digest: bytes = hashlib.sha256(f"{group}/{task}/{attempts[-1].number}".encode()).digest()
    return whole * (1 - digest[0] / 512)
