"""Kept: how people would rather be written to.

Law: a changed wish bumps the customer's version in the same transaction (RELIABILITY I8). The caller commits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlmodel import Session, col
from sqlmodel import select as orm_select

from ..audience.stops import BACK, PAUSE, STOP
from ..records import Campaign, CampaignState, Customer, Tip, Wish
from .contacts import keys_besides
from .customers import bump_versions
from .database import rows_in_chunks
from .prepared import Prepared
from .stops import Said, note
from .strangers import forget_stranger_stops

CHUNK = 500
_ANY = Prepared(select(col(Wish.id)).limit(1))


def wishes_of(session: Session, customer_ids: Collection[int]) -> dict[int, Wish]:
    """The wishes of these people; most have none."""
    if not _ANY.rows(session):
        return {}
    found: dict[int, Wish] = {}
    for ids in rows_in_chunks(list(customer_ids), CHUNK):
        rows = session.exec(orm_select(Wish).where(col(Wish.customer_id).in_(ids)))
        found.update((one.customer_id, one) for one in rows)
    return found


def all_wishes(session: Session) -> list[Wish]:
    """Everybody's."""
    return list(session.exec(orm_select(Wish).order_by(col(Wish.customer_id))))


def wish_of(session: Session, customer_id: int) -> Wish | None:
    """This person's wish."""
    return session.exec(orm_select(Wish).where(Wish.customer_id == customer_id)).first()


def _day(at: datetime | None) -> date | None:
    return at.date() if at is not None else None


def keep_wish(
    session: Session,
    customer_id: int,
    *,
    paused_until: datetime | None,
    every_days: int,
    no_topics: Sequence[str],
    channel: str,
    at: datetime,
    how: str,
    evidence: str,
) -> Wish:
    """Write down what a person wishes, in place of what they wished before."""
    before = wish_of(session, customer_id)
    paused = before.paused_until if before is not None else None
    wish = before or Wish(customer_id=customer_id, changed_at=at, how=how)
    wish.paused_until, wish.every_days, wish.no_topics = paused_until, every_days, sorted(set(no_topics))
    wish.channel, wish.changed_at, wish.how, wish.evidence = channel, at, how, evidence
    session.add(wish)
    session.flush()
    if _day(paused_until) != _day(paused):  # the same pause said again and again is one
        what, person = STOP if paused_until is not None else BACK, session.get_one(Customer, customer_id)
        keys = [person.address_key or "", *keys_besides(session, customer_id)]
        if what == BACK:
            forget_stranger_stops(session, keys, [None])
        for key in keys:
            note(session, Said(at, what, person.public_id, key, PAUSE, paused_until))
    bump_versions(session, [customer_id], at)
    return wish


def topics_to_choose(session: Session, most: int = 24) -> list[str]:
    """What our newsletters and tips are about, the most frequent first: what people may leave out."""
    counts: dict[str, int] = {}
    active = select(col(Campaign.topics)).where(col(Campaign.state) == CampaignState.ACTIVE)
    for topics in (*session.execute(active).scalars(), *session.execute(select(col(Tip.topics))).scalars()):
        for topic in topics or ():
            counts[topic] = counts.get(topic, 0) + 1
    return sorted(sorted(counts, key=lambda one: (-counts[one], one))[:most])
