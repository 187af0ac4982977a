"""Kept: the day on which a consent that nobody spoke lapses.

Law: the newest consent counts; whoever's day changes is judged again (RELIABILITY I8). The caller commits.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlmodel import Session, col

from ..audience.consent import lapses_at
from ..records import Consent, ConsentAct, MailingList, Subscription, SubscriptionState
from .customers import bump_versions


def settle_implied(session: Session, list_id: int, after: int, now: datetime, page: int = 1_000) -> tuple[int, int]:
    """Give the next subscriptions of a list the day on which an implied consent lapses; a spoken one has none.

    The newest consent counts. `after`: the last customer that was looked at. How many were changed, and the last
    customer looked at (0: there are no more).
    """
    days = session.get_one(MailingList, list_id).implied_days
    ties = session.execute(
        select(col(Subscription.id), col(Subscription.customer_id), col(Subscription.until))
        .where(
            col(Subscription.list_id) == list_id,
            col(Subscription.customer_id) > after,
            col(Subscription.state) == SubscriptionState.SUBSCRIBED,
        )
        .order_by(col(Subscription.customer_id))
        .limit(page)
    ).all()
    given = (
        select(col(Consent.customer_id), col(Consent.how), col(Consent.at))
        .where(
            col(Consent.customer_id).in_([tie.customer_id for tie in ties]),
            col(Consent.list_id) == list_id,
            col(Consent.act) != ConsentAct.WITHDRAWN,
        )
        .order_by(col(Consent.at), col(Consent.id))
    )
    newest = {customer: (how, at) for customer, how, at in session.execute(given)}
    changed = [
        {"which": tie.id, "wanted": lapse, "whose": tie.customer_id}
        for tie in ties
        for lapse in (lapses_at(*newest[tie.customer_id], days) if tie.customer_id in newest else None,)
        if lapse != tie.until
    ]
    if changed:
        one = update(Subscription).where(col(Subscription.id) == bindparam("which")).values(until=bindparam("wanted"))
        session.connection().execute(one, changed)
        bump_versions(session, [each["whose"] for each in changed], now)
    return len(changed), ties[-1].customer_id if len(ties) == page else 0
