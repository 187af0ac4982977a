"""Kept: everything that came in, what it was held to be, and how far each mailbox has been read.

Law: an inbound is unique by the hash of its content, so that a second fetch changes nothing; verdicts are added and
undone, never changed. The caller commits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, case, literal_column, or_, select, update
from sqlalchemy.orm import defer
from sqlmodel import Session, col
from sqlmodel import select as orm_select

from ..records import (
    Case,
    Category,
    Channel,
    Customer,
    Delivery,
    DeliveryMove,
    DeliveryState,
    Edition,
    FailureClass,
    Inbound,
    InboundState,
    Machine,
    Urgency,
    Verdict,
)
from .database import rows_in_chunks
from .prepared import Among, Change, NewRow, Prepared, instant, value_of

CUES, HEADERS = "cues", "headers"
MACHINES = (CUES, HEADERS)
"""Who judges without being a person."""
ANSWERED_WITHIN = timedelta(days=60)
"""A mail without any token from a known customer is taken for an answer to the last mail of this span."""


@dataclass(frozen=True)
class SentMail:
    """A delivery that a reply may be about, and whose it is. `list_id`: the list that its edition went to."""

    delivery_id: int
    public_id: str
    customer_id: int | None
    address_key: str
    address_keys: frozenset[str]
    edition_id: int
    list_id: int | None


@dataclass(frozen=True)
class InboundFilter:
    """Which inbounds a listing shows."""

    category: Category | None = None
    channel: Channel | None = None
    machine: bool = False
    unreviewed: bool = False
    open_cases: bool = False
    limit: int = 50


def insert_inbound(session: Session, values: Mapping[str, Any]) -> int | None:
    """Keep what came in; its id, or None where the same content is here already."""
    session.flush()
    return _NEW.added(session, **values)


_NEW = NewRow(Inbound, unless=["content_hash"])


def known_hashes(session: Session, hashes: Sequence[str]) -> set[str]:
    """Which of these contents are here already."""
    found: set[str] = set()
    for part in rows_in_chunks(list(hashes), 500):
        query = select(col(Inbound.content_hash)).where(col(Inbound.content_hash).in_(part))
        found.update(session.execute(query).scalars())
    return found


def unread_ids(session: Session, limit: int = 500, *, after: int = 0) -> list[int]:
    """Inbounds that were stored and not yet read, oldest first: new ones, and those that a crash left."""
    unread = (col(Inbound.state) == InboundState.STORED, col(Inbound.id) > after)
    query = select(col(Inbound.id)).where(*unread).order_by(col(Inbound.id))
    return list(session.execute(query.limit(limit)).scalars())


def sent_mails(session: Session, public_ids: Iterable[str]) -> dict[str, SentMail]:
    """The deliveries with these public ids."""
    wanted = list(dict.fromkeys(public_ids))[:200]
    return {mail.public_id: mail for one in wanted for mail in map(_sent_mail, _SENT_BY_NAME.rows(session, name=one))}


def sent_mail(session: Session, delivery_id: int) -> SentMail | None:
    """One delivery, as `sent_mails` tells it."""
    return next(map(_sent_mail, _SENT_BY_ID.rows(session, id=delivery_id)), None)


_SENT: Any = (
    select(
        col(Delivery.id),
        col(Delivery.public_id),
        col(Delivery.customer_id),
        col(Delivery.address_key),
        col(Customer.address_key).label("present_key"),
        col(Delivery.edition_id),
        col(Edition.list_id),
    )
    .join(Edition, col(Edition.id) == col(Delivery.edition_id))
    .outerjoin(Customer, col(Customer.id) == col(Delivery.customer_id))
)


_SENT_BY_NAME = Prepared(_SENT.where(col(Delivery.public_id) == bindparam("name")))
_SENT_BY_ID = Prepared(_SENT.where(col(Delivery.id) == bindparam("id")))


def _sent_mail(row: Any) -> SentMail:
    number, public_id, customer_id, key, present, edition_id, list_id = row
    return SentMail(number, public_id, customer_id, key, frozenset(filter(None, (key, present))), edition_id, list_id)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a delivery's mail was made of."""

    public_id: str
    customer_id: int | None
    edition_id: int
    choices: Any


def made_of(session: Session, delivery_id: int) -> Sent | None:
    """What to render this delivery's mail of again, or None where it is gone."""
    rows = _MADE_OF.rows(session, id=delivery_id)
    return next((Sent(name, whose, edition, value_of(made)) for name, whose, edition, made in rows), None)


_MADE_OF = Prepared(
    select(col(Delivery.public_id), col(Delivery.customer_id), col(Delivery.edition_id), col(Delivery.choices)).where(
        col(Delivery.id) == bindparam("id")
    )
)


def still_unread(session: Session, ids: Sequence[int]) -> set[int]:
    """Those of these inbounds that nobody has read by now, whatever is held of them here."""
    return {row[0] for row in _UNREAD.rows(session, ids=list(ids))}


