"""Kept: cases and what happened in them.

Law: an entry is only ever added; a case's columns change together with the entry that says why.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, col, or_, select

from ..cases.rank import WORK, Work
from ..records import (
    Case,
    CaseEntry,
    CaseEvent,
    CaseState,
    Customer,
    Delivery,
    DeliveryState,
    EntryKind,
    Hold,
    Inbound,
    Machine,
    Step,
    Verdict,
)
from .database import rows_in_chunks
from .prepared import Change, NewRow, as_loaded

CHUNK = 500


def open_case(session: Session, **values: Any) -> Case:
    """A new case of these columns, with its id. What changes it later is `change_case`."""
    number = _CASE.add(session, **values)
    case = as_loaded(Case, {**_CASE.usual, **values, "id": number})
    session.add(case)
    return case


_CASE, _ENTRY, _CHANGE = NewRow(Case), NewRow(CaseEntry), Change(Case)


def add_entry(
    session: Session,
    case_id: int,
    at: datetime,
    kind: EntryKind,
    *,
    event: CaseEvent | None = None,
    by: str = "",
    text: str = "",
    link: str = "",
    inbound_id: int | None = None,
    delivery_id: int | None = None,
) -> int:
    """Write down one thing that happened; the entry's id."""
    return _ENTRY.add(
        session,
        case_id=case_id,
        at=at,
        kind=kind,
        event=event,
        by=by,
        text=text,
        link=link,
        inbound_id=inbound_id,
        delivery_id=delivery_id,
    )


def change_case(session: Session, case: Case, changes: Mapping[str, Any]) -> None:
    """Set the columns that a move or a review changed, of the row and of what stands for it here."""
    assert case.id is not None
    _CHANGE.write(session, case.id, changes)
    for name, value in changes.items():
        set_committed_value(case, name, value)


def load_case(session: Session, case_id: int) -> Case | None:
    """The case, or None."""
    return session.get(Case, case_id)


def entries_of(session: Session, case_id: int) -> list[CaseEntry]:
    """What happened in a case, in order."""
    query = select(CaseEntry).where(CaseEntry.case_id == case_id).order_by(col(CaseEntry.id))
    return list(session.exec(query))


def is_acknowledged(session: Session, case_id: int) -> bool:
    """Whether the customer was told the case's number and due time."""
    query = select(CaseEntry.id).where(CaseEntry.case_id == case_id, CaseEntry.kind == EntryKind.ACKNOWLEDGEMENT)
    return session.exec(query.limit(1)).first() is not None


def moves_of(session: Session, case_ids: Collection[int]) -> dict[int, list[tuple[datetime, CaseEvent]]]:
    """The events of each case in order, for its clocks."""
    found: dict[int, list[tuple[datetime, CaseEvent]]] = defaultdict(list)
    for ids in rows_in_chunks(sorted(case_ids), CHUNK):
        query = (
            select(CaseEntry.case_id, CaseEntry.at, CaseEntry.event)
            .where(col(CaseEntry.case_id).in_(ids), col(CaseEntry.event).is_not(None))
            .order_by(col(CaseEntry.id))
        )
        for case_id, at, event in session.exec(query):
            if event is not None:
                found[case_id].append((at, CaseEvent(event)))
    return found


def list_cases(
    session: Session, *, states: Collection[CaseState] | None = None, owner: str | None = None
) -> list[tuple[Case, Customer | None]]:
    """Cases with their customers, oldest first; `owner` "" gives those that nobody owns."""
    query = select(Case, Customer).join(Customer, col(Customer.id) == col(Case.customer_id), isouter=True)
    if states is not None:
        query = query.where(col(Case.state).in_(sorted(states)))
    if owner is not None:
        query = query.where(Case.owner == owner)
    return [(case, customer) for case, customer in session.exec(query.order_by(col(Case.id)))]


LOOKED_BACK = 200


def pieces_of_work(session: Session, owner: str | None = None) -> list[Work]:
    """What was worked on, newest first, in all cases or in those of an owner ("" for nobody's)."""
    query = (
        select(CaseEntry.id, CaseEntry.case_id, Case.opened_at)
        .join(Case, col(Case.id) == col(CaseEntry.case_id))
        .where(col(CaseEntry.event).in_(WORK))
    )
    if owner is not None:
        query = query.where(func.lower(Case.owner) == owner.lower())
    rows = list(session.exec(query.order_by(col(CaseEntry.id).desc()).limit(LOOKED_BACK)))
    answers: dict[int, list[tuple[int, datetime]]] = defaultdict(list)
    for ids in rows_in_chunks(sorted({row[1] for row in rows}), CHUNK):
        given = (
            select(CaseEntry.case_id, CaseEntry.id, CaseEntry.at)
            .where(col(CaseEntry.case_id).in_(ids), CaseEntry.event == CaseEvent.ANSWER)
            .order_by(col(CaseEntry.id))
        )
        for case_id, entry_id, at in session.exec(given):
            answers[case_id].append((entry_id or 0, at))
    return [
        Work(case_id, max((at for number, at in answers[case_id] if number < (entry_id or 0)), default=opened))
        for entry_id, case_id, opened in rows
    ]


