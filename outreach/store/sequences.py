"""Kept: sequences, who is how far in which, and the mails that follow from it.

Law: a person's move and the mail that it brings are one transaction, by compare-and-set on the enrolment's version, and
a mail's occasion is the enrolment's key: whoever is killed, or comes second, repeats nothing (RELIABILITY I1).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import case, exists, func, insert, or_, select, update
from sqlmodel import Session, col

from ..delivery.state import move
from ..delivery.tally import Tally
from ..records import (
    Customer,
    Delivery,
    DeliveryEvent,
    DeliveryState,
    Edition,
    EditionState,
    Enrolment,
    EnrolmentState,
    SequenceState,
    Subscription,
    SubscriptionState,
)
from ..records import Sequence as SequenceRow
from .conflict import insert_on
from .database import rows_in_chunks
from .outbox import UNFINISHED, insert_deliveries
from .phases import InState
from .rows import write_row
from .waiting import Waiting

CHUNK = 500
JOINABLE = (EditionState.OPEN, EditionState.DONE)


def all_sequences(session: Session) -> list[SequenceRow]:
    """Every sequence, by name."""
    return list(session.execute(select(SequenceRow).order_by(col(SequenceRow.name))).scalars())


def find_sequence(session: Session, name: str) -> SequenceRow | None:
    """The sequence called `name`."""
    return session.execute(select(SequenceRow).where(col(SequenceRow.name) == name)).scalar()


def running_sequences(session: Session) -> list[SequenceRow]:
    """The sequences that are in force and not paused, by name."""
    query = select(SequenceRow).where(col(SequenceRow.state) == SequenceState.RUNNING).order_by(col(SequenceRow.name))
    return list(session.execute(query).scalars())


def keep_sequence(session: Session, name: str, values: Mapping[str, Any], now: datetime) -> int:
    """Write a sequence, new or changed; its id."""
    found = find_sequence(session, name) or SequenceRow(name=name, created_at=now, updated_at=now)
    return write_row(session, found, values, now)


def note_scan(session: Session, sequence_id: int, now: datetime) -> None:
    """Write down that it was looked who begins."""
    session.connection().execute(update(SequenceRow).where(col(SequenceRow.id) == sequence_id).values(scanned_at=now))


def enrol(session: Session, rows: Sequence[Mapping[str, Any]]) -> int:
    """Add people to sequences; whoever is in one by the same key stays as they are. How many were new."""
    connection = session.connection()
    statement = insert_on(connection, Enrolment).on_conflict_do_nothing(
        index_elements=["sequence_id", "customer_id", "key"]
    )
    usual = {"state": EnrolmentState.GOING, "reason": "", "done": {}, "step": "", "waits": "", "version": 1}
    return sum(
        connection.execute(statement, [usual | row for row in part]).rowcount
        for part in rows_in_chunks([dict(row) for row in rows], CHUNK)
    )


class Mailed(NamedTuple):
    """What became of a step's mail. `busy`: it is on its way still, not to be tried before `next_at`; `at`: it went."""

    busy: bool
    at: datetime | None
    next_at: datetime | None


class Enrolled(NamedTuple):
    """One person's way through a sequence, and what deciding on it reads of them. `subscribed`: still to the list."""

    id: int
    customer_id: int
    key: str
    day: Any
    began_at: datetime
    done: dict[str, Any]
    waits: str
    version: int
    address_key: str
    address: str | None
    zone: str | None
    subscribed: bool


def _enrolled(list_id: int | None) -> Any:
    subscribed = (
        select(col(Subscription.id))
        .where(
            col(Subscription.customer_id) == col(Customer.id),
            col(Subscription.list_id) == list_id,
            col(Subscription.state) == SubscriptionState.SUBSCRIBED,
        )
        .exists()
    )
    return select(
        col(Enrolment.id),
        col(Enrolment.customer_id),
        col(Enrolment.key),
        col(Enrolment.day),
        col(Enrolment.began_at),
        col(Enrolment.done),
        col(Enrolment.waits),
        col(Enrolment.version),
        func.coalesce(col(Customer.address_key), ""),
        col(Customer.address),
        col(Customer.zone),
        case((subscribed, 1), else_=0),
    ).join(Customer, col(Customer.id) == col(Enrolment.customer_id))


