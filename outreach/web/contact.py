"""The public contact form: what a person writes there is kept like any message, and read with the next round.

Law: looking changes nothing; a POST counts only with the token that the page gave out, from our own page, and so many
from one place in a time. Nobody's words are thrown away: whatever is wrong, the page comes back with them in it.
Nothing that we know of anybody is shown.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from ..address import KeyRing, canonical_address
from ..errors import InputError
from ..records import Channel
from ..work.told import log_message
from ..work.workspace import Workspace
from .contact_words import WORDS
from .pages import MAX_BODY, apart, choose_language, page, read_form, render

PATH = "/contact"
FIELDS = ("name", "email", "subject", "message")
LONGEST = {"name": 100, "email": 254, "subject": 150, "message": 5_000}
TRAP = "website"
"""A field that no person sees: programs that fill in every field fill it in too."""
SOONEST, LATEST = 2, 12 * 3600
"""Seconds between a page and its answer: a person needs some, and has a day's half."""
PER_PLACE, IN_ALL, SPAN = 10, 120, 600.0
"""Messages from one address, and from everywhere, in so many seconds."""
MOST_PLACES = 10_000
ASKS = {"referrer-policy": "same-origin"}
"""Of a page whose form is believed from our own page alone: where no referrer is wanted at all, a browser calls the
origin of its own form null (Fetch, "append a request Origin header"), and the oldest say nothing else of it.
"""


