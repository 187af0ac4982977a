"""Trying two or more versions of a newsletter: who gets which, and whether one of them won.

Laws: who gets which follows from a keyed hash of campaign, occasion and address, so that a planning that broke off
deals the same again; a winner is named only where chance would hardly make the difference (95 %, shared among all
comparisons: Bonferroni). Intervals: R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from statistics import NormalDist
from typing import Any

from ..chance import Draws, Share, difference

REST = "rest"
"""`Delivery.variant` of whoever waits for the winner."""
PLACES = 1 << 32
EXAMPLE = (
    "Write test: 20% for 4 hours by clicks (or replies, or complaints), or test: all by complaints "
    "(every reader takes part, nobody waits)"
)
_LINE = re.compile(
    r"(?:(\d{1,2}) ?% for (\d{1,3}) (minute|hour|day)s?|all) by (clicks|replies|complaints)", re.IGNORECASE
)  # fmt: skip
LONGEST = timedelta(days=14)


@dataclass(frozen=True)
class Comparison:
    """How versions are tried: on how many in 100, for how long until the rest follows (0: nobody waits), and by what
    the winner is found. `later`: by how many minutes each version goes later; the first is the original."""

    names: tuple[str, ...]
    percent: int = 100
    wait_minutes: int = 0
    by: str = "replies"
    later: tuple[int, ...] = ()

    def kept(self) -> dict[str, Any]:
        """As an edition keeps it."""
        return asdict(self)


def parse_comparison(text: str) -> tuple[int, int, str]:
    """Read the line `test:` as percent, minutes and measure. Raises ValueError in words for a person."""
    line = " ".join(text.lower().split())
    if not line:
        return 100, 0, "replies"
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError(f"{text!r} is no test")
    if not found[1]:
        return 100, 0, found[4]
    wait = timedelta(**{f"{found[3]}s": int(found[2])})
    if not 1 <= int(found[1]) <= 90 or not timedelta(minutes=10) <= wait <= LONGEST:
        raise ValueError(f"{text!r}: try it on 1 to 90 % for 10 minutes to 14 days")
    return int(found[1]), int(wait.total_seconds() // 60), found[4]


def read_comparison(kept: Mapping[str, Any]) -> Comparison | None:
    """What an edition kept; None where nothing is tried."""
    if not kept:
        return None
    return Comparison(
        tuple(kept["names"]), kept["percent"], kept["wait_minutes"], kept["by"], tuple(kept.get("later") or ())
    )


def version_of(key: bytes, campaign: str, occasion: str, address_key: str, plan: Comparison) -> str:
    """The version that one person gets, or REST. The same again for the same issue and key."""
    return versions_of(key, campaign, occasion, plan)(address_key)


def versions_of(key: bytes, campaign: str, occasion: str, plan: Comparison) -> Callable[[str], str]:
    """What gives the version of each person, by their address key."""
    draws = Draws(key, f"test:{campaign}:{occasion}:")

    def version(address_key: str) -> str:
        drawn = draws.of(address_key)
        if int.from_bytes(drawn[:4], "big") * 100 >= plan.percent * PLACES:
            return REST
        return plan.names[int.from_bytes(drawn[4:8], "big") * len(plan.names) // PLACES]

    return version


@dataclass(frozen=True)
class Winner:
    """What a comparison says. `name` "" where none is clearly better; `words` for a person."""

    name: str
    words: str


def judge_versions(plan: Comparison, shares: Mapping[str, Share]) -> Winner:
    """Which version won, by the intervals of its differences from all others, or that none clearly did."""
    fewest = plan.by == "complaints"
    ranked = sorted(plan.names, key=lambda name: (shares[name].value * (1 if fewest else -1), plan.names.index(name)))
    told = "; ".join(f"{name}: {shares[name].count} of {shares[name].of:,}" for name in plan.names)
    z = NormalDist().inv_cdf(1 - 0.025 / max(1, len(plan.names) - 1))
    best = ranked[0]
    for other in ranked[1:]:
        more = difference(shares[other], shares[best], z) if fewest else difference(shares[best], shares[other], z)
        if more.low <= 0:
            span = f"{100 * more.low:+.2f} to {100 * more.high:+.2f} points"
            words = f"no clear winner by {plan.by} ({told}): {best} is ahead of {other} by {span}, 95 %"
            return Winner("", words)
    closest = ranked[1]
    less, greater = (closest, best) if fewest else (best, closest)
    gap = difference(shares[less], shares[greater], z)
    span = f"{100 * gap.low:+.2f} to {100 * gap.high:+.2f} points"
    return Winner(best, f"{best} won by {plan.by} ({told}): ahead of {closest} by {span}, 95 %")
