"""The page behind "did this fix it? yes / no": a question with a button for each answer.

Law: GET and HEAD change nothing; only the button's POST speaks for the customer. The page names the case's number and
the company, never the person: the link may have been forwarded.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ..records import CaseState
from ..work.evidence import link_fetched
from ..work.fixed import Asked, find_asked, say_fixed
from ..work.workspace import Workspace
from .pages import choose_language, read_form, render, way_to

BODY = "outreach.body"
WORDS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Did this fix it?",
        "line": "We think that your case {case} is solved. You have the last word: please press a button.",
        "yes": "Yes, it is fixed",
        "no": "No, it is not",
        "still": "What is still wrong? (You may leave this empty.)",
        "small": "Nothing is taken for a yes until you press the button.",
        "yes_title": "Thank you",
        "yes_line": "Case {case} is closed. Should it come back, just answer our mail.",
        "no_title": "We are on it again",
        "no_line": "Case {case} is open again, and whoever answers it is told. You need not write more.",
        "change": "Was that the wrong button?",
        "closed_title": "This case is closed",
        "closed_line": "You told us that case {case} is solved. Is it not?",
        "unknown": "This link does not work",
        "unknown_line": "It may have been cut in two by a mail program. Copy it whole, or just answer our mail.",
    },
    "de": {
        "title": "Ist es damit gelöst?",
        "line": "Wir meinen, Ihr Fall {case} ist gelöst. Sie haben das letzte Wort: bitte drücken Sie einen Knopf.",
        "yes": "Ja, es ist gelöst",
        "no": "Nein, noch nicht",
        "still": "Was stimmt noch nicht? (Sie können das leer lassen.)",
        "small": "Solange Sie keinen Knopf drücken, verstehen wir nichts als Ja.",
        "yes_title": "Vielen Dank",
        "yes_line": "Fall {case} ist geschlossen. Kommt es wieder, antworten Sie einfach auf unsere Mail.",
        "no_title": "Wir sind wieder dran",
        "no_line": "Fall {case} ist wieder offen, und wer ihn beantwortet, weiß davon. Mehr brauchen Sie nicht zu tun.",
        "change": "War es der falsche Knopf?",
        "closed_title": "Dieser Fall ist geschlossen",
        "closed_line": "Sie haben uns gesagt, dass Fall {case} gelöst ist. Stimmt das nicht?",
        "unknown": "Dieser Link funktioniert nicht",
        "unknown_line": "Vielleicht hat ein Mailprogramm ihn getrennt. Kopieren Sie ihn ganz, oder antworten Sie auf "
        "unsere Mail.",
    },
}


def fixed_page(request: Request) -> Response:
    """The question; `says` in the path only chooses which button comes first."""
    workspace = _workspace(request)
    with workspace.database.read() as session:
        asked = find_asked(session, workspace, request.path_params["token"])
    if asked is None:
        return _page(request, None, "unknown", status=404)
    link_fetched(workspace, asked.delivery, "the page “did this fix it”")
    if asked.state is CaseState.CONFIRMED:
        return _page(request, asked, "closed", buttons=("no",))
    first = request.path_params.get("says") or "yes"
    return _page(request, asked, "", buttons=("no", "yes") if first == "no" else ("yes", "no"))


def fixed_said(request: Request) -> Response:
    """A button was pressed. Anything else is shown the buttons."""
    body: bytes = request.scope[BODY]
    said = read_form(body, 10)
    if said.get("from") != ["page"] or request.path_params["says"] not in ("yes", "no"):
        return fixed_page(request)
    yes = request.path_params["says"] == "yes"
    words = "" if yes else (said.get("words") or [""])[0]
    asked = say_fixed(_workspace(request), request.path_params["token"], yes=yes, words=words)
    if asked is None:
        return _page(request, None, "unknown", status=404)
    return _page(request, asked, "yes" if yes else "no", buttons=("no",) if yes else ("yes",), again=True)


def _page(
    request: Request,
    asked: Asked | None,
    what: str,
    *,
    buttons: tuple[str, ...] = (),
    again: bool = False,
    status: int = 200,
) -> Response:
    workspace = _workspace(request)
    known, header = asked.language if asked is not None else None, request.headers.get("accept-language")
    language = choose_language(known, header, workspace.settings.identity.language)
    words = WORDS[language]
    title = words["title"] if not what else words[what] if what == "unknown" else words[f"{what}_title"]
    line = words["line" if not what else f"{what}_line"].format(case=asked.case_id if asked is not None else "")
    html = render(
        "fixed.html.j2",
        language=language,
        company=workspace.settings.identity.company,
        title=title,
        line=line,
        words=words,
        buttons=buttons,
        quiet=again or what == "closed",
        change=words["change"] if again else "",
        base=way_to(request.scope["path"], f"f/{request.path_params['token']}"),
        small=words["small"] if not what else "",
    )
    return HTMLResponse(html, status)


def _workspace(request: Request) -> Workspace:
    found: Workspace = request.app.state.workspace
    return found
