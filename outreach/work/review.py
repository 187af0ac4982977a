"""A person's view of a message: right, or corrected, or taken back; and what follows from it.

Law: verdicts are added and undone, never changed; consent, case and plan follow the verdict in force, both ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from ..errors import InputError
from ..records import Category, ClueKind, Inbound, InboundState, Machine, Urgency, Verdict
from ..replies.machine import sort_machine
from ..replies.parse import parse_inbound
from ..store.channels import copies_of
from ..store.replies import HEADERS, MACHINES, add_verdict, last_review, repeat_verdict, verdicts_of
from .acts import bounce_after_all, leave_by_person, left_by_itself, no_bounce_after_all, stay_after_all
from .follow_up import after_review
from .learn import note_review
from .workspace import Workspace

REPORTS = (Machine.BOUNCE, Machine.ABUSE_REPORT)
"""Machine mail that acts on an address by itself."""


def review(
    workspace: Workspace,
    inbound_id: int,
    *,
    by: str,
    category: Category | None = None,
    topics: Sequence[str] | None = None,
    urgency: Urgency | None = None,
) -> Verdict:
    """Put a person's verdict in force; what is not named stays as it was held to be.

    Raises InputError where there is no such message, or nothing to agree with.
    """
    with workspace.database.write() as session:
        inbound = _inbound(session, inbound_id)
        chosen = category or inbound.category
        if chosen is None:
            raise InputError(
                f"message {inbound_id} has not been held to be anything yet",
                remedy=f"Say what it is: `outreach replies review {inbound_id} --as complaint`.",
            )
        now = workspace.clock()
        was = inbound.category
        verdict = Verdict(
            inbound_id=inbound_id,
            at=now,
            by=by,
            category=chosen,
            topics=list(topics) if topics is not None else list(inbound.topics),
            urgency=urgency or inbound.urgency,
            confidence=1.0,
            reasons=[f"{by} read it" if was is chosen else f"{by} read it; it was held to be {was or 'nothing'}"],
        )
        if chosen is not Category.MACHINE:
            if inbound.machine in REPORTS:
                no_bounce_after_all(session, inbound, now)
            inbound.machine = Machine.HUMAN
        inbound.state, inbound.reviewed_at = InboundState.READ, now
        verdict.id = add_verdict(session, inbound, verdict)
        note_review(session, workspace, inbound, verdict)
        _follow(session, workspace, inbound, now, by, leaves=chosen is Category.UNSUBSCRIBE)
        return verdict


def undo_review(workspace: Workspace, *, by: str | None = None, inbound_id: int | None = None) -> int | None:
    """Take back the newest review (of this person, of this message); the message's number, or None where none is."""
    with workspace.database.write() as session:
        verdict = last_review(session, by, inbound_id)
        if verdict is None:
            return None
        now = workspace.clock()
        verdict.undone_at = now
        session.add(verdict)
        session.flush()
        inbound = _inbound(session, verdict.inbound_id)
        standing = [one for one in verdicts_of(session, verdict.inbound_id) if one.undone_at is None]
        force = standing[-1] if standing else None
        repeat_verdict(inbound, force)
        reviewed = force if force is not None and force.by not in MACHINES else None
        inbound.reviewed_at = reviewed.at if reviewed is not None else None
        note_review(session, workspace, inbound, reviewed)
        if force is None:
            inbound.state = InboundState.UNREADABLE
        elif force.by == HEADERS:
            to_bounces = inbound.clue is ClueKind.RETURN_PATH
            inbound.machine = sort_machine(parse_inbound(inbound.raw), inbound.raw, to_bounces=to_bounces).machine
            if inbound.machine in REPORTS:
                bounce_after_all(session, workspace, inbound, now)
        session.add(inbound)
        session.flush()
        leaves = inbound.category is Category.UNSUBSCRIBE and (
            force is None or force.by not in MACHINES or left_by_itself(session, inbound)
        )
        _follow(session, workspace, inbound, now, verdict.by, leaves=leaves)
        return verdict.inbound_id


def _follow(session: Session, workspace: Workspace, inbound: Inbound, now: datetime, by: str, *, leaves: bool) -> None:
    """Consent, case and plan follow what the message is held to be now."""
    if leaves:
        leave_by_person(session, inbound, now, by)
    elif not _left_besides(session, inbound):
        stay_after_all(session, inbound, now, by)
    session.flush()
    for copy in copies_of(session, inbound.id or 0):
        copy.category, copy.topics, copy.urgency = inbound.category, list(inbound.topics), inbound.urgency
        session.add(copy)
    after_review(session, workspace, inbound.id or 0, now)


def _left_besides(session: Session, inbound: Inbound) -> bool:
    """Whether it asked to leave beside being a complaint: then what it is corrected to changes nothing about that."""
    first = next(iter(verdicts_of(session, inbound.id or 0)), None)
    return first is not None and first.category is not Category.UNSUBSCRIBE and left_by_itself(session, inbound)


def _inbound(session: Session, inbound_id: int) -> Inbound:
    inbound = session.get(Inbound, inbound_id)
    if inbound is None:
        raise InputError(f"there is no message {inbound_id}", remedy="`outreach replies list` shows the numbers.")
    return inbound
