"""The page on which people say how they would rather be written to: a pause, less often, other topics, another way.

Law: reached by the link that unsubscribes, which stands in every mail; GET and HEAD change nothing. It shows what was
chosen, never a name or an address: the link may have been forwarded.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ..records import Wish
from ..store.edition_figures import LINK_EVIDENCE
from ..store.wishes import keep_wish, topics_to_choose, wish_of
from ..work.epoch import advance
from ..work.evidence import link_acted_on, link_fetched
from ..work.workspace import Workspace
from .consent_words import WISHES
from .pages import WORDS, apart, choose_language, page, read_form, render, way_to
from .unsubscribe import Link, find_link

BODY = "outreach.body"
MONTHS = (1, 3, 6)
OFTEN = (0, 7, 30)
CHANNELS = ("", "phone", "letter")
FIELDS = 1_000
ALL = 10_000
"""More topics than anybody has."""
MONTH = timedelta(days=30)


def wishes_page(request: Request) -> Response:
    """What is chosen now, to be changed."""
    workspace: Workspace = request.app.state.workspace
    with workspace.database.read() as session:
        link = find_link(session, workspace, request.path_params["token"])
        if link is None or link.customer_id is None or link.is_test:
            return _nobody(request, link)
        wish = wish_of(session, link.customer_id)
        topics = _choices(session, wish)
    link_fetched(workspace, link.delivery, "the page of wishes")
    return _page(request, link, wish, topics)


def wishes_said(request: Request) -> Response:
    """Save was pressed; anything else is shown the page."""
    body: bytes = request.scope[BODY]
    said = read_form(body, FIELDS)
    if said.get("from") != ["page"]:
        return wishes_page(request)
    workspace: Workspace = request.app.state.workspace
    with workspace.database.write() as session:
        link = find_link(session, workspace, request.path_params["token"])
        if link is None or link.customer_id is None or link.is_test:
            return _nobody(request, link)
        offered = _offered(session, said, _choices(session, wish_of(session, link.customer_id)))
        wish = _keep(session, workspace, link, link.customer_id, said, offered)
        topics = _choices(session, wish)
        link_acted_on(session, workspace, link.delivery, "page")
        advance(session, workspace.root, needed=False)
        wish = wish.model_copy()
    return _page(request, link, wish, topics, saved=True)


def _choices(session: Session, wish: Wish | None) -> list[str]:
    """The topics on the page: what we write about most, and what they have left out, so that they can have it back."""
    most, unwanted = topics_to_choose(session), wish.no_topics if wish is not None else []
    known = topics_to_choose(session, most=ALL) if set(unwanted) - set(most) else most
    return sorted({*most, *(one for one in unwanted if one in known)})


def _offered(session: Session, said: dict[str, list[str]], topics: list[str]) -> list[str]:
    """The topics that stood on the page, wanted or not: one that we write about only since then is left out by nobody.
    A form that says nothing of them is of a page of before."""
    if "offered" not in said:
        return topics
    known = set(topics_to_choose(session, most=ALL))
    return [one for one in dict.fromkeys(said["offered"]) if one in known]


def _keep(
    session: Session, workspace: Workspace, link: Link, customer_id: int, said: dict[str, list[str]], topics: list[str]
) -> Wish:
    now, before = workspace.clock(), wish_of(session, customer_id)
    pause = (said.get("pause") or ["0"])[0]
    kept = before.paused_until if before is not None and pause == "kept" else None
    months = int(pause) if pause in map(str, MONTHS) else 0
    often = (said.get("often") or ["0"])[0]
    channel = (said.get("channel") or [""])[0]
    wanted = set(said.get("topic", ()))
    elsewhere = [one for one in (before.no_topics if before is not None else ()) if one not in topics]
    return keep_wish(
        session,
        customer_id,
        paused_until=now + months * MONTH if months else kept,
        every_days=int(often) if often in map(str, OFTEN) else 0,
        no_topics=[*(one for one in topics if one not in wanted), *elsewhere],
        channel=channel if channel in CHANNELS else "",
        at=now,
        how="page",
        evidence=f"{LINK_EVIDENCE}{link.delivery}",
    )


def _page(request: Request, link: Link, wish: Wish | None, topics: list[str], *, saved: bool = False) -> Response:
    workspace: Workspace = request.app.state.workspace
    identity = workspace.settings.identity
    language = choose_language(link.language, request.headers.get("accept-language"), identity.language)
    words, now = WISHES[language], workspace.clock()
    until = wish.paused_until if wish is not None and wish.paused_until and wish.paused_until > now else None
    pauses = [("0", words["pause_none"], until is None)]
    if until is not None:
        pauses.append(("kept", words["pause_kept"].format(day=_day(until, language)), True))
    for months in MONTHS:
        text = words["pause_month" if months == 1 else "pause_months"].format(months=months)
        pauses.append((str(months), text, False))
    often = wish.every_days if wish is not None else 0
    channel = wish.channel if wish is not None else ""
    unwanted = wish.no_topics if wish is not None else []
    html = render(
        "wishes.html.j2",
        language=language,
        company=identity.company,
        words=words,
        line=words["line"].format(company=apart(identity.company)),
        pauses=pauses,
        often=[(str(days), words[f"often_{days}"], days == often) for days in OFTEN],
        topics=[(one, one.replace("-", " ").replace("_", " "), one not in unwanted) for one in topics],
        channels=[(one, words[f"channel_{one}"], one == channel) for one in CHANNELS],
        saved=saved,
        leave=way_to(request.scope["path"], f"u/{request.path_params['token']}"),
    )
    return HTMLResponse(html)


def _day(at: datetime, language: str) -> str:
    return f"{at:%d.%m.%Y}" if language == "de" else f"{at.day} {at:%B %Y}"


def _nobody(request: Request, link: Link | None) -> Response:
    identity = request.app.state.workspace.settings.identity
    language = choose_language(request.headers.get("accept-language"), identity.language)
    what, status = ("unknown", 404) if link is None else ("test", 200) if link.is_test else ("gone", 410)
    words = WORDS[language]
    return HTMLResponse(page(language, identity.company, words[what], [words[f"{what}_line"]]), status)
