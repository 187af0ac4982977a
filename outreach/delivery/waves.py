"""Waves of a large edition, and the look between them: who goes first, and whether the rest may follow.

Laws: the first wave has at least 500 people, or everybody; each is a fair sample, dealt by a keyed hash, never by the
order of an import. A stop needs three different people and a share that is surely over the limit: the lower end of
Wilson's interval (1927; see `chance`). Nothing here releases anything: it only says what the figures say.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..chance import wilson
from ..words import WaveVerdict

LEAST = 500
"""People in the first wave: of fewer no look can tell anything."""
USUAL = "500, 10%, rest"
LEAST_PEOPLE = 3
"""Different people whom a stop needs."""
_SIZE = re.compile(r"(\d{1,9})(%?)")
SLOTS = 1 << 20


def read_waves(text: str) -> str:
    """A campaign's `waves` in one way of writing: "" for none, else its sizes. Raises ValueError.

    yes, no, or sizes: people, or a share of all, the last one "rest".
    """
    plain = " ".join(text.lower().split())
    if plain in ("", "no", "false"):
        return ""
    if plain in ("yes", "true"):
        return USUAL
    parts = [part.strip() for part in plain.split(",")]
    if parts[-1] != "rest" or not 2 <= len(parts) <= 10:
        raise ValueError("must end in rest and name two to ten waves")
    for part in parts[:-1]:
        found = _SIZE.fullmatch(part)
        if found is None or not 0 < int(found[1]) <= (99 if found[2] else 10**9):
            raise ValueError(f"{part!r} is no size of a wave")
    return ", ".join(parts)


def wave_sizes(waves: str, people: int) -> list[int]:
    """How many of so many people are in each wave; empty where all fit in the first.

    `waves` is what `read_waves` gives. The sizes add up to `people`.
    """
    sizes: list[int] = []
    left = people
    for part in [part.strip() for part in waves.split(",")] if waves else []:
        wanted = left if part == "rest" else -(-people * int(part[:-1]) // 100) if part.endswith("%") else int(part)
        size = min(left, wanted if sizes else max(wanted, LEAST))
        if size:
            sizes.append(size)
        left -= size
    return sizes if len(sizes) > 1 else []


def place(salt: str, address_key: str) -> int:
    """Where an address stands in the order of an edition, from 0 to 2^20 - 1; `salt` makes each edition's its own."""
    return int.from_bytes(hashlib.sha256(f"{salt}:{address_key}".encode()).digest()[:4], "big") % SLOTS


def cuts(counts: Sequence[int], sizes: Sequence[int]) -> list[int]:
    """The place behind the last one of each wave but the last, where `counts` people stand at each place.

    Nobody is cut in two: a wave takes all people of its last place, so that it has at least its size.
    """
    found: list[int] = []
    wanted = taken = 0
    slot = 0
    for size in sizes[:-1]:
        wanted += size
        while taken < wanted and slot < len(counts):
            taken += counts[slot]
            slot += 1
        found.append(slot)
    return found


def wave_of(where: int, ends: Sequence[int]) -> int:
    """The wave of whoever stands at this place, from 0."""
    return sum(where >= end for end in ends)


@dataclass(frozen=True, slots=True)
class Sign:
    """One figure of a look: so many different people, of so many who were written to.

    `before`: the same of the list's earlier editions, where it has a history.
    """

    name: str
    people: int
    of: int
    before: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class WaveRules:
    """Shares at which a look warns and stops. For complaints these are floors, and the multiples of what the earlier
    editions' interval reaches count where they are higher."""

    abuse: tuple[float, float] = (0.001, 0.003)
    bounces: tuple[float, float] = (0.02, 0.05)
    complaints: tuple[float, float] = (0.01, 0.03)
    complaints_times: tuple[float, float] = (2.0, 4.0)


ABUSE, BOUNCES, COMPLAINTS = "abuse reports", "bad addresses", "complaints"


def limits(sign: Sign, rules: WaveRules) -> tuple[float, float]:
    """The shares at which this figure warns and stops."""
    if sign.name == ABUSE:
        return rules.abuse
    if sign.name == BOUNCES:
        return rules.bounces
    warn, stop = rules.complaints
    if not sign.before[1]:
        return warn, stop
    usual = wilson(*sign.before)[1]
    return max(warn, rules.complaints_times[0] * usual), max(stop, rules.complaints_times[1] * usual)


def judge_sign(sign: Sign, rules: WaveRules) -> tuple[WaveVerdict, str]:
    """What one figure says, in words; nothing is said of one that is as it should be."""
    warn, stop = limits(sign, rules)
    if not sign.people or not sign.of:
        return WaveVerdict.GO, ""
    share = sign.people / sign.of
    told = f"{sign.name}: {sign.people} of {sign.of} ({100 * share:.2g} %)"
    if sign.people >= LEAST_PEOPLE and wilson(sign.people, sign.of)[0] > stop:
        return WaveVerdict.STOP, f"{told}, surely more than {100 * stop:.2g} %"
    if share >= warn:
        return WaveVerdict.WARN, f"{told}; {100 * warn:.2g} % is much"
    return WaveVerdict.GO, ""


def judge_wave(signs: Iterable[Sign], rules: WaveRules) -> tuple[WaveVerdict, str]:
    """The verdict of a look, and its reason: the worst of its figures decides."""
    judged = [judge_sign(sign, rules) for sign in signs]
    for verdict in (WaveVerdict.STOP, WaveVerdict.WARN):
        words = [said for found, said in judged if found is verdict]
        if words:
            return verdict, "; ".join(words)
    return WaveVerdict.GO, ""