@dataclass
class Written:
    """What stood in the form, and what is wrong with it, by field ("" for the whole)."""

    values: dict[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    status: int = 200
    done: bool = False


class Gate:
    """Lets so many messages through from each place and in all. In memory: a restart forgives."""

    def __init__(self, per_place: int = PER_PLACE, in_all: int = IN_ALL, span: float = SPAN) -> None:
        self._per_place, self._in_all, self._span = per_place, in_all, span
        self._places: OrderedDict[str, deque[float]] = OrderedDict()
        self._all: deque[float] = deque()
        self._lock = threading.Lock()

    def lets(self, client: str, now: float) -> bool:
        """Whether one more may come from there at this second (of a clock that only rises)."""
        place = place_of(client)
        with self._lock:
            mine = self._places.setdefault(place, deque())
            self._places.move_to_end(place)
            while len(self._places) > MOST_PLACES:
                self._places.popitem(last=False)
            for times in (mine, self._all):
                while times and times[0] <= now - self._span:
                    times.popleft()
            if len(mine) >= self._per_place or len(self._all) >= self._in_all:
                return False
            mine.append(now)
            self._all.append(now)
            return True


def place_of(client: str) -> str:
    """One household: an IPv4 address, or the /64 that an IPv6 address belongs to."""
    address = _ip(client)
    if address is None:
        return client
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


def is_loopback(client: str) -> bool:
    """Whether it came from this machine."""
    address = _ip(client)
    return address is not None and address.is_loopback


def _ip(client: str) -> IPv4Address | IPv6Address | None:
    """An address as it was written; one of IPv4 that came to a listener at `::` is one of IPv4 (RFC 4291 2.5.5.2)."""
    try:
        address = ip_address(client)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def new_token(keys: KeyRing, now: datetime, purpose: str = "contact") -> str:
    """What a page gives out: when, a number of its own, and our mark on both, good for this purpose alone."""
    told = f"{int(now.timestamp())}.{secrets.token_hex(8)}"
    return f"{told}.{_mark(keys, purpose, told)}"


def token_age(keys: KeyRing, token: str, now: datetime, purpose: str = "contact") -> float | None:
    """Seconds since we gave it out; None where we did not."""
    told, _, mark = token[:200].rpartition(".")
    if not told or not hmac.compare_digest(_mark(keys, purpose, told).encode(), mark.encode("utf-8", "replace")):
        return None
    return now.timestamp() - int(told.partition(".")[0])


def _mark(keys: KeyRing, purpose: str, told: str) -> str:
    return hmac.new(keys.signing[keys.current], f"{purpose}:{told}".encode(), "sha256").hexdigest()[:32]


def from_our_page(headers: Headers, own: str) -> bool:
    """Whether a browser says that the form it sends stood on our own page; one that says nothing is believed.

    `own`: the public address of the settings. The token counts too; this stops another site's page from sending one.
    """
    site = headers.get("sec-fetch-site", "")
    if site:
        return site in ("same-origin", "none")
    origin = headers.get("origin", "")
    if not origin:
        return True
    hosts = {headers.get("host", "").lower(), urlsplit(own).netloc.lower()} - {""}
    return urlsplit(origin).netloc.lower() in hosts


def take_message(
    workspace: Workspace, body: bytes, headers: Headers, client: str, gate: Gate, language: str
) -> Written:
    """Keep what was sent, or say what is wrong with it. `client`: the address it came from."""
    words = WORDS[language]
    posted = read_form(body, 20)
    said = {name: _clean(values[0]) for name, values in posted.items()}
    longest = LONGEST | {"message": MAX_BODY}
    written = Written({name: said.get(name, "")[: longest[name]] for name in FIELDS}, _faults(said, words, body))
    now = workspace.clock()
    token = said.get("token", "")
    age = token_age(workspace.keys, token, now)
    if not from_our_page(headers, workspace.settings.public.url) or age is None or not SOONEST <= age <= LATEST:
        written.faults[""] = words["again"]
    elif said.get(TRAP):
        written.faults[""] = words["trap"]
    if written.faults:
        written.status = 422
        return written
    if not gate.lets(client, time.monotonic()):
        written.faults[""], written.status = words["busy"], 429
        return written
    told = {
        "from": canonical_address(written.values["email"]),
        "name": written.values["name"],
        "subject": written.values["subject"],
        "text": written.values["message"],
    }
    pressed = json.dumps([token, told]).encode()  # twice, it is one message; with other words below it, two
    log_message(workspace, Channel.FORM, told, mailbox="form", place=PATH, identity=pressed)
    written.done = True
    return written


def _faults(said: dict[str, str], words: dict[str, str], body: bytes) -> dict[str, str]:
    faults: dict[str, str] = {}
    try:
        canonical_address(said.get("email", ""))
    except InputError:
        faults["email"] = words["email_fault"]
    if not said.get("message"):
        faults["message"] = words["message_fault"]
    elif len(said["message"]) > LONGEST["message"] or len(body) >= MAX_BODY:
        faults["message"] = words["long_fault"]
    return faults


def _clean(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\0", "").strip()


def contact_page(request: Request) -> Response:
    """The empty form."""
    workspace, language = _asked(request)
    return HTMLResponse(form_page(workspace, language, Written()), headers=ASKS)


def contact_sent(request: Request) -> Response:
    """A form that was sent: thanks, or the form again with what is wrong. 429 where too many come."""
    workspace, language = _asked(request)
    client = request.client.host if request.client is not None else ""
    body: bytes = request.scope["outreach.body"]
    written = take_message(workspace, body, request.headers, client, request.app.state.gate, language)
    if written.done:
        company, words = workspace.settings.identity.company, WORDS[language]
        return HTMLResponse(page(language, company, words["done"], [words["done_line"].format(company=apart(company))]))
    headers = {"retry-after": str(int(SPAN))} if written.status == 429 else {}
    return HTMLResponse(form_page(workspace, language, written), written.status, ASKS | headers)


def _asked(request: Request) -> tuple[Workspace, str]:
    workspace: Workspace = request.app.state.workspace
    if not workspace.settings.public.form:
        raise HTTPException(404)
    return workspace, choose_language(request.headers.get("accept-language"), workspace.settings.identity.language)


def form_page(workspace: Workspace, language: str, written: Written) -> str:
    """The page with the form, what was written in it, and what is wrong."""
    return render(
        "contact.html.j2",
        language=language,
        company=workspace.settings.identity.company,
        words=WORDS[language],
        values=written.values,
        faults=written.faults,
        longest=LONGEST,
        trap=TRAP,
        token=new_token(workspace.keys, workspace.clock()),
    )
