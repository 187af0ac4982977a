"""Stopping all mail at once, and letting it go on.

Law: the pause bumps the workspace's version in its own transaction, so that no intent that was judged before it is
granted after it (RELIABILITY I8); what was claimed goes back into the queue, and a resumed edition neither repeats nor
skips anybody.
"""

from __future__ import annotations

from sqlmodel import Session

from ..records import WorkspaceRow
from ..store.standing import hold_back_intents
from .workspace import RESTORED, Workspace, looks_restored, workspace_row


def pause_all(workspace: Workspace, reason: str) -> bool:
    """Let no further mail leave, in any process; False where that was so already (then the reason stays)."""
    with workspace.database.write() as session:
        row = locked_row(session)
        if row.paused_at is not None:
            return False
        row.paused_at, row.pause_reason = workspace.clock(), reason
        row.version += 1
        session.add(row)
    return True


def resume_all(workspace: Workspace) -> bool:
    """Let mail go again; False where it did.

    Raises NeedsPerson, and lets nothing go, where a restored backup waits: whoever was erased or said stop since it was
    made must be so again first (`accept_restored`).
    """
    with workspace.database.write() as session:
        row = locked_row(session)
        if row.paused_at is None:
            return False
        if row.pause_reason == RESTORED:
            raise looks_restored()
        row.paused_at, row.pause_reason = None, ""
        row.version += 1
        session.add(row)
    return True


def locked_row(session: Session) -> WorkspaceRow:
    """The workspace's row, which nobody else changes until the transaction ends."""
    hold_back_intents(session)
    row = workspace_row(session)
    session.refresh(row, with_for_update=True)
    return row
