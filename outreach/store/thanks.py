"""Kept: thanks, what they were for, and whether they may be quoted.

Law: a message is kept once; the words stay with the message until its author has said that they may be quoted, and
only then a copy is kept, with the question and the answer behind it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update
from sqlmodel import Session, col

from ..records import Campaign, Customer, Edition, Inbound, Thanks, ThanksState
from .prepared import NewRow, Prepared
from .replies import made_of


def keep_thanks(session: Session, inbound: Inbound) -> None:
    """Keep a customer's thanks, once."""
    assert inbound.customer_id is not None
    session.flush()
    mail = made_of(session, inbound.delivery_id) if inbound.delivery_id is not None else None
    _THANKS.added(
        session,
        inbound_id=inbound.id,
        customer_id=inbound.customer_id,
        state=ThanksState.KEPT,
        at=inbound.received_at,
        edition_id=mail.edition_id if mail is not None else None,
        topics=inbound.topics,
        tips=list((mail.choices if mail is not None else {}).get("tips", ())),
    )


_THANKS = NewRow(Thanks, unless=["inbound_id"])


def thanks_asked_by(session: Session, delivery_id: int) -> Thanks | None:
    """The thanks that this mail of ours asked about."""
    rows = _ASKED_BY.rows(session, delivery=delivery_id)
    return session.get_one(Thanks, rows[0][0]) if rows else None


_ASKED_BY = Prepared(select(col(Thanks.id)).where(col(Thanks.delivery_id) == bindparam("delivery")))


def find_thanks(session: Session, number: int) -> Thanks | None:
    """The thanks of that number."""
    return session.get(Thanks, number)


def unasked_thanks(session: Session) -> list[int]:
    """Thanks that are only kept, oldest first."""
    query = select(col(Thanks.id)).where(col(Thanks.state) == ThanksState.KEPT).order_by(col(Thanks.id))
    return [number for number in session.execute(query).scalars() if number is not None]


def move_thanks(session: Session, thanks: Thanks, before: Collection[ThanksState], values: Mapping[str, Any]) -> bool:
    """Write down what was said, where it is still in one of these states."""
    mine = (col(Thanks.id) == thanks.id, col(Thanks.state).in_(list(before)))
    moved = session.connection().execute(update(Thanks).where(*mine).values(**values)).rowcount == 1
    session.refresh(thanks)
    return moved


def forget_thanks(session: Session, inbound_id: int) -> None:
    """The message was no thanks after all: where nobody was asked, nothing of it stays."""
    _FORGET.changed(session, inbound=inbound_id)


_FORGET = Prepared(
    delete(Thanks).where(col(Thanks.inbound_id) == bindparam("inbound"), col(Thanks.state) == ThanksState.KEPT)
)


def list_thanks(
    session: Session, states: Collection[ThanksState], limit: int = 1000
) -> list[tuple[Thanks, Inbound | None, str, str]]:
    """Thanks in these states, newest first: each with its message, who wrote it, and which issue it answers."""
    query = (
        select(Thanks, Inbound, func.coalesce(col(Customer.address), ""), col(Campaign.name), col(Edition.number))
        .outerjoin(Inbound, col(Inbound.id) == col(Thanks.inbound_id))
        .outerjoin(Customer, col(Customer.id) == col(Thanks.customer_id))
        .outerjoin(Edition, col(Edition.id) == col(Thanks.edition_id))
        .outerjoin(Campaign, col(Campaign.id) == col(Edition.campaign_id))
        .where(col(Thanks.state).in_(list(states)))
        .order_by(col(Thanks.at).desc(), col(Thanks.id).desc())
        .limit(limit)
    )
    return [
        (thanks, inbound, address, f"{name}, issue {number}" if name else "")
        for thanks, inbound, address, name, number in session.execute(query)
    ]


def last_asked(session: Session, customer_id: int) -> datetime | None:
    """When this person was asked, if ever."""
    query = select(func.max(col(Thanks.asked_at))).where(col(Thanks.customer_id) == customer_id)
    return session.execute(query).scalar()
