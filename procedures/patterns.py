"""Searches a text for a regular expression in bounded time; Python's own matcher may take for ever.

Knows the tokens into which `re` parses a pattern. All possible ends of a part are followed together, each once, instead
of one way after the other: `(a+)+$` on forty letters costs no more than on four. References to groups, atomic groups
and possessive repeats cannot be followed like this: `can_follow` returns False, and such a pattern is never found, nor
is one that exceeds the limit of steps. Shipped as a part of a stored procedure's text.
"""

from __future__ import annotations

import re
from re import _compiler as compiler  # type: ignore[attr-defined]  # `re` has no public names for its tokens
from re import _constants as codes  # type: ignore[attr-defined]  # likewise
from re import _parser as parser  # type: ignore[attr-defined]  # likewise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_STEPS = 1_000_000
ONE_PLACE = (codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.IN, codes.AT)
REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT)
LOOKS = (codes.ASSERT, codes.ASSERT_NOT)


class NotFollowedError(Exception):
    """A pattern has tokens that cannot be followed, or exceeds the limit of steps."""


def is_found(pattern: str, text: str) -> bool:
    """Return whether a pattern matches anywhere in a text, as `re.search` does; raise `re.error` if it is invalid."""
    tokens = parser.parse(pattern)
    places = frozenset(range(len(text) + 1))
    try:
        return bool(Search(text).ends(tokens, places, tokens.state.flags))
    except NotFollowedError:
        return False


def can_follow(pattern: str) -> bool:
    """Return whether all tokens of a pattern can be followed; raise `re.error` if it is invalid."""
    tokens = parser.parse(pattern)
    try:
        Search("").check(tokens)
    except NotFollowedError:
        return False
    return True


class Search:
    """Follows the parts of a pattern through a text. Places are offsets in the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._steps = 0
        self._compiled: dict[tuple[int, int], re.Pattern[str]] = {}

    def ends(self, tokens: Iterable[Any], places: frozenset[int], flags: int) -> frozenset[int]:
        """Return the possible ends of a sequence of tokens that begins at one of these places."""
        for token in tokens:
            if not places:
                break
            places = self._after(token, places, flags)
        return places

    def check(self, tokens: Iterable[Any]) -> None:
        """Raise NotFollowedError if a token, at any depth, cannot be followed."""
        for token in tokens:
            for part in self._parts(token):
                self.check(part)

    def _parts(self, token: Any) -> list[Any]:
        code, value = token
        if code in ONE_PLACE:
            return []
        if code is codes.BRANCH:
            return list(value[1])
        if code is codes.SUBPATTERN or code in REPEATS or code in LOOKS:
            return [value[-1]]
        raise NotFollowedError

    def _after(self, token: Any, places: frozenset[int], flags: int) -> frozenset[int]:
        self._steps += len(places)
        if self._steps > MOST_STEPS:
            raise NotFollowedError
        code, value = token
        if code in ONE_PLACE:
            return self._after_one(token, places, flags)
        parts = self._parts(token)
        if code in REPEATS:
            return self._repeated(value, places, flags)
        if code in LOOKS:
            return frozenset(place for place in places if self._looks(value, place, flags) is (code is codes.ASSERT))
        inner = (flags | value[1]) & ~value[2] if code is codes.SUBPATTERN else flags
        return frozenset().union(*(self.ends(part, places, inner) for part in parts))

    def _after_one(self, token: Any, places: frozenset[int], flags: int) -> frozenset[int]:
        """Return the places after a single character or a position in the text, by Python's own matcher."""
        key = (id(token), flags)
        if key not in self._compiled:
            state = parser.State()
            state.flags = flags
            self._compiled[key] = compiler.compile(parser.SubPattern(state, [token]), flags)
        matches = (self._compiled[key].match(self._text, place) for place in places)
        return frozenset(match.end() for match in matches if match)

    def _repeated(self, value: Any, places: frozenset[int], flags: int) -> frozenset[int]:
        least_turns, most_turns, body = value
        turn = 0
        while turn < least_turns and places:
            before, places, turn = places, self.ends(body, places, flags), turn + 1
            if places == before:
                break  # further turns end at the same places
        reached = new = places
        while new and turn < most_turns:
            new, turn = self.ends(body, new, flags) - reached, turn + 1
            reached |= new
        return reached

    def _looks(self, value: Any, place: int, flags: int) -> bool:
        """Return whether a lookahead or lookbehind holds."""
        direction, body = value
        if direction > 0:
            return bool(self.ends(body, frozenset((place,)), flags))
        start = place - body.getwidth()[0]
        return start >= 0 and place in self.ends(body, frozenset((start,)), flags)
