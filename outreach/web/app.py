"""The public pages: RFC 8058's one-click POST, the unsubscribe page with its button, a mail viewed in the browser.

Law: GET and HEAD change nothing; a POST needs no cookie, no login and no redirect (RFC 8058 3.2). A link works as long
as its key does, also after its customer was erased. When nothing could be stored the answer is 503, never a false yes.
"""

from __future__ import annotations

import anyio
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import OutreachError
from ..work.evidence import link_fetched
from ..work.workspace import Workspace
from . import contact, plan_feed
from .clicks import clicked, opened
from .confirm import confirm_page, confirmed
from .consent_words import WISHES
from .fixed import fixed_page, fixed_said
from .join import ROUTE, join_page, joined
from .pages import MAX_BODY, WORDS, Button, apart, choose_language, page, read_form, way_to
from .seminar import session_file, session_page
from .unsubscribe import Link, bring_back, find_link, leave
from .view import view_mail
from .wishes import wishes_page, wishes_said

BODY_SECONDS = 10.0
BODY = "outreach.body"
ALL = "all"
HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; img-src data: https:; form-action 'self'; base-uri 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"referrer-policy", b"no-referrer"),
    (b"x-robots-tag", b"noindex, nofollow"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)


def public_app(workspace: Workspace) -> Starlette:
    """The application that `outreach serve` runs."""
    app = Starlette(
        routes=[
            Route("/healthz", _healthz, methods=["GET"]),
            Route("/u/{token}", _unsubscribe_page, methods=["GET"]),
            Route("/u/{token}", _unsubscribe, methods=["POST"]),
            Route("/u/{token}/undo", _undo, methods=["POST"]),
            Route("/v/{token}", _view, methods=["GET"]),
            Route("/c/{token}/0.gif", opened, methods=["GET"]),
            Route("/c/{token}/{number}", clicked, methods=["GET"]),
            Route("/s/{token}", confirm_page, methods=["GET"]),
            Route("/s/{token}", confirmed, methods=["POST"]),
            Route("/p/{token}", wishes_page, methods=["GET"]),
            Route("/p/{token}", wishes_said, methods=["POST"]),
            Route(contact.PATH, contact.contact_page, methods=["GET"]),
            Route(contact.PATH, contact.contact_sent, methods=["POST"]),
            Route(ROUTE, join_page, methods=["GET"]),
            Route(ROUTE, joined, methods=["POST"]),
            Route(plan_feed.ROUTE, plan_feed.plan_feed, methods=["GET"]),
            Route("/seminar/{session}.ics", session_file, methods=["GET", "POST"]),
            Route("/seminar/{session}", session_page, methods=["GET"]),
            Route("/f/{token}", fixed_page, methods=["GET"]),
            Route("/f/{token}/{says}", fixed_page, methods=["GET"]),
            Route("/f/{token}/{says}", fixed_said, methods=["POST"]),
        ],
        middleware=[Middleware(_SafeHeaders), Middleware(_ReadBody)],
        exception_handlers={HTTPException: _refused, OutreachError: _not_now},
    )
    app.state.workspace = workspace
    app.state.gate = contact.Gate()
    app.state.join_gate = contact.Gate()
    app.state.feed = plan_feed.Feed(workspace)
    return app


def _healthz(request: Request) -> Response:
    with _workspace(request).database.read() as session:
        session.connection().execute(text("SELECT 1"))
    return JSONResponse({"ok": True})


def _unsubscribe_page(request: Request) -> Response:
    workspace = _workspace(request)
    with workspace.database.read() as session:
        link = find_link(session, workspace, request.path_params["token"])
    if link is None:
        return _notice(request, "unknown", 404)
    link_fetched(workspace, link.delivery, "the unsubscribe page")
    if link.is_test:
        return _notice(request, "test", 200, link)
    if not link.subscribed:
        return _left(request, link)
    words = WORDS[_language(request, link)]
    line = words["leave_list" if link.title else "leave_all"]
    button, small = Button(words["leave_button"]), words["still_answers"]
    more = (_wishes_of(request), WISHES[_language(request, link)]["other"]) if link.customer_id is not None else None
    return _page(request, link, "leave", [line], button=button, other=_all_lists(request, link), small=small, more=more)


def _unsubscribe(request: Request) -> Response:
    """RFC 8058's POST, or the page's button. Anything else is shown the button."""
    body: bytes = request.scope[BODY]
    one_click = _is_one_click(body)
    said = read_form(body, 10)
    if not one_click and said.get("from") != ["page"]:
        return _unsubscribe_page(request)
    workspace, everything = _workspace(request), not one_click and said.get(ALL) == ["yes"]
    how = "one_click" if one_click else "page"
    link = leave(workspace, request.path_params["token"], how=how, everything=everything)
    if link is None:
        return _notice(request, "unknown", 404)
    if one_click:
        return PlainTextResponse("unsubscribed\n")
    return _notice(request, "test", 200, link) if link.is_test else _left(request, link)


def _is_one_click(body: bytes) -> bool:
    return b"List-Unsubscribe" in body and b"One-Click" in body


