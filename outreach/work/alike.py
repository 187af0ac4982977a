"""People in whom no rule finds a difference, for a look ahead: whom an edition is for, and what is known of them.

Law: whatever a rule comes to read of a person stands here, and divides the groups in `work.crowd`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlmodel import Session

from ..audience.consent import MailFacts
from ..plan.budget import WEEK
from ..plan.holds import SharedHold
from ..records import BULK, PROMOTION, Campaign, Edition, HoldState, Kind, SubscriptionState
from ..store.bounces import PausedDomain
from ..store.saved_segments import load_segment
from ..store.segments import asks_more
from ..timing.sequence import Going, Hope
from .judge import NOBODY, PersonFacts


class Audience(NamedTuple):
    """Whom an edition is for, as `work.whom` has it. `campaign`: only for a letter, which nobody gets twice. `at`: only
    where the segment asks what happened, since that changes with time. `sequence`: one of service mail, by its id, with
    the seminar whose guests it is for."""

    list_id: int | None
    segment: str
    at: datetime | None = None
    whom: str = ""
    campaign: int | None = None
    sequence: tuple[int, str] | None = None


def audience_of(session: Session, campaign: Campaign, at: datetime) -> Audience:
    """The audience of a campaign's edition that is due then."""
    whom = " ".join(str(campaign.options.get("whom") or "").split())
    audience = tips_audience(session, campaign, at)
    if not whom:
        return audience
    list_id = None if campaign.kind is Kind.SERVICE else campaign.list_id
    return audience._replace(list_id=list_id, whom=whom, campaign=campaign.id)


def tips_audience(session: Session, campaign: Campaign, at: datetime) -> Audience:
    """Whom other mail leaves room for because of a campaign of tips, as `work.precedence` has it."""
    asks = campaign.segment.strip() and asks_more(load_segment(session, campaign.segment, at))
    return Audience(campaign.list_id, campaign.segment, at if asks else None)


class HoldSeen(NamedTuple):
    """What the rules read of a hold, without its words."""

    scope: str
    topic: str
    state: HoldState
    until: datetime | None
    case_id: int | None = None
    reason: str = ""


class WishSeen(NamedTuple):
    """What the rules read of a wish."""

    paused_until: datetime | None
    every_days: int
    no_topics: tuple[str, ...]


class PutOff(NamedTuple):
    """A sequence's mail that was due but may not go before `until`, by the first reason that put it off."""

    step: str
    due: datetime
    until: datetime
    reason: str


class Waits(NamedTuple):
    """A newsletter that is to leave at `until`: entry `number` of the look (one under way: its id, negative), and in
    which order of what leaves then (`rank`, then when its edition opens).

    It was due at `due`, and put off by this first `reason`, so many `turns`; `had`: how many mails of the look the
    group had got when it was planned; `house`: when others of the house had got some by then.
    """

    until: datetime
    rank: int
    opens: datetime
    number: int
    due: datetime
    reason: str = ""
    turns: int = 0
    had: int = -1
    house: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """Where people are in a sequence (its number in the look), as far as it tells what they get from `since` on.

    `last`: by the end of what one of them hopes for, the end of what the last of them does.
    """

    course: int
    going: Going
    since: datetime
    waits: PutOff | None = None
    last: dict[Hope, Hope] = field(default_factory=dict)


@dataclass(slots=True)
class Alike:
    """People in whom no rule finds a difference. `mail` by list; `sent` and `foreseen`: when bulk mail goes to them.

    `planned`: when tips would go that wait for a person; `mails` are the entries of this look that they get, with the
    time (an edition under way by its id, negative). `ways`: where they are in sequences; `waits`: newsletters that are
    to leave. Both are moved on in order of time (`work.in_turn`).
    """

    zone: ZoneInfo
    mail: dict[int | None, MailFacts]
    audiences: frozenset[Audience] = frozenset()
    holds: tuple[HoldSeen, ...] = ()
    sent: tuple[datetime, ...] = ()
    planned: tuple[datetime, ...] = ()
    foreseen: tuple[datetime, ...] = ()
    paused: PausedDomain | None = None
    wish: WishSeen | None = None
    owed: bool = False
    count: int = 0
    mails: tuple[tuple[int, datetime], ...] = ()
    ways: tuple[Way, ...] = ()
    waits: tuple[Waits, ...] = ()
    shared: tuple[SharedHold, ...] = ()

    def get(self, number: int, at: datetime) -> None:
        """Each of them gets entry `number` of this look at this instant."""
        self.foreseen += (at,)
        self.mails += ((number, at),)

    def facts(self, edition: Edition, ahead: Sequence[datetime]) -> PersonFacts:
        """What the rules read of each of them about an edition."""
        bulk = edition.kind in BULK
        mail = self.mail.get(edition.list_id if bulk else None, NOBODY)
        span = WEEK if self.wish is None else max(WEEK, timedelta(days=self.wish.every_days))
        since = edition.due_at - span
        recent, coming = [at for at in self.sent if at > since], [at for at in self.foreseen if at > since]
        sent = [*sorted(recent), *coming] if bulk else []
        holds, wish = (self.holds, self.wish) if bulk else ((), None)
        shared = self.shared if edition.kind in PROMOTION else ()
        facts = PersonFacts(mail, self.zone, holds, sent, ahead, self.paused, wish)  # type: ignore[arg-type]
        return facts._replace(shared=shared) if shared else facts

    def subscribed(self, audience: Audience) -> bool:
        """Whether they are of this audience, and subscribed."""
        mail = self.mail.get(audience.list_id)
        return audience in self.audiences and mail is not None and mail.subscription is SubscriptionState.SUBSCRIBED
