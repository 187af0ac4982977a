"""Kept: what is asked for each message that comes in: the cases of its author, its thread, and what they said there.

Law: asked in prepared statements, which do not see what a session has not flushed: flush before. Rows are told as
small facts; a record is loaded only where it is to be changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, or_, select
from sqlmodel import Session, col

from ..records import Case, CaseEntry, CaseEvent, CaseState, Category, Channel, Customer, EntryKind, Inbound, Verdict
from .prepared import Prepared, value_of


@dataclass(frozen=True, slots=True)
class KnownCase:
    """A case of somebody who writes again: what tells whether it is the same matter."""

    id: int
    state: CaseState
    topic: str


@dataclass(frozen=True, slots=True)
class Wrote:
    """What the plan asks of a message in a case."""

    category: Category | None
    topics: list[str]
    reviewed: bool
    channel: Channel
    sender: str


@dataclass(frozen=True, slots=True)
class InForce:
    """What a verdict says for itself."""

    by: str
    confidence: float | None
    reasons: list[str]


def cases_of_author(session: Session, customer_id: int | None, author: str) -> list[KnownCase]:
    """The cases of a customer, or of somebody who is none, newest first."""
    if customer_id is None and not author:
        return []
    if customer_id is not None:
        rows = _OF_CUSTOMER.rows(session, customer=customer_id)
    else:
        rows = _OF_AUTHOR.rows(session, author=author)
    return [KnownCase(number, CaseState(state), topic) for number, state, topic in rows]


_KNOWN: Any = select(col(Case.id), col(Case.state), col(Case.topic)).order_by(col(Case.id).desc())
_OF_CUSTOMER = Prepared(_KNOWN.where(col(Case.customer_id) == bindparam("customer")))
_OF_AUTHOR = Prepared(_KNOWN.where(col(Case.author) == bindparam("author")))


def answers_in(session: Session, delivery_id: int) -> set[int]:
    """The cases in which this delivery was our answer."""
    return {row[0] for row in _ANSWERED_BY.rows(session, delivery=delivery_id)}


def cases_about(session: Session, delivery_id: int) -> set[int]:
    """The cases in which the customer had replied to this delivery."""
    return {row[0] for row in _ABOUT.rows(session, delivery=delivery_id)}


def cases_below(session: Session, inbound_id: int, message_ids: Iterable[str]) -> set[int]:
    """The cases in which any of these mails but this one was written, by the customer or by a colleague of ours."""
    found: set[int] = set()
    for message_id in message_ids:
        for number, case_id in _MAILS.rows(session, message_id=message_id, but=inbound_id):
            found.update(row[0] for row in _TOLD.rows(session, inbound=number))
            found |= {case_id} - {None}
    return found


_ANSWERED_BY = Prepared(select(col(CaseEntry.case_id)).where(col(CaseEntry.delivery_id) == bindparam("delivery")))
_ABOUT = Prepared(
    select(col(Inbound.case_id)).where(
        col(Inbound.delivery_id) == bindparam("delivery"), col(Inbound.case_id).is_not(None)
    )
)
_MAILS = Prepared(
    select(col(Inbound.id), col(Inbound.case_id)).where(
        col(Inbound.message_id) == bindparam("message_id"), col(Inbound.id) != bindparam("but")
    )
)
_TOLD = Prepared(
    select(col(CaseEntry.case_id)).where(
        col(CaseEntry.inbound_id) == bindparam("inbound"), col(CaseEntry.kind) == EntryKind.ANSWER
    )
)


def messages_of(session: Session, case_id: int) -> list[Wrote]:
    """What the customer wrote in this case, oldest first, for the plan."""
    return [
        Wrote(Category(kind) if kind else None, value_of(topics), reviewed is not None, Channel(channel), sender)
        for kind, topics, reviewed, channel, sender in _MESSAGES.rows(session, case=case_id)
    ]


def address_of(session: Session, customer_id: int) -> str | None:
    """A customer's address, empty where it was erased; None where there is no such customer."""
    rows = _ADDRESS.rows(session, id=customer_id)
    return (rows[0][0] or "") if rows else None


def last_word(session: Session, case_id: int) -> CaseEvent | None:
    """Whose word came last in a case: MESSAGE for the customer's, ANSWER for ours."""
    rows = _LAST_WORD.rows(session, case=case_id)
    return CaseEvent(rows[0][0]) if rows else None


def words_in_force(session: Session, inbound_id: int) -> InForce | None:
    """The newest verdict that was not undone, in its words."""
    rows = _IN_FORCE.rows(session, inbound=inbound_id)
    return InForce(rows[0][0], rows[0][1], value_of(rows[0][2])) if rows else None


_MESSAGES = Prepared(
    select(
        col(Inbound.category), col(Inbound.topics), col(Inbound.reviewed_at), col(Inbound.channel), col(Inbound.sender)
    )
    .where(col(Inbound.case_id) == bindparam("case"))
    .order_by(col(Inbound.received_at), col(Inbound.id))
)
_ADDRESS = Prepared(select(col(Customer.address)).where(col(Customer.id) == bindparam("id")))
_LAST_WORD = Prepared(
    select(col(CaseEntry.event))
    .where(
        col(CaseEntry.case_id) == bindparam("case"),
        or_(col(CaseEntry.event) == CaseEvent.MESSAGE, col(CaseEntry.event) == CaseEvent.ANSWER),
    )
    .order_by(col(CaseEntry.id).desc())
    .limit(1)
)
_IN_FORCE = Prepared(
    select(col(Verdict.by), col(Verdict.confidence), col(Verdict.reasons))
    .where(col(Verdict.inbound_id) == bindparam("inbound"), col(Verdict.undone_at).is_(None))
    .order_by(col(Verdict.id).desc())
    .limit(1)
)
