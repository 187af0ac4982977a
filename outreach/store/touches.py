"""Kept: an edition's links, and the touches of its mails.

Law: a link's address is found by edition and number alone; a touch is one row for each mail and link, however often it
is followed, so that no program can fill the database. The caller commits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlmodel import Session, col
from sqlmodel import select as orm_select

from ..records import Delivery, DeliveryState, Link, Touch
from .bulk import insert_rows
from .database import insert_new


def keep_links(session: Session, edition_id: int, urls: Sequence[str], *, opens: bool = False) -> None:
    """Where the links of an edition lead, numbered from 1, in place of what it had; `opens`: its mails have the picture
    by which an opened one is known, link 0.
    """
    session.connection().execute(delete(Link).where(col(Link.edition_id) == edition_id))
    numbered = [(0, "")] * opens + list(enumerate(urls, 1))
    insert_rows(session, Link, [{"edition_id": edition_id, "number": at, "url": url} for at, url in numbered])


def link_of(session: Session, public_id: str, number: int) -> tuple[Delivery, str] | None:
    """The mail with this public id, and where its link leads ("" for number 0); None where there is no such link."""
    delivery = session.exec(orm_select(Delivery).where(Delivery.public_id == public_id)).first()
    if delivery is None or not number:
        return None if delivery is None else (delivery, "")
    url = session.execute(
        select(col(Link.url)).where(col(Link.edition_id) == delivery.edition_id, col(Link.number) == number)
    ).scalar()
    return None if url is None else (delivery, url)


def touched_since(session: Session, delivery_id: int, since: datetime) -> list[int]:
    """The numbers of the links of a mail that were followed since then."""
    query = select(col(Touch.number)).where(
        col(Touch.delivery_id) == delivery_id, col(Touch.last_at) >= since, col(Touch.number) > 0
    )
    return list(session.execute(query).scalars())


def keep_touch(session: Session, delivery: Delivery, number: int, at: datetime, why: str) -> bool:
    """Note that a link was followed: by a person where `why` (it was none) is empty. Whether it is a person's first."""
    fresh: dict[str, Any] = {
        "delivery_id": delivery.id,
        "edition_id": delivery.edition_id,
        "number": number,
        "times": 1,
        "why": why,
    }
    fresh |= {"first_at": at, "last_at": at, "person_at": None if why else at}
    if insert_new(session, Touch, ["delivery_id", "number"], fresh):
        return not why
    row = session.exec(orm_select(Touch).where(Touch.delivery_id == delivery.id, Touch.number == number)).one()
    first = not why and row.person_at is None
    row.times, row.last_at = row.times + 1, at
    if first:
        row.person_at, row.why = at, ""
    session.add(row)
    return first


def take_back_touches(session: Session, delivery_id: int, since: datetime, why: str) -> None:
    """What was held to be a person's since then was a program's: it followed many links at once."""
    session.connection().execute(
        update(Touch)
        .where(col(Touch.delivery_id) == delivery_id, col(Touch.person_at) >= since, col(Touch.number) > 0)
        .values(person_at=None, why=why)
    )


def sent_when(delivery: Delivery) -> datetime | None:
    """When a mail was handed over, as far as is known."""
    if delivery.state is DeliveryState.SENT:
        return delivery.sent_at
    return delivery.intent_at
