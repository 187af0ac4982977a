"""Kept: causes, the cases that come from each, and whom a letter is for.

Law: a case comes from one cause; whom a letter names is a filter over customers, compiled to SQL where people are
streamed, so that a list of a million is never held in memory. Whoever has had a mail of the campaign is left out.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, func, select
from sqlmodel import Session, col

from ..newsletter.whom import Whom, WhomKind
from ..records import (
    Campaign,
    Case,
    CaseState,
    Cause,
    CauseCase,
    Customer,
    Delivery,
    DeliveryState,
    Edition,
    Subscription,
    SubscriptionState,
)
from .plan import MAY_HAVE_BEEN_SENT

ON_ITS_WAY = (*MAY_HAVE_BEEN_SENT, DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.DEFERRED)


def find_cause(session: Session, name: str) -> Cause | None:
    """The cause of that name."""
    return session.execute(select(Cause).where(col(Cause.name) == name)).scalar()


def all_causes(session: Session) -> list[tuple[Cause, int]]:
    """Every cause with the number of its cases, the newest first."""
    query = (
        select(Cause, func.count(col(CauseCase.id)))
        .outerjoin(CauseCase, col(CauseCase.cause_id) == col(Cause.id))
        .group_by(*Cause.__table__.columns)  # type: ignore[attr-defined]
        .order_by(col(Cause.id).desc())
    )
    return [(cause, count) for cause, count in session.execute(query)]


def cases_of_cause(session: Session, cause_id: int) -> list[Case]:
    """The cases that come from a cause, oldest first."""
    query = (
        select(Case)
        .join(CauseCase, col(CauseCase.case_id) == col(Case.id))
        .where(col(CauseCase.cause_id) == cause_id)
        .order_by(col(Case.id))
    )
    return list(session.scalars(query))


def cause_of_case(session: Session, case_id: int) -> Cause | None:
    """What a case comes from, where somebody has said so."""
    query = select(Cause).join(CauseCase, col(CauseCase.cause_id) == col(Cause.id))
    return session.execute(query.where(col(CauseCase.case_id) == case_id)).scalar()


def link_case(session: Session, cause_id: int, case_id: int, *, by: str, at: datetime) -> bool:
    """Say that a case comes from a cause, whatever was said of it before; False where it was said already."""
    known = session.execute(select(CauseCase).where(col(CauseCase.case_id) == case_id)).scalar()
    if known is not None and known.cause_id == cause_id:
        return False
    if known is not None:
        session.delete(known)
        session.flush()
    session.add(CauseCase(cause_id=cause_id, case_id=case_id, at=at, by=by))
    session.flush()
    return True


def unlink_case(session: Session, case_id: int) -> bool:
    """Say that a case comes from no known cause; False where that is so already."""
    return session.connection().execute(delete(CauseCase).where(col(CauseCase.case_id) == case_id)).rowcount > 0


def unlinked_cases(session: Session, limit: int = 2000) -> list[Case]:
    """The newest cases that come from no known cause and were not dismissed."""
    linked = select(col(CauseCase.case_id))
    query = select(Case).where(col(Case.state) != CaseState.DISMISSED, col(Case.id).not_in(linked))
    return list(session.scalars(query.order_by(col(Case.id).desc()).limit(limit)))


def whom_filter(whom: Whom, campaign_id: int | None, edition_id: int | None) -> ColumnElement[bool]:
    """Whether a letter is for this customer, and has not been on its way to them by another edition."""
    wanted = _told(whom.name) if whom.kind is not WhomKind.GOT else _got(whom.name, whom.number)
    chosen = ~wanted if whom.kind is WhomKind.SILENT else wanted
    if campaign_id is None:
        return chosen
    had = select(col(Delivery.id)).where(
        col(Delivery.customer_id) == col(Customer.id),
        col(Delivery.campaign_id) == campaign_id,
        col(Delivery.state).in_(ON_ITS_WAY),
    )
    if edition_id is not None:
        had = had.where(col(Delivery.edition_id) != edition_id)
    return and_(chosen, ~had.exists())


def takes(session: Session, chosen: ColumnElement[bool], customer_id: int) -> bool:
    """Whether a filter takes this customer."""
    query = select(col(Customer.id)).where(col(Customer.id) == customer_id, chosen)
    return session.execute(query).first() is not None


def _told(cause: str) -> ColumnElement[bool]:
    """Whether the customer has a case from this cause that was not dismissed."""
    theirs = (
        select(col(Case.id))
        .join(CauseCase, col(CauseCase.case_id) == col(Case.id))
        .join(Cause, col(Cause.id) == col(CauseCase.cause_id))
        .where(
            col(Case.customer_id) == col(Customer.id), col(Cause.name) == cause, col(Case.state) != CaseState.DISMISSED
        )
    )
    return theirs.exists()


def _got(campaign: str, number: int) -> ColumnElement[bool]:
    """Whether the customer was sent that issue, and has not left its list since."""
    theirs = (
        select(col(Delivery.id))
        .join(Edition, col(Edition.id) == col(Delivery.edition_id))
        .join(Campaign, col(Campaign.id) == col(Edition.campaign_id))
        .where(
            col(Delivery.customer_id) == col(Customer.id),
            col(Campaign.name) == campaign,
            col(Edition.number) == number,
            col(Delivery.state).in_(MAY_HAVE_BEEN_SENT),
        )
    )
    left = (
        select(col(Subscription.id))
        .join(Edition, col(Edition.list_id) == col(Subscription.list_id))
        .join(Campaign, col(Campaign.id) == col(Edition.campaign_id))
        .where(
            col(Subscription.customer_id) == col(Customer.id),
            col(Subscription.state) == SubscriptionState.UNSUBSCRIBED,
            col(Campaign.name) == campaign,
            col(Edition.number) == number,
        )
    )
    return and_(theirs.exists(), ~left.exists())


def known_whom(session: Session, whom: Whom) -> Collection[str]:
    """What is wrong with a letter's addressees: nothing, or the names that there are instead."""
    if whom.kind is WhomKind.GOT:
        query = select(col(Edition.id)).join(Campaign, col(Campaign.id) == col(Edition.campaign_id))
        query = query.where(col(Campaign.name) == whom.name, col(Edition.number) == whom.number)
        return () if session.execute(query).first() else ("no such issue",)
    names = [cause.name for cause, _ in all_causes(session)]
    return () if whom.name in names else (", ".join(names) or "none yet",)
