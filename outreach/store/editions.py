"""Kept: campaigns' schedules and the editions that they open.

Law: an edition is created, and its schedule advanced, by compare-and-set in one transaction, so that daemon, cron
and a person open one occasion once (RELIABILITY I1). Nothing of an edition can be claimed before it is open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.orm import defer
from sqlmodel import Session, col

from ..delivery.state import move
from ..records import (
    Campaign,
    CampaignState,
    Customer,
    Delivery,
    DeliveryEvent,
    DeliveryState,
    Edition,
    EditionState,
    Schedule,
    Step,
    StepState,
)
from .database import rows_in_chunks
from .phases import InState
from .plan import MAY_HAVE_BEEN_SENT
from .standing import bare_state, hold_back_intents
from .waiting import Place, places

CHUNK = 500
UNFINISHED = (EditionState.PLANNING, EditionState.OPEN, EditionState.PAUSED, EditionState.WAITING)
TO_GO = (DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.DEFERRED)
LIGHT: Any = defer(Edition.frozen, raiseload=True)  # type: ignore[arg-type]
"""Lists of editions leave out what only rendering reads: it may be large."""
WENT_OUT = (EditionState.OPEN, EditionState.PAUSED, EditionState.DONE)


def find_campaign(session: Session, name: str) -> Campaign | None:
    """The campaign of that name."""
    return session.execute(select(Campaign).where(col(Campaign.name) == name)).scalar()


def campaigns_and_schedules(session: Session) -> list[tuple[Campaign, Schedule | None]]:
    """Every campaign that people compose (not the system's own, nor a sequence's step), by name, with its schedule."""
    query = (
        select(Campaign, Schedule)
        .outerjoin(Schedule, col(Schedule.campaign_id) == col(Campaign.id))
        .where(~col(Campaign.name).startswith("_", autoescape=True), ~col(Campaign.name).contains("/"))
        .order_by(col(Campaign.name))
    )
    return [(campaign, schedule) for campaign, schedule in session.execute(query)]


def schedules_due(session: Session, now: datetime) -> list[tuple[Campaign, Schedule]]:
    """Active campaigns whose next occasion has come, the oldest first."""
    query = (
        select(Campaign, Schedule)
        .join(Schedule, col(Schedule.campaign_id) == col(Campaign.id))
        .where(col(Schedule.next_at) <= now, col(Campaign.state) == CampaignState.ACTIVE)
        .order_by(col(Schedule.next_at), col(Schedule.id))
    )
    return [(campaign, schedule) for campaign, schedule in session.execute(query)]


def keep_schedule(session: Session, campaign_id: int, values: Mapping[str, Any] | None) -> None:
    """Write a campaign's schedule row, or take it away (None)."""
    connection = session.connection()
    if values is None:
        connection.execute(delete(Schedule).where(col(Schedule.campaign_id) == campaign_id))
        return
    changed = connection.execute(update(Schedule).where(col(Schedule.campaign_id) == campaign_id).values(**values))
    if not changed.rowcount:
        connection.execute(insert(Schedule).values(campaign_id=campaign_id, **values))


def advance_schedule(
    session: Session, schedule: Schedule, *, done: str, next_at: datetime | None, next_occasion: str | None
) -> bool:
    """Move the schedule on from the occasion that the caller saw; False where somebody else has done so."""
    statement = (
        update(Schedule)
        .where(
            col(Schedule.id) == schedule.id,
            col(Schedule.rule) == schedule.rule,
            col(Schedule.next_occasion) == schedule.next_occasion,
        )
        .values(last_occasion=done, next_at=next_at, next_occasion=next_occasion)
    )
    return session.connection().execute(statement).rowcount == 1


def edition_at(session: Session, campaign_id: int, occasion: str) -> Edition | None:
    """The campaign's edition of that occasion."""
    query = select(Edition).where(col(Edition.campaign_id) == campaign_id, col(Edition.occasion) == occasion)
    return session.execute(query).scalar()


def editions_of(session: Session, campaign_id: int) -> list[Edition]:
    """All editions of a campaign, oldest first."""
    query = select(Edition).options(LIGHT).where(col(Edition.campaign_id) == campaign_id).order_by(col(Edition.id))
    return list(session.execute(query).scalars())


def editions_in(session: Session, states: Sequence[EditionState]) -> list[tuple[Edition, Campaign]]:
    """The editions of people's campaigns in these states, the first due first."""
    query = (
        select(Edition, Campaign)
        .options(LIGHT)
        .join(Campaign, col(Campaign.id) == col(Edition.campaign_id))
        .where(col(Edition.state).in_(states), ~col(Campaign.name).startswith("_", autoescape=True))
        .order_by(col(Edition.due_at), col(Edition.id))
    )
    return [(edition, campaign) for edition, campaign in session.execute(query)]