def to_look_at(
    session: Session, sequence_id: int, list_id: int | None, now: datetime, limit: int = CHUNK
) -> list[Enrolled]:
    """People in the sequence on whom something may be decided now, the first due first."""
    query = (
        _enrolled(list_id)
        .where(
            col(Enrolment.sequence_id) == sequence_id,
            col(Enrolment.state) == EnrolmentState.GOING,
            col(Enrolment.look_at) <= now,
        )
        .order_by(col(Enrolment.look_at), col(Enrolment.id))
        .limit(limit)
    )
    return [_row(row) for row in session.connection().execute(query)]


def page_of(
    session: Session, sequence_id: int, list_id: int | None, states: Sequence[EnrolmentState], after: int
) -> list[Enrolled]:
    """People in the sequence in these states, by rising enrolment, a page behind `after`."""
    query = (
        _enrolled(list_id)
        .where(col(Enrolment.sequence_id) == sequence_id, col(Enrolment.state).in_(states), col(Enrolment.id) > after)
        .order_by(col(Enrolment.id))
        .limit(CHUNK)
    )
    return [_row(row) for row in session.connection().execute(query)]


def _row(row: Any) -> Enrolled:
    return Enrolled._make([*row[:-1], bool(row[-1])])


def mails_of(
    session: Session, steps: Mapping[str, int], customer_ids: Collection[int]
) -> dict[tuple[int, str, str], Mailed]:
    """What became of each mail, by (customer, occasion, step)."""
    names = {campaign: step for step, campaign in steps.items()}
    found: dict[tuple[int, str, str], Mailed] = {}
    for part in rows_in_chunks(sorted(customer_ids), CHUNK):
        query = select(
            col(Delivery.customer_id),
            col(Delivery.occasion),
            col(Delivery.campaign_id),
            col(Delivery.state),
            func.coalesce(col(Delivery.sent_at), col(Delivery.intent_at), col(Delivery.settled_at)),
            col(Delivery.next_at),
        ).where(col(Delivery.customer_id).in_(part))
        for customer_id, occasion, campaign_id, state, at, next_at in session.connection().execute(query):
            if customer_id is not None and campaign_id in names:
                mailed = Mailed(DeliveryState(state) in UNFINISHED, at, next_at)
                found[customer_id, occasion, names[campaign_id]] = mailed
    return found


def move_enrolment(
    session: Session, person: Enrolled, values: Mapping[str, Any], now: datetime, steps: Mapping[str, int]
) -> bool:
    """Write where somebody is now; False where somebody else has decided meanwhile. Whoever leaves gets no mail of it
    that still waits, by these `steps` (each with its campaign)."""
    statement = (
        update(Enrolment)
        .where(
            col(Enrolment.id) == person.id,
            col(Enrolment.version) == person.version,
            col(Enrolment.state) == EnrolmentState.GOING,
        )
        .values(version=person.version + 1, changed_at=now, **values)
    )
    moved = session.connection().execute(statement).rowcount == 1
    if moved and values.get("state") is EnrolmentState.LEFT:
        _cancel_waiting(session, person, steps, f"{person.key}: {values['reason']}", now)
    return moved


def _cancel_waiting(session: Session, person: Enrolled, steps: Mapping[str, int], evidence: str, now: datetime) -> None:
    told = {"reason": "left the sequence", "evidence": evidence, "next_at": None, "settled_at": now}
    for state in (DeliveryState.QUEUED, DeliveryState.DEFERRED):
        theirs = (
            col(Delivery.customer_id) == person.customer_id,
            col(Delivery.occasion) == person.key,
            col(Delivery.campaign_id).in_(list(steps.values())),
            col(Delivery.state) == state,
        )
        cancelled = move(state, DeliveryEvent.CANCEL)
        session.connection().execute(update(Delivery).where(*theirs).values(state=cancelled, **told))


def editions_on(session: Session, campaign_id: int, occasion: str) -> list[Edition]:
    """A step's editions of that occasion: the first, and those that were opened after its text had been changed."""
    same = or_(col(Edition.occasion) == occasion, col(Edition.occasion).startswith(f"{occasion}+", autoescape=True))
    query = select(Edition).where(col(Edition.campaign_id) == campaign_id, same).order_by(col(Edition.id))
    return list(session.execute(query).scalars())


