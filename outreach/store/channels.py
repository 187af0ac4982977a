"""Kept: what the messages of one author, and the copies of one matter, have in common.

Law: an author who is no customer is told apart by address, handle with its network, or number: never by a name.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, func, select
from sqlmodel import Session, col
from sqlmodel import select as orm_select

from ..contacts import author_key
from ..records import ClueKind, Customer, Inbound, InboundState, Machine
from .prepared import Prepared

MOST = 200


def same_author(session: Session, inbound: Inbound, customer_id: int | None) -> list[Inbound]:
    """The messages of people by this one's author that belong to this customer (or to nobody), oldest first."""
    ways = [
        author_key(inbound.sender, "", ""),
        author_key("", inbound.handle if not inbound.repost_of else "", ""),
        author_key("", "", inbound.phone),
    ]
    if not any(ways):
        return [inbound] if inbound.customer_id == customer_id else []
    owned = col(Inbound.customer_id) == customer_id if customer_id is not None else col(Inbound.customer_id).is_(None)
    query = orm_select(Inbound).where(
        col(Inbound.author).in_([way for way in ways if way]), owned, Inbound.machine == Machine.HUMAN
    )
    found = session.exec(query.order_by(col(Inbound.received_at), col(Inbound.id)).limit(MOST))
    return [one for one in found if not inbound.handle or one.network == inbound.network or not one.handle]


def joined_by_hand(session: Session, inbound: Inbound) -> list[Inbound]:
    """Of these the ones that a person gave to their customer."""
    found = same_author(session, inbound, inbound.customer_id)
    return [one for one in found if one.clue is ClueKind.PERSON]


def customers_named(session: Session, name: str, limit: int = 5) -> list[Customer]:
    """Customers whose first and last name are just this."""
    words = " ".join(name.lower().split())
    if " " not in words:
        return []
    whole = func.lower(func.coalesce(col(Customer.first_name), "") + " " + func.coalesce(col(Customer.last_name), ""))
    query = orm_select(Customer).where(whole == words, col(Customer.erased_at).is_(None))
    return list(session.exec(query.order_by(col(Customer.id)).limit(limit)))


def customers_with_local_part(session: Session, name: str, limit: int = 5) -> list[Customer]:
    """Customers whose address begins with this and an @: many people's handle is the name of their mailbox."""
    query = orm_select(Customer).where(
        col(Customer.address).startswith(f"{name}@", autoescape=True), col(Customer.erased_at).is_(None)
    )
    return list(session.exec(query.order_by(col(Customer.id)).limit(limit)))


def earlier_words(
    session: Session, inbound: Inbound, *, since: datetime, until: datetime, most: int = 100
) -> list[tuple[int, str]]:
    """(id, text) of people's messages in that span by the author of this one's words, newest first.

    What is pending of other messages must be flushed.
    """
    span = {"but": inbound.id, "since": since, "until": until, "most": most}
    found: dict[int, str] = {}
    if inbound.author:
        for number, text, network, customer_id in _EARLIER_OF_AUTHOR.rows(session, author=inbound.author, **span):
            if _same_network(network, inbound.network) or customer_id == inbound.customer_id is not None:
                found[number] = text
    if inbound.customer_id is not None:
        rows = _EARLIER_OF_CUSTOMER.rows(session, customer=inbound.customer_id, **span)
        found.update((row[0], row[1]) for row in rows)
    return sorted(found.items(), reverse=True)[:most]


def _earlier(whose: ColumnElement[bool]) -> Prepared:
    """By the key in `whose` alone: asked for both at once, or for what is no copy, a database walks all messages."""
    return Prepared(
        select(col(Inbound.id), col(Inbound.text), col(Inbound.network), col(Inbound.customer_id))
        .where(
            whose,
            col(Inbound.machine) == Machine.HUMAN,
            col(Inbound.state) == InboundState.READ,
            func.coalesce(col(Inbound.copy_of), 0) == 0,
            col(Inbound.id) != bindparam("but"),
            col(Inbound.received_at).between(bindparam("since"), bindparam("until")),
        )
        .order_by(col(Inbound.id).desc())
        .limit(bindparam("most"))
    )


_EARLIER_OF_AUTHOR = _earlier(col(Inbound.author) == bindparam("author"))
_EARLIER_OF_CUSTOMER = _earlier(col(Inbound.customer_id) == bindparam("customer"))


def _same_network(one: str, other: str) -> bool:
    """A handle of one name on two networks may be two people."""
    return not (one and other) or one == other


def reach_of_cases(session: Session, case_ids: Collection[int]) -> dict[int, int]:
    """How many people may have read of each case: by each account's widest posting, reposts counted in."""
    ids = sorted(case_ids)
    found: dict[int, int] = {}
    for at in range(0, len(ids), 500):
        widest = (
            select(col(Inbound.case_id).label("case_id"), func.max(col(Inbound.reach)).label("reach"))
            .where(col(Inbound.case_id).in_(ids[at : at + 500]), col(Inbound.reach) > 0)
            .group_by(col(Inbound.case_id), col(Inbound.network), col(Inbound.handle))
            .subquery()
        )
        query = select(widest.c.case_id, func.sum(widest.c.reach)).group_by(widest.c.case_id)
        found.update((row[0], int(row[1])) for row in session.execute(query))
    return found


def copies_of(session: Session, inbound_id: int) -> list[Inbound]:
    """The copies of a message, oldest first."""
    return list(session.exec(orm_select(Inbound).where(Inbound.copy_of == inbound_id).order_by(col(Inbound.id))))
