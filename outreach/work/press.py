"""The press of one edition: from what was frozen to the bytes and the envelope of one person's mail.

Law: tokens, Message-ID and reverse-path come from the delivery's public id alone, so that every attempt, the web page
and a resend are the same mail. All that it needs is one plain value (`PressFacts`), so a process that only sends
imports no table and opens no database: a test looks at what a child has loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

from ..address import TokenMaker, message_id, tagged_address
from ..delivery.envelope import Envelope, ProvedMessage, make_envelope
from ..errors import TemplateError
from ..newsletter.invitation import read_event, write_event
from ..newsletter.message import Content, Image, Letterhead
from ..newsletter.plates import Plates, Printed, person_values
from ..newsletter.render import Links, Rendered, Renderer
from ..newsletter.tips import ChosenTip
from ..wire.smtp import wire_bytes
from ..words import BULK, Kind

READY = "ready"
"""The method of a frozen value whose subject, text and HTML are written out: single mails."""

Sign = Callable[[bytes, bytes, datetime], bytes]
"""Given a mail's header block, its body and the instant, the fields to put in front of it: a DKIM signer."""


class Reader(Protocol):
    """What a letter reads of a customer; a `Customer` and a `CustomerRow` are both such."""

    @property
    def address(self) -> str | None: ...
    @property
    def first_name(self) -> str | None: ...
    @property
    def last_name(self) -> str | None: ...
    @property
    def language(self) -> str | None: ...
    @property
    def country(self) -> str | None: ...
    @property
    def zone(self) -> str | None: ...
    @property
    def attributes(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """What links and tokens are made of. `base_url` is "" while we have no public https address.

    `reply_address` and `bounce_address` are without a token; `plus` says whether they may carry one (RFC 5233).
    """

    key_number: int
    key: bytes = field(repr=False)
    reply_address: str
    bounce_address: str
    plus: bool
    base_url: str


@dataclass(frozen=True, slots=True)
class PressFacts:
    """All that an edition's mails are made of: a plain value that can be pickled and handed to another process.

    `domain` is the identity's; `list_name` is "" for mail that belongs to no list; `images` are by Content-ID.
    """

    frozen: Mapping[str, Any]
    kind: Kind
    number: int
    campaign: str
    sender: str
    domain: str
    links: LinkFacts
    list_name: str = ""
    list_title: str = ""
    images: Mapping[str, Image] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pressed:
    """A mail ready to be handed over."""

    envelope: Envelope
    message: bytes


class LetterPress:
    """One edition's mails. Safe to share between threads. With `sign`, each mail is signed when it is made."""

    def __init__(self, facts: PressFacts, *, sign: Sign | None = None) -> None:
        self.facts, self.frozen = facts, facts.frozen
        self._sign = sign
        self._links = LinkMaker(facts.links, tracked=bool(self.frozen.get("tracked")) and facts.kind in BULK)
        name = facts.list_name or str(self.frozen.get("list") or "")
        phrase, label = _phrase(facts.list_title or name), _label(facts.domain)[:15]
        self._paper = Letterhead(
            facts.sender,
            bulk=facts.kind in BULK or bool(self.frozen.get("bulk")),
            list_id=f"{phrase} <{_label(name)}.{facts.domain}>".strip() if name else "",
            feedback_id=f"{facts.campaign}:{facts.number}:{facts.kind.value}:{label}",
            in_reply_to=str(self.frozen.get("in_reply_to") or ""),
            references=str(self.frozen.get("references") or ""),
            auto_submitted=str(self.frozen.get("auto_submitted") or ""),
        )
        event = self.frozen.get("calendar")
        self._event = read_event(event) if event else None
        self._answer = str(self.frozen.get("calendar_answer") or "NEEDS-ACTION")
        ready = self.frozen.get("method") == READY
        self._plates = None if ready else Plates(Renderer(self.frozen, issue_number=facts.number))
        self._versions = {
            name: Plates(Renderer(frozen, issue_number=facts.number))
            for name, frozen in (self.frozen.get("versions") or {}).items()
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.facts, self._sign)

    def press(self, customer: Reader | None, public_id: str, choices: Mapping[str, Any], now: datetime) -> Pressed:
        """The mail of one delivery. Raises TemplateError with the variable that is missing."""
        address = str((customer.address if customer is not None else self.frozen.get("to")) or "")
        if not address:
            raise TemplateError("nobody knows an address of this person any more")
        links = self.links(public_id)
        if self._plates is None:
            return self._wrapped(self._ready(), address, public_id, links, now)
        plates = self._versions.get(str(choices.get("variant") or ""), self._plates)
        return self._wrapped(plates.print(customer, chosen_tips(choices), links), address, public_id, links, now)

    def render(self, customer: Reader | None, public_id: str, choices: Mapping[str, Any]) -> Rendered:
        """What the reader will see."""
        if self._plates is None:
            return self._ready()
        plates = self._versions.get(str(choices.get("variant") or ""), self._plates)
        return plates.renderer.render(person_values(customer), chosen_tips(choices), self.links(public_id))

    def wrap(self, rendered: Rendered, address: str, public_id: str, now: datetime) -> Pressed:
        """The message and envelope around what was rendered."""
        return self._wrapped(rendered, address, public_id, self.links(public_id), now)

    def _ready(self) -> Rendered:
        frozen = self.frozen
        return Rendered(
            frozen["subject"], "", frozen.get("html", ""), frozen["text"], tuple(frozen.get("assets") or ())
        )

    def _wrapped(
        self, content: Rendered | Printed, address: str, public_id: str, links: Links, now: datetime
    ) -> Pressed:
        facts = self.facts
        images = [facts.images[cid] for cid in content.images if cid in facts.images]
        calendar = write_event(self._event, address, answer=self._answer) if self._event is not None else ""
        head, body = self._paper.write(
            Content(content.subject, content.text, content.html, images, calendar),
            address,
            self._links.reply_to(public_id),
            now,
            message_id(public_id, facts.domain),
            links.unsubscribe_url,
        )
        envelope = make_envelope(facts.links.bounce_address, address, self._links.bounce_tag(public_id))
        return Pressed(envelope, self._signed(head, body, now))

    def links(self, public_id: str) -> Links:
        """The links of one delivery."""
        return self._links.of(public_id)

    def _signed(self, head: bytes, body: bytes, now: datetime) -> bytes:
        """The whole mail. Its body keeps the wire's rules however it was filled (see `newsletter.encoding`), and the
        header block is looked at here, each time.
        """
        if self._sign is not None:
            head = self._sign(head, body, now) + head
        return ProvedMessage(head + body) if wire_bytes(head) == head else head + body


def _again(facts: PressFacts, sign: Sign | None) -> LetterPress:
    """The press that crossed over from another process."""
    return LetterPress(facts, sign=sign)


class LinkMaker:
    """Links, reply address and bounce tag of deliveries: https where we are reached so, else a mailto: alone."""

    def __init__(self, facts: LinkFacts, *, tracked: bool = False) -> None:
        self._facts, self._tracked = facts, tracked
        self._tokens = TokenMaker(facts.key_number, facts.key)
        self._base = facts.base_url
        address = facts.reply_address
        if facts.plus:
            self._reply = tagged_address(address, "\0").split("\0")
            before, after = self._reply
            self._mailto = f"mailto:{quote(before, safe='@+')}u", f"{quote(after, safe='@+')}?subject=unsubscribe"
        else:
            self._reply = [address]
            self._mailto = f"mailto:{quote(address, safe='@+')}?subject=unsubscribe%20u", ""

    def of(self, public_id: str) -> Links:
        """The links of the delivery with this public id."""
        token = self._tokens.make("unsubscribe", public_id)
        if self._base:
            clicks = f"{self._base}/c/{self._tokens.make('click', public_id)}" if self._tracked else ""
            return Links(f"{self._base}/u/{token}", f"{self._base}/v/{self._tokens.make('view', public_id)}", clicks)
        return Links(token.join(self._mailto))

    def reply_to(self, public_id: str) -> str:
        """Where an answer to this delivery goes."""
        return self._tokens.make("reply", public_id).join(self._reply) if self._facts.plus else self._reply[0]

    def bounce_tag(self, public_id: str) -> str:
        """The tag of this delivery's reverse-path (VERP), or "" where the address takes none."""
        return "b" + self._tokens.make("bounce", public_id) if self._facts.plus else ""


def chosen_tips(choices: Mapping[str, Any]) -> list[ChosenTip]:
    """A delivery's choices as the renderer takes them."""
    reasons = choices.get("reasons") or {}
    return [ChosenTip(name, str(reasons.get(name) or "")) for name in choices.get("tips") or ()]


def _label(text: str) -> str:
    """`text` as a label of a domain name; what is mostly beyond ASCII as IDNA writes it, since no two lists may have
    one label (RFC 2919 3).
    """
    known = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if 2 * sum(map(str.isalnum, known)) >= sum(map(str.isalnum, text)):
        return known[:60] or "list"
    letters = re.sub(r"[\W_]+", "-", text.lower()).strip("-")
    return f"xn--{letters.encode('punycode').decode()}"[:60].rstrip("-")


def _phrase(text: str) -> str:
    """`text` without what would end a phrase in a header (RFC 5322 3.2.3)."""
    return " ".join(re.sub(r'[()<>@,;:\\".\[\]\x00-\x1f\x7f]', " ", text).split())
