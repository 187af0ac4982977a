"""How somebody would rather be written to: paused, less often, not on some topics.

Law: a wish stops bulk mail only, never an answer or what they must know. A pause lets a mail wait that is still worth
something when it ends; where it is not, the mail is withheld, and never goes "as it was due".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from ..records import BULK, YES, Kind, Permission, withhold
from .steps import UTC_ZONE

PAUSED, RARELY, NO_TOPIC = "paused by the customer", "rather less often", "topic not wanted"


class WishFacts(Protocol):
    """What the rule reads of a wish; `records.Wish` is one."""

    paused_until: datetime | None
    every_days: int
    no_topics: list[str]


def judge_wish(
    kind: Kind,
    topics: Collection[str],
    wish: WishFacts | None,
    sent: Sequence[datetime],
    now: datetime,
    expires_at: datetime | None,
    zone: ZoneInfo = UTC_ZONE,
) -> Permission:
    """A yes, `later`, or a refusal in the customer's own sense.

    `topics`: what the whole mail is about, where it is about something. `sent`: when bulk mail went to this person, as
    far back as their own frequency asks.
    """
    if wish is None or kind not in BULK:
        return YES
    unwanted = sorted(set(topics) & set(wish.no_topics))
    if unwanted and len(unwanted) == len(set(topics)):
        return withhold(NO_TOPIC, f"asked for nothing about {', '.join(unwanted)}")
    if wish.paused_until is not None and wish.paused_until > now:
        local = wish.paused_until.astimezone(zone)
        words = f"asked for a pause until {local.day} {local:%b %Y}"
        return _until(wish.paused_until, expires_at, PAUSED, words)
    if wish.every_days:
        last = max((one for one in sent if one <= now), default=None)
        free = None if last is None else last + timedelta(days=wish.every_days)
        if free is not None and free > now:
            words = f"asked for at most one newsletter in {wish.every_days} days; the last went on {last:%Y-%m-%d}"
            return _until(free, expires_at, RARELY, words)
    return YES


def unwanted_topics(wish: WishFacts | None) -> frozenset[str]:
    """Topics of which this person wants no tips."""
    return frozenset(wish.no_topics) if wish is not None else frozenset()


def _until(at: datetime, expires_at: datetime | None, reason: str, words: str) -> Permission:
    if expires_at is not None and at >= expires_at:
        return withhold(reason, words, at)
    return Permission(reason=reason, evidence=words, later=at)
