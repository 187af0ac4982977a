"""Taking an import back for those who became a part of somebody else since.

Law: whoever the file brought is subscribed by it no more, by whichever address, and what the kept one took of them by
the merging goes, where it still is so. That two are one person is a person's word, and stays.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from ..records import Changed, Customer, CustomerMerge, ImportChange, Subscription, SubscriptionState
from .undo import Undo, Undone, put_tie_back, unblock
from .unmerge import put_fields_back


def put_merged_back(session: Session, undo: Undo, done: Undone) -> None:
    """Take back what the import did to people who were made a part of others since; those that are kept are told."""
    merges = select(CustomerMerge).where(col(CustomerMerge.at) >= undo.row.at, col(CustomerMerge.undone_at).is_(None))
    for record in session.execute(merges.order_by(col(CustomerMerge.id))).scalars().all():
        trace, kept = record.before.get("trace"), session.get(Customer, record.customer_id)
        if not trace or kept is None or kept.erased_at is not None:
            continue
        gone = record.before["gone"]
        made = gone["created_at"] == undo.row.at.isoformat()
        changes = [one for one in trace["removed"].get("import_change", ()) if one["import_id"] == undo.row.id]
        if not made and not changes:
            continue
        done.merged += 1
        moved = trace["moved"].get("subscription.customer_id", ())
        tie = _tie(session, undo, kept)
        if made and tie is not None and tie.id in moved:
            state = tie.state
            if state in (SubscriptionState.SUBSCRIBED, SubscriptionState.PENDING):
                put_tie_back(session, _change(undo, kept, {}, {"state": state}), undo)
        if made:
            put_fields_back(session, kept, record, undo.now)
        for one in changes:
            done.left += not _put_back(session, undo, kept, one, tie is not None and tie.id in moved, done)


def _put_back(session: Session, undo: Undo, kept: Customer, one: dict[str, Any], moved: bool, done: Undone) -> bool:
    """Whether a change to the one who is a part of another now could be taken back."""
    change = _change(undo, kept, one["before"], one["after"])
    if one["what"] == Changed.TIE and moved:
        back = put_tie_back(session, change, undo)
        done.restored += back
        return back
    if one["what"] == Changed.BLOCK:
        back = unblock(session, change, undo.now)
        done.unblocked, done.restored = done.unblocked + back, done.restored + back
        return back
    return False


def _change(undo: Undo, kept: Customer, before: dict[str, Any], after: dict[str, Any]) -> ImportChange:
    number = kept.id or 0
    return ImportChange(import_id=undo.row.id or 0, customer_id=number, what=Changed.TIE, before=before, after=after)


def _tie(session: Session, undo: Undo, kept: Customer) -> Subscription | None:
    mine = col(Subscription.customer_id) == kept.id, col(Subscription.list_id) == undo.list_id
    return session.execute(select(Subscription).where(*mine)).scalars().first()
