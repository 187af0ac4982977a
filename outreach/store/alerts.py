"""Kept: what needs a person, who was told of it, and that it is over.

Law: one thing (a kind and a subject) has at most one open alert, whoever raises it, however often; so it is told once,
and once when it is over. What comes back before its end was told never ended.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, false, not_, or_, select, update
from sqlmodel import Session, col

from ..records import Alert, AlertKind
from .conflict import insert_on

SETTLES = timedelta(minutes=2)
"""How long a thing must be over before that is told."""


def raise_alert(session: Session, kind: AlertKind, subject: str, words: str, remedy: str, now: datetime) -> bool:
    """Write down that something needs a person; True where it is new. Where it is open its words are renewed.

    `subject` says in a few plain characters what it is about ("relay main", "edition 12"), without an address of a
    customer; `remedy` holds the command to run next.
    """
    said = {"words": words, "remedy": remedy}
    still = (col(Alert.kind) == kind, col(Alert.subject) == subject, col(Alert.over_at).is_(None))
    connection = session.connection()
    if connection.execute(update(Alert).where(*still).values(said)).rowcount:
        return False
    unfinished = (
        select(col(Alert.id))
        .where(
            col(Alert.kind) == kind,
            col(Alert.subject) == subject,
            col(Alert.told_at).is_not(None),
            col(Alert.over_told_at).is_(None),
            col(Alert.over_at) > now - 2 * SETTLES,
        )
        .order_by(col(Alert.id).desc())
        .limit(1)
    )
    again = update(Alert).where(col(Alert.id).in_(unfinished.scalar_subquery()))
    if connection.execute(again.values(over_at=None, tries=0, retry_at=None, trouble="", **said)).rowcount:
        return False
    row = {"kind": kind, "subject": subject, "raised_at": now, "trouble": "", "tries": 0, **said}
    added = (
        insert_on(connection, Alert)
        .values(row)
        .on_conflict_do_nothing(index_elements=["kind", "subject"], index_where=col(Alert.over_at).is_(None))
    )
    return bool(connection.execute(added).rowcount)


def end_alert(session: Session, kind: AlertKind, subject: str, now: datetime) -> bool:
    """Write down that it is over; True where it was open."""
    return end_all_but(session, kind, (), now, only=subject) > 0


def end_all_but(session: Session, kind: AlertKind, still: Collection[str], now: datetime, *, only: str = "") -> int:
    """End every open alert of this kind whose subject is not among `still`; with `only`, just that one."""
    ended = update(Alert).where(
        col(Alert.kind) == kind, col(Alert.over_at).is_(None), col(Alert.subject).not_in(list(still))
    )
    if only:
        ended = ended.where(col(Alert.subject) == only)
    return session.connection().execute(ended.values(over_at=now, tries=0, retry_at=None)).rowcount


def open_alerts(session: Session, kind: AlertKind | None = None) -> list[Alert]:
    """What needs a person now, oldest first."""
    query = select(Alert).where(col(Alert.over_at).is_(None))
    if kind is not None:
        query = query.where(col(Alert.kind) == kind)
    return list(session.scalars(query.order_by(col(Alert.raised_at), col(Alert.id))))


def recent_alerts(session: Session, limit: int) -> list[Alert]:
    """Open alerts and those that are over, newest first."""
    return list(session.scalars(select(Alert).order_by(col(Alert.id).desc()).limit(limit)))


def untold(session: Session, now: datetime, patience: Mapping[AlertKind, timedelta]) -> list[Alert]:
    """What somebody must be told now, oldest first: that it began, or that it is over.

    `patience` is how long a thing of a kind must last before it is told; what ended sooner is never told.
    """
    waits = [
        and_(col(Alert.kind) == kind, col(Alert.raised_at) > now - lasts, col(Alert.raised_at) <= now)
        for kind, lasts in patience.items()
    ]
    began = not_(or_(false(), *waits))
    query = select(Alert).where(
        or_(col(Alert.retry_at).is_(None), col(Alert.retry_at) <= now),
        or_(
            and_(col(Alert.told_at).is_(None), col(Alert.over_at).is_(None), began),
            and_(
                col(Alert.told_at).is_not(None), col(Alert.over_told_at).is_(None), col(Alert.over_at) <= now - SETTLES
            ),
        ),
    )
    return list(session.scalars(query.order_by(col(Alert.raised_at), col(Alert.id))))


def keep_told(session: Session, alert: Alert, now: datetime, trouble: str = "") -> None:
    """Somebody was told of its beginning, or of its end where it is over; `trouble` names a way that failed."""
    which = "told_at" if alert.over_at is None else "over_told_at"
    _change(session, alert, {which: now, "trouble": trouble, "tries": 0, "retry_at": None})


def keep_untold(session: Session, alert: Alert, trouble: str, retry_at: datetime) -> None:
    """Nobody could be told, and why; it is tried again at `retry_at`."""
    _change(session, alert, {"trouble": trouble, "tries": alert.tries + 1, "retry_at": retry_at})


def _change(session: Session, alert: Alert, values: dict[str, Any]) -> None:
    session.connection().execute(update(Alert).where(col(Alert.id) == alert.id).values(values))