def add_edition(session: Session, values: Mapping[str, Any]) -> int:
    """Open an edition that people join one by one; its id."""
    result = session.connection().execute(insert(Edition).values(**values))
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def join_edition(session: Session, edition_id: int, rows: Sequence[dict[str, Any]]) -> int:
    """Add people to an open or done edition: its count, digest and last hour grow with it. How many were new.

    Raises nothing where somebody had this occasion's mail already: they keep it, and are not counted twice.
    """
    edition = session.get_one(Edition, edition_id, with_for_update=True, populate_existing=True)
    wanted = {row["address_key"]: row for row in rows}
    had: set[str] = set()
    for part in rows_in_chunks(list(wanted), CHUNK):
        query = select(col(Delivery.address_key), col(Delivery.occasion)).where(
            col(Delivery.campaign_id) == edition.campaign_id, col(Delivery.address_key).in_(part)
        )
        had |= {key for key, occasion in session.execute(query) if wanted[key]["occasion"] == occasion}
    fresh = [row for key, row in wanted.items() if key not in had]
    if not fresh:
        return 0
    insert_deliveries(session, fresh)
    tally = Tally(edition.planned or 0, edition.planned_digest or Tally().digest)
    tally = tally.add(row["address_key"] for row in fresh)
    until = max([row["expires_at"] for row in fresh] + ([edition.expires_at] if edition.expires_at else []))
    session.connection().execute(
        update(Edition)
        .where(col(Edition.id) == edition_id, col(Edition.state).in_(JOINABLE))
        .values(
            state=EditionState.OPEN,
            finished_at=None,
            planned=tally.count,
            planned_digest=tally.digest,
            expires_at=until,
        )
    )
    return len(fresh)


def reopen_unfinished(session: Session, campaign_ids: Collection[int], since: datetime) -> int:
    """Open editions again that were closed at the very moment in which somebody joined; how many."""
    deferred = exists().where(col(Delivery.edition_id) == col(Edition.id), InState(DeliveryState.DEFERRED))
    statement = (
        update(Edition)
        .where(
            col(Edition.campaign_id).in_(list(campaign_ids)),
            col(Edition.state) == EditionState.DONE,
            col(Edition.finished_at) >= since,
            or_(Waiting(session, col(Edition.id)).has_any(), deferred),
        )
        .values(state=EditionState.OPEN, finished_at=None)
    )
    return session.connection().execute(statement).rowcount


def wake_all(session: Session, sequence_id: int, state: EnrolmentState, now: datetime, limit: int = 2000) -> int:
    """Have people in this state looked at anew after their sequence was changed; at most `limit`, how many."""
    due = select(col(Enrolment.id)).where(
        col(Enrolment.sequence_id) == sequence_id,
        col(Enrolment.state) == state,
        or_(col(Enrolment.look_at).is_(None), col(Enrolment.look_at) > now),
    )
    statement = (
        update(Enrolment)
        .where(col(Enrolment.id).in_(due.limit(limit).scalar_subquery()))
        .values(state=EnrolmentState.GOING, look_at=now, version=col(Enrolment.version) + 1)
    )
    return session.connection().execute(statement).rowcount


def enrolment_counts(session: Session, sequence_id: int) -> list[tuple[EnrolmentState, str, str, int]]:
    """How many people are in each state, at which step, for which reason."""
    query = (
        select(col(Enrolment.state), col(Enrolment.step), col(Enrolment.reason), func.count())
        .where(col(Enrolment.sequence_id) == sequence_id)
        .group_by(col(Enrolment.state), col(Enrolment.step), col(Enrolment.reason))
        .order_by(func.count().desc())
    )
    return [(state, step, reason, count) for state, step, reason, count in session.execute(query)]


def mail_counts(session: Session, campaign_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """How many mails of each of these campaigns are in each state."""
    query = (
        select(col(Delivery.campaign_id), col(Delivery.state), func.count())
        .where(col(Delivery.campaign_id).in_(list(campaign_ids)))
        .group_by(col(Delivery.campaign_id), col(Delivery.state))
    )
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for campaign_id, state, count in session.execute(query):
        found[campaign_id][state.value] = count
    return found


def enrolments_of(session: Session, customer_id: int) -> Iterator[tuple[str, Enrolment]]:
    """In which sequences a customer is, or was, the newest last."""
    query = (
        select(col(SequenceRow.name), Enrolment)
        .join(SequenceRow, col(SequenceRow.id) == col(Enrolment.sequence_id))
        .where(col(Enrolment.customer_id) == customer_id)
        .order_by(col(Enrolment.id))
    )
    yield from ((name, enrolment) for name, enrolment in session.execute(query))