def last_gone_out(session: Session, campaign_id: int, before: int) -> Edition | None:
    """The newest edition before `before` that was opened for sending."""
    query = (
        select(Edition)
        .options(LIGHT)
        .where(col(Edition.campaign_id) == campaign_id, col(Edition.id) < before, col(Edition.state).in_(WENT_OUT))
        .order_by(col(Edition.id).desc())
        .limit(1)
    )
    return session.execute(query).scalar()


def next_number(session: Session, campaign_id: int) -> int:
    """The number of the campaign's next edition, from 1."""
    query = select(func.coalesce(func.max(col(Edition.number)), 0)).where(col(Edition.campaign_id) == campaign_id)
    return int(session.execute(query).scalar_one()) + 1


def move_edition(
    session: Session,
    edition_id: int,
    before: Sequence[EditionState],
    after: EditionState,
    reason: str = "",
    **values: Any,
) -> bool:
    """Move an edition from one of these states; False where it is in none of them any more."""
    statement = (
        update(Edition)
        .where(col(Edition.id) == edition_id, col(Edition.state).in_(before))
        .values(state=after, reason=reason, **values)
    )
    hold_back_intents(session)
    return session.connection().execute(statement).rowcount == 1


def is_planning(session: Session, edition_id: int) -> bool:
    """Whether people are still being streamed into this edition."""
    query = select(col(Edition.id)).where(
        col(Edition.id) == edition_id, col(Edition.state) == EditionState.PLANNING, col(Edition.planned_at).is_(None)
    )
    return session.execute(query).first() is not None


def end_planning(session: Session, edition_id: int, planned: int, digest: str, now: datetime) -> bool:
    """Write down whom the segment gave; False where another planning has ended before."""
    statement = (
        update(Edition)
        .where(
            col(Edition.id) == edition_id,
            col(Edition.state) == EditionState.PLANNING,
            col(Edition.planned_at).is_(None),
        )
        .values(planned=planned, planned_digest=digest, planned_at=now)
    )
    return session.connection().execute(statement).rowcount == 1


def planned_rows(session: Session, edition_id: int) -> Iterator[tuple[int, int | None]]:
    """The edition's deliveries as (id, customer id), by rising customer id, streamed."""
    query = (
        select(col(Delivery.id), col(Delivery.customer_id))
        .where(col(Delivery.edition_id) == edition_id)
        .order_by(col(Delivery.customer_id))
        .execution_options(yield_per=2000)
    )
    yield from ((delivery_id, customer_id) for delivery_id, customer_id in session.execute(query))


def unplan(session: Session, edition_id: int, delivery_ids: Sequence[int]) -> None:
    """Take rows back that a broken-off planning left and that the segment no longer gives.

    Only while the edition is planned: nothing of it was ever claimed.
    """
    if not is_planning(session, edition_id):
        return
    for ids in rows_in_chunks(list(delivery_ids), CHUNK):
        session.connection().execute(delete(Delivery).where(col(Delivery.id).in_(ids)))


def withhold_queued(session: Session, edition_id: int, refusals: Mapping[int, tuple[str, str]], now: datetime) -> int:
    """queued → withheld for these customers, each with its reason and evidence; how many changed."""
    after, connection = move(DeliveryState.QUEUED, DeliveryEvent.WITHHOLD), session.connection()
    wanted = select(col(Delivery.id), col(Delivery.customer_id), col(Delivery.edition_id)).where(
        col(Delivery.customer_id).in_(list(refusals))
    )
    rows = [
        (row, refusals[customer])
        for row, customer, its in connection.execute(wanted)
        if its == edition_id and customer is not None
    ]
    if not rows:
        return 0
    statement = (
        update(Delivery)
        .where(col(Delivery.id) == bindparam("row"), col(Delivery.state) == DeliveryState.QUEUED)
        .values(state=after, reason=bindparam("why"), evidence=bindparam("words"), next_at=None, settled_at=now)
    )
    values = [{"row": row, "why": reason, "words": evidence} for row, (reason, evidence) in rows]
    return connection.execute(statement, values).rowcount


def cancel_some(
    session: Session,
    edition_id: int,
    evidence: str,
    now: datetime,
    *,
    after: Place | None = None,
    limit: int = 1000,
) -> Place | None:
    """queued or deferred → cancelled for at most `limit` of those who wait behind the place `after`; the last one's
    place, or None where nobody stands behind it. Who is deferred comes first: a claim may wake them meanwhile."""
    last, left = None, limit
    for before in (DeliveryState.DEFERRED, DeliveryState.QUEUED):
        if not left or (after is not None and after.state is not before):
            continue
        found = places(session, edition_id, before, after, left)
        after, left = None, left - len(found)
        last = found[-1] if found else last
        statement = (
            update(Delivery)
            .where(col(Delivery.id).in_([place.id for place in found]), bare_state() == before.value)
            .values(
                state=move(before, DeliveryEvent.CANCEL),
                reason="cancelled",
                evidence=evidence,
                next_at=None,
                settled_at=now,
            )
        )
        if found:
            session.connection().execute(statement)
    return last