def customer_of(session: Session, case: Case) -> Customer | None:
    """The person whose case it is, where we know them."""
    return None if case.customer_id is None else session.get(Customer, case.customer_id)


def cases_of_thread(session: Session, message_ids: Sequence[str], public_ids: Sequence[str]) -> list[Case]:
    """The cases in which any of these mails was written, newest first: a customer's by its Message-ID, an answer of
    ours by the delivery's public id, a colleague's from a mail program by its Message-ID."""
    wrote = select(Inbound.case_id).where(col(Inbound.message_id).in_(list(message_ids)))
    told = (
        select(CaseEntry.case_id)
        .join(Inbound, col(Inbound.id) == col(CaseEntry.inbound_id))
        .where(col(Inbound.message_id).in_(list(message_ids)), CaseEntry.kind == EntryKind.ANSWER)
    )
    answered = (
        select(CaseEntry.case_id)
        .join(Delivery, col(Delivery.id) == col(CaseEntry.delivery_id))
        .where(col(Delivery.public_id).in_(list(public_ids)))
    )
    which = or_(col(Case.id).in_(wrote), col(Case.id).in_(told), col(Case.id).in_(answered))
    return list(session.exec(select(Case).where(which).order_by(col(Case.id).desc())))


def unsolved_of_address(session: Session, address: str) -> list[Case]:
    """The cases that wait for a solution of whoever has this address: a customer, or somebody who wrote from it."""
    query = (
        select(Case)
        .join(Customer, col(Customer.id) == col(Case.customer_id), isouter=True)
        .where(
            col(Case.state).in_([CaseState.NEW, CaseState.OPEN, CaseState.WAITING]),
            or_(func.lower(Customer.address) == address, func.lower(Case.author) == address),
        )
    )
    return list(session.exec(query.order_by(col(Case.id))))


def inbounds_of(session: Session, case_id: int) -> list[Inbound]:
    """What the customer wrote in this case, oldest first."""
    query = select(Inbound).where(Inbound.case_id == case_id).order_by(col(Inbound.received_at), col(Inbound.id))
    return list(session.exec(query))


def verdict_in_force(session: Session, inbound_id: int) -> Verdict | None:
    """The newest verdict that was not undone."""
    query = (
        select(Verdict)
        .where(Verdict.inbound_id == inbound_id, col(Verdict.undone_at).is_(None))
        .order_by(col(Verdict.id).desc())
        .limit(1)
    )
    return session.exec(query).first()


FAILED = (
    DeliveryState.FAILED,
    DeliveryState.EXPIRED,
    DeliveryState.SUPPRESSED,
    DeliveryState.WITHHELD,
    DeliveryState.CANCELLED,
)


def failed_answers(session: Session) -> Sequence[tuple[CaseEntry, Delivery]]:
    """Answers that did not reach their customer (refused, given up, bounced), not yet noted in the case."""
    bounced = (
        select(Inbound.id)
        .where(col(Inbound.delivery_id) == col(Delivery.id), Inbound.machine == Machine.BOUNCE)
        .correlate(Delivery)
        .exists()
    )
    told = (
        select(CaseEntry.id)
        .where(
            col(CaseEntry.delivery_id) == col(Delivery.id),
            CaseEntry.kind == EntryKind.NOTE,
        )
        .correlate(Delivery)
        .exists()
    )
    query = (
        select(CaseEntry, Delivery)
        .join(Delivery, col(Delivery.id) == col(CaseEntry.delivery_id))
        .where(CaseEntry.kind == EntryKind.ANSWER, or_(col(Delivery.state).in_(FAILED), bounced), ~told)
        .order_by(col(CaseEntry.id))
    )
    return [(entry, delivery) for entry, delivery in session.exec(query)]


def standing_answers(session: Session, case_id: int) -> list[datetime]:
    """When the answers were given that are not noted as lost, in order."""
    entries = entries_of(session, case_id)
    lost = {entry.delivery_id for entry in entries if entry.kind is EntryKind.NOTE and entry.delivery_id is not None}
    given = [entry.at for entry in entries if entry.kind is EntryKind.ANSWER and entry.delivery_id not in lost]
    return sorted(given)


def holds_and_steps(session: Session, case_id: int) -> tuple[list[Hold], list[Step]]:
    """What a case changed in the plan, oldest first."""
    holds = session.exec(select(Hold).where(Hold.case_id == case_id).order_by(col(Hold.id)))
    steps = session.exec(select(Step).where(Step.case_id == case_id).order_by(col(Step.id)))
    return list(holds), list(steps)
