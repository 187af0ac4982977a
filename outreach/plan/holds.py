"""Does an open hold stop this mail? Which topics must a tips issue leave alone for now? And are holds blind?

Law: a hold of scope promotion stops news, offers and invitations, never tips and never service mail. A suggested
hold lapses by itself; a confirmed one stays until its case closes. Holds are blind while a mailbox was not read
lately: then an offer does not start, and a running one pauses, until it is read. Where no mailbox is configured
there is nothing to wait for: holds know what people log and import. As the settings say, somebody's complaint holds the
others of their household or company too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from ..records import BULK, PROMOTION, YES, GroupKind, HoldState, Kind, Permission, withhold
from .steps import PROMOTION_SCOPE, TIPS_SCOPE, UTC_ZONE

OPEN_COMPLAINT = "open complaint"
TOGETHER = {kind: f"open complaint in the {kind.value}" for kind in GroupKind}
"""The reason where it is somebody else's of the same household or company."""
AWAY = "away"
AWAY_SCOPE = "away"
"""A wait for somebody whose automatic reply says when they are back."""
BLIND = "replies not read"
BLIND_KINDS = frozenset({Kind.OFFER})
"""What waits while nobody knows who has complained."""


class Timed(Protocol):
    """Whatever tells until when it is in force."""

    @property
    def state(self) -> HoldState: ...
    @property
    def until(self) -> datetime | None: ...


class HoldFacts(Protocol):
    """What the rules read of a hold; `records.Hold` is one."""

    case_id: int | None
    scope: str
    topic: str
    state: HoldState
    reason: str
    until: datetime | None


class SharedHold(NamedTuple):
    """An open complaint of somebody else of the same household or company: whose, and never what they said."""

    group: GroupKind
    customer_id: int
    case_id: int | None
    state: HoldState
    until: datetime | None


def sharing(kind: Kind, words: Mapping[GroupKind, str]) -> frozenset[GroupKind]:
    """In which groups a complaint holds this kind of mail to the others too. `words`: "promotion", "offer" or "no"."""
    found = {"promotion": PROMOTION, "offer": frozenset({Kind.OFFER})}
    return frozenset(group for group, word in words.items() if kind in found.get(word, ()))


def judge_shared(groups: Collection[GroupKind], holds: Iterable[SharedHold], now: datetime) -> Permission:
    """A refusal that names whose complaint it is, by number; or a yes."""
    found = [hold for hold in holds if hold.group in groups and is_open(hold, now)]
    if not found:
        return YES
    near = GroupKind.HOUSEHOLD  # of two as long, the nearer one is named
    longest = max(found, key=lambda one: (one.until is None, one.until or now, one.group is near, -one.customer_id))
    case = f"case {longest.case_id} of " if longest.case_id is not None else "a complaint of "
    words = f"{case}customer {longest.customer_id}, of the same {longest.group.value}, is still open"
    return withhold(TOGETHER[longest.group], words, longest.until)


def is_open(hold: Timed, now: datetime) -> bool:
    """Whether the hold is in force at `now`."""
    if hold.state is HoldState.LIFTED:
        return False
    return hold.until is None or hold.until > now


def judge_holds(kind: Kind, holds: Iterable[HoldFacts], now: datetime, zone: ZoneInfo = UTC_ZONE) -> Permission:
    """A refusal with the case's number and the day it lapses, or a yes. `zone` is for that day's words."""
    if kind not in PROMOTION:
        return YES
    found = [hold for hold in holds if hold.scope == PROMOTION_SCOPE and is_open(hold, now)]
    if not found:
        return YES
    longest = max(found, key=lambda hold: (hold.until is None, hold.until or now))
    return withhold(OPEN_COMPLAINT, hold_words(longest, zone), longest.until)


def judge_away(
    kind: Kind, holds: Iterable[HoldFacts], now: datetime, expires_at: datetime | None, zone: ZoneInfo = UTC_ZONE
) -> Permission:
    """Bulk mail waits for somebody who is away, unless it would be worth nothing by then: then it goes as it is due."""
    if kind not in BULK:
        return YES
    found = [(hold.until, hold) for hold in holds if hold.scope == AWAY_SCOPE and is_open(hold, now) and hold.until]
    if not found:
        return YES
    until, hold = max(found, key=lambda one: one[0])
    if expires_at is not None and until >= expires_at:
        return YES
    return Permission(reason=AWAY, evidence=hold_words(hold, zone), later=until)


def hold_words(hold: HoldFacts, zone: ZoneInfo = UTC_ZONE) -> str:
    """The hold for a person: its reason, and when it ends."""
    if hold.scope == AWAY_SCOPE:
        return f"{hold.reason}; newsletters wait"
    if hold.until is not None:
        local = hold.until.astimezone(zone)
        return f"{hold.reason}; lapses {local.day} {local:%b %Y} unless a person confirms it"
    if hold.scope == TIPS_SCOPE:
        return f"{hold.reason}; until it has had a personal answer"
    return f"{hold.reason}; until the case is closed" if hold.case_id is not None else hold.reason


def blocked_topics(holds: Iterable[HoldFacts], now: datetime) -> frozenset[str]:
    """Topics on which tips wait until this person has had a personal answer."""
    return frozenset(hold.topic for hold in holds if hold.scope == TIPS_SCOPE and hold.topic and is_open(hold, now))


def judge_sight(kind: Kind, read: Mapping[str, datetime | None], now: datetime, within: timedelta) -> Permission:
    """Whether holds see what came back: every mailbox in `read` (its last good look, None: never) was read lately.

    For an offer a refusal for now, naming the mailbox unread for longest; for other kinds, without mailboxes, or with
    `within` zero, a yes. Sight comes back with the mailbox: `later` is only the instant of the next look.
    """
    if kind not in BLIND_KINDS or not within:
        return YES
    stale = {name: at for name, at in read.items() if at is None or at < now - within}
    if not stale:
        return YES
    name = min(stale, key=lambda one: (stale[one] is not None, stale[one] or now, one))
    at = stale[name]
    since = f"was last read {int((now - at).total_seconds() // 60)} minutes ago" if at else "was never read"
    others = f" (and {len(stale) - 1} more)" if len(stale) > 1 else ""
    words = f"the mailbox {name}{others} {since}: who complained meanwhile is not known; it goes on once it is read"
    return Permission(reason=BLIND, evidence=words, later=now + timedelta(minutes=1))
