"""Kept: when we last knew that something arrived at somebody, and who has been silent for long.

Law: a sign is what a person did: wrote, answered an invitation, followed a link, opened a mail, pressed a button of
ours. That a server took a mail and sent nothing back is told beside it, and is no sign of a person.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, func, or_, select
from sqlmodel import Session, col

from ..records import (
    BULK,
    Bounce,
    Consent,
    Customer,
    Delivery,
    DeliveryState,
    Edition,
    Hold,
    HoldState,
    Inbound,
    Machine,
    MailingList,
    Subscription,
    SubscriptionState,
    Suppression,
    Touch,
    Wish,
)
from .database import rows_in_chunks
from .edition_figures import bounced

CHUNK = 500
HERE = ("page", "form", "mail", "one_click")
"""Ways of consent, and of a wish, by which a person themselves did something."""
BY_PERSON = (Machine.HUMAN, Machine.CALENDAR)
"""Messages behind which a person stands: a calendar answers an invitation when somebody presses a button."""


class Sign(NamedTuple):
    """A sign of life: when, and what it was (reply, click, open, page)."""

    at: datetime
    how: str


def signs_of(session: Session, customer_ids: Collection[int]) -> dict[int, Sign]:
    """The last sign of life of each of these people; whoever gave none is left out."""
    found: dict[int, Sign] = {}
    for ids in rows_in_chunks(sorted(customer_ids), CHUNK):
        for how, query in _signs(ids):
            for person, at in session.execute(query):
                if at is not None and (person not in found or found[person].at < at):
                    found[person] = Sign(at, how)
    return found


def _signs(ids: list[int]) -> list[tuple[str, Any]]:
    wrote = select(col(Inbound.customer_id), func.max(col(Inbound.received_at)))
    wrote = wrote.where(col(Inbound.customer_id).in_(ids), col(Inbound.machine).in_(BY_PERSON))
    touched = select(col(Delivery.customer_id), func.max(col(Touch.person_at)))
    touched = touched.join(Delivery, col(Delivery.id) == col(Touch.delivery_id)).where(
        col(Delivery.customer_id).in_(ids)
    )
    said = select(col(Consent.customer_id), func.max(col(Consent.at)))
    said = said.where(col(Consent.customer_id).in_(ids), col(Consent.how).in_(HERE))
    wished = select(col(Wish.customer_id), col(Wish.changed_at))
    wished = wished.where(col(Wish.customer_id).in_(ids), col(Wish.how).in_(HERE))
    return [
        ("reply", wrote.group_by(col(Inbound.customer_id))),
        ("click", touched.where(col(Touch.number) > 0).group_by(col(Delivery.customer_id))),
        ("open", touched.where(col(Touch.number) == 0).group_by(col(Delivery.customer_id))),
        ("page", said.group_by(col(Consent.customer_id))),
        ("page", wished),
    ]


def accepted_of(session: Session, customer_ids: Collection[int]) -> dict[int, datetime]:
    """When a mail to each of these people was last accepted and did not come back."""
    found: dict[int, datetime] = {}
    came_back = select(col(Bounce.delivery_id)).where(col(Bounce.undone_at).is_(None))
    for ids in rows_in_chunks(sorted(customer_ids), CHUNK):
        query = select(col(Delivery.customer_id), func.max(col(Delivery.sent_at))).where(
            col(Delivery.customer_id).in_(ids),
            col(Delivery.state) == DeliveryState.SENT,
            col(Delivery.id).not_in(came_back),
        )
        found.update((row[0], row[1]) for row in session.execute(query.group_by(col(Delivery.customer_id))))
    return found


class Candidate(NamedTuple):
    """Somebody to whom many issues went; `list_id` is one of the lists that they came by."""

    customer_id: int
    list_id: int
    sent: tuple[datetime, ...]


def long_written_to(
    session: Session, issues: int, before: datetime, after: int, limit: int, now: datetime
) -> list[Candidate]:
    """People to whom at least so many issues of lists that count clicks or opens went, the first before that instant,
    and who are on one of these still. Left out are those who were asked, who rest, or whose address is blocked at
    `now`: nobody could ask them, or they have said it. By rising id, from behind `after`.
    """
    asked = select(col(Hold.customer_id)).where(
        col(Hold.scope).in_(("silent", "rest")), col(Hold.state) != HoldState.LIFTED
    )
    blocked = select(col(Suppression.id)).where(
        col(Suppression.address_key) == col(Customer.address_key),
        or_(col(Suppression.expires_at).is_(None), col(Suppression.expires_at) > now),
    )
    still = func.max(col(Subscription.list_id))
    tied = and_(
        col(Subscription.customer_id) == col(Delivery.customer_id),
        col(Subscription.list_id) == col(Edition.list_id),
        col(Subscription.state) == SubscriptionState.SUBSCRIBED,
    )
    query = (
        select(col(Delivery.customer_id), still)
        .join(Edition, col(Edition.id) == col(Delivery.edition_id))
        .join(Customer, col(Customer.id) == col(Delivery.customer_id))
        .outerjoin(Subscription, tied)
        .where(
            col(Edition.list_id).in_(_COUNTING),
            col(Edition.kind).in_(BULK),
            col(Delivery.state) == DeliveryState.SENT,
            col(Delivery.customer_id).not_in(asked),
            col(Customer.erased_at).is_(None),
            col(Customer.id) > after,
            col(Customer.address).is_not(None),
            ~blocked.correlate(Customer).exists(),
        )
        .group_by(col(Delivery.customer_id))
        .having(func.count() >= issues, func.min(col(Delivery.sent_at)) <= before, still.is_not(None))
        .order_by(col(Delivery.customer_id))
        .limit(limit)
    )
    return [Candidate(person, list_id, _sent(session, person)) for person, list_id in session.execute(query).all()]


_COUNTING = select(col(MailingList.id)).where(or_(col(MailingList.clicks), col(MailingList.opens)))
"""Lists in whose mails a person could be seen."""


def _sent(session: Session, customer_id: int) -> tuple[datetime, ...]:
    query = (
        select(col(Delivery.sent_at))
        .join(Edition, col(Edition.id) == col(Delivery.edition_id))
        .where(
            col(Delivery.customer_id) == customer_id,
            col(Edition.list_id).in_(_COUNTING),
            col(Edition.kind).in_(BULK),
            col(Delivery.state) == DeliveryState.SENT,
        )
    )
    return tuple(sorted(at for at in session.execute(query).scalars() if at is not None))


def silence_holds(session: Session, customer_id: int | None = None) -> list[Hold]:
    """Everybody who was asked, or rests; or of one customer."""
    query = select(Hold).where(col(Hold.scope).in_(("silent", "rest")), col(Hold.state) != HoldState.LIFTED)
    if customer_id is not None:
        query = query.where(col(Hold.customer_id) == customer_id)
    return list(session.execute(query.order_by(col(Hold.id))).scalars())


def people_heard_from(session: Session) -> int:
    """How many of those whom bulk mail reached (none came back) ever gave a sign of life, as `signs_of` has it."""
    went = select(col(Delivery.customer_id)).where(
        col(Delivery.kind).in_(BULK),
        col(Delivery.state) == DeliveryState.SENT,
        col(Delivery.customer_id).is_not(None),
        col(Delivery.id).not_in(bounced()),
    )
    wrote = select(col(Inbound.customer_id)).where(
        col(Inbound.machine).in_(BY_PERSON), col(Inbound.customer_id).in_(went)
    )
    wished = select(col(Wish.customer_id)).where(col(Wish.how).in_(HERE), col(Wish.customer_id).in_(went))
    said = select(col(Consent.customer_id)).where(col(Consent.how).in_(HERE), col(Consent.customer_id).in_(went))
    touched = (
        select(col(Delivery.customer_id))
        .join(Touch, col(Touch.delivery_id) == col(Delivery.id))
        .where(col(Touch.person_at).is_not(None), col(Delivery.customer_id).in_(went))
    )
    any_of = wrote.union(touched, wished, said).subquery()
    return int(session.execute(select(func.count()).select_from(any_of)).scalar_one())