_UNREAD = Prepared(
    select(col(Inbound.id)).where(Among(col(Inbound.id), "ids"), col(Inbound.state) == InboundState.STORED)
)


@dataclass(frozen=True, slots=True)
class Stored:
    """What is read of an inbound to understand it."""

    id: int
    state: InboundState
    channel: Channel
    received_at: datetime
    raw: bytes


def stored_with(session: Session, ids: Sequence[int]) -> list[Stored]:
    """These inbounds as they came in, in the order of their ids."""
    rows = _STORED.rows(session, ids=list(ids))
    return sorted(
        (Stored(row[0], InboundState(row[1]), Channel(row[2]), instant(row[3]), bytes(row[4])) for row in rows),
        key=lambda one: one.id,
    )


_STORED = Prepared(
    select(col(Inbound.id), col(Inbound.state), col(Inbound.channel), col(Inbound.received_at), col(Inbound.raw)).where(
        Among(col(Inbound.id), "ids")
    )
)


def inbounds_with(session: Session, ids: Sequence[int]) -> dict[int, Inbound]:
    """These inbounds by their ids."""
    return {one.id or 0: one for one in session.scalars(select(Inbound).where(col(Inbound.id).in_(ids)))}


def last_mail_to(session: Session, customer_id: int, before: datetime) -> int | None:
    """The last delivery that this customer got in the weeks before an instant."""
    rows = _LAST_MAIL.rows(session, customer=customer_id, before=before, since=before - ANSWERED_WITHIN)
    return int(rows[0][0]) if rows else None


_LAST_MAIL = Prepared(
    select(col(Delivery.id))
    .where(
        col(Delivery.customer_id) == bindparam("customer"),
        or_(col(Delivery.state) == DeliveryState.SENT, col(Delivery.state) == DeliveryState.IN_DOUBT),
        col(Delivery.intent_at) <= bindparam("before"),
        col(Delivery.intent_at) >= bindparam("since"),
    )
    .order_by(col(Delivery.intent_at).desc(), col(Delivery.id).desc())
    .limit(1)
)


def customer_with(session: Session, **what: str) -> tuple[int, str | None] | None:
    """(id, address key) of the one customer with this address_key, handle or phone; None where none or several."""
    ((name, value),) = what.items()
    if not value:
        return None
    query = select(col(Customer.id), col(Customer.address_key)).where(
        getattr(Customer, name) == value, col(Customer.erased_at).is_(None)
    )
    rows = session.execute(query.limit(2)).all()
    return (rows[0][0], rows[0][1]) if len(rows) == 1 else None


def earlier_copy(session: Session, inbound: Inbound) -> int | None:
    """An earlier inbound with the same Message-ID and sender: the same mail, come by another way."""
    if not inbound.message_id:
        return None
    rows = _COPIES.rows(session, message_id=inbound.message_id, sender=inbound.sender, id=inbound.id)
    return int(rows[0][0]) if rows else None


