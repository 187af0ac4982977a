"""Kept: seminars, their sessions, who was invited, and what they answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlmodel import Session, col

from ..records import (
    Campaign,
    CampaignState,
    Customer,
    Delivery,
    Edition,
    EditionState,
    Inbound,
    Kind,
    Machine,
    Seat,
    SeatState,
    Seminar,
    SeminarSession,
)
from .database import rows_in_chunks
from .plan import MAY_HAVE_BEEN_SENT
from .rows import write_row

CHUNK = 500


def all_seminars(session: Session) -> list[Seminar]:
    """Every seminar, by name."""
    return list(session.execute(select(Seminar).order_by(col(Seminar.name))).scalars())


def seminar_named(session: Session, name: str) -> Seminar | None:
    """The seminar called `name`."""
    return session.execute(select(Seminar).where(col(Seminar.name) == name)).scalar()


def keep_seminar(session: Session, name: str, values: Mapping[str, Any], now: datetime) -> int:
    """Write a seminar, new or changed; its id."""
    found = seminar_named(session, name) or Seminar(name=name, title="", created_at=now, updated_at=now)
    return write_row(session, found, values, now)


def sessions_of(session: Session, seminar_id: int) -> list[SeminarSession]:
    """A seminar's sessions, the first first."""
    query = select(SeminarSession).where(col(SeminarSession.seminar_id) == seminar_id)
    return list(session.execute(query.order_by(col(SeminarSession.starts_at), col(SeminarSession.id))).scalars())


def session_at(session: Session, seminar: str, name: str) -> tuple[Seminar, SeminarSession] | None:
    """One session of a seminar, by both names."""
    query = (
        select(Seminar, SeminarSession)
        .join(SeminarSession, col(SeminarSession.seminar_id) == col(Seminar.id))
        .where(col(Seminar.name) == seminar, col(SeminarSession.name) == name)
    )
    row = session.execute(query).first()
    return (row[0], row[1]) if row is not None else None


def session_of_uid(session: Session, public_id: str) -> tuple[Seminar, SeminarSession] | None:
    """The session that calendars know by this id."""
    query = (
        select(Seminar, SeminarSession)
        .join(SeminarSession, col(SeminarSession.seminar_id) == col(Seminar.id))
        .where(col(SeminarSession.public_id) == public_id)
    )
    row = session.execute(query).first()
    return (row[0], row[1]) if row is not None else None


def add_session(session: Session, values: Mapping[str, Any]) -> None:
    """Add a session."""
    session.connection().execute(insert(SeminarSession).values(**values))


def change_session(session: Session, session_id: int, values: Mapping[str, Any]) -> None:
    """Write what has changed of a session."""
    session.connection().execute(update(SeminarSession).where(col(SeminarSession.id) == session_id).values(**values))


def seat_of(session: Session, session_id: int, customer_id: int) -> Seat | None:
    """What a customer answered, if anything."""
    query = select(Seat).where(col(Seat.session_id) == session_id, col(Seat.customer_id) == customer_id)
    return session.execute(query).scalar()


def keep_seat(session: Session, session_id: int, customer_id: int, state: SeatState, at: datetime, how: str) -> None:
    """Write a customer's answer; what stood there is replaced."""
    values = {"state": state, "answered_at": at, "how": how}
    changed = session.connection().execute(
        update(Seat).where(col(Seat.session_id) == session_id, col(Seat.customer_id) == customer_id).values(**values)
    )
    if not changed.rowcount:
        row = values | {"session_id": session_id, "customer_id": customer_id}
        session.connection().execute(insert(Seat).values(**row))
    session.expire_all()


def taken(session: Session, session_id: int) -> int:
    """How many places of a session are taken."""
    query = select(func.count()).where(col(Seat.session_id) == session_id, col(Seat.state) == SeatState.ACCEPTED)
    return int(session.execute(query).scalar_one())


def first_waiting(session: Session, session_id: int) -> int | None:
    """The customer who has waited longest for a place."""
    query = select(col(Seat.customer_id)).where(
        col(Seat.session_id) == session_id, col(Seat.state) == SeatState.WAITING
    )
    return session.execute(query.order_by(col(Seat.answered_at), col(Seat.id)).limit(1)).scalar()


def with_free_places(session: Session, now: datetime) -> list[str]:
    """The sessions ("best-shot/evening") to come that have a place free while somebody waits for one."""
    waits = select(col(Seat.id)).where(
        col(Seat.session_id) == col(SeminarSession.id), col(Seat.state) == SeatState.WAITING
    )
    query = (
        select(col(SeminarSession.id), col(Seminar.name), col(SeminarSession.name), col(SeminarSession.places))
        .join(Seminar, col(Seminar.id) == col(SeminarSession.seminar_id))
        .where(col(SeminarSession.starts_at) > now, col(SeminarSession.cancelled_at).is_(None), waits.exists())
    )
    rows = session.execute(query.order_by(col(SeminarSession.id))).all()
    return [f"{name}/{own}" for number, name, own, places in rows if not places or taken(session, number or 0) < places]


def invitations(session: Session, held: SeminarSession) -> list[int]:
    """The editions that invite to a session, by the event that they froze: a campaign may invite to another by now."""
    query = select(col(Campaign.id), col(Campaign.kind), col(Campaign.options))
    may = [
        one
        for one, kind, options in session.execute(query)
        if kind is Kind.INVITATION or (options or {}).get("seminar")
    ]
    uid = col(Edition.frozen)["calendar"]["uid"].as_string()
    found = select(col(Edition.id)).where(col(Edition.campaign_id).in_(may), uid.startswith(f"{held.public_id}@"))
    return [one for one in session.execute(found).scalars() if one is not None]


