"""Figures of each edition of a newsletter, beside those of its kind that went before.

Law: a person is counted once wherever people are meant; a mail that bounced later reached nobody.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import reduce
from operator import add
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, String, and_, cast, func, select, union
from sqlmodel import Session, col

from ..records import (
    BULK,
    Bounce,
    Campaign,
    Category,
    Consent,
    ConsentAct,
    Delivery,
    DeliveryState,
    Edition,
    Inbound,
    Kind,
    Machine,
    Membership,
    Onward,
)
from .touch_figures import Touched, touch_figures

LINK_EVIDENCE = "link of delivery "
"""How the public pages name the delivery whose link was followed, in a consent's evidence."""
BEFORE = 5
PENDING = (DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.INFLIGHT, DeliveryState.DEFERRED)
"""Not yet decided: still to go."""
LEFT_OUT = (DeliveryState.WITHHELD, DeliveryState.SUPPRESSED, DeliveryState.CANCELLED, DeliveryState.EXPIRED)


@dataclass(frozen=True)
class Rate:
    """So many people or messages, of so many."""

    count: int
    of: int

    @property
    def per_1000(self) -> float | None:
        """The rate per 1,000; None of nothing."""
        return 1000 * self.count / self.of if self.of else None

    def __add__(self, other: Rate) -> Rate:
        return Rate(self.count + other.count, self.of + other.of)


def differ(one: Rate, other: Rate) -> bool:
    """Whether two rates differ by more than chance would make them (95 %, Agresti and Caffo's interval)."""
    sizes = one.of + 2, other.of + 2
    first, second = (min((each.count + 1) / size, 1.0) for each, size in zip((one, other), sizes, strict=True))
    error = math.sqrt(first * (1 - first) / sizes[0] + second * (1 - second) / sizes[1])
    return one.of > 0 and other.of > 0 and abs(first - second) > 1.96 * error


@dataclass(frozen=True)
class Rates:
    """Of the people reached: complainers, messages from people, people who left. Bounces: of all that was accepted."""

    complaints: Rate
    replies: Rate
    unsubscribes: Rate
    bounces: Rate

    def __add__(self, other: Rates) -> Rates:
        return Rates(
            self.complaints + other.complaints,
            self.replies + other.replies,
            self.unsubscribes + other.unsubscribes,
            self.bounces + other.bounces,
        )


@dataclass(frozen=True)
class EditionFigures:
    """One edition of a newsletter. `before` are the rates of up to five editions of its kind before it, pooled.

    `replies` counts messages of people by category. `onward`: what the next servers said of those handed over, where a
    relay's log was read. `waves` are the people in each of its waves, if it has any, of which `waves_out` were
    released; `reason` is why it waits, or was stopped. `touched`: clicks and opens, where it counts them.
    released; `reason` is why it waits, or was stopped. `households`: of those reached, how many stand for a household
    (or company) of which one person gets it.
    """

    id: int
    campaign: str
    kind: Kind
    number: int
    occasion: str
    subject: str
    due_at: datetime
    state: str
    planned: int
    counts: Mapping[DeliveryState, int]
    reached: int
    replies: Mapping[str, int]
    rates: Rates
    before: Rates | None = None
    before_editions: int = 0
    waves: tuple[int, ...] = ()
    waves_out: int = 0
    reason: str = ""
    onward: Mapping[Onward, int] = field(default_factory=dict)
    touched: Touched | None = None
    households: int = 0

    def day(self, zone: ZoneInfo) -> date:
        """The day it was due: a schedule's own local date, whatever day that was where it opened; else the zone's."""
        named, slash, _ = self.occasion.partition("/")
        return date.fromisoformat(named) if slash and len(named) == 10 else self.due_at.astimezone(zone).date()

    @property
    def handed_over(self) -> int:
        """How many the relay took."""
        return self.counts.get(DeliveryState.SENT, 0)

    @property
    def wave_words(self) -> str:
        """Where its waves stand, as long as some are still to come: "wave 1 of 3", and why it was stopped if so."""
        if self.waves_out >= len(self.waves):
            return ""
        return f"wave {self.waves_out} of {len(self.waves)} is out{': ' if self.reason else ''}{self.reason}"

    @property
    def pending(self) -> int:
        """Not yet decided."""
        return sum(self.counts.get(state, 0) for state in PENDING)

    @property
    def withheld(self) -> int:
        """Left out on purpose, each with its reason."""
        return sum(self.counts.get(state, 0) for state in LEFT_OUT)


def edition_figures(session: Session) -> list[EditionFigures]:
    """Every edition of a newsletter that was planned, oldest first, each beside those of its kind before it."""
    rows: Any = session.connection().execute(
        select(
            col(Edition.id),
            col(Campaign.name),
            col(Edition.kind),
            col(Edition.number),
            col(Edition.occasion),
            col(Edition.subject),
            col(Edition.due_at),
            col(Edition.state),
            col(Edition.planned),
            col(Edition.waves),
            col(Edition.released_wave),
            col(Edition.reason),
        )
        .join(Campaign, col(Campaign.id) == col(Edition.campaign_id))
        .where(col(Edition.kind).in_(BULK), col(Edition.planned).is_not(None))
        .order_by(col(Edition.due_at), col(Edition.id))
    )
    tallies = _Tallies(session)
    found: list[EditionFigures] = []
    for row in rows:
        edition = tallies.figures(*row)
        before = [each for each in found if each.kind is edition.kind and each.reached][-BEFORE:]
        if before:
            edition = replace(edition, before=reduce(add, (each.rates for each in before)), before_editions=len(before))
        found.append(edition)
    return found


