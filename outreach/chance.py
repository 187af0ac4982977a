"""What chance alone would do: intervals around shares, the difference of two shares, and how many people it takes.

Laws: 95 %, two-sided, power 0.8; a figure that a few people made comes with the interval that says so.
E. B. Wilson, J. Am. Stat. Assoc. 22 (1927), 209-212; R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, method
10; J. L. Fleiss, A. Tytun, H. K. Ury, Biometrics 36 (1980), 343-346, without their correction; T. Sato, Biometrics 45
(1989), 1323-1324.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass

Z = 1.959964
"""Standard errors to each side: a 95 % interval."""
Z_POWER = 0.841621
"""Standard errors for a power of 0.8."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many people, of so many."""

    count: int
    of: int

    @property
    def value(self) -> float:
        """The share; 0 of nothing."""
        return self.count / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True)
class Difference:
    """One share less another, and the interval in which the true difference lies. (0, -1, 1): nothing is known."""

    value: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether chance alone would not make it."""
        return self.low > 0 or self.high < 0


class Draws:
    """What a keyed hash (HMAC-SHA-256, RFC 2104 2) draws for many people: of what is `said` of all, then of each.

    The digests are begun once: that takes a third of the time, and a million are drawn in a second.
    """

    def __init__(self, key: bytes, said: str) -> None:
        block = (key if len(key) <= 64 else hashlib.sha256(key).digest()).ljust(64, b"\0")
        self._outer = hashlib.sha256(bytes(octet ^ 0x5C for octet in block))
        self._inner = hashlib.sha256(bytes(octet ^ 0x36 for octet in block) + said.encode())

    def of(self, each: str) -> bytes:
        """32 octets that anybody who has not the key would take for chance."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(each.encode())
        outer.update(inner.digest())
        return outer.digest()


def off_by(count: int, of: int) -> int:
    """By how many a draw of each of `of` people differs from the share that would give `count`, 19 times in 20."""
    return math.ceil(Z * math.sqrt(count * (1 - count / of))) if of else 0


def wilson(count: int, of: int, z: float = Z) -> tuple[float, float]:
    """The interval in which the true share lies when `count` of `of` were seen; (0, 1) of nothing."""
    if of <= 0:
        return 0.0, 1.0
    share = min(count / of, 1.0)
    middle = share + z * z / (2 * of)
    spread = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def difference(one: Share, other: Share, z: float = Z) -> Difference:
    """`one` less `other`, by Newcombe's hybrid of two Wilson intervals; `z` standard errors to each side."""
    if not one.of or not other.of:
        return Difference(0.0, -1.0, 1.0)
    low_1, high_1 = wilson(one.count, one.of, z)
    low_2, high_2 = wilson(other.count, other.of, z)
    value = one.value - other.value
    below = math.hypot(one.value - low_1, high_2 - other.value)
    above = math.hypot(high_1 - one.value, other.value - low_2)
    return Difference(value, max(-1.0, value - below), min(1.0, value + above))


def pooled_difference(pairs: Iterable[tuple[Share, Share]]) -> Difference:
    """The difference that several comparisons show together, each compared within itself (Mantel-Haenszel, Sato)."""
    weight = above = first = second = 0.0
    for one, other in pairs:
        a, n1, c, n0 = one.count, one.of, other.count, other.of
        if not n1 or not n0:
            continue
        both = n1 + n0
        weight += n1 * n0 / both
        above += (a * n0 - c * n1) / both
        first += (n1 * n1 * c - n0 * n0 * a + n1 * n0 * (n0 - n1) / 2) / (both * both)
        second += (a * (n0 - c) + c * (n1 - a)) / (2 * both)
    if not weight:
        return Difference(0.0, -1.0, 1.0)
    value = above / weight
    error = Z * math.sqrt(max(value * first + second, 0.0)) / weight
    return Difference(value, max(-1.0, value - error), min(1.0, value + error))


def people_needed(before: float, after: float, share: float) -> int | None:
    """How many people, of whom `share` are in the first group, show that a share fell from `before` to `after`.

    None where the two are the same or a group is empty: no number would show it.
    """
    if before == after or not 0 < share < 1:
        return None
    ratio = (1 - share) / share
    middle = share * before + (1 - share) * after
    by_chance = Z * math.sqrt(middle * (1 - middle) * (1 + 1 / ratio))
    by_truth = Z_POWER * math.sqrt(before * (1 - before) + after * (1 - after) / ratio)
    first = ((by_chance + by_truth) / (before - after)) ** 2
    return math.ceil(first / share)
