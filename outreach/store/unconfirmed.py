"""Sign-ups that nobody confirmed: who waits, and how they are let go of after their time.

Law: of somebody of whom we know nothing else nothing is left but a count: the mails that asked stay as rows without
words and without the person, so that what was sent still adds up; that it came back is no more knowledge of them, and
the block on the address stays. Of everybody else only the waiting subscription ends, as if they had never asked.
Whoever confirms in the same moment stays. The caller commits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, delete, func, or_, select, true, update
from sqlmodel import Session, SQLModel, col

from ..delivery.state import FINAL
from ..records import (
    Customer,
    CustomerImport,
    Delivery,
    DeliveryState,
    Edition,
    Inbound,
    Machine,
    MailingList,
    Subscription,
    SubscriptionState,
    Suppression,
    SuppressionReason,
)
from .erase import empty_all
from .personal import Own, single_editions

ASKED = "confirm/"
"""How the occasion of a mail begins that asks to confirm: then the list, the customer, and which time it is."""
NO_ANSWER = (Machine.BOUNCE, Machine.DELAY)
"""What a server says of a mail that asked tells nothing of the person."""
CAME_BACK = "a mail that asked to confirm a sign-up came back"
ENDED = frozenset(FINAL) | {DeliveryState.SENT, DeliveryState.FAILED}
FIELDS: tuple[Any, ...] = (
    Customer.first_name,
    Customer.last_name,
    Customer.phone,
    Customer.handle,
    Customer.country,
    Customer.zone,
)


def waited_since(before: datetime) -> ColumnElement[bool]:
    """Subscriptions that wait since then, and were not asked for again later; whose mail is settled."""
    still = col(Subscription.state) == SubscriptionState.PENDING, col(Subscription.changed_at) < before
    return and_(*still, ~_asked_by(or_(col(Delivery.due_at) >= before, _UNSETTLED)))


def asked_in_vain(before: datetime) -> ColumnElement[bool]:
    """Subscriptions that wait although there is no such address: the mail that asked came back so, before then."""
    bad = col(Suppression.reason) == SuppressionReason.BAD_ADDRESS, col(Suppression.at) < before
    blocked = select(col(Customer.id)).join(Suppression, col(Suppression.address_key) == col(Customer.address_key))
    theirs = col(Customer.id) == col(Subscription.customer_id)
    gone = blocked.where(theirs, *bad, col(Suppression.expires_at).is_(None)).correlate(Subscription).exists()
    still = col(Subscription.state) == SubscriptionState.PENDING
    return and_(still, gone, _asked_by(true()), ~_asked_by(_UNSETTLED))


_UNSETTLED = col(Delivery.state).not_in(ENDED)


def _asked_by(which: ColumnElement[bool]) -> ColumnElement[bool]:
    mine = col(Delivery.customer_id) == col(Subscription.customer_id)
    this = col(Delivery.occasion).startswith(ASKED + cast(col(Subscription.list_id), String) + "/")
    return select(col(Delivery.id)).where(mine, this, which).correlate(Subscription).exists()


def count_waiting(session: Session) -> tuple[int, int]:
    """How many people wait to confirm, and how many sign-ups were let go of unconfirmed."""
    people = select(func.count(func.distinct(col(Subscription.customer_id))))
    waiting = session.execute(people.where(col(Subscription.state) == SubscriptionState.PENDING)).scalar_one()
    gone = session.execute(select(func.coalesce(func.sum(col(MailingList.unconfirmed)), 0))).scalar_one()
    return waiting, int(gone)


def end_unconfirmed(session: Session, ids: list[int]) -> int:
    """End these subscriptions where they still wait, and forget whoever is known by nothing else; how many ended.

    Whoever asked again in the same moment stays: their mail, with its button, is on its way.
    """
    still = col(Subscription.id).in_(ids), col(Subscription.state) == SubscriptionState.PENDING, ~_asked_by(_UNSETTLED)
    ended = session.execute(
        select(col(Subscription.id), col(Subscription.list_id), col(Subscription.customer_id)).where(*still)
    ).all()
    session.execute(delete(Subscription).where(col(Subscription.id).in_([row[0] for row in ended])))
    for list_id, count in Counter(row[1] for row in ended).items():
        more = {"unconfirmed": col(MailingList.unconfirmed) + count}
        session.execute(update(MailingList).where(col(MailingList.id) == list_id).values(more))
    people = {row[2] for row in ended}
    forget_people(session, sorted(people - _known_otherwise(session, people)))
    return len(ended)


def _known_otherwise(session: Session, people: Collection[int]) -> set[int]:
    """Those of whom there is more than an address and the mails that asked."""
    busy: set[int] = set()
    for table in SQLModel.metadata.sorted_tables:
        for key in table.foreign_keys:
            if key.column.table.name != "customer":
                continue
            rows: Any = select(key.parent).where(key.parent.in_(people))
            if table.name == "delivery":
                rows = rows.where(~table.c.occasion.startswith(ASKED))
            if table.name == "inbound":
                rows = rows.where(table.c.machine.not_in(NO_ANSWER))
            busy.update(session.execute(rows).scalars())
    asked = select(col(Delivery.id)).where(col(Delivery.customer_id).in_(people))
    answers = select(col(Delivery.customer_id)).join(Inbound, col(Inbound.delivery_id) == col(Delivery.id))
    answers = answers.where(col(Inbound.delivery_id).in_(asked), col(Inbound.machine).not_in(NO_ANSWER))
    busy.update(session.execute(answers).scalars())
    imports = session.execute(select(col(CustomerImport.at), col(CustomerImport.created))).all()
    files: dict[datetime, list[range]] = {}
    for at, created in imports:
        files.setdefault(at, []).extend(range(first, last + 1) for first, last in created)
    columns: tuple[Any, ...] = (col(Customer.id), col(Customer.created_at), col(Customer.attributes), *FIELDS)
    for number, made_at, *rest in session.execute(select(*columns).where(col(Customer.id).in_(people))):
        if any(rest) or any(number in made for made in files.get(made_at, ())):
            busy.add(number or 0)
    return busy


def forget_people(session: Session, people: list[int]) -> None:
    """Remove these customers; the mails that asked them stay without words. A number may be given again: what the
    mails were for is marked, so that whoever signs up anew is asked anew.
    """
    if not people:
        return
    mails = list(session.execute(select(col(Delivery.id)).where(col(Delivery.customer_id).in_(people))).scalars())
    editions = single_editions(session, mails)
    theirs = or_(col(Inbound.customer_id).in_(people), col(Inbound.delivery_id).in_(mails))
    back = list(session.execute(select(col(Inbound.id)).where(theirs)).scalars())
    empty_all(session, Own(0, frozenset(), (), {"delivery": mails, "edition": editions, "inbound": back}))
    session.execute(update(Inbound).where(col(Inbound.id).in_(back)).values(customer_id=None))
    keys = select(col(Customer.address_key)).where(col(Customer.id).in_(people))
    blocked = update(Suppression).where(col(Suppression.address_key).in_(keys))
    session.execute(blocked.values(evidence=CAME_BACK), execution_options={"synchronize_session": False})
    for table, ids in ((Delivery, mails), (Edition, editions)):
        gone = col(table.occasion) + "/forgotten/" + cast(col(table.id), String)
        session.execute(update(table).where(col(table.id).in_(ids)).values(occasion=gone))
    session.execute(update(Delivery).where(col(Delivery.id).in_(mails)).values(customer_id=None))
    session.execute(delete(Customer).where(col(Customer.id).in_(people)))