_COPIES = Prepared(
    select(col(Inbound.id))
    .where(
        col(Inbound.message_id) == bindparam("message_id"),
        # no bare column: all that came from one sender would be walked, such as all bounces, which come from nobody
        col(Inbound.sender).op("||")(literal_column("''")) == bindparam("sender"),
        col(Inbound.id) < bindparam("id"),
        col(Inbound.state) == InboundState.READ,
    )
    .limit(1)
)


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict before it is written down; see `records.Verdict`."""

    at: datetime
    by: str
    category: Category
    reasons: list[str]
    topics: list[str] = field(default_factory=list)
    urgency: Urgency = Urgency.NORMAL
    confidence: float | None = None


def add_verdict(session: Session, inbound: Inbound, verdict: Verdict | Judged) -> int:
    """Put a verdict in force, which the inbound repeats; its id."""
    number = _VERDICT.add(
        session,
        inbound_id=inbound.id,
        at=verdict.at,
        by=verdict.by,
        category=verdict.category,
        topics=verdict.topics,
        urgency=verdict.urgency,
        confidence=verdict.confidence,
        reasons=verdict.reasons,
    )
    repeat_verdict(inbound, verdict)
    keep_inbound(session, inbound)
    return number


_VERDICT = NewRow(Verdict)


def keep_inbound(session: Session, inbound: Inbound) -> None:
    """Write down what this inbound is by now. One that belongs to no session is written as reading fills it, without
    the ORM: measured, a tenth of the time."""
    if inbound in session:
        session.flush()
        return
    assert inbound.id is not None
    _READ.write(session, inbound.id, {name: getattr(inbound, name) for name in FILLED})


FILLED = tuple(
    "state message_id recipient sender sender_name author repost_of copy_of subject text quoted attachments language"
    " machine customer_id delivery_id clue foreign_token case_id category topics urgency confidence flagged".split()
)
"""The columns that reading fills."""
_READ = Change(Inbound)


def keep_case(session: Session, inbound: Inbound, case_id: int) -> None:
    """Put an inbound that is kept already into a case."""
    inbound.case_id = case_id
    if inbound in session:
        session.flush()
    elif inbound.id is not None:
        _READ.write(session, inbound.id, {"case_id": case_id})


def repeat_verdict(inbound: Inbound, verdict: Verdict | Judged | None) -> None:
    """Write on the inbound what is in force; nothing where no verdict is left."""
    inbound.category = verdict.category if verdict is not None else None
    inbound.topics = list(verdict.topics) if verdict is not None else []
    inbound.confidence = verdict.confidence if verdict is not None else None
    if verdict is not None:
        inbound.urgency = verdict.urgency


def verdicts_of(session: Session, inbound_id: int) -> list[Verdict]:
    """Every verdict on an inbound, oldest first, undone ones too."""
    query = orm_select(Verdict).where(Verdict.inbound_id == inbound_id)
    return list(session.exec(query.order_by(col(Verdict.id))))


def last_review(session: Session, by: str | None = None, inbound_id: int | None = None) -> Verdict | None:
    """The newest verdict of a person (this one, on this message, if named) that is not undone."""
    query = orm_select(Verdict).where(col(Verdict.by).not_in(MACHINES), col(Verdict.undone_at).is_(None))
    if by is not None:
        query = query.where(Verdict.by == by)
    if inbound_id is not None:
        query = query.where(Verdict.inbound_id == inbound_id)
    return session.exec(query.order_by(col(Verdict.id).desc()).limit(1)).first()


def list_inbounds(session: Session, wanted: InboundFilter) -> list[Inbound]:
    """Inbounds, newest first, without their raw bytes being read."""
    query = orm_select(Inbound).where(*conditions_of(wanted)).options(defer(Inbound.raw, raiseload=True))  # type: ignore[arg-type]
    query = query.order_by(col(Inbound.received_at).desc(), col(Inbound.id).desc())
    return list(session.exec(query.limit(wanted.limit)))


def unreviewed_ids(session: Session, limit: int = 1000) -> list[int]:
    """What people wrote and nobody has looked at: the most urgent first, then what made no case and may need one (it
    stands in no other list), then the rest; the oldest first of each."""
    clear = (Category.THANKS, Category.UNSUBSCRIBE, Category.SEMINAR_ANSWER)
    settled = or_(col(Inbound.case_id).is_not(None), col(Inbound.category).in_(clear))
    urgency = col(Inbound.urgency)
    order = case((urgency == Urgency.HIGH, 0), (urgency == Urgency.RAISED, 1), (settled, 3), else_=2)
    query = select(col(Inbound.id)).where(*conditions_of(InboundFilter(unreviewed=True)))
    return list(
        session.execute(query.order_by(order, col(Inbound.received_at), col(Inbound.id)).limit(limit)).scalars()
    )


def conditions_of(wanted: InboundFilter) -> list[Any]:
    """What an Inbound must be to be wanted."""
    conditions: list[Any] = []
    if wanted.category is not None:
        conditions.append(col(Inbound.category) == wanted.category)
    if wanted.channel is not None:
        conditions.append(col(Inbound.channel) == wanted.channel)
    if not wanted.machine:
        conditions.append(col(Inbound.machine).in_((Machine.HUMAN, Machine.CALENDAR)))
    if wanted.unreviewed:
        conditions += [col(Inbound.reviewed_at).is_(None), col(Inbound.state) != InboundState.STORED]
        conditions += [col(Inbound.machine) == Machine.HUMAN, col(Inbound.copy_of).is_(None)]
    if wanted.open_cases:
        conditions.append(col(Inbound.case_id).in_(select(col(Case.id)).where(col(Case.closed_at).is_(None))))
    return conditions


def note_on_delivery(
    session: Session,
    delivery_id: int,
    *,
    event: str,
    at: datetime,
    reason: str,
    detail: str,
    by: str,
    failure: FailureClass | None = None,
) -> None:
    """Add what a mail tells about a delivery to its history; the state stays, the failure's class is kept."""
    if failure is not None:
        _FAILED.changed(session, id=delivery_id, why=failure)
    state = _DELIVERY_STATE.rows(session, id=delivery_id)[0][0]
    _MOVE.add(
        session,
        delivery_id=delivery_id,
        at=at,
        event=event,
        before=state,
        after=state,
        reason=reason,
        detail=detail[:1000],
        by=by,
    )


_FAILED = Prepared(update(Delivery).where(col(Delivery.id) == bindparam("id")).values(failure=bindparam("why")))
_DELIVERY_STATE = Prepared(select(col(Delivery.state)).where(col(Delivery.id) == bindparam("id")))
_MOVE = NewRow(DeliveryMove)
