"""Do holds see what came back? Offers wait while a mailbox was not read lately, and go on by themselves once it was.

Law: asked at every claim, so that a running offer pauses within one slice; nothing is written for it, so that there is
nothing to set right afterwards and no way to be stuck: one good look into the mailbox is all it takes.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session

from ..plan.holds import BLIND_KINDS, judge_sight
from ..records import YES, Kind, Permission
from ..store.health import mailboxes_read
from .workspace import Workspace


def sight(session: Session, workspace: Workspace, kind: Kind, now: datetime) -> Permission:
    """May mail of this kind go, as far as replies are read? A yes, or a refusal for now that names the mailbox."""
    replies = workspace.settings.replies
    names = [box.name for box in replies.mailboxes if not box.sent]
    if kind not in BLIND_KINDS or not names or not replies.blind_minutes:
        return YES
    return judge_sight(kind, mailboxes_read(session, names), now, timedelta(minutes=replies.blind_minutes))


def kinds_that_wait(session: Session, workspace: Workspace, now: datetime) -> tuple[Kind, ...]:
    """The kinds of mail that must not be claimed now."""
    return tuple(kind for kind in sorted(BLIND_KINDS) if not sight(session, workspace, kind, now).allowed)
