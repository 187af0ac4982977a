"""A kept session as a calendar's event, and what a campaign that invites to it freezes.

Law: an invitation says what the session is as it leaves (`work.letter`); whoever has it hears of changes by
`work.seminars`. What still waits when it is called off is stopped.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session

from ..errors import InputError
from ..newsletter.invitation import CalendarEvent
from ..newsletter.seminar_file import place_of
from ..records import Campaign, Seminar, SeminarSession
from ..store.seminars import session_at
from .workspace import Workspace

LINK = re.compile(r"\{\{\s*calendar_url\s*\}\}")
"""Where a campaign's text shows the address of the page on which anybody may take the session into a calendar."""


def event_of(workspace: Workspace, seminar: Seminar, found: SeminarSession, method: str = "REQUEST") -> CalendarEvent:
    """A session as calendars take it."""
    cancelled = found.cancelled_at is not None and method != "PUBLISH"
    return CalendarEvent(
        method="CANCEL" if cancelled else method,
        uid=f"{found.public_id}@{workspace.sender_domain}",
        sequence=found.revision,
        start=_stamp(found.starts_at),
        end=_stamp(found.ends_at),
        stamp=_stamp(found.changed_at),
        summary=seminar.title,
        place=seminar.place,
        description=seminar.words[:2000],
        organizer=workspace.reply_address,
        company=workspace.settings.identity.company,
        url=calendar_url(workspace, found),
    )


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def calendar_url(workspace: Workspace, found: SeminarSession) -> str:
    """The page on which anybody may take the session into their calendar; "" without a public address."""
    public = workspace.settings.public
    return f"{public.url.rstrip('/')}/seminar/{found.public_id}" if public.linkable else ""


def invitation_of(session: Session, workspace: Workspace, campaign: Campaign) -> tuple[str, dict[str, Any] | None]:
    """The campaign's text with the calendar page's address in it, and the event that its mails carry, if any.

    Raises InputError with file and line for a session that is not there, is over or was called off, and where the text
    links a page that has no public address.
    """
    place = str(campaign.options.get("seminar") or "")
    lines = campaign.options.get("lines") or {}
    if not place:
        return campaign.body, None
    file, line = campaign.source_path, int(lines.get("seminar", 1))
    found = session_at(session, *place_of(place))
    if found is None:
        remedy = "See: outreach seminars list"
        raise InputError(f"seminar: there is no session called {place}", file=file, line=line, remedy=remedy)
    seminar, held = found
    if held.cancelled_at is not None:
        raise InputError(f"seminar: {place} is called off", file=file, line=line)
    url = calendar_url(workspace, held)
    if not url and LINK.search(campaign.body):
        remedy = "Set `url` in [public], or take {{ calendar_url }} out: the mail itself carries the invitation."
        raise InputError("calendar_url has no public address", file=file, line=line, remedy=remedy)
    return LINK.sub(url, campaign.body), event_of(workspace, seminar, held).kept()
