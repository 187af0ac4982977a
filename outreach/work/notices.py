"""Telling colleagues of their cases: what is new, given to them, come back, overdue, promised or escalated.

Law: one thing is told to one colleague once, by a service mail through the same outbox as every mail; at once or as
a morning digest in their own zone, an escalation always at once. What nobody owns is told to everybody.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from ..cases.clock import owed_at
from ..cases.said import News, news_subject, news_text
from ..cases.shift import colleague_hours
from ..errors import OutreachError
from ..records import Case, CaseState, Colleague, Kind, Notice, NoticeKind, Telling
from ..store import desk as kept
from .single import queue_single
from .triage import in_order
from .workspace import Workspace

STALE = {NoticeKind.NEW, NoticeKind.BACK, NoticeKind.OVERDUE, NoticeKind.ASSIGNED}
"""What needs no telling once the case is nobody's turn any more."""
OURS = (CaseState.NEW, CaseState.OPEN)


def told_of(people: Sequence[Colleague], owner: str) -> list[Colleague]:
    """Who is told of a case of this owner: the owner, or everybody where nobody of that name is known."""
    mine = [one for one in people if owner and one.name.lower() == owner.lower()]
    return [one for one in mine or people if one.address and one.telling is not Telling.NEVER]


def note_case(
    session: Session,
    case: Case,
    kind: NoticeKind,
    now: datetime,
    *,
    mark: str = "",
    words: str = "",
    by: str = "",
    to: Sequence[Colleague] | None = None,
) -> list[Colleague]:
    """Have the right colleagues told, `by` left out: they know. Whom; nobody who was told before."""
    assert case.id is not None
    found = told_of(kept.colleagues(session), case.owner) if to is None else to
    return [
        one
        for one in found
        if one.id is not None
        and (not by or one.name.lower() != by.lower())
        and kept.add_notice(session, one.id, case.id, kind, mark, words, now)
    ]


def note_overdue(session: Session, now: datetime) -> int:
    """Have owners told of the cases whose customer waits too long, once for each due time; how many notices."""
    return sum(
        len(note_case(session, case, NoticeKind.OVERDUE, now, mark=owed_at(case).isoformat()))
        for case in kept.late_cases(session, now)
    )


def tell_colleagues(workspace: Workspace) -> int:
    """Queue the mails that are to go to colleagues now; how many."""
    with workspace.database.write() as session:
        now = workspace.clock()
        untold = kept.untold_notices(session)
        queued = 0
        for colleague in kept.colleagues(session):
            queued += _tell_one(session, workspace, colleague, untold.get(colleague.id or 0, []), now)
        return queued


def _tell_one(
    session: Session,
    workspace: Workspace,
    colleague: Colleague,
    untold: Sequence[tuple[Notice, Case]],
    now: datetime,
) -> int:
    hours = colleague_hours(colleague, workspace.working_hours)
    local = now.astimezone(hours.zone)
    morning = (
        colleague.telling is Telling.DIGEST
        and colleague.digest_on != local.date().isoformat()
        and hours.is_workday(local.date())
        and hours.start <= local.time() < hours.end
    )
    old = [notice for notice, case in untold if notice.kind in STALE and case.state not in OURS]
    kept.keep_notices_told(session, [notice.id for notice in old if notice.id], now, None)
    alive = [pair for pair in untold if pair[0] not in old]
    if colleague.telling is Telling.DIGEST and not morning:
        alive = [pair for pair in alive if pair[0].kind is NoticeKind.ESCALATED]
    still = in_order(session, workspace, colleague.name) if morning else []
    if morning:
        colleague.digest_on = local.date().isoformat()
        kept.keep_colleague(session, colleague)
    if not (alive or still) or not colleague.address:
        return 0
    delivery_id = _queue(session, workspace, colleague, alive, still, now, morning=morning)
    kept.keep_notices_told(session, [notice.id for notice, _ in alive if notice.id], now, delivery_id)
    return int(delivery_id is not None)


def _queue(
    session: Session,
    workspace: Workspace,
    colleague: Colleague,
    untold: Sequence[tuple[Notice, Case]],
    still: Sequence[Case],
    now: datetime,
    *,
    morning: bool,
) -> int | None:
    hours = colleague_hours(colleague, workspace.working_hours)
    news = [News(notice.kind, case, notice.words) for notice, case in untold]
    company = workspace.settings.identity.company
    people = kept.people_of(session, [*(case for _, case in untold), *still])
    last = max((notice.id or 0 for notice, _ in untold), default=0)
    name = f"digest/{colleague.digest_on}" if morning else "news"
    try:
        return queue_single(
            session,
            workspace,
            kind=Kind.SERVICE,
            customer_id=None,
            address=colleague.address,
            occasion=f"{name}/{colleague.id}/{last}",
            subject=news_subject(company, news, len(still), digest=morning),
            text=news_text(news, still, people, now, hours.zone, command(workspace)),
            now=now,
            campaign=kept.DESK,
            content={"auto_submitted": "auto-generated"},
        )
    except OutreachError:  # an address that cannot be: `people change` refuses it, an older row may hold it
        return None


def command(workspace: Workspace) -> str:
    """`outreach -w …` of this workspace, to be pasted into a shell."""
    return f"outreach -w {shlex.quote(str(workspace.root))}"
