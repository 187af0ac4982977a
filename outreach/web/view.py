"""A mail as a web page, for readers whose mail program shows it badly.

Law: the very delivery is rendered again, with the choices made for this person and today's data, and says so. Only mail
that may have left is shown; after erasure there is nothing to show.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from html import escape
from typing import Literal

from sqlmodel import select

from ..address import read_token
from ..errors import TemplateError
from ..newsletter.message import Image
from ..records import Delivery, DeliveryState, Kind
from ..store.customers import load_customers
from ..work.evidence import link_fetched
from ..work.letter import load_images, open_press
from ..work.workspace import Workspace

SHOWN = frozenset({DeliveryState.SENT, DeliveryState.INFLIGHT, DeliveryState.IN_DOUBT, DeliveryState.FAILED})
BANNER = (
    '<div role="note" style="margin:0;padding:10px 16px;background:#231d18;color:#f6efe6;text-align:center;'
    "font:14px/1.5 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif\">{words}</div>"
)
_BODY = re.compile(r"<body\b[^>]{0,2000}>", re.IGNORECASE)
_END = re.compile(r"</body\b", re.IGNORECASE)
_MAIN = re.compile(r"<main\b|\brole=[\"']?main\b", re.IGNORECASE)


Why = Literal["", "unknown", "gone", "unfit"]


def view_mail(workspace: Workspace, token: str, words: str) -> tuple[str, Why]:
    """The page, or why there is none: no mail of ours that may have left, its reader was forgotten, or it cannot be
    made with today's data. `words` say that today's data was used.
    """
    public_id = read_token(workspace.keys, "view", token)
    if public_id is None:
        return "", "unknown"
    with workspace.database.read() as session:
        delivery = session.exec(select(Delivery).where(Delivery.public_id == public_id)).first()
        if delivery is None or delivery.state not in SHOWN:
            return "", "unknown"
        people = load_customers(session, [delivery.customer_id]) if delivery.customer_id is not None else {}
        customer = next(iter(people.values()), None)
        if delivery.kind is not Kind.TEST and (customer is None or customer.erased_at is not None):
            return "", "gone"
        press = open_press(session, workspace, delivery.edition_id)
        images = load_images(session, press.frozen)
    if delivery.state is DeliveryState.IN_DOUBT:
        link_fetched(workspace, public_id, "view in browser")
    try:
        rendered = press.render(customer, public_id, delivery.choices)
    except TemplateError:
        return "", "unfit"
    return (with_banner(embed(rendered.html, images), words), "") if rendered.html else ("", "unfit")


def embed(html: str, images: Mapping[str, Image]) -> str:
    """The page with its images inside: a browser knows no `cid:` (RFC 2392)."""
    for cid, image in images.items():
        data = base64.b64encode(image.data).decode()
        html = html.replace(f"cid:{cid}", f"data:{image.media_type};base64,{data}")
    return html


def with_banner(html: str, words: str) -> str:
    """The mail's page with a line on top of its body, all of it a landmark that programs that read aloud can jump to,
    unless the mail has one of its own (WAI-ARIA 1.2, main).
    """
    banner = BANNER.format(words=escape(words))
    opening = _BODY.search(html)
    if opening is None or _MAIN.search(html, opening.end()):
        start = opening.end() if opening else 0
        return html[:start] + banner + html[start:]
    start, end = opening.end(), max((one.start() for one in _END.finditer(html, opening.end())), default=len(html))
    return f"{html[:start]}<main>{banner}{html[start:end]}</main>{html[end:]}"
