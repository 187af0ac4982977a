"""Kept: what people said who are no customers of this database, since a backup of it was put back: by keyed hashes.

Law: a list that they left and a pause hold as soon as a file, a colleague or the sign-up page makes them customers
(`store.returning`); until they take it back themselves, so that it holds once more after an undone import.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, or_, select
from sqlmodel import Session, col

from ..records import StrangerStop
from .database import rows_in_chunks
from .prepared import Prepared

PAGE = 500
_ANY = Prepared(select(col(StrangerStop.id)).limit(1))


def any_stranger(session: Session) -> bool:
    """Whether anything is kept here."""
    return bool(_ANY.rows(session))


def stranger_stops(session: Session, keys: Collection[str]) -> dict[str, list[StrangerStop]]:
    """What was said under these addresses; nearly always nothing."""
    found: dict[str, list[StrangerStop]] = {}
    if not keys or not any_stranger(session):
        return found
    for part in rows_in_chunks(sorted(keys), PAGE):
        query = select(StrangerStop).where(col(StrangerStop.address_key).in_(part)).order_by(col(StrangerStop.id))
        for one in session.execute(query).scalars():
            found.setdefault(one.address_key, []).append(one)
    return found


def keep_stranger_stop(session: Session, key: str, list_id: int | None, at: datetime, until: datetime | None) -> bool:
    """Keep that somebody left a list, or (None) pauses `until` then; False where as much is kept already."""
    for one in stranger_stops(session, [key]).get(key, ()):
        if one.list_id == list_id:
            if list_id is not None or (one.until is not None and until is not None and one.until >= until):
                return False
            one.at, one.until = at, until
            session.add(one)
            return True
    session.add(StrangerStop(address_key=key, list_id=list_id, at=at, until=until))
    session.flush()
    return True


def forget_stranger_stops(session: Session, keys: Sequence[str], lists: Collection[int | None]) -> None:
    """They took it back (None: their pause), or it is no longer needed."""
    if any_stranger(session):
        numbers = [one for one in lists if one is not None]
        which: ColumnElement[bool] = col(StrangerStop.list_id).in_(numbers)
        if None in lists:
            which = or_(which, col(StrangerStop.list_id).is_(None))
        session.execute(delete(StrangerStop).where(col(StrangerStop.address_key).in_(keys), which))


def forget_all_of(session: Session, key: str) -> None:
    """Let go of all that is kept of an address."""
    session.execute(delete(StrangerStop).where(col(StrangerStop.address_key) == key))
