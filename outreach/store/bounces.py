"""Kept: every bounce, what an address has had of them, what a domain did lately, and domains that are paused.

Law: one bounce per delivery and way; what a storm or a person took back counts against nobody. The caller commits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, insert, select, true, update
from sqlmodel import Session, col

from ..audience.stops import BACK
from ..delivery.bounce import HISTORY, DomainCounts
from ..records import (
    Bounce,
    Customer,
    Delivery,
    DeliveryState,
    FailureClass,
    Pace,
    Step,
    StepState,
    Suppression,
    SuppressionReason,
)
from .database import rows_in_chunks
from .pace import DOMAIN
from .prepared import Change, NewRow, Prepared, instant
from .stops import note_block

CHUNK = 500
SAMPLE = 2_000
"""At most so many mails of a domain's history are counted."""
MAILED = (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.IN_DOUBT)
OURS = (SuppressionReason.BAD_ADDRESS, SuppressionReason.BOUNCES)


@dataclass(frozen=True, slots=True)
class Heard:
    """A delivery bounced: why, and in whose words. `sure`: the words name this very address and cannot be forged."""

    delivery_id: int
    failure: FailureClass
    words: str
    sure: bool = True


@dataclass(frozen=True, slots=True)
class PausedDomain:
    """A domain to which nothing goes for now; `key` is `address.domain_key`."""

    key: str
    label: str
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A bounce that was written down: its own number, and whose it is."""

    number: int
    address_key: str
    domain_key: str


def keep_bounce(session: Session, heard: Heard, source: str, now: datetime) -> Kept | None:
    """Write a bounce down; None where this delivery's bounce came by this way before and was not taken back."""
    session.flush()
    words = heard.words[:1000]
    for number, address, domain, undone in _KNOWN.rows(session, delivery=heard.delivery_id, source=source):
        if undone is None:
            return None
        _CHANGE.write(session, number, {"undone_at": None, "failure": heard.failure, "words": words})
        return Kept(number, address, domain)
    address, domain = _WHOSE.rows(session, delivery=heard.delivery_id)[0]
    number = _NEW.add(
        session,
        at=now,
        delivery_id=heard.delivery_id,
        address_key=address,
        domain_key=domain,
        failure=heard.failure,
        source=source,
        words=words,
    )
    return Kept(number, address, domain)


def excuse_bounce(session: Session, bounce: Kept) -> None:
    """It came while its whole domain refused: it counts against nobody's address."""
    _CHANGE.write(session, bounce.number, {"storm": True})


_NEW, _CHANGE = NewRow(Bounce), Change(Bounce)
_WHOSE = Prepared(
    select(col(Delivery.address_key), col(Delivery.domain_key)).where(col(Delivery.id) == bindparam("delivery"))
)
_KNOWN = Prepared(
    select(col(Bounce.id), col(Bounce.address_key), col(Bounce.domain_key), col(Bounce.undone_at)).where(
        col(Bounce.delivery_id) == bindparam("delivery"), col(Bounce.source) == bindparam("source")
    )
)


def take_back(session: Session, delivery_id: int, mark: str, now: datetime) -> str | None:
    """Let a bounce that was told by the message with this mark count no more; its address key, or None."""
    undone = (
        update(Bounce)
        .where(
            col(Bounce.delivery_id) == delivery_id,
            col(Bounce.words).endswith(mark, autoescape=True),
            col(Bounce.undone_at).is_(None),
        )
        .values(undone_at=now)
        .returning(col(Bounce.address_key))
    )
    return session.connection().execute(undone).scalar()


def counted_bounces(session: Session, address_key: str) -> list[tuple[datetime, FailureClass]]:
    """What counts against an address: its bounces that neither a storm nor a person took back, oldest first.

    Of a mail's bounces the first alone counts: the relay's log and the bounce mail may tell the same one days apart.
    """
    session.flush()
    first: dict[int, tuple[datetime, FailureClass]] = {}
    for delivery, at, failure in _COUNTED.rows(session, key=address_key):
        first.setdefault(delivery, (instant(at), FailureClass(failure)))
    return list(first.values())


_COUNTED = Prepared(
    select(col(Bounce.delivery_id), col(Bounce.at), col(Bounce.failure))
    .where(col(Bounce.address_key) == bindparam("key"), ~col(Bounce.storm), col(Bounce.undone_at).is_(None))
    .order_by(col(Bounce.at))
)


def bounced_domains(session: Session, since: datetime, least: int, until: datetime | None = None) -> list[str]:
    """The keys of domains of which at least so many different addresses bounced since then, or between the two."""
    query = (
        select(col(Bounce.domain_key))
        .where(_between(since, until), col(Bounce.domain_key) != "", col(Bounce.undone_at).is_(None))
        .group_by(col(Bounce.domain_key))
        .having(func.count(func.distinct(col(Bounce.address_key))) >= least)
    )
    return list(session.execute(query).scalars())


def _between(since: datetime, until: datetime | None) -> ColumnElement[bool]:
    late = col(Bounce.at) > since
    return late if until is None else and_(late, col(Bounce.at) <= until)