class _Tallies:
    """Counts per edition, each read with one grouped query."""

    def __init__(self, session: Session) -> None:
        run = session.connection().execute
        edition = col(Delivery.edition_id)
        bulk = col(Delivery.kind).in_(BULK)
        self.counts: dict[int, dict[DeliveryState, int]] = defaultdict(dict)
        for edition_id, state, count in run(
            select(edition, col(Delivery.state), func.count()).where(bulk).group_by(edition, col(Delivery.state))
        ):
            self.counts[edition_id][state] = count
        self.onward: dict[int, dict[Onward, int]] = defaultdict(dict)
        known = bulk, col(Delivery.state) == DeliveryState.SENT, col(Delivery.onward).is_not(None)
        for edition_id, onward, count in run(
            select(edition, col(Delivery.onward), func.count()).where(*known).group_by(edition, col(Delivery.onward))
        ):
            if onward is not None:
                self.onward[edition_id][onward] = count
        late = (
            select(edition, func.count())
            .where(bulk, col(Delivery.state) == DeliveryState.SENT, col(Delivery.id).in_(bounced()))
            .group_by(edition)
        )
        self.bounced_late: dict[int, int] = {row[0]: row[1] for row in run(late)}
        replied = (
            select(edition, col(Inbound.category), func.count(), func.count(func.distinct(author())))
            .join(Delivery, col(Delivery.id) == col(Inbound.delivery_id))
            .where(bulk, col(Inbound.machine) == Machine.HUMAN, col(Inbound.category).is_not(None))
            .group_by(edition, col(Inbound.category))
        )
        self.replies: dict[int, dict[str, int]] = defaultdict(dict)
        self.complainers: dict[int, int] = {}
        for edition_id, category, messages, people in run(replied):
            self.replies[edition_id][str(category)] = messages
            if category is Category.COMPLAINT:
                self.complainers[edition_id] = people
        self.touched = touch_figures(session)
        self.left: dict[int, int] = {row[0]: row[1] for row in run(_left_by_edition())}
        groups = func.count(func.distinct(col(Membership.group_id)))
        member = and_(
            col(Membership.customer_id) == col(Delivery.customer_id), col(Membership.kind) == col(Edition.one_per)
        )
        together = (
            select(edition, groups)
            .join(Edition, col(Edition.id) == edition)
            .join(Membership, member)
            .where(col(Edition.one_per) != "", col(Delivery.state) == DeliveryState.SENT)
            .where(col(Delivery.id).not_in(bounced()))
            .group_by(edition)
        )
        self.households: dict[int, int] = {row[0]: row[1] for row in run(together)}

    def figures(
        self,
        edition_id: int,
        campaign: str,
        kind: Kind,
        number: int,
        occasion: str,
        subject: str,
        due_at: datetime,
        state: str,
        planned: int,
        waves: list[int],
        released: int,
        reason: str,
    ) -> EditionFigures:
        counts = self.counts.get(edition_id, {})
        late = self.bounced_late.get(edition_id, 0)
        reached = counts.get(DeliveryState.SENT, 0) - late
        bounced_all = counts.get(DeliveryState.FAILED, 0) + late
        replies = self.replies.get(edition_id, {})
        return EditionFigures(
            id=edition_id,
            campaign=campaign,
            kind=kind,
            number=number,
            occasion=occasion,
            subject=subject,
            due_at=due_at,
            state=state,
            planned=planned,
            counts=counts,
            reached=reached,
            replies=replies,
            rates=Rates(
                complaints=Rate(self.complainers.get(edition_id, 0), reached),
                replies=Rate(sum(replies.values()), reached),
                unsubscribes=Rate(self.left.get(edition_id, 0), reached),
                bounces=Rate(bounced_all, reached + bounced_all),
            ),
            onward=self.onward.get(edition_id, {}),
            waves=tuple(waves),
            waves_out=released + 1 if waves else 0,
            reason=reason,
            touched=self.touched.get(edition_id),
            households=self.households.get(edition_id, 0),
        )


def bounced() -> Select[Any]:
    """Deliveries that came back after the relay had taken them: a bounce mail came, or the relay's log says so."""
    by_mail: Any = select(col(Inbound.delivery_id).label("delivery_id")).where(
        col(Inbound.machine) == Machine.BOUNCE, col(Inbound.delivery_id).is_not(None)
    )
    by_log: Any = select(col(Bounce.delivery_id).label("delivery_id")).where(
        col(Bounce.source) != "smtp", col(Bounce.undone_at).is_(None)
    )
    both = union(by_mail, by_log).subquery()
    return select(both.c.delivery_id)


def author() -> ColumnElement[str]:
    """One value per person: the customer, else the address or the handle that wrote."""
    customer = cast(col(Inbound.customer_id), String)
    return func.coalesce(customer, func.nullif(col(Inbound.sender), ""), col(Inbound.handle))


def _left_by_edition() -> Select[Any]:
    """How many people left by an edition: by its links, or by a reply to it."""
    public_id = func.substr(col(Consent.evidence), len(LINK_EVIDENCE) + 1)
    by_link: Any = (
        select(col(Delivery.edition_id).label("edition_id"), col(Delivery.address_key).label("person"))
        .join(Consent, public_id == col(Delivery.public_id))
        .where(col(Consent.act) == ConsentAct.WITHDRAWN, col(Consent.evidence).startswith(LINK_EVIDENCE))
    )
    by_reply: Any = (
        select(col(Delivery.edition_id).label("edition_id"), col(Delivery.address_key).label("person"))
        .join(Inbound, col(Inbound.delivery_id) == col(Delivery.id))
        .where(col(Inbound.category) == Category.UNSUBSCRIBE)
    )
    both = union(by_link, by_reply).subquery()
    return select(both.c.edition_id, func.count()).group_by(both.c.edition_id)
