"""Kept: the colleagues who answer, what each is to be told, and which escalations were done.

Law: one thing is told to one colleague once (a unique row), and a level of a case's escalation is done once, whoever
looks and however often.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, or_, update
from sqlalchemy import select as core_select
from sqlmodel import Session, col, select

from ..records import (
    Campaign,
    Case,
    CaseState,
    Channel,
    Colleague,
    Customer,
    Delivery,
    Escalation,
    Inbound,
    Notice,
    NoticeKind,
)
from .conflict import insert_on
from .database import rows_in_chunks
from .prepared import Prepared

CHUNK = 500
OUR_TURN = (CaseState.NEW, CaseState.OPEN)
DESK = "_desk"
"""The system campaign of mails to colleagues."""


def colleagues(session: Session) -> list[Colleague]:
    """All colleagues by name. What is pending of them must be flushed."""
    if not _ANYBODY.rows(session):
        return []
    return list(session.exec(select(Colleague).order_by(col(Colleague.name))))


def colleague_named(session: Session, name: str) -> Colleague | None:
    """The colleague of this name; capitals do not matter. What is pending of them must be flushed."""
    rows = _NAMED.rows(session, name=name.strip().lower())
    return session.get_one(Colleague, rows[0][0]) if rows else None


_ANYBODY = Prepared(core_select(col(Colleague.id)).limit(1))
_NAMED = Prepared(core_select(col(Colleague.id)).where(func.lower(Colleague.name) == bindparam("name")))


def keep_colleague(session: Session, colleague: Colleague) -> None:
    """Add or change a colleague."""
    session.add(colleague)
    session.flush()


def remove_colleague(session: Session, colleague: Colleague) -> None:
    """Forget a colleague and what they were told. Their name stays on their cases."""
    session.connection().execute(delete(Notice).where(col(Notice.colleague_id) == colleague.id))
    session.delete(colleague)
    session.flush()


def cases_on_desks(session: Session) -> list[Case]:
    """Every case that is our turn, oldest first."""
    return list(session.exec(select(Case).where(col(Case.state).in_(OUR_TURN)).order_by(col(Case.id))))


def late_cases(session: Session, now: datetime) -> list[Case]:
    """Cases whose customer should have heard from us by now."""
    query = select(Case).where(
        col(Case.state).in_(OUR_TURN),
        or_(
            col(Case.due_at) < now,
            and_(col(Case.first_answer_at).is_(None), col(Case.first_word_by) < now),
        ),
    )
    return list(session.exec(query.order_by(col(Case.id))))


def add_notice(
    session: Session, colleague_id: int, case_id: int, kind: NoticeKind, mark: str, words: str, now: datetime
) -> bool:
    """Write down that a colleague is to be told; whether that is new."""
    connection = session.connection()
    row = {"colleague_id": colleague_id, "case_id": case_id, "kind": kind, "mark": mark, "words": words, "at": now}
    keys = ["colleague_id", "case_id", "kind", "mark"]
    return bool(
        connection.execute(
            insert_on(connection, Notice).values(row).on_conflict_do_nothing(index_elements=keys)
        ).rowcount
    )


def untold_notices(session: Session) -> dict[int, list[tuple[Notice, Case]]]:
    """What colleagues are still to be told, by colleague, oldest first."""
    query = (
        select(Notice, Case)
        .join(Case, col(Case.id) == col(Notice.case_id))
        .where(col(Notice.told_at).is_(None))
        .order_by(col(Notice.id))
    )
    found: dict[int, list[tuple[Notice, Case]]] = defaultdict(list)
    for notice, case in session.exec(query):
        found[notice.colleague_id].append((notice, case))
    return found


def keep_notices_told(session: Session, ids: Iterable[int], now: datetime, delivery_id: int | None) -> None:
    """These were told by this mail, or need no telling any more."""
    for some in rows_in_chunks(list(ids), CHUNK):
        said = update(Notice).where(col(Notice.id).in_(some)).values(told_at=now, delivery_id=delivery_id)
        session.connection().execute(said)


def cases_told_by(session: Session, delivery_id: int) -> list[int]:
    """The cases that a mail to a colleague was about."""
    query = select(Notice.case_id).where(Notice.delivery_id == delivery_id).distinct()
    return sorted(session.exec(query))


def levels_done(session: Session, case_ids: Collection[int]) -> dict[int, set[int]]:
    """The levels of each case's escalation that were done."""
    found: dict[int, set[int]] = defaultdict(set)
    for ids in rows_in_chunks(sorted(case_ids), CHUNK):
        for case_id, level in session.exec(
            select(Escalation.case_id, Escalation.level).where(col(Escalation.case_id).in_(ids))
        ):
            found[case_id].add(level)
    return found


def add_escalation(session: Session, values: Mapping[str, Any]) -> bool:
    """Write down that a level was done; False where it was done before."""
    connection = session.connection()
    added = (
        insert_on(connection, Escalation)
        .values(dict(values))
        .on_conflict_do_nothing(index_elements=["case_id", "level"])
    )
    return bool(connection.execute(added).rowcount)


def channels_of(session: Session, case_ids: Collection[int]) -> dict[int, set[Channel]]:
    """By which ways each case's messages came."""
    found: dict[int, set[Channel]] = defaultdict(set)
    for ids in rows_in_chunks(sorted(case_ids), CHUNK):
        query = select(Inbound.case_id, Inbound.channel).where(col(Inbound.case_id).in_(ids)).distinct()
        for case_id, channel in session.exec(query):
            if case_id is not None:
                found[case_id].add(Channel(channel))
    return found


def people_of(session: Session, cases: Iterable[Case]) -> dict[int, Customer]:
    """The customers of these cases, by their id."""
    wanted = sorted({case.customer_id for case in cases if case.customer_id is not None})
    found: dict[int, Customer] = {}
    for ids in rows_in_chunks(wanted, CHUNK):
        found.update({one.id or 0: one for one in session.exec(select(Customer).where(col(Customer.id).in_(ids)))})
    return found


def is_of_campaign(session: Session, delivery_id: int, campaign: str) -> bool:
    """Whether a delivery is one of this (system) campaign's."""
    return [row[0] for row in _CAMPAIGN_OF.rows(session, delivery=delivery_id)] == [campaign]


_CAMPAIGN_OF = Prepared(
    core_select(col(Campaign.name))
    .join(Delivery, col(Delivery.campaign_id) == col(Campaign.id))
    .where(col(Delivery.id) == bindparam("delivery"))
)


def mailed_since(session: Session, campaign: str, address_key: str, since: datetime) -> bool:
    """Whether this address was sent a mail of this (system) campaign since then, or is about to be."""
    query = (
        select(Delivery.id)
        .join(Campaign, col(Campaign.id) == col(Delivery.campaign_id))
        .where(Campaign.name == campaign, Delivery.address_key == address_key, col(Delivery.due_at) > since)
    )
    return session.exec(query.limit(1)).first() is not None
