"""Regular expressions that could take forever: a repeat whose body can match the same text in more than one way.

Knows Python's regular expressions as `re` parses them. Must not know what a pattern is for. Python's matcher tries
every way to match, and the ways multiply with each turn of the repeat: `(a+)+$` on forty letters and a full stop
takes longer than any run. So in the body of a repeat, the next character has to determine the way. This also refuses
some patterns that would be fast, but rules for retries do not need them.
"""

from __future__ import annotations

import re
from itertools import combinations
from re import _constants as codes  # type: ignore[attr-defined]  # private to `re`, which has no public names for them
from re import _parser as parser  # type: ignore[attr-defined]  # likewise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# a repeat with fewer turns is harmless
_FEWEST_TURNS = 10
_IGNORES_CASE = re.compile(r"\(\?[a-zA-Z]*i")
# represents all characters, together with those of the pattern itself
_SAMPLE = frozenset(map(chr, range(128))) | frozenset("\u00e9\u4e2d\u2028")
_UNFOLLOWABLE = (codes.GROUPREF, codes.GROUPREF_EXISTS, codes.ATOMIC_GROUP, codes.POSSESSIVE_REPEAT)

Token = tuple[Any, Any]
Letters = frozenset[str]


def pattern_problem(pattern: str) -> str:
    """Return the problem of a regular expression that is invalid or could take forever; empty if there is none."""
    try:
        re.compile(pattern)
        tokens = list(parser.parse(pattern))
        letters = _SAMPLE | frozenset(pattern)
        dangerous = _Reader(letters, ignores_case=bool(_IGNORES_CASE.search(pattern))).dangerous(tokens)
    except (re.error, RecursionError, OverflowError) as error:
        return f"this is not a regular expression: {error}"
    if _unfollowable(tokens):
        return (
            "the runner cannot follow references to groups, atomic groups and possessive repeats in bounded time;"
            " write the pattern without them"
        )
    if not dangerous:
        return ""
    return "this regular expression could take forever: a repeat in it can match the same text in more than one way"


def _unfollowable(tokens: Sequence[Token]) -> bool:
    """Return whether `procedures/patterns.py` does not support one of the tokens, at any depth."""
    return any(
        code in _UNFOLLOWABLE or any(_unfollowable(list(part)) for part in _parts(code, value))
        for code, value in tokens
    )


class _Reader:
    """Analyses the tokens of a pattern. `letters` represent all characters."""

    def __init__(self, letters: Letters, *, ignores_case: bool) -> None:
        self._letters = letters
        self._ignores_case = ignores_case

    def dangerous(self, tokens: Sequence[Token]) -> bool:
        """Return whether there is a repeat, at any depth, whose body is ambiguous."""
        for code, value in tokens:
            if code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
                _, highest, body = value
                if highest >= _FEWEST_TURNS and self._ambiguous(list(body), self._first(body, frozenset())):
                    return True
            if any(self.dangerous(list(part)) for part in _parts(code, value)):
                return True
        return False

    def _ambiguous(self, tokens: Sequence[Token], following: Letters) -> bool:
        """Return whether the next character may leave a choice. `following` are the characters that may come next."""
        for place, (code, value) in enumerate(tokens):
            after = self._first(tokens[place + 1 :], following)
            if code is codes.BRANCH:
                starts = [self._first(branch, after) for branch in value[1]]
                if any(first & second for first, second in combinations(starts, 2)):
                    return True
            elif code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
                fewest, highest, body = value
                start = self._first(body, frozenset())
                if fewest != highest and start & after:
                    return True
                after |= start
            elif code is not codes.SUBPATTERN:
                continue
            if any(self._ambiguous(list(part), after) for part in _parts(code, value)):
                return True
        return False

    def _first(self, tokens: Sequence[Token], following: Letters) -> Letters:
        """Return the characters with which the tokens, or else the text after them, can begin."""
        letters: Letters = frozenset()
        for code, value in tokens:
            start, skippable = self._start(code, value)
            letters |= start
            if not skippable:
                return letters
        return letters | following

    def _start(self, code: Any, value: Any) -> tuple[Letters, bool]:
        """Return the characters with which a token can begin, and whether it can match the empty text."""
        if code in (codes.LITERAL, codes.NOT_LITERAL, codes.IN, codes.ANY):
            return self._members(code, value), False
        if code in (codes.AT, codes.ASSERT, codes.ASSERT_NOT):
            return frozenset(), True
        parts = [list(part) for part in _parts(code, value)]
        if not parts:  # a reference to a group: it can match anything
            return self._letters, True
        nothing = "\0\0"  # no single character
        starts = [self._first(part, frozenset((nothing,))) for part in parts]
        skippable = any(nothing in start for start in starts)
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            skippable = skippable or value[0] == 0
        return frozenset().union(*starts) - {nothing}, skippable

    def _members(self, code: Any, value: Any) -> Letters:
        """Return the characters that a token for a single character matches."""
        if code is codes.ANY:
            return self._letters
        items = value if code is codes.IN else [(codes.LITERAL, value)]
        negated = code is codes.NOT_LITERAL or items[0][0] is codes.NEGATE
        letters = frozenset(letter for letter in self._letters if any(_is_member(letter, item) for item in items))
        if self._ignores_case:
            letters |= {letter.swapcase() for letter in letters}
        return self._letters - letters if negated else letters


_CLASSES = {
    codes.CATEGORY_DIGIT: re.compile(r"\d"),
    codes.CATEGORY_NOT_DIGIT: re.compile(r"\D"),
    codes.CATEGORY_SPACE: re.compile(r"\s"),
    codes.CATEGORY_NOT_SPACE: re.compile(r"\S"),
    codes.CATEGORY_WORD: re.compile(r"\w"),
    codes.CATEGORY_NOT_WORD: re.compile(r"\W"),
}


def _is_member(letter: str, item: Token) -> bool:
    code, value = item
    if code is codes.LITERAL:
        return bool(ord(letter) == value)
    if code is codes.RANGE:
        return bool(value[0] <= ord(letter) <= value[1])
    return bool(code == codes.CATEGORY and _CLASSES[value].match(letter) is not None)


def _parts(code: Any, value: Any) -> Iterator[Sequence[Token]]:
    """Yield the sequences of tokens inside a token."""
    if code is codes.BRANCH:
        yield from value[1]
    elif code is codes.SUBPATTERN:
        yield value[3]
    elif code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        yield value[2]
    elif code is codes.ATOMIC_GROUP:
        yield value
    elif code in (codes.ASSERT, codes.ASSERT_NOT):
        yield value[1]
    elif code is codes.GROUPREF_EXISTS:
        yield from (part for part in value[1:] if part is not None)
