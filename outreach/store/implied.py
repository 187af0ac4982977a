"""Kept: the day on which a consent that nobody spoke lapses.

Law: a spoken consent counts whatever was implied later, else the newest one; whoever's day changes is judged again
(RELIABILITY I8). The caller commits.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlmodel import Session, col

from ..audience.consent import lapses_at
from ..records import Consent, ConsentAct, MailingList, Subscription, SubscriptionState
from .customers import bump_versions

UNDO = "undo"
"""How a state comes back when an import or a merge is taken back: nobody has said anything by that."""


def settle_implied(session: Session, list_id: int, after: int, now: datetime, page: int = 1_000) -> tuple[int, int]:
    """Give the next subscriptions of a list the day on which an implied consent lapses; a spoken one has none.

    `after`: the last customer that was looked at. How many were changed, and the last customer looked at (0: there are
    no more).
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
            col(Consent.how) != UNDO,
        )
        .order_by(col(Consent.at), col(Consent.id))
    )
    lapses: dict[int, datetime | None] = {}
    for customer, how, at in session.execute(given):
        if lapses.get(customer, at) is not None:
            lapses[customer] = lapses_at(how, at, days)
    changed = [
        {"which": tie.id, "wanted": lapses.get(tie.customer_id), "whose": tie.customer_id}
        for tie in ties
        if lapses.get(tie.customer_id) != tie.until
    ]
    if changed:
        one = update(Subscription).where(col(Subscription.id) == bindparam("which")).values(until=bindparam("wanted"))
        session.connection().execute(one, changed)
        bump_versions(session, [each["whose"] for each in changed], now)
    return len(changed), ties[-1].customer_id if len(ties) == page else 0