def _all_lists(request: Request, link: Link) -> Button | None:
    """Who is on other lists, too, need not look for a mail of each to leave them all."""
    if not link.others:
        return None
    words, company = WORDS[_language(request, link)], _workspace(request).settings.identity.company
    return Button(words["all_button"], quiet=True, before=words["others"].format(company=apart(company)), says=ALL)


def _wishes_of(request: Request) -> str:
    return way_to(request.scope["path"], f"p/{request.path_params['token']}")


def _undo(request: Request) -> Response:
    link, done, everything = bring_back(_workspace(request), request.path_params["token"])
    if link is None:
        return _notice(request, "unknown", 404)
    if not done and not link.subscribed:
        return _notice(request, "not_back", 409, link)
    words = WORDS[_language(request, link)]
    if link.title and not link.subscribed:
        return _back_without(request, link)
    return _page(request, link, "back", [words["back_list" if link.title and not everything else "back_all"]])


def _back_without(request: Request, link: Link) -> Response:
    """All that was left at once is back; the list of this mail had been left before, by a word of its own."""
    words = WORDS[_language(request, link)]
    button = Button(words["undo_button"], quiet=True, before=words["undo"]) if link.undoable else None
    title, line = ("back", "back_others") if link.others else ("left", "left_list")
    return _page(request, link, title, [words[line]], button=button)


def _view(request: Request) -> Response:
    language = _language(request)
    html, why = view_mail(_workspace(request), request.path_params["token"], WORDS[language]["view"])
    if why:
        return _notice(request, why, 404 if why == "unknown" else 410)
    return HTMLResponse(html)


def _left(request: Request, link: Link) -> Response:
    words = WORDS[_language(request, link)]
    lines = [words["left_list" if link.title and not link.everything else "left_all"]]
    other = _all_lists(request, link)
    if not link.undoable:
        return _page(request, link, "left", lines, other=other)
    here = request.path_params["token"]
    button = Button(words["undo_button"], action=f"{here}/undo", quiet=True)
    return _page(request, link, "left", [*lines, words["undo"]], button=button, other=other)


def _page(
    request: Request,
    link: Link | None,
    title: str,
    lines: list[str],
    *,
    button: Button | None = None,
    other: Button | None = None,
    small: str = "",
    status: int = 200,
    more: tuple[str, str] | None = None,
) -> Response:
    company = _workspace(request).settings.identity.company
    language = _language(request, link)
    told = [line.format(name=apart(link.title if link else ""), company=apart(company)) for line in lines]
    html = page(language, company, WORDS[language][title], told, button=button, other=other, small=small, more=more)
    return HTMLResponse(html, status)


def _notice(request: Request, what: str, status: int, link: Link | None = None) -> Response:
    return _page(request, link, what, [WORDS[_language(request, link)][f"{what}_line"]], status=status)


def _language(request: Request, link: Link | None = None) -> str:
    asked = request.headers.get("accept-language")
    return choose_language(link.language if link else None, asked, _workspace(request).settings.identity.language)


def _workspace(request: Request) -> Workspace:
    found: Workspace = request.app.state.workspace
    return found


def _refused(request: Request, wrong: Exception) -> Response:
    assert isinstance(wrong, HTTPException)
    answer = _notice(request, "nothing", wrong.status_code)
    answer.headers.update(wrong.headers or {})
    return answer


def _not_now(request: Request, wrong: Exception) -> Response:
    """The database is locked or full: a mail provider repeats its POST, a person presses again."""
    answer = _notice(request, "later", 503)
    answer.headers["retry-after"] = "60"
    return answer


def _cut_off(request: Request) -> Response:
    """A request of which only a part came (RFC 9112 8)."""
    answer = _notice(request, "later", 408)
    answer.headers["connection"] = "close"
    return answer


class _SafeHeaders:
    """Puts the security headers on every response; what a page says of itself stands."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = list(message.get("headers", ()))
                names = {name for name, _ in said}
                message["headers"] = [*said, *(one for one in HEADERS if one[0] not in names)]
            await send(message)

        await self.app(scope, receive, send_safely if scope["type"] == "http" else send)


class _ReadBody:
    """Reads the beginning of a POST's body before a thread is given to it: who drips must not keep others from leaving.

    A form of ours is small; whatever is longer, or slower, is not read. Half a form is not acted on, where a line broke
    or took too long: what is missing would be taken for what somebody does not want. One click is all there is to say.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            body, whole = await self._beginning(receive) if scope["method"] == "POST" else (b"", True)
            if not whole and not (scope["path"].startswith("/u/") and _is_one_click(body)):
                await _cut_off(Request(scope))(scope, receive, send)
                return
            scope[BODY] = body
        await self.app(scope, receive, send)

    async def _beginning(self, receive: Receive) -> tuple[bytes, bool]:
        """What came, and whether that is all or as much as is read."""
        body, ended = b"", False
        with anyio.move_on_after(BODY_SECONDS):
            while len(body) < MAX_BODY and not ended:
                message = await receive()
                if message["type"] == "http.disconnect":
                    break
                body += message.get("body", b"")
                ended = not message.get("more_body", False)
        return body[:MAX_BODY], ended or len(body) >= MAX_BODY