def extend_some(
    session: Session, edition_id: int, until: datetime, *, after: Place | None = None, limit: int = 1000
) -> Place | None:
    """Let at most `limit` waiting deliveries behind the place `after` live until `until`; the last one's place, or
    None where nobody stands behind it. Who is deferred comes first: a claim may wake them meanwhile."""
    found: list[Place] = []
    for state in (DeliveryState.DEFERRED, DeliveryState.QUEUED):
        if after is None or after.state is state:
            found += places(session, edition_id, state, after, limit - len(found))
            after = None
    for ids in rows_in_chunks([place.id for place in found], CHUNK):
        session.connection().execute(update(Delivery).where(col(Delivery.id).in_(ids)).values(expires_at=until))
    return found[-1] if found else None


def had_content(session: Session, campaign_id: int, content_digest: str, customer_ids: Sequence[int]) -> set[int]:
    """Who of these people has been sent an edition of this campaign with the very same content."""
    editions = set(
        session.execute(
            select(col(Edition.id)).where(
                col(Edition.campaign_id) == campaign_id, col(Edition.content_digest) == content_digest
            )
        ).scalars()
    )
    found: set[int] = set()
    for ids in rows_in_chunks(list(customer_ids), CHUNK):
        query = select(col(Delivery.customer_id), col(Delivery.edition_id), col(Delivery.state)).where(
            col(Delivery.customer_id).in_(ids)
        )
        for customer_id, edition_id, state in session.connection().execute(query):
            if customer_id is not None and edition_id in editions and state in MAY_HAVE_BEEN_SENT:
                found.add(customer_id)
    return found


def outcome_counts(session: Session, edition_id: int) -> list[tuple[DeliveryState, str, int]]:
    """How many deliveries of an edition are in each state for each reason, the most first."""
    query = (
        select(col(Delivery.state), col(Delivery.reason), func.count())
        .where(col(Delivery.edition_id) == edition_id)
        .group_by(col(Delivery.state), col(Delivery.reason))
        .order_by(func.count().desc(), col(Delivery.state), col(Delivery.reason))
    )
    return [(state, reason, count) for state, reason, count in session.execute(query)]


def due_counts(session: Session, edition_id: int) -> list[tuple[str | None, datetime, int]]:
    """How many queued deliveries fall due in each zone at which instant."""
    at = func.coalesce(col(Delivery.next_at), col(Delivery.due_at))
    query = (
        select(col(Customer.zone), at, func.count())
        .outerjoin(Customer, col(Customer.id) == col(Delivery.customer_id))
        .where(
            col(Delivery.edition_id) == edition_id,
            InState(*TO_GO),
        )
        .group_by(col(Customer.zone), at)
        .order_by(at)
    )
    return [(zone, due, count) for zone, due, count in session.execute(query)]


def deliveries_to(session: Session, campaign_id: int, customer_id: int) -> list[tuple[Delivery, Edition]]:
    """What one person got, or did not get, of a campaign, oldest first."""
    query = (
        select(Delivery, Edition)
        .options(LIGHT)
        .join(Edition, col(Edition.id) == col(Delivery.edition_id))
        .where(col(Delivery.campaign_id) == campaign_id, col(Delivery.customer_id) == customer_id)
        .order_by(col(Delivery.id))
    )
    return [(delivery, edition) for delivery, edition in session.execute(query)]


def note_missed(session: Session, campaign_id: int, occasions: Iterable[str], why: str, now: datetime) -> None:
    """Keep for people to read that these occasions passed without an edition."""
    names = list(occasions)
    what = f"passed over {len(names)} occasion{'s' if len(names) > 1 else ''}: {', '.join(names[:5])}"
    session.connection().execute(
        insert(Step),
        [
            {
                "at": now,
                "rule": "missed_occasion",
                "state": StepState.APPLIED,
                "campaign_id": campaign_id,
                "what": what + (", …" if len(names) > 5 else ""),
                "reason": why,
                "evidence": {"occasions": names},
                "effect": {},
            }
        ],
    )


def gone_out_as_it_stands(session: Session, campaign: Campaign) -> bool:
    """Whether the campaign has gone out as it stands now."""
    assert campaign.id is not None
    return any(
        edition.state in WENT_OUT and edition.frozen_at >= campaign.updated_at
        for edition in editions_of(session, campaign.id)
    )
