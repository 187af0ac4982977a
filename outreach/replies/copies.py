"""Copies of one matter: what was passed on, and what the same author says again in nearly the same words.

Law: linear in the text; who adds words of their own to what they pass on speaks for themselves. Compared are word
shingles, without addresses, names called and the marks of the network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from ..prose import shingles, words_of

COMPARED = 5_000
"""Characters that are compared: copies of one matter are alike from the beginning."""
NEAR, WITHIN = 0.6, 0.85
_PASSED_ON = re.compile(
    r"(?P<own>[^\n]{0,200}?)(?:^|(?<=[\s\"“(]))(?:RT|MT|repost(?:ed)?(?: from)?)[:\s]+"
    r"@(?P<who>[\w.-]{1,60}(?:@[\w.-]{1,60})?)[:\s]+(?P<words>.*)",
    re.DOTALL | re.IGNORECASE,
)
_NOISE = re.compile(r"https?://\S{1,500}|[@#](?=\w)|\bamp;")
_CALLED = re.compile(r"(?<!\w)@[\w.-]{1,60}(?:@[\w.-]{1,60})?")
_CUT = re.compile(r"(?:…|\.\.\.)\s*(?:https?://\S{1,200})?\s*$")


@dataclass(frozen=True)
class Repost:
    """Whose words were passed on, and which."""

    author: str
    words: str


def read_repost(text: str) -> Repost | None:
    """What a text passes on by the old custom (RT @ann: …), where whoever does so adds no more than two words."""
    found = _PASSED_ON.match(text[:COMPARED].strip())
    if found is None or len(words_of(_CALLED.sub(" ", found["own"]))) > 2 or not found["words"].strip():
        return None
    return Repost(found["who"].strip(".-").lower(), found["words"].strip())


def near_same(one: str, other: str) -> bool:
    """Whether two texts say the same in nearly the same words; one of them may have been cut off by its network."""
    first, second = _essence(one), _essence(other)
    if not first or not second:
        return False
    if first == second:
        return True
    for cut, whole, text in ((first, second, one), (second, first, other)):
        if _CUT.search(text[:COMPARED].rstrip()) and len(cut) >= 4 and whole[: len(cut) - 1] == cut[:-1]:
            return True
    if min(len(first), len(second)) < 5:
        return False
    left, right = _shingles(first), _shingles(second)
    common = len(left & right)
    alike = common / len(left | right)
    inside = common / min(len(left), len(right))
    return alike >= NEAR or (inside >= WITHIN and min(len(left), len(right)) * 2 >= max(len(left), len(right)))


@lru_cache(maxsize=1024)
def _shingles(words: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    return shingles(" ".join(words), 3)


@lru_cache(maxsize=1024)
def _essence(text: str) -> tuple[str, ...]:
    """The words that are said: without what a network, a link or a name called adds."""
    passed = read_repost(text)
    words = passed.words if passed is not None else text[:COMPARED]
    return tuple(words_of(_CALLED.sub(" ", _NOISE.sub(lambda m: m[0] if m[0] == "@" else " ", words))))
