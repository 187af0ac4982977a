"""Kept: how far each mailbox has been read, and how the last look at it went.

Law: a mark only saves looking twice; what is here already is known by its content. The caller commits.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import Session, col
from sqlmodel import select as orm_select

from ..records import MailboxMark


def marks_of(session: Session, mailbox: str) -> dict[str, tuple[int | None, int]]:
    """How far each folder of a mailbox has been read: folder to (UIDVALIDITY, last UID or offset)."""
    query = orm_select(MailboxMark).where(col(MailboxMark.mailbox).startswith(f"{mailbox}/", autoescape=True))
    return {row.mailbox.partition("/")[2]: (row.uidvalidity, row.last_uid) for row in session.exec(query)}


def keep_marks(
    session: Session, mailbox: str, marks: Mapping[str, tuple[int | None, int]], *, at: datetime, error: str = ""
) -> None:
    """Write down how far a mailbox has been read, and what went wrong when it was looked at."""
    for folder, (uidvalidity, last_uid) in {**marks, "": (None, 0)}.items():
        name = f"{mailbox}/{folder}" if folder else mailbox
        row = session.exec(orm_select(MailboxMark).where(MailboxMark.mailbox == name)).first()
        row = row or MailboxMark(mailbox=name)
        row.uidvalidity, row.last_uid, row.error = uidvalidity, last_uid, error if not folder else ""
        row.read_at = at if not error or folder else row.read_at
        session.add(row)
