"""Kept: what the server behind our relay said of each mail, as the relay's log tells it.

Law: a newer word replaces an older one and never the other way, so that reading the same log twice changes nothing.
The delivery's state stays what the relay told us: handed over, and accepted by the next server, are two things.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, func, or_, select, update
from sqlmodel import Session, col

from ..records import Customer, Delivery, DeliveryMove, DeliveryState, Onward
from .database import rows_in_chunks

CHUNK = 500
_RANK = {Onward.DEFERRED: 0, Onward.ACCEPTED: 1, Onward.BOUNCED: 2}
"""Which of two words of the same second is the later one: a server defers first and then decides."""


@dataclass(frozen=True, slots=True)
class LoggedMail:
    """A delivery that a log names. `keys`: the address it went to, and the one that its customer has now."""

    delivery_id: int
    public_id: str
    state: DeliveryState
    keys: frozenset[str]
    onward: Onward | None
    onward_at: datetime | None


@dataclass(frozen=True, slots=True)
class Word:
    """What the next server said of a delivery, and where it is written."""

    delivery_id: int
    onward: Onward
    words: str
    at: datetime
    place: str


def logged_mails(session: Session, public_ids: Collection[str]) -> dict[str, LoggedMail]:
    """The deliveries with these public ids."""
    found: dict[str, LoggedMail] = {}
    for part in rows_in_chunks(sorted(public_ids), CHUNK):
        query: Any = (
            select(
                col(Delivery.id),
                col(Delivery.public_id),
                col(Delivery.state),
                col(Delivery.address_key),
                col(Customer.address_key).label("present_key"),
                col(Delivery.onward),
                col(Delivery.onward_at),
            )
            .outerjoin(Customer, col(Customer.id) == col(Delivery.customer_id))
            .where(col(Delivery.public_id).in_(part))
        )
        for row in session.execute(query):
            keys = frozenset(key for key in (row.address_key, row.present_key) if key)
            found[row.public_id] = LoggedMail(row.id, row.public_id, row.state, keys, row.onward, row.onward_at)
    return found


def is_newer(word: Word, than: Onward | None, since: datetime | None) -> bool:
    """Whether a word replaces what is known."""
    if than is None or since is None or word.at != since:
        return since is None or word.at > since
    return _RANK[word.onward] > _RANK[than]


def record_onward(session: Session, words: Sequence[Word], at: datetime, by: str) -> list[Word]:
    """Write down each word that is newer than what is known; returns those, the others change nothing.

    Trouble (deferred, bounced) leaves a line in the delivery's history when it begins; what ends it is on the row.
    """
    kept: list[Word] = []
    rank = case({one.value: number for one, number in _RANK.items()}, value=col(Delivery.onward), else_=-1)
    for word in words:
        before = session.execute(select(col(Delivery.onward)).where(col(Delivery.id) == word.delivery_id)).scalar()
        newer = or_(
            col(Delivery.onward_at).is_(None),
            col(Delivery.onward_at) < word.at,
            and_(col(Delivery.onward_at) == word.at, rank < _RANK[word.onward]),
        )
        changed = session.connection().execute(
            update(Delivery)
            .where(col(Delivery.id) == word.delivery_id, newer)
            .values(onward=word.onward, onward_words=word.words[:500], onward_at=word.at)
        )
        if changed.rowcount != 1:
            continue
        kept.append(word)
        if word.onward is not Onward.ACCEPTED and before is not word.onward:
            _tell(session, word, at, by)
    return kept


def onward_counts(session: Session, edition_ids: Collection[int]) -> dict[int, dict[Onward, int]]:
    """Per edition, how many of the mails handed over the next server accepted, put off or refused, where known."""
    counts: dict[int, dict[Onward, int]] = {}
    query = (
        select(col(Delivery.edition_id), col(Delivery.onward), func.count())
        .where(
            col(Delivery.edition_id).in_(list(edition_ids)),
            col(Delivery.state) == DeliveryState.SENT,
            col(Delivery.onward).is_not(None),
        )
        .group_by(col(Delivery.edition_id), col(Delivery.onward))
    )
    for edition_id, onward, number in session.execute(query):
        counts.setdefault(edition_id, dict.fromkeys(Onward, 0))[onward] = number
    return counts


def _tell(session: Session, word: Word, at: datetime, by: str) -> None:
    state = session.execute(select(col(Delivery.state)).where(col(Delivery.id) == word.delivery_id)).scalar_one()
    session.add(
        DeliveryMove(
            delivery_id=word.delivery_id,
            at=at,
            event=f"onward_{word.onward}",
            before=state,
            after=state,
            reason=f"the next server {'refused it' if word.onward is Onward.BOUNCED else 'put it off'}",
            detail=f"{word.words} ({word.place})"[:1000],
            by=by,
        )
    )
