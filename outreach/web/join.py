"""The public page on which somebody signs up for a list that is open to all.

Law: looking changes nothing; a POST counts only with the token that the page gave out, from our own page, and so many
from one place in a time. The answer is the same for every address, so nobody learns who is a customer.
"""

from __future__ import annotations

import time

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ..address import canonical_address
from ..errors import InputError
from ..records import MailingList
from ..work.opt_in import list_words
from ..work.sign_up import open_list, sign_up
from ..work.workspace import Workspace
from .contact import (
    ASKS,
    LATEST,
    SOONEST,
    SPAN,
    TRAP,
    from_our_page,
    is_loopback,
    new_token,
    place_of,
    token_age,
)
from .join_words import WORDS
from .pages import apart, choose_language, mark_of, others_now, page, read_form, render

ROUTE = "/join/{list}"
BODY = "outreach.body"
LONGEST = 254
PURPOSE = "join"


def join_page(request: Request) -> Response:
    """The empty form, with the words to which people agree."""
    found, language = _asked(request)
    return HTMLResponse(_form(request, found, language), headers=ASKS)


def joined(request: Request) -> Response:
    """A form that was sent: what happens next, the same for every address, or what is wrong. 429: too many."""
    found, language = _asked(request)
    workspace, words = _workspace(request), WORDS[language]
    posted = read_form(request.scope[BODY], 20)
    said = {name: values[0].replace("\0", "").strip() for name, values in posted.items()}
    address = said.get("email", "")[:LONGEST]
    fault = _fault(request, said, words)
    agreed, shown = _agreed(request, found)
    if others_now(posted, agreed):
        fault.setdefault("", words["changed"])
    if fault:
        return HTMLResponse(_form(request, found, language, address, fault), 422, ASKS)
    client = request.client.host if request.client is not None else ""
    if not request.app.state.join_gate.lets(client, time.monotonic()):
        busy = {"": words["busy"]}
        wait = {"retry-after": str(int(SPAN))}
        return HTMLResponse(_form(request, found, language, address, busy), 429, ASKS | wait)
    spoken = shown if shown in found.words_in else language
    told = {"language": spoken, "shown": shown, "place": f"the page /join/{found.name}"}
    source = "" if is_loopback(client) else place_of(client)  # what a proxy here sent on without saying for whom
    sign_up(workspace, found.name, address, source=source, **told)
    company = workspace.settings.identity.company
    what = "asked" if found.double_opt_in else "done"
    line = words[f"{what}_line"].format(name=apart(found.title or found.name), company=apart(company))
    return HTMLResponse(page(language, company, words[what], [line], small=words["small"]))


def _fault(request: Request, said: dict[str, str], words: dict[str, str]) -> dict[str, str]:
    """What is wrong, by field ("" for the whole)."""
    faults: dict[str, str] = {}
    workspace = _workspace(request)
    try:
        canonical_address(said.get("email", ""))
    except InputError:
        faults["email"] = words["email_fault"]
    age = token_age(workspace.keys, said.get("token", ""), workspace.clock(), PURPOSE)
    ours = from_our_page(request.headers, workspace.settings.public.url)
    if not ours or age is None or not SOONEST <= age <= LATEST:
        faults[""] = words["again"]
    elif said.get(TRAP):
        faults[""] = words["trap"]
    return faults


def _asked(request: Request) -> tuple[MailingList, str]:
    workspace = _workspace(request)
    with workspace.database.read() as session:
        found = open_list(session, request.path_params["list"])
        if found is None:
            raise HTTPException(404)
        session.expunge(found)
    wishes = request.headers.get("accept-language"), workspace.settings.identity.language
    return found, choose_language(*wishes)


def _agreed(request: Request, found: MailingList) -> tuple[str, str]:
    """The words to which people agree, in their language where the list has it, whatever the page speaks."""
    return list_words(_workspace(request), found, request.headers.get("accept-language"))


def _form(
    request: Request, found: MailingList, language: str, address: str = "", faults: dict[str, str] | None = None
) -> str:
    workspace = _workspace(request)
    company = workspace.settings.identity.company
    agreed, spoken = _agreed(request, found)
    names = {"name": apart(found.title or found.name), "company": apart(company)}
    words = {name: text.format(**names) for name, text in WORDS[language].items()}
    return render(
        "join.html.j2",
        language=language,
        company=company,
        words=words,
        agreed=agreed,
        agreed_in=spoken,
        shown=mark_of(agreed),
        address=address,
        faults=faults or {},
        longest=LONGEST,
        trap=TRAP,
        token=new_token(workspace.keys, workspace.clock(), PURPOSE),
    )


def _workspace(request: Request) -> Workspace:
    found: Workspace = request.app.state.workspace
    return found
