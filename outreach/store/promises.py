"""Kept: what was promised in cases, and answers kept ready.

Law: a promise is settled, never deleted; a suggestion that nobody looked at stays one.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, col, select

from ..records import Case, CaseState, Customer, Promise, PromiseState, ReadyAnswer

STANDING = (PromiseState.MADE, PromiseState.SUGGESTED)
PEOPLE_LOOKED_AT = 2000


def add_promise(
    session: Session, case_id: int, at: datetime, by: str, text: str, due_at: datetime, state: PromiseState
) -> Promise:
    """Write down a promise, or what reads like one."""
    promise = Promise(case_id=case_id, at=at, by=by, text=text, due_at=due_at, state=state)
    session.add(promise)
    session.flush()
    return promise


def load_promise(session: Session, promise_id: int) -> Promise | None:
    """The promise with this number."""
    return session.get(Promise, promise_id)


def settle(session: Session, promise: Promise, state: PromiseState, at: datetime, by: str) -> None:
    """Move a promise on: made (of a suggestion), kept or dropped."""
    promise.state = state
    if state not in STANDING:
        promise.settled_at, promise.settled_by = at, by
    session.add(promise)
    session.flush()


def promises_of(session: Session, case_id: int) -> list[Promise]:
    """Everything that was promised in a case, oldest first."""
    return list(session.exec(select(Promise).where(Promise.case_id == case_id).order_by(col(Promise.id))))


def move_promises(session: Session, case_id: int, to: int) -> int:
    """Give all promises of a case to another one; how many."""
    found = promises_of(session, case_id)
    for promise in found:
        promise.case_id = to
        session.add(promise)
    session.flush()
    return len(found)


def standing_promises(session: Session, before: datetime | None = None) -> list[tuple[Promise, Case]]:
    """What is not settled yet in cases that were not dismissed, soonest first; due by `before` where that is given."""
    query = (
        select(Promise, Case)
        .join(Case, col(Case.id) == col(Promise.case_id))
        .where(col(Promise.state).in_(STANDING), Case.state != CaseState.DISMISSED)
    )
    if before is not None:
        query = query.where(col(Promise.due_at) <= before)
    return [(promise, case) for promise, case in session.exec(query.order_by(col(Promise.due_at), col(Promise.id)))]


def broken_promises(session: Session, now: datetime) -> list[tuple[Promise, Case]]:
    """What a person promised, is due by now, and is not kept."""
    return [(one, case) for one, case in standing_promises(session, now) if one.state is PromiseState.MADE]


def ready_answers(session: Session, topic: str | None = None) -> list[ReadyAnswer]:
    """Answers kept ready, by name."""
    query = select(ReadyAnswer).order_by(col(ReadyAnswer.name))
    return list(session.exec(query if topic is None else query.where(ReadyAnswer.topic == topic)))


def ready_answer(session: Session, name: str) -> ReadyAnswer | None:
    """The answer of this name."""
    return session.exec(select(ReadyAnswer).where(ReadyAnswer.name == name)).first()


def keep_ready(session: Session, answer: ReadyAnswer) -> None:
    """Add or change an answer."""
    session.add(answer)
    session.flush()


def remove_ready(session: Session, answer: ReadyAnswer) -> None:
    """Let an answer go."""
    session.delete(answer)
    session.flush()


def attributes_of_customers(session: Session, besides: Collection[str] = ()) -> list[str]:
    """The names of the attributes that customers have."""
    found: set[str] = set()
    for attributes in session.exec(select(Customer.attributes).limit(PEOPLE_LOOKED_AT)):
        found.update(attributes or {})
    return sorted(found - set(besides))
