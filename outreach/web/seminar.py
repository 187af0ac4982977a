"""The page of a session, and its file for any calendar: for those whose mail program knows no invitations.

Law: it names no guest and changes nothing; whoever has the link may see it, like a poster. RFC 5546 3.2.1.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from ..newsletter.invitation import write_event
from ..prose.days import day_in_words
from ..records import Seminar, SeminarSession
from ..store.seminars import session_of_uid
from ..work.seminar_event import event_of
from ..work.workspace import Workspace
from ..workdays import zone_or
from .pages import Button, apart, choose_language, page

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "when": "{day}, {time} ({zone})",
        "where": "Where: {place}",
        "button": "Add to calendar",
        "answer": "To take part, answer the mail that brought you here.",
        "off": "Called off: this session does not take place.",
        "over": "This session is over.",
        "recording": "Watch the recording",
        "unknown": "This link does not work",
        "unknown_line": "It may have been cut in two by a mail program. Copy it whole, or just answer our mail.",
    },
    "de": {
        "when": "{day}, {time} ({zone})",
        "where": "Wo: {place}",
        "button": "In den Kalender",
        "answer": "Um teilzunehmen, antworten Sie auf die Mail, die Sie hierher geführt hat.",
        "off": "Abgesagt: dieser Termin findet nicht statt.",
        "over": "Dieser Termin ist vorbei.",
        "recording": "Aufzeichnung ansehen",
        "unknown": "Dieser Link funktioniert nicht",
        "unknown_line": "Vielleicht hat ein Mailprogramm ihn getrennt. Kopieren Sie ihn ganz, oder antworten Sie auf "
        "unsere Mail.",
    },
}


def session_page(request: Request) -> Response:
    """GET: when and where, and a button that fetches the calendar's file; of one that is over, the recording."""
    workspace: Workspace = request.app.state.workspace
    language = choose_language(request.headers.get("accept-language"), workspace.settings.identity.language)
    words, company = WORDS[language], workspace.settings.identity.company
    found = _found(workspace, request.path_params["session"])
    if found is None:
        return HTMLResponse(page(language, company, words["unknown"], [words["unknown_line"]]), 404)
    seminar, held = found
    zone = zone_or(seminar.zone, workspace.settings.identity.zone)
    local = held.starts_at.astimezone(zone)
    lines = [words["when"].format(day=day_in_words(local, language), time=f"{local:%H:%M}", zone=zone.key)]
    if held.cancelled_at is not None:
        return HTMLResponse(page(language, company, seminar.title, [*lines, words["off"]]))
    if held.ends_at <= workspace.clock():
        more = (seminar.recording, words["recording"]) if seminar.recording.startswith("https://") else None
        return HTMLResponse(page(language, company, seminar.title, [*lines, words["over"]], more=more))
    if seminar.place:
        lines.append(words["where"].format(place=apart(seminar.place)))
    button = Button(words["button"], action=f"{held.public_id}.ics")
    return HTMLResponse(page(language, company, seminar.title, lines, button=button, small=words["answer"]))


def session_file(request: Request) -> Response:
    """The session for any calendar (METHOD:PUBLISH); nothing is noted of who fetched it."""
    workspace: Workspace = request.app.state.workspace
    found = _found(workspace, request.path_params["session"])
    if found is None or found[1].cancelled_at is not None:
        return PlainTextResponse("there is no such session\n", 404)
    text = write_event(event_of(workspace, *found, method="PUBLISH"))
    headers = {"content-disposition": f'attachment; filename="{found[0].name}-{found[1].name}.ics"'}
    return Response(text, media_type="text/calendar; charset=utf-8; method=PUBLISH", headers=headers)


def _found(workspace: Workspace, public_id: str) -> tuple[Seminar, SeminarSession] | None:
    with workspace.database.read() as session:
        return session_of_uid(session, public_id[:60].lower())
