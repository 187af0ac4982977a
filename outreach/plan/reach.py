"""Mail sent is not mail received: who gives no sign of life any more is asked once, then rested until the next sign.

Law: silence alone stops nothing before it was asked about; a sign of any kind ends it at once; a rest stops bulk mail
only. Where nothing could be seen (no clicks, no opens are counted) nobody is silent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ..records import BULK, YES, Kind, Permission, withhold
from .holds import HoldFacts, is_open

SILENT_SCOPE, REST_SCOPE = "silent", "rest"
RESTED = "rested"


class Move(StrEnum):
    """What follows for somebody."""

    NONE = "none"
    ASK = "ask"
    REST = "rest"
    WAKE = "wake"


@dataclass(frozen=True)
class ReachRules:
    """As the settings say; `issues` 0: nobody is looked for."""

    issues: int
    days: int
    answer_days: int


@dataclass(frozen=True)
class Silence:
    """What is known of somebody: issues sent since the last sign, the first of them, when they were asked, whether
    newsletters rest, and the last sign.
    """

    issues: int
    first_at: datetime | None
    asked_at: datetime | None = None
    resting: bool = False
    sign_at: datetime | None = None


def next_move(known: Silence, rules: ReachRules, now: datetime) -> Move:
    """Ask, rest, wake, or nothing."""
    if known.asked_at is not None:
        if known.sign_at is not None and known.sign_at > known.asked_at:
            return Move.WAKE
        waited = now >= known.asked_at + timedelta(days=rules.answer_days)
        return Move.REST if waited and not known.resting else Move.NONE
    if not rules.issues or known.issues < rules.issues or known.first_at is None:
        return Move.NONE
    return Move.ASK if now >= known.first_at + timedelta(days=rules.days) else Move.NONE


def judge_rest(kind: Kind, holds: Iterable[HoldFacts], now: datetime) -> Permission:
    """A refusal for whoever rests, or a yes."""
    if kind not in BULK:
        return YES
    found = next((hold for hold in holds if hold.scope == REST_SCOPE and is_open(hold, now)), None)
    return YES if found is None else withhold(RESTED, found.reason)
