"""The page on which a subscription is confirmed by the owner of the address (double opt-in).

Law: GET and HEAD change nothing, since scanners follow links; only the button's POST is a consent, kept with the words
that stood on the page. The page names the list and the company, never the person.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ..records import SubscriptionState
from ..work.evidence import link_fetched
from ..work.opt_in import Asked, confirm, find_asked
from ..work.workspace import Workspace
from .consent_words import CONFIRM
from .pages import WORDS, Button, apart, choose_language, mark_of, others_now, page, read_form

BODY = "outreach.body"


def confirm_page(request: Request) -> Response:
    """The words and the button; what is confirmed already, or left meanwhile, says so."""
    workspace: Workspace = request.app.state.workspace
    with workspace.database.read() as session:
        asked = find_asked(session, workspace, request.path_params["token"])
    if asked is not None:
        link_fetched(workspace, asked.delivery, "the page that confirms a subscription")
    return _page(request, asked)


def confirmed(request: Request) -> Response:
    """The button was pressed; anything else is shown the button."""
    body: bytes = request.scope[BODY]
    said = read_form(body, 10)
    if said.get("from") != ["page"]:
        return confirm_page(request)
    asked = confirm(
        request.app.state.workspace, request.path_params["token"], lambda words: not others_now(said, words)
    )
    return _page(request, asked, again=True)


def _page(request: Request, asked: Asked | None, *, again: bool = False) -> Response:
    """`again`: the button was pressed; where it still has to be, the words are others than those above it then."""
    identity = request.app.state.workspace.settings.identity
    known = asked.language if asked is not None else None
    language = choose_language(known, request.headers.get("accept-language"), identity.language)
    if asked is None:
        words = WORDS[language]
        return HTMLResponse(page(language, identity.company, words["unknown"], [words["unknown_line"]]), 404)
    words = CONFIRM[language]
    what = {
        SubscriptionState.PENDING: "still" if asked.still else "ask",
        SubscriptionState.SUBSCRIBED: "done",
        SubscriptionState.UNSUBSCRIBED: "left",
        None: "gone",
    }[asked.state]
    lines = [words[f"{what}_line"].format(name=apart(asked.title), company=apart(identity.company))]
    if what not in ("ask", "still"):
        return HTMLResponse(page(language, identity.company, words[what], lines), 410 if what == "gone" else 200)
    if again:
        lines.append(words["changed"])
    told: dict[str, Any] = {"button": Button(words["button"], shown=mark_of(asked.words)), "small": words["small"]}
    told["agreed"] = asked.words, asked.words_language
    return HTMLResponse(page(language, identity.company, words[what], lines, **told))
