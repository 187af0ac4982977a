"""Consents that nobody spoke and that lapse on their day, settled for a whole list.

Law: the transactions are short (RELIABILITY I12). It is no part of `opt_in`, whose mail an import need not load.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlmodel import Session, col

from ..records import MailingList
from ..store import implied
from .workspace import Workspace


def lapsing_list(session: Session, name: str) -> int | None:
    """The id of this list where it lets implied consents lapse."""
    query = select(col(MailingList.id)).where(col(MailingList.name) == name, col(MailingList.implied_days) > 0)
    return session.execute(query).scalar()


def settle_implied(workspace: Workspace, list_id: int) -> int:
    """Let a list's implied consents lapse on their day, by short transactions; how many subscriptions were changed."""
    changed = after = 0
    while True:
        with workspace.database.write() as session:
            some, after = implied.settle_implied(session, list_id, after, workspace.clock())
        changed += some
        if not after:
            return changed