def domain_counts(
    session: Session, key: str, since: datetime, now: datetime, *, share: float, until: datetime | None = None
) -> DomainCounts:
    """What a domain did with the mail to which the bounces since then belong, and with what went before it.

    Of the mail before, the newest 2,000 are counted; of the mail since, no more than makes sure that the share that
    bounced is below `share`. `until`: nothing later is looked at.
    """
    run = session.connection().execute
    late = and_(col(Bounce.domain_key) == key, _between(since, until), col(Bounce.undone_at).is_(None))
    tried = func.coalesce(col(Delivery.intent_at), col(Delivery.settled_at))
    bounced, first = run(
        select(func.count(func.distinct(col(Bounce.address_key))), func.min(tried))
        .join(Delivery, col(Delivery.id) == col(Bounce.delivery_id))
        .where(late)
    ).one()
    if not bounced or first is None:
        return DomainCounts(0, 0)
    its = and_(col(Delivery.domain_key) == key, col(Delivery.state).in_(MAILED))
    with_them = (
        select(col(Delivery.address_key).label("who"))
        .where(its, tried >= first, tried <= until if until is not None else true())
        .limit(int(bounced / share) + 2)
        .subquery()
    )
    mailed = run(select(func.count(func.distinct(with_them.c.who)))).scalar_one()
    before = (
        select(col(Delivery.id).label("id"))
        .where(its, tried < first, tried > now - HISTORY)
        .order_by(col(Delivery.id).desc())
        .limit(SAMPLE)
        .subquery()
    )
    earlier = run(
        select(func.count(func.distinct(before.c.id)), func.count(func.distinct(col(Bounce.delivery_id)))).outerjoin(
            Bounce,
            and_(col(Bounce.delivery_id) == before.c.id, ~col(Bounce.storm), col(Bounce.undone_at).is_(None)),
        )
    ).one()
    return DomainCounts(bounced, mailed, earlier[1], earlier[0])


def excuse_bounces(
    session: Session, key: str, since: datetime, until: datetime | None = None
) -> list[tuple[int, str, datetime]]:
    """Mark a domain's bounces since then as a storm's; (id, address key, instant) of those newly marked."""
    marked = (
        update(Bounce)
        .where(col(Bounce.domain_key) == key, _between(since, until), ~col(Bounce.storm))
        .values(storm=True)
        .returning(col(Bounce.id), col(Bounce.address_key), col(Bounce.at))
    )
    return [(row.id, row.address_key, row.at) for row in session.connection().execute(marked)]


def free_addresses(session: Session, excused: Sequence[tuple[int, str, datetime]], why: str, now: datetime) -> int:
    """Take back the suppressions and rests that these bounces made, each with a step; how many."""
    first = {key: at for _, key, at in sorted(excused, key=lambda one: one[2], reverse=True)}
    freed = 0
    for keys in rows_in_chunks(sorted(first), CHUNK):
        query = select(col(Suppression.id), col(Suppression.address_key), col(Suppression.at)).where(
            col(Suppression.address_key).in_(keys), col(Suppression.reason).in_(OURS)
        )
        mine = [(row.id, row.address_key) for row in session.execute(query) if row.at >= first[row.address_key]]
        if not mine:
            continue
        session.connection().execute(delete(Suppression).where(col(Suppression.id).in_([one for one, _ in mine])))
        people = select(col(Customer.id)).where(col(Customer.address_key).in_([key for _, key in mine]))
        steps = [
            {
                "at": now,
                "rule": "bounce_storm",
                "state": StepState.UNDONE,
                "customer_id": person,
                "what": "the address may be written to again",
                "reason": why,
                "evidence": {},
            }
            for person in session.execute(people).scalars()
        ]
        if steps:
            session.connection().execute(insert(Step), steps)
        freed += len(mine)
    return freed


def free_address(session: Session, address_key: str, mark: str, now: datetime) -> bool:
    """Take back the suppression or rest whose evidence holds this mark; whether there was one."""
    gone = delete(Suppression).where(
        col(Suppression.address_key) == address_key,
        col(Suppression.reason).in_((*OURS, SuppressionReason.ABUSE_REPORT)),
        col(Suppression.evidence).contains(mark, autoescape=True),
    )
    reasons = session.connection().execute(gone.returning(col(Suppression.reason))).scalars().all()
    for reason in reasons:
        note_block(session, BACK, now, address_key, reason)
    return bool(reasons)


def paused_domains(session: Session, now: datetime) -> dict[str, PausedDomain]:
    """The domains to which nothing goes now, by key."""
    found = (
        PausedDomain(key.removeprefix(DOMAIN), label, instant(until), reason)
        for key, label, until, reason in _PAUSED.rows(session, now=now)
    )
    return {one.key: one for one in found}


_PAUSED = Prepared(
    select(col(Pace.key), col(Pace.label), col(Pace.paused_until), col(Pace.reason)).where(
        col(Pace.paused_until) > bindparam("now"), col(Pace.key).startswith(DOMAIN)
    )
)


def had_storm(session: Session, key: str, since: datetime, *, excused: bool = True) -> bool:
    """Whether bounces of a storm came from this domain since then; not `excused`: or some that still count."""
    marked = col(Bounce.storm) if excused else ~col(Bounce.storm)
    query = select(col(Bounce.id)).where(col(Bounce.domain_key) == key, col(Bounce.at) > since, marked)
    return session.execute(query.limit(1)).first() is not None


def label_of(session: Session, key: str, since: datetime) -> str:
    """A domain's name, from the address of somebody whose mail bounced since then; empty where all are erased."""
    query = (
        select(col(Customer.address))
        .join(Delivery, col(Delivery.customer_id) == col(Customer.id))
        .join(Bounce, col(Bounce.delivery_id) == col(Delivery.id))
        .where(col(Bounce.domain_key) == key, col(Bounce.at) > since, col(Customer.address).is_not(None))
        .limit(1)
    )
    return str(session.execute(query).scalar() or "").rpartition("@")[2]


def addresses_of(session: Session, customer_ids: Collection[int]) -> dict[int, str]:
    """The plain addresses of these customers; whoever has none is left out."""
    found: dict[int, str] = {}
    for ids in rows_in_chunks(sorted(customer_ids), CHUNK):
        query = select(col(Customer.id), col(Customer.address)).where(col(Customer.id).in_(ids))
        found.update((row[0], row[1]) for row in session.execute(query) if row[1])
    return found