def still_inviting(session: Session, held: SeminarSession) -> list[str]:
    """The names of those campaigns, not cancelled, of which an issue that invites to it is not done."""
    going = select(col(Edition.campaign_id)).where(
        col(Edition.id).in_(invitations(session, held)),
        col(Edition.state).not_in((EditionState.DONE, EditionState.CANCELLED)),
    )
    query = select(col(Campaign.name)).where(
        col(Campaign.id).in_(going), col(Campaign.state) != CampaignState.CANCELLED
    )
    return list(session.execute(query.order_by(col(Campaign.name))).scalars())


def invited(
    session: Session, edition_ids: Collection[int], after: int = 0, limit: int = CHUNK
) -> list[tuple[int, str, str]]:
    """A page of those who may have got one of these invitations, with address and language, by rising number."""
    query = (
        select(col(Customer.id), col(Customer.address), col(Customer.language))
        .where(
            col(Customer.id) > after,
            col(Customer.address).is_not(None),
            select(col(Delivery.id))
            .where(
                col(Delivery.customer_id) == col(Customer.id),
                col(Delivery.edition_id).in_(list(edition_ids)),
                col(Delivery.state).in_(MAY_HAVE_BEEN_SENT),
            )
            .exists(),
        )
        .order_by(col(Customer.id))
        .limit(limit)
    )
    return [(row[0], row[1], row[2] or "") for row in session.execute(query)]


def count_invited(session: Session, edition_ids: Collection[int], *, but_declined: int | None = None) -> int:
    """How many customers may have got one of these invitations.

    `but_declined`: without those who declined this session.
    """
    people: Any = func.count(func.distinct(col(Delivery.customer_id)))
    query = select(people).where(
        col(Delivery.edition_id).in_(list(edition_ids)), col(Delivery.state).in_(MAY_HAVE_BEEN_SENT)
    )
    if but_declined is not None:
        away = select(col(Seat.customer_id)).where(
            col(Seat.session_id) == but_declined, col(Seat.state) == SeatState.DECLINED
        )
        query = query.where(col(Delivery.customer_id).not_in(away))
    return int(session.execute(query).scalar_one())


def seat_counts(session: Session, session_ids: Collection[int]) -> dict[int, dict[str, int]]:
    """How many people answered what, how many were there, and how many had a place and were not, by session."""
    found: dict[int, dict[str, int]] = defaultdict(dict)
    were: Any = func.count(col(Seat.attended_at))
    query = select(col(Seat.session_id), col(Seat.state), func.count(), were).where(
        col(Seat.session_id).in_(list(session_ids))
    )
    for session_id, state, count, there in session.execute(query.group_by(col(Seat.session_id), col(Seat.state))):
        found[session_id][state.value] = count
        if state is SeatState.ACCEPTED:
            found[session_id]["missed"] = count - there
        found[session_id]["attended"] = found[session_id].get("attended", 0) + there
    return found


def declined_among(session: Session, session_id: int, customer_ids: Sequence[int]) -> set[int]:
    """Who of these does not come."""
    found: set[int] = set()
    for part in rows_in_chunks(list(customer_ids), CHUNK):
        query = select(col(Seat.customer_id)).where(
            col(Seat.session_id) == session_id,
            col(Seat.customer_id).in_(part),
            col(Seat.state) == SeatState.DECLINED,
        )
        found.update(session.execute(query).scalars())
    return found


def people_of(session: Session, session_id: int) -> list[tuple[str, Seat]]:
    """Everybody who answered, with their address, the first first."""
    query = (
        select(col(Customer.address), Seat)
        .join(Customer, col(Customer.id) == col(Seat.customer_id))
        .where(col(Seat.session_id) == session_id)
        .order_by(col(Seat.answered_at), col(Seat.id))
    )
    return [(address or "", seat) for address, seat in session.execute(query)]


def note_attendance(session: Session, session_id: int, customer_ids: Collection[int], at: datetime) -> int:
    """Write down who was there, also those who never answered; how many this was new of."""
    known = {seat.customer_id: seat for _, seat in people_of(session, session_id)}
    fresh = [one for one in sorted(customer_ids) if one not in known]
    late = [one for one in customer_ids if one in known and known[one].attended_at is None]
    for part in rows_in_chunks(late, CHUNK):
        session.connection().execute(
            update(Seat)
            .where(col(Seat.session_id) == session_id, col(Seat.customer_id).in_(part))
            .values(attended_at=at)
        )
    if fresh:
        row = {"session_id": session_id, "state": SeatState.ACCEPTED, "answered_at": at, "how": "attended"}
        session.connection().execute(insert(Seat), [row | {"customer_id": one, "attended_at": at} for one in fresh])
    session.connection().execute(
        update(SeminarSession)
        .where(col(SeminarSession.id) == session_id, col(SeminarSession.attendance_at).is_(None))
        .values(attendance_at=at)
    )
    session.expire_all()
    return len(fresh) + len(late)


def calendar_mails(session: Session, inbound_ids: Collection[int]) -> dict[int, bytes]:
    """The octets of those of these messages by which a calendar, or its owner in a comment, answered."""
    ours = col(Inbound.machine).in_((Machine.CALENDAR, Machine.HUMAN))
    query = select(col(Inbound.id), col(Inbound.raw)).where(ours)
    return {number: bytes(raw) for number, raw in session.execute(query.where(col(Inbound.id).in_(inbound_ids)))}
